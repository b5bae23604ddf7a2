// SPDX-License-Identifier: GPL-2.0
/*
 * A bucket in which a walk is led astray three times is seen under its lock. That
 * hardly ever happens by itself, so tcp_census_test has it happen in each of them: then
 * too all is counted once, and the reaper finds what it is to find.
 *
 *	+-- netns, its own table of a single chain, or the shared one --+
 *	| client ---- FIN ----> server, CLOSE_WAIT              x 600    |
 *	| ::1: some of other states                                      |
 *	+----------------------------------------------------------------+
 */

#include "lib/crowd.h"
#include "lib/reap.h"
#include "lib/rows.h"
#include "lib/setting.h"
#include "lib/test.h"
#include "lib/test_module.h"

#define CHILD_ENTRIES "/proc/sys/net/ipv4/tcp_child_ehash_entries"

/* More sockets than a walk has room for at first. */
#define PAIRS 600

/* Restarts of a bucket before its lock is taken. */
#define RESTARTS 3

FIXTURE(locked) {
	bool astray;
	int listener[2];
	struct addr to[2];
	char *endpoint;
	unsigned long long cookie[PAIRS];
	struct counts want;
};

FIXTURE_VARIANT(locked) {
	int entries;
};

FIXTURE_VARIANT_ADD(locked, shared_table) { .entries = 0 };
FIXTURE_VARIANT_ADD(locked, one_chain) { .entries = 1 };

FIXTURE_SETUP(locked)
{
	struct pair p[PAIRS];
	int i, err;

	self->astray = test_module_there();
	if (!self->astray)
		SKIP(return, "tcp_census_test is not loaded");
	fds_raise(10000);
	net_new();
	if (variant->entries) {
		if (access(CHILD_ENTRIES, F_OK))
			SKIP(return, "this kernel has no established table per namespace");
		file_set(CHILD_ENTRIES, "%d", variant->entries);
		net_new();
		/* The default is half as many as there are entries: none of one. */
		file_set("/proc/sys/net/ipv4/tcp_max_tw_buckets", "%d", 1000);
	}
	for (i = 0; i < 2; i++) {
		self->listener[i] = sock_listen("127.0.0.1", 0, 64);
		self->to[i] = sock_addr(self->listener[i]);
	}
	self->endpoint = addr_text(&self->to[0]);
	for (i = 0; i < PAIRS; i++) {
		p[i] = pair_make(self->listener[0], &self->to[0]);
		self->cookie[i] = sock_cookie(p[i].server);
	}
	pairs_close_wait(p, PAIRS);
	crowd_add(&self->want, "::1", 20, 10, 5);
	self->want.n[TCP_LISTEN][V4] += 2;
	self->want.n[TCP_CLOSE_WAIT][V4] += PAIRS;
	self->want.n[TCP_FIN_WAIT2][V4] += PAIRS;
	ASSERT_TRUE(crowd_settled(&self->want));
	err = test_module("astray 1");
	if (err == EOPNOTSUPP)
		SKIP(return, "the kernel has no kretprobes");
	ASSERT_EQ(0, err) TH_LOG("%s", strerror(err));
}

/* In the parent, which outlives a test that failed. */
FIXTURE_TEARDOWN_PARENT(locked)
{
	if (self->astray)
		EXPECT_EQ(0, test_module("astray 0"));
	EXPECT_FALSE(census_damaged());
}

/* Those that the reaper has ended may be in TIME_WAIT for a while. */
static bool the_rest_is_there(const struct counts *want)
{
	struct counts got;

	census_counts(&got);
	got.n[TCP_TIME_WAIT][V4] = 0;
	return counts_same(want, &got);
}

TEST_F(locked, all_is_counted_once)
{
	unsigned long long by_cause[CAUSES], by_state[STATES];
	unsigned long long locked;
	struct close_wait c = {};
	struct counts got;
	unsigned int i;
	struct table t;
	char *stat;

	census_counts(&got);
	EXPECT_EQ(0, counts_diff("states", &self->want, &got));

	stat = file_read(CENSUS_DIR "stat", NULL);
	ASSERT_NE(NULL, stat);
	locked = stat_value(stat, "walk_locked_buckets");
	printf("# %llu buckets under their locks\n", locked);
	EXPECT_LT(0, locked);
	EXPECT_EQ(RESTARTS * locked, stat_value(stat, "walk_restarts"));
	EXPECT_EQ(counts_sum(&got), stat_value(stat, "sockets"));
	EXPECT_EQ(0, stat_value(stat, "conns_missed"));
	close_wait_stat(by_cause, stat);
	EXPECT_EQ(PAIRS + 10, by_cause[FIN_PENDING]);
	free(stat);

	census_table(&t, "close_wait");
	close_wait_check(&t);
	close_wait_add(&c, &t, "server", self->endpoint);
	table_free(&t);
	EXPECT_EQ(PAIRS, c.sockets);

	census_table(&t, "endpoints");
	endpoints_sum(by_state, &t);
	table_free(&t);
	for (i = 1; i < STATES; i++)
		EXPECT_EQ(got.n[i][V4] + got.n[i][V6], by_state[i]);

	sockets_table(&t);
	EXPECT_EQ(0, cookies_off(&t, self->cookie, PAIRS));
	table_free(&t);
}

TEST_F(locked, what_is_leaked_is_ended)
{
	struct target accepted, queued;

	target_make(&accepted, self->listener[0], &self->to[0], DRAINED, false);
	target_age(&accepted, AGES);
	target_make(&queued, self->listener[1], &self->to[1], UNACCEPTED, false);
	target_age(&queued, AGES);
	setting_set("timeout", "8000");
	setting_set("action", "count");
	reap_pass();
	EXPECT_EQ(2, reap_candidates());
	setting_set("action", "abort");
	reap_pass();
	EXPECT_EQ(1, actions_done("drained", "abort", "reset"));
	EXPECT_EQ(1, actions_done("unaccepted", "abort", "evicted"));
	/* And nothing else. */
	EXPECT_TRUE(wait_for(the_rest_is_there(&self->want)));
}

TEST_HARNESS_MAIN
