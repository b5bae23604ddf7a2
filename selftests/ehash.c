// SPDX-License-Identifier: GPL-2.0
/*
 * A namespace may have an established table of its own, of any size
 * (net.ipv4.tcp_child_ehash_entries, from 6.1 on); all others share one.
 *
 *	+-- netns outer ------------+   makes   +-- netns inner ------------+
 *	| shared table              | --------> | its own table             |
 *	| 127.0.0.1 and ::1 crowds  |           | ::1 crowd, 127.0.0.1 churn|
 *	+---------------------------+           +---------------------------+
 */

#include "lib/crowd.h"
#include "lib/test.h"
#include "lib/worker.h"

#define ENTRIES "/proc/sys/net/ipv4/tcp_ehash_entries"
#define CHILD_ENTRIES "/proc/sys/net/ipv4/tcp_child_ehash_entries"

FIXTURE(ehash) {
	int outer, inner;
	struct counts outer_want, inner_want;
};

FIXTURE_VARIANT(ehash) {
	int entries;
	unsigned int pairs; /* ::1, long-lived */
};

/* One chain, of many times what a walk looks at without a break. */
FIXTURE_VARIANT_ADD(ehash, one_bucket) { .entries = 1, .pairs = 1000 };
FIXTURE_VARIANT_ADD(ehash, small) { .entries = 1024, .pairs = 300 };
FIXTURE_VARIANT_ADD(ehash, large) { .entries = 1 << 20, .pairs = 300 };

static int entries(void)
{
	char *text = file_read(ENTRIES, NULL);
	int n;

	must(text);
	n = atoi(text);
	free(text);
	return n;
}

FIXTURE_SETUP(ehash)
{
	fds_raise(10000);
	self->outer = net_new();
	if (access(CHILD_ENTRIES, F_OK))
		SKIP(return, "this kernel has no established table per namespace");
	file_set(CHILD_ENTRIES, "%d", variant->entries);
	crowd_add(&self->outer_want, "127.0.0.1", 10, 3, 2);
	crowd_add(&self->outer_want, "::1", 5, 2, 1);
	/* Negative: it shares the table. */
	ASSERT_GT(0, entries());

	self->inner = net_new();
	ASSERT_EQ(variant->entries, entries());
	/* The default is half as many as there are entries: none of one. */
	file_set("/proc/sys/net/ipv4/tcp_max_tw_buckets", "%d", 1000);
	crowd_add(&self->inner_want, "::1", variant->pairs, 20, 30);
	ASSERT_TRUE(crowd_settled(&self->inner_want));
}

FIXTURE_TEARDOWN(ehash)
{
	EXPECT_FALSE(census_damaged());
}

TEST_F(ehash, both_tables)
{
	struct counts got;

	census_counts(&got);
	EXPECT_EQ(0, counts_diff("inner", &self->inner_want, &got));
	EXPECT_EQ(counts_sum(&got), census_stat("sockets"));
	net_enter(self->outer);
	ASSERT_TRUE(crowd_settled(&self->outer_want));
	census_counts(&got);
	EXPECT_EQ(0, counts_diff("outer", &self->outer_want, &got));
	EXPECT_EQ(counts_sum(&got), census_stat("sockets"));
}

/* Connections come and go in the very chains that are counted. */
TEST_F(ehash, under_churn)
{
	struct worker *churn[] = {
		worker_start(churn_reset, "127.0.0.1", 0),
		worker_start(churn_reset, "127.0.0.1", 1),
	};
	uint64_t until = now_ms() + 1000;
	unsigned int reads, state, bad = 0;
	struct counts got;

	ASSERT_TRUE(wait_for(worker_rounds(churn[0]) && worker_rounds(churn[1])));
	/* However long a walk takes. */
	for (reads = 0; reads < 6 || now_ms() < until; reads++) {
		census_counts(&got);
		/* All of IPv6 is long-lived, but TIME_WAIT may end some day. */
		for (state = 1; state < STATES; state++)
			got.n[state][V4] = 0;
		bad += counts_diff("inner", &self->inner_want, &got);
	}
	EXPECT_EQ(0, bad);
	printf("# %u reads, %lu and %lu connections meanwhile\n", reads,
	       worker_stop(churn[0]), worker_stop(churn[1]));
}

static void make_and_leave(struct worker *me, void *arg)
{
	struct counts want = {};

	net_enter(*(int *)arg);
	net_new();
	crowd_add(&want, "127.0.0.1", 20, 2, 2);
	worker_round(me);
}

/* The table goes with its namespace, under the eyes of those who read. */
TEST_F(ehash, destroyed_meanwhile)
{
	struct worker *w[2];
	struct counts got;
	unsigned int i, k;

	net_enter(self->outer);
	ASSERT_TRUE(crowd_settled(&self->outer_want));
	for (i = 0; i < 4; i++) {
		for (k = 0; k < 2; k++)
			w[k] = worker_start(make_and_leave, &self->outer, -1);
		while (!worker_rounds(w[0]) || !worker_rounds(w[1])) {
			census_counts(&got);
			EXPECT_EQ(0, counts_diff("outer", &self->outer_want, &got));
		}
		for (k = 0; k < 2; k++)
			worker_wait(w[k]);
		for (k = 0; k < 10; k++) {
			census_counts(&got);
			EXPECT_EQ(0, counts_diff("outer", &self->outer_want, &got));
		}
	}
}

TEST_HARNESS_MAIN
