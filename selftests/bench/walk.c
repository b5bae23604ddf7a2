// SPDX-License-Identifier: GPL-2.0
/*
 * What a fresh look at many connections costs, next to ss in the same boot.
 *
 *	walk [CONNECTIONS [RUNS]]		default: 100000 5
 *
 *	+-- netns, lo --------------------------------------------+
 *	| 127.0.0.2, .3, ... ---> 127.0.0.1:1   20,000 from each  |
 *	+---------------------------------------------------------+
 *
 * Both ends are of one process, so a connection is two sockets and two
 * descriptors, and about 10 kB of memory. Half of them stay established, of the
 * other half the client has shut down. Times are medians of RUNS.
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "census.h"
#include "net.h"
#include "worker.h"

#define NR_OPEN "/proc/sys/fs/nr_open"
#define FILE_MAX "/proc/sys/fs/file-max"
#define PER_SOURCE 20000

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* A client from source address @i, its port chosen only when it connects. */
static int connect_from(unsigned int i, const struct addr *to)
{
	struct addr from = addr("127.0.0.2", 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	must(fd >= 0);
	from.in.sin_addr.s_addr = htonl(ntohl(from.in.sin_addr.s_addr) + i);
	must(!setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
			 sizeof(one)));
	must(!bind(fd, &from.sa, from.len));
	must(!connect(fd, &to->sa, to->len));
	return fd;
}

struct load {
	unsigned long n;
	int done[2]; /* a pipe */
};

/* In a process of its own: what is measured must not inherit its descriptors. */
static void connect_all(struct worker *me, void *arg)
{
	struct load *load = arg;
	struct addr to = addr("127.0.0.1", 1);
	int listener = sock_listen("127.0.0.1", 1, 128), client;
	unsigned int i;

	for (i = 0; i < load->n; i++) {
		client = connect_from(i / PER_SOURCE, &to);
		sock_accept(listener);
		if (i % 2)
			must(!shutdown(client, SHUT_WR));
	}
	worker_round(me);
	must(write(load->done[1], "", 1) == 1);
	pause();
}

/* Until the last FIN and its ACK are there. */
static void settle(unsigned int n)
{
	struct counts c;

	must(wait_for((census_counts(&c),
		       c.n[TCP_CLOSE_WAIT][V4] == n / 2 &&
		       c.n[TCP_FIN_WAIT2][V4] == n / 2)));
	printf("connections %u close_wait %u fin_wait2 %u established %u\n", n,
	       c.n[TCP_CLOSE_WAIT][V4], c.n[TCP_FIN_WAIT2][V4],
	       c.n[TCP_ESTABLISHED][V4]);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* By turns, so that what else the machine does falls on all of them alike. */
static void measure(const char *const *commands, unsigned int n, unsigned int runs)
{
	double ms[4][100], before;
	unsigned int i, k;

	must(n <= 4);
	for (i = 0; i < runs; i++) {
		for (k = 0; k < n; k++) {
			before = now();
			free(run_output("sh", "-c", commands[k], NULL));
			ms[k][i] = (now() - before) * 1e3;
		}
	}
	for (k = 0; k < n; k++) {
		qsort(ms[k], runs, sizeof(*ms[k]), ascending);
		printf("%10.1f ms  %s\n", ms[k][runs / 2], commands[k]);
	}
}

int main(int argc, char **argv)
{
	static const char *const commands[] = {
		"cat /proc/net/tcp_census/states",
		/* The whole of what a walk can find. */
		"cat /proc/net/tcp_census/close_wait",
		"ss -Htan | wc -l",
	};
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
	unsigned long runs = argc > 2 ? strtoul(argv[2], NULL, 10) : 5;
	unsigned long long nr_open = file_number(NR_OPEN);
	unsigned long long file_max = file_number(FILE_MAX);
	struct load load = { .n = n };
	struct worker *w;
	char c;

	if (n < 2 || n % 2 || n > 4000000 || runs < 1 || runs > 100)
		die("walk [CONNECTIONS [RUNS]]: an even number to 4000000, 1 to 100");
	census_begin();
	setlinebuf(stdout);
	net_new();
	file_set("/proc/sys/net/ipv4/ip_local_port_range", "1024 65535");
	if (file_max < 2 * n + 10000)
		file_set(FILE_MAX, "%lu", 2 * n + 10000);
	fds_raise(2 * n + 1000);

	must(!pipe(load.done));
	w = worker_start(connect_all, &load, -1);
	close(load.done[1]);
	if (read(load.done[0], &c, 1) != 1)
		die("the connections could not be made");
	settle(n);
	measure(commands, sizeof(commands) / sizeof(*commands), runs);
	printf("%10.1f ms  the full walk itself\n", census_stat("walk_us") / 1e3);

	worker_stop(w);
	file_set(FILE_MAX, "%llu", file_max);
	file_set(NR_OPEN, "%llu", nr_open);
	return 0;
}
