// SPDX-License-Identifier: GPL-2.0
/*
 * How many connections a second are accepted here, in this network namespace.
 *
 *	accepted SECONDS PROCESSES
 *
 * Each process, on a CPU of its own from the last down, is client and server, so that
 * nobody ever waits; it connects to 127.0.0.1, accepts, and closes both. TIME_WAIT is
 * switched off so that ports do not run out. Prints connections a second, of all.
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "net.h"
#include "worker.h"

#define TW_BUCKETS "/proc/sys/net/ipv4/tcp_max_tw_buckets"
#define WARM_UP 100
#define PROCESSES_MAX 64

static void accept_on(struct worker *me, void *arg)
{
	int listener = sock_listen("127.0.0.1", 0, 128);
	struct addr to = sock_addr(listener);
	struct pair p;

	(void)arg;
	for (;;) {
		p = pair_make(listener, &to);
		close(p.client);
		close(p.server);
		worker_round(me);
	}
}

static unsigned long all(struct worker *const *w, unsigned int n)
{
	unsigned long sum = 0;

	while (n)
		sum += worker_rounds(w[--n]);
	return sum;
}

int main(int argc, char **argv)
{
	double seconds = argc == 3 ? strtod(argv[1], NULL) : 0, passed;
	unsigned long n = argc == 3 ? strtoul(argv[2], NULL, 10) : 0, before, done;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct worker *w[PROCESSES_MAX];
	struct timespec from, to;
	unsigned int i;

	if (!(seconds >= 0.1 && seconds <= 3600) || !n || n > PROCESSES_MAX ||
	    n > (unsigned long)cpus)
		die("accepted SECONDS PROCESSES: 0.1 to 3600, as many as there are CPUs at most");
	file_set(TW_BUCKETS, "0");
	for (i = 0; i < n; i++)
		w[i] = worker_start(accept_on, NULL, cpus - 1 - i);
	for (i = 0; i < n; i++)
		must(wait_for(worker_rounds(w[i]) >= WARM_UP));
	before = all(w, n);
	clock_gettime(CLOCK_MONOTONIC, &from);
	nap_us(seconds * 1e6);
	done = all(w, n) - before;
	clock_gettime(CLOCK_MONOTONIC, &to);
	passed = to.tv_sec - from.tv_sec + (to.tv_nsec - from.tv_nsec) / 1e9;
	for (i = 0; i < n; i++)
		worker_stop(w[i]);
	printf("%.1f\n", done / passed);
	return 0;
}
