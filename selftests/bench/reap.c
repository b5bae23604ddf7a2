// SPDX-License-Identifier: GPL-2.0
/*
 * How fast the reaper ends leaked connections: at its usual rate, and as fast as it can
 * be told to, next to ss -K in the same boot. A client connects all the while.
 *
 *	reap [CONNECTIONS [SECONDS]]		default: 100000 10
 *
 * All of the connections are in CLOSE_WAIT: see lib/load.c. The usual rate is looked at
 * for SECONDS. It needs the module that takes a timeout of a second.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "census.h"
#include "load.h"
#include "module.h"
#include "net.h"
#include "reap.h"
#include "setting.h"
#include "worker.h"

#define MAX_RATE CENSUS_MODULE "/parameters/max_rate"
#define FASTEST "100000"

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static unsigned long long reset(void)
{
	return actions_done("fin_pending", "abort", "reset");
}

static unsigned int close_wait(void)
{
	struct counts c;

	census_counts(&c);
	return c.n[TCP_CLOSE_WAIT][V4];
}

/* Somebody else's connections; rounds is the longest that one took, in us. */
static void connect_on(struct worker *me, void *arg)
{
	int listener = sock_listen("127.0.0.1", 2, 1);
	struct addr to = sock_addr(listener);
	unsigned long us;
	double before;
	struct pair p;

	(void)arg;
	for (;;) {
		before = now();
		p = pair_make(listener, &to);
		us = (now() - before) * 1e6;
		sock_reset_on_close(p.client);
		pair_close(&p);
		if (us > me->rounds)
			__atomic_store_n(&me->rounds, us, __ATOMIC_RELAXED);
		nap_ms(5);
	}
}

/* All there, and their FINs; idle for long enough. */
static void leak(struct load *load, unsigned long n)
{
	load_begin(load, n, 1, 1);
	must(wait_for(close_wait() == n));
	nap_ms(2000);
}

static void usual(unsigned long n, unsigned int seconds)
{
	struct worker *w = worker_start(connect_on, NULL, -1);
	unsigned long long before, most = 0, done;
	struct load load;
	unsigned int i;

	leak(&load, n);
	__atomic_store_n(&w->rounds, 0, __ATOMIC_RELAXED);
	nap_ms(seconds * 1000);
	printf("%10.1f ms  a connection at most, nothing reset\n", w->rounds / 1e3);
	__atomic_store_n(&w->rounds, 0, __ATOMIC_RELAXED);
	setting_set("timeout", "1");
	for (i = 0; i < seconds; i++) {
		before = reset();
		nap_ms(1000);
		done = reset() - before;
		if (done > most)
			most = done;
	}
	setting_set("timeout", "0");
	printf("%10llu     reset in %u s of %lu, %llu in one of them at most\n", reset(),
	       seconds, n, most);
	printf("%10.1f ms  a connection at most meanwhile\n", w->rounds / 1e3);
	worker_stop(w);
	load_end(&load);
}

static void fastest(unsigned long n)
{
	unsigned long long rate = file_number(MAX_RATE);
	struct worker *w = worker_start(connect_on, NULL, -1);
	struct load load;
	unsigned int left;
	double before;

	leak(&load, n);
	file_set(MAX_RATE, FASTEST);
	setting_set("rate", FASTEST);
	__atomic_store_n(&w->rounds, 0, __ATOMIC_RELAXED);
	before = now();
	setting_set("timeout", "1");
	for (left = n; left;) {
		must(wait_for(close_wait() < left));
		left = close_wait();
	}
	printf("%10.1f ms  reset all %lu\n", (now() - before) * 1e3, n);
	printf("%10.1f ms  a connection at most meanwhile\n", w->rounds / 1e3);
	setting_set("timeout", "0");
	file_set(MAX_RATE, "%llu", rate);
	worker_stop(w);
	load_end(&load);
}

static void ss_kills(unsigned long n)
{
	struct worker *w = worker_start(connect_on, NULL, -1);
	struct load load;
	double before;

	leak(&load, n);
	__atomic_store_n(&w->rounds, 0, __ATOMIC_RELAXED);
	before = now();
	free(run_output("sh", "-c", "ss -HtnK state close-wait | wc -l", NULL));
	printf("%10.1f ms  ss -K, which left %u\n", (now() - before) * 1e3, close_wait());
	printf("%10.1f ms  a connection at most meanwhile\n", w->rounds / 1e3);
	worker_stop(w);
	load_end(&load);
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
	unsigned long seconds = argc > 2 ? strtoul(argv[2], NULL, 10) : 10;

	if (n < 1 || n > 4000000 || seconds < 1 || seconds > 1000)
		die("reap [CONNECTIONS [SECONDS]]: a number to 4000000, 1 to 1000");
	setlinebuf(stdout);
	fast_begin();
	net_new();
	setting_set("action", "abort");
	setting_set("causes", "fin_pending");
	printf("connections %lu\n", n);
	usual(n, seconds);
	fastest(n);
	ss_kills(n);
	return 0;
}
