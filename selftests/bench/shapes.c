// SPDX-License-Identifier: GPL-2.0
/*
 * What a walk costs on hosts of other shapes than compare's, beside as many connections.
 *
 *	shapes [CONNECTIONS [RUNS [NAMESPACES [LISTENERS [QUEUED]]]]]
 *						default: 100000 5 1000 20000 65535
 *
 * CONNECTIONS are there all the while: see lib/load.c; half of them in CLOSE_WAIT. What
 * is added to them, one after the other and each gone before the next:
 *
 *	namespaces	so many, each with a listener and ten connections
 *	listeners	so many, in the same namespace
 *	queued		so many in one accept queue, all of them in CLOSE_WAIT
 *
 * Prints for each file what compare does.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base.h"
#include "census.h"
#include "cost.h"
#include "load.h"
#include "net.h"
#include "rows.h"
#include "worker.h"

#define HOST_METRICS "/proc/tcp_census/metrics"
#define EACH 10		/* connections of a namespace that is added */
#define FIRST_PORT 1024

static const struct {
	const char *name;
	const char *path;
	bool host;
} files[] = {
	{ "states", CENSUS_DIR "states", false },
	{ "close_wait", CENSUS_DIR "close_wait", false },
	{ "endpoints", CENSUS_DIR "endpoints", false },
	{ "listeners", CENSUS_DIR "listeners", false },
	{ "metrics", CENSUS_DIR "metrics", false },
	{ "host metrics", HOST_METRICS, true },
};

#define FILES (sizeof(files) / sizeof(*files))

static void measure(const char *shape, unsigned int runs, int here, int host)
{
	static struct costs fresh[FILES], warm[FILES];
	unsigned long long age;
	struct cost cost;
	unsigned int run, i;

	for (i = 0; i < FILES; i++) {
		fresh[i].n = 0;
		warm[i].n = 0;
	}
	for (run = 0; run < runs; run++) {
		census_thaw();
		for (i = 0; i < FILES; i++) {
			net_enter(files[i].host ? host : here);
			cost_begin(&cost);
			cost_read(files[i].path);
			cost_end(&cost);
			cost_add(&fresh[i], &cost, NULL);
		}
		net_enter(here);
		census_still();
		age = census_stat("snapshot_age_ms");
		for (i = 0; i < FILES; i++) {
			net_enter(files[i].host ? host : here);
			/* What is made of a snapshot once for all who read it is there. */
			cost_read(files[i].path);
			cost_begin(&cost);
			cost_read(files[i].path);
			cost_end(&cost);
			cost_add(&warm[i], &cost, NULL);
		}
		net_enter(here);
		must(census_stat("snapshot_age_ms") >= age);
	}
	census_thaw();
	for (i = 0; i < FILES; i++) {
		char *name = strf("%s fresh, %s", files[i].name, shape);

		net_enter(files[i].host ? host : here);
		/* Nobody has a snapshot any more then. */
		nap_ms(2000);
		fresh[i].kb = cost_memory_kb(files[i].path);
		fresh[i].has_kb = true;
		cost_print(name, &fresh[i]);
		free(name);
		name = strf("%s warm, %s", files[i].name, shape);
		cost_print(name, &warm[i]);
		free(name);
	}
	net_enter(here);
}

static void namespaces_make(struct worker *me, void *arg)
{
	unsigned int n = *(unsigned int *)arg, i, k;
	struct addr to = addr("127.0.0.1", 1);
	struct pair p;
	int listener;

	fds_raise(n * (2 * EACH + 2) + 1000);
	for (i = 0; i < n; i++) {
		net_new();
		listener = sock_listen("127.0.0.1", 1, EACH);
		for (k = 0; k < EACH; k++) {
			p = pair_make(listener, &to);
			if (k % 2)
				must(!shutdown(p.client, SHUT_WR));
		}
		worker_round(me);
	}
	for (;;)
		pause();
}

static void listeners_make(struct worker *me, void *arg)
{
	unsigned int n = *(unsigned int *)arg, i;
	char ip[20];

	fds_raise(n + 100);
	for (i = 0; i < n; i++) {
		/* Ten at each port. */
		snprintf(ip, sizeof(ip), "127.1.0.%u", 1 + i % 10);
		sock_listen(ip, FIRST_PORT + i / 10, 1);
		worker_round(me);
	}
	for (;;)
		pause();
}

/* Namespaces there are, as the host's files show them. */
static unsigned int namespaces(int here, int host)
{
	unsigned int n;
	struct table t;

	net_enter(host);
	table_read(&t, "/proc/tcp_census/states");
	n = t.rows / (STATES - 1);
	table_free(&t);
	net_enter(here);
	return n;
}

/* Until it has made so many, each within the usual time. */
static struct worker *make(void (*work)(struct worker *me, void *arg), unsigned int n)
{
	struct worker *w = worker_start(work, &n, -1);
	unsigned long made = 0;

	while (made < n) {
		must(wait_for(worker_rounds(w) > made));
		made = worker_rounds(w);
	}
	return w;
}

static unsigned int close_wait(void)
{
	struct counts c;

	census_counts(&c);
	return c.n[TCP_CLOSE_WAIT][V4];
}

static unsigned int listening(void)
{
	struct counts c;

	census_counts(&c);
	return c.n[TCP_LISTEN][V4];
}

static unsigned int rows(const char *file)
{
	unsigned int n;
	struct table t;

	census_table(&t, file);
	n = t.rows;
	table_free(&t);
	return n;
}

/* What waits in all queues together. */
static unsigned long long queued(void)
{
	unsigned long long n;
	struct table t;

	census_table(&t, "listeners");
	n = table_sum(&t, "depth");
	table_free(&t);
	return n;
}

int main(int argc, char **argv)
{
	unsigned long arg[5] = { 100000, 5, 1000, 20000, 65535 };
	unsigned int before, before_them, now;
	struct worker *w;
	struct load load;
	int here, host, i;

	for (i = 1; i < argc && i <= 5; i++)
		arg[i - 1] = strtoul(argv[i], NULL, 10);
	if (argc > 6 || arg[0] < 2 || arg[0] > 4000000 || arg[1] < 1 ||
	    arg[1] > COST_RUNS_MAX || !arg[2] || arg[2] > 30000 || !arg[3] || arg[3] > 30000 ||
	    !arg[4] || arg[4] > 65535)
		die("shapes [CONNECTIONS [RUNS [NAMESPACES [LISTENERS [QUEUED]]]]]");
	census_begin();
	setlinebuf(stdout);
	host = open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);
	must(host >= 0);
	here = net_new();
	load_begin(&load, arg[0], 2, 1);
	must(wait_for(close_wait() == arg[0] / 2));
	before = listening();
	before_them = namespaces(here, host);
	cost_head();
	measure("no more", arg[1], here, host);

	w = make(namespaces_make, arg[2]);
	measure("namespaces", arg[1], here, host);
	worker_stop(w);
	/* The kernel destroys them when it has time. */
	for (now = namespaces(here, host); now > before_them; now = namespaces(here, host))
		must(wait_for(namespaces(here, host) < now));

	w = make(listeners_make, arg[3]);
	measure("listeners", arg[1], here, host);
	must(rows("listeners") == before + arg[3]);
	worker_stop(w);
	must(wait_for(listening() == before));

	load_queue(arg[4]);
	must(wait_for(close_wait() == arg[0] / 2 + arg[4]));
	measure("queued", arg[1], here, host);
	must(queued() == arg[4]);
	load_queue_close();
	load_end(&load);
	return 0;
}
