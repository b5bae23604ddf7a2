// SPDX-License-Identifier: GPL-2.0
/*
 * What stays is counted exactly once, while everything around it moves.
 *
 *	+-- netns, counted --------------------+  +-- another netns ------+
 *	| ::1        long-lived                |  | 127.0.0.1: connections|
 *	| 127.0.0.1  long-lived, and churn on  |  | that end in TIME_WAIT,|
 *	|            both CPUs: never in       |  | which is full         |
 *	|            CLOSE_WAIT, FIN_WAIT2     |  |                       |
 *	+--------------------------------------+  +-----------------------+
 *	                one established table for both
 */

#include "lib/crowd.h"
#include "lib/test.h"
#include "lib/worker.h"

#define SECONDS 3
#define PAIRS 250
#define CLOSE_WAITS 100

FIXTURE(churn) {
	struct counts want;
	struct worker *churn[4];
};

FIXTURE_SETUP(churn)
{
	int counted, i;

	fds_raise(10000);
	net_new();
	file_set("/proc/sys/net/ipv4/tcp_max_tw_buckets", "%d", 500);
	for (i = 0; i < 2; i++)
		self->churn[i] = worker_start(churn_finish, "127.0.0.1", i);

	counted = net_new();
	crowd_add(&self->want, "127.0.0.1", PAIRS, CLOSE_WAITS, 0);
	crowd_add(&self->want, "::1", PAIRS, CLOSE_WAITS, 0);
	ASSERT_TRUE(crowd_settled(&self->want));
	for (i = 2; i < 4; i++)
		self->churn[i] = worker_start(churn_reset, "127.0.0.1", i - 2);
	self->want.n[TCP_LISTEN][V4] += 2;
	for (i = 0; i < 4; i++) {
		ASSERT_TRUE(wait_for(worker_rounds(self->churn[i]) > 10))
			TH_LOG("worker %d", i);
	}
	net_enter(counted);
}

FIXTURE_TEARDOWN(churn)
{
	unsigned long rounds;
	int i;

	for (i = 0; i < 4; i++) {
		rounds = worker_stop(self->churn[i]);
		printf("# %lu connections came and went\n", rounds);
		EXPECT_LT(20, rounds);
	}
	EXPECT_FALSE(census_damaged());
}

TEST_F(churn, states)
{
	unsigned long long locked = 0, restarts = 0;
	const struct counts *want = &self->want;
	uint64_t until = now_ms() + SECONDS * 1000;
	unsigned int reads, bad = 0;
	struct counts got;
	char *text;

	for (reads = 0; now_ms() < until; reads++) {
		census_counts(&got);
		/* In these the churn is: no fewer than what stays. */
		EXPECT_LE(want->n[TCP_ESTABLISHED][V4],
			  got.n[TCP_ESTABLISHED][V4]);
		got.n[TCP_ESTABLISHED][V4] = want->n[TCP_ESTABLISHED][V4];
		got.n[TCP_SYN_SENT][V4] = 0;
		got.n[TCP_SYN_RECV][V4] = 0;
		got.n[TCP_CLOSE][V4] = 0;
		bad += counts_diff("under churn", want, &got);

		text = file_read(CENSUS_DIR "stat", NULL);
		ASSERT_NE(NULL, text);
		restarts += stat_value(text, "walk_restarts");
		locked += stat_value(text, "walk_locked_buckets");
		free(text);
	}
	EXPECT_EQ(0, bad);
	EXPECT_LT(20, reads);
	printf("# %u reads, %llu restarts, %llu buckets locked\n", reads, restarts,
	       locked);
}

static void listeners_come_and_go(struct worker *me, void *arg)
{
	int fd[8], i;

	for (;;) {
		for (i = 0; i < 8; i++)
			fd[i] = sock_listen(arg, 0, 1);
		for (i = 0; i < 8; i++)
			close(fd[i]);
		worker_round(me);
	}
}

TEST_F(churn, listeners)
{
	struct worker *w = worker_start(listeners_come_and_go, "::1", -1);
	unsigned int stay = self->want.n[TCP_LISTEN][V4] +
			    self->want.n[TCP_LISTEN][V6];
	uint64_t until = now_ms() + 1000;
	struct table t;
	size_t row;

	ASSERT_TRUE(wait_for(worker_rounds(w) > 2));
	while (now_ms() < until) {
		census_table(&t, "listeners");
		EXPECT_LE(stay, t.rows);
		for (row = 0; row < t.rows; row++) {
			/* One closed this moment has none. */
			table_number(&t, row, "inode");
			EXPECT_STREQ("0", table_cell(&t, row, "uid"));
			EXPECT_GE(64, table_number(&t, row, "limit"));
		}
		table_free(&t);
	}
	EXPECT_LT(2, worker_stop(w));
}

TEST_HARNESS_MAIN
