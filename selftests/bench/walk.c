// SPDX-License-Identifier: GPL-2.0
/*
 * What a fresh look at many connections costs, next to ss in the same boot.
 *
 *	walk [CONNECTIONS [RUNS]]		default: 100000 5
 *
 * Half of them stay established, of the other half the client has shut down: see
 * lib/load.c. Times are medians of RUNS.
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "census.h"
#include "load.h"
#include "net.h"

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
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
	struct load load;

	if (n < 2 || n % 2 || n > 4000000 || runs < 1 || runs > 100)
		die("walk [CONNECTIONS [RUNS]]: an even number to 4000000, 1 to 100");
	census_begin();
	setlinebuf(stdout);
	net_new();
	load_begin(&load, n, 2);
	settle(n);
	measure(commands, sizeof(commands) / sizeof(*commands), runs);
	printf("%10.1f ms  the full walk itself\n", census_stat("walk_us") / 1e3);

	load_end(&load);
	return 0;
}
