// SPDX-License-Identifier: GPL-2.0
/*
 * Loading and unloading while there are events, over and over: nothing is left of
 * what was known, and what is there is known again.
 *
 *	+-- netns, quiet ---+  +-- netns, busy -----+  +-- netns, again and again --+
 *	| listeners         |  | connections on two |  | listeners with full queues |
 *	|                   |  | processors         |  |                            |
 *	+-------------------+  +--------------------+  +----------------------------+
 *
 * The module's file is $TCP_CENSUS_KO, or /tcp_census.ko.
 */

#include "lib/ended.h"
#include "lib/module.h"
#include "lib/moves.h"
#include "lib/test.h"
#include "lib/worker.h"

FIXTURE(reload) {
	unsigned long long expedited;
};

FIXTURE_SETUP(reload)
{
	if (access(module_file(), R_OK))
		SKIP(return, "%s is not there: set TCP_CENSUS_KO", module_file());
	/* Most of the time goes into waiting for grace periods. */
	self->expedited = expedite();
	net_new();
}

/* In the parent, which outlives a test that failed. */
FIXTURE_TEARDOWN_PARENT(reload)
{
	expedite_as(self->expedited);
	load_again();
	EXPECT_FALSE(census_damaged());
}

/* Of all namespaces, which only the initial one says. */
static unsigned long long records_of_host(void)
{
	char *text = file_read("/proc/1/net/tcp_census/stat", NULL);
	unsigned long long n;

	must(text);
	n = stat_value(text, "listener_records_host");
	free(text);
	return n;
}

/* Connections a second, of each of the workers. */
#define RATE 1000

/* One a millisecond, or as many as there can be. */
static void connect_busily(struct worker *me, void *netns)
{
	struct addr to = {};
	uint64_t began;
	struct pair p;
	int fd = -1;

	net_enter(*(int *)netns);
	worker_stand_back();
	began = now_ms();
	for (;;) {
		unsigned long n = worker_rounds(me);

		/* The listener ends, badly: one more than it takes. */
		if (n % 100 == 0) {
			close(fd);
			fd = sock_listen("127.0.0.1", 0, 1);
			to = sock_addr(fd);
			close(sock_connect(&to));
			close(sock_connect(&to));
			close(sock_accept(fd));
			close(sock_accept(fd));
		}
		p = pair_make(fd, &to);
		if (n % 2)
			pair_close(&p);
		else
			pair_end(p.client, p.server, false);
		worker_round(me);
		if (now_ms() < began + (n + 1) * 1000 / RATE)
			nap_ms(1);
	}
}

/* Three listeners a namespace, which end with it. */
static void make_namespaces(struct worker *me, void *arg)
{
	int i;

	(void)arg;
	worker_stand_back();
	for (;;) {
		close(net_new());
		listen_full("127.0.0.1", 80, 3);
		listen_full("::1", 80, 0);
		sock_listen("0.0.0.0", 81, 10);
		worker_round(me);
		/* Some are there when the module comes. */
		nap_ms(50);
		/* All but this program's own: what the harness passed on stays. */
		for (i = 3; i < 64; i++)
			close(i);
	}
}

/* So often; but for no longer than that, if it was often enough. */
#define TIMES 30
#define ENOUGH 20
#define SECONDS 30

#define QUIET 3

TEST_F(reload, over_and_over)
{
	int quiet = net_open(), busy = net_new(), i;
	struct moves none = {}, moves;
	struct worker *w[3];
	unsigned long long before;
	unsigned long rounds;
	uint64_t began;

	file_set("/proc/sys/net/ipv4/tcp_max_tw_buckets", "%d", 500);
	net_enter(quiet);
	for (i = 0; i < QUIET; i++)
		sock_listen("127.0.0.1", 80 + i, 5);
	before = records_of_host();
	ASSERT_LE(QUIET, before);

	w[0] = worker_start(connect_busily, &busy, 0);
	w[1] = worker_start(connect_busily, &busy, 1);
	w[2] = worker_start(make_namespaces, NULL, -1);
	for (i = 0; i < 3; i++)
		ASSERT_TRUE(wait_for(worker_rounds(w[i]))) TH_LOG("worker %d", i);
	began = now_ms();
	rounds = worker_rounds(w[0]) + worker_rounds(w[1]);
	for (i = 0; i < ENOUGH || (i < TIMES && now_ms() < began + SECONDS * 1000); i++) {
		unload();
		load();
		if (i % 10)
			continue;
		ASSERT_EQ(QUIET, census_stat("listener_records")) TH_LOG("round %d", i);
		moves_read(&moves);
		ASSERT_EQ(0, moves_off(&none, &moves)) TH_LOG("round %d", i);
	}
	rounds = worker_rounds(w[0]) + worker_rounds(w[1]) - rounds;
	began = now_ms() - began;
	printf("# %d times in %llu ms; %lu connections, %llu a second\n", i,
	       (unsigned long long)began, rounds,
	       (unsigned long long)rounds * 1000 / (began ?: 1));
	EXPECT_LT(i, (int)rounds);
	EXPECT_LT(i / 10, (int)worker_rounds(w[2]));

	/* Those that are there came after the last time. */
	net_enter(busy);
	EXPECT_TRUE(wait_for((moves_read(&moves), moves.entered[TCP_CLOSE_WAIT])));
	for (i = 0; i < 3; i++) {
		rounds = worker_stop(w[i]);
		if (i == 2)
			printf("# %lu namespaces\n", rounds);
	}
	EXPECT_TRUE(wait_for(!census_stat("listener_records")));
	net_enter(quiet);
	EXPECT_EQ(QUIET, census_stat("listener_records"));
	EXPECT_TRUE(wait_for(records_of_host() == before));
	net_new();
	EXPECT_EQ(0, census_stat("listener_records"));
}

TEST_HARNESS_MAIN
