// SPDX-License-Identifier: GPL-2.0
/*
 * Connections in numbers that take a process of their own.
 *
 *	+-- netns, lo --------------------------------------------+
 *	| 127.0.0.2, .3, ... ---> 127.0.0.1:1   20,000 from each, |
 *	|                    `--> 127.0.0.1:2   if need be to     |
 *	|                     ...               several listeners |
 *	+---------------------------------------------------------+
 *
 * Both ends are of one process, so a connection is two sockets and two
 * descriptors, and about 10 kB of memory.
 */

#include <stdlib.h>
#include <unistd.h>

#include "base.h"
#include "load.h"
#include "net.h"
#include "worker.h"

#define NR_OPEN "/proc/sys/fs/nr_open"
#define FILE_MAX "/proc/sys/fs/file-max"
#define PER_SOURCE 20000
#define FIRST_PORT 1

/* What the limits of the host were before. */
static unsigned long long nr_open, file_max;

/* The queue that was made last. */
static struct {
	int listener;
	int *client;
	unsigned int n;
} queue;

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

/* In a process of its own: what is measured must not inherit its descriptors. */
static void connect_all(struct worker *me, void *arg)
{
	struct load *load = arg;
	int *listener = calloc(load->listeners, sizeof(*listener)), client;
	unsigned int i, k;
	struct addr to;

	must(listener);
	for (k = 0; k < load->listeners; k++)
		listener[k] = sock_listen("127.0.0.1", FIRST_PORT + k, 128);
	for (i = 0; i < load->n; i++) {
		/* So many in a row to each: the last of them shuts down. */
		k = i / load->every % load->listeners;
		to = addr("127.0.0.1", FIRST_PORT + k);
		client = connect_from(i / PER_SOURCE, &to);
		sock_accept(listener[k]);
		if (i % load->every == load->every - 1)
			must(!shutdown(client, SHUT_WR));
	}
	worker_round(me);
	must(write(load->done[1], "", 1) == 1);
	pause();
}

/**
 * load_begin() - have connections made in this network namespace
 * @load: filled
 * @n: how many
 * @every: of so many one client shuts down
 * @listeners: so many they go to, at the ports from 1; with load_queue() there is one
 *
 * Raises the host's limits until load_end(). There is one at a time.
 */
void load_begin(struct load *load, unsigned long n, unsigned int every,
		unsigned int listeners)
{
	char c;

	nr_open = file_number(NR_OPEN);
	file_max = file_number(FILE_MAX);
	load->n = n;
	load->every = every;
	load->listeners = listeners;
	file_set("/proc/sys/net/ipv4/ip_local_port_range", "1024 65535");
	if (file_max < 2 * n + 10000)
		file_set(FILE_MAX, "%lu", 2 * n + 10000);
	fds_raise(2 * n + 1000);

	must(!pipe(load->done));
	load->worker = worker_start(connect_all, load, -1);
	close(load->done[1]);
	if (read(load->done[0], &c, 1) != 1)
		die("the connections could not be made");
	close(load->done[0]);
}

/**
 * load_queue() - have connections wait in an accept queue, at 127.0.0.1:2
 * @n: how many, up to 65536
 *
 * All their clients shut down. Between load_begin() and load_end(); they are this
 * process's. Again only after load_queue_close(), and as many.
 */
void load_queue(unsigned int n)
{
	struct addr to = addr("127.0.0.1", 2);
	unsigned int i;

	if (!n)
		return;
	if (!queue.client) {
		file_set("/proc/sys/net/core/somaxconn", "%u", n - 1);
		file_set(FILE_MAX, "%llu", file_number(FILE_MAX) + n);
		fds_raise(n + 1000);
		queue.client = calloc(n, sizeof(*queue.client));
		must(queue.client);
		queue.n = n;
	}
	must(queue.n == n);
	queue.listener = sock_listen("127.0.0.1", 2, n - 1);
	for (i = 0; i < n; i++) {
		queue.client[i] = connect_from(i / PER_SOURCE, &to);
		must(!shutdown(queue.client[i], SHUT_WR));
	}
}

/* Close the listener, then the clients that were in its queue. */
void load_queue_close(void)
{
	unsigned int i;

	must(queue.client);
	close(queue.listener);
	for (i = 0; i < queue.n; i++)
		close(queue.client[i]);
}

/* They are closed. */
void load_end(struct load *load)
{
	worker_stop(load->worker);
	file_set(FILE_MAX, "%llu", file_max);
	file_set(NR_OPEN, "%llu", nr_open);
}
