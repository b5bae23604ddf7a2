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
#include "lib/rows.h"
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
	int i;

	for (i = 0; i < 4; i++) {
		EXPECT_TRUE(wait_for(worker_rounds(self->churn[i]) > 20));
		printf("# %lu connections came and went\n", worker_stop(self->churn[i]));
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

	/* However long a walk takes. */
	for (reads = 0; reads <= 20 || now_ms() < until; reads++) {
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

/*
 *	+-- netns -------------------------------------------+
 *	| 500 CLOSE_WAIT of one listener stay; on both CPUs  |
 *	| others come and go, through every state there is   |
 *	+----------------------------------------------------+
 */
#define STAY 500

FIXTURE(stay) {
	char *endpoint;
	unsigned long long cookie[STAY];
	struct worker *churn[4];
};

FIXTURE_SETUP(stay)
{
	struct addr to;
	struct pair p[STAY];
	int listener, i;

	fds_raise(10000);
	/* If a test ended before it did so itself. */
	census_thaw();
	net_new();
	file_set("/proc/sys/net/ipv4/tcp_max_tw_buckets", "%d", 500);
	listener = sock_listen("127.0.0.1", 0, 64);
	to = sock_addr(listener);
	self->endpoint = addr_text(&to);
	for (i = 0; i < STAY; i++) {
		p[i] = pair_make(listener, &to);
		self->cookie[i] = sock_cookie(p[i].server);
	}
	pairs_close_wait(p, STAY);
	for (i = 0; i < 4; i++)
		self->churn[i] = worker_start(i < 2 ? churn_finish : churn_reset,
					      "127.0.0.1", i % 2);
	for (i = 0; i < 4; i++) {
		ASSERT_TRUE(wait_for(worker_rounds(self->churn[i]) > 10))
			TH_LOG("worker %d", i);
	}
}

FIXTURE_TEARDOWN(stay)
{
	int i;

	for (i = 0; i < 4; i++) {
		EXPECT_TRUE(wait_for(worker_rounds(self->churn[i]) > 20));
		printf("# %lu connections came and went\n", worker_stop(self->churn[i]));
	}
	EXPECT_FALSE(census_damaged());
}

/*
 * One snapshot, all its files: do they say the same? In how many places not? -1: there
 * was another snapshot meanwhile, as where it takes a second to read them; @still is for
 * such a machine.
 */
static int snapshot_off(const char *endpoint, bool still)
{
	unsigned long long by_state[STATES], by_cause[CAUSES];
	struct close_wait all = {}, ours = {};
	unsigned int i, bad = 0;
	struct counts states;
	uint64_t began, took;
	struct table t;
	char *stat;

	if (still)
		census_still();
	else
		census_freeze();
	began = now_ms();
	census_counts(&states);
	stat = file_read(CENSUS_DIR "stat", NULL);
	must(stat);
	close_wait_stat(by_cause, stat);

	census_table(&t, "endpoints");
	endpoints_sum(by_state, &t);
	table_free(&t);
	for (i = 1; i < STATES; i++)
		bad += off(state_names[i], states.n[i][V4] + states.n[i][V6],
			   by_state[i]);
	bad += off("sockets", counts_sum(&states), stat_value(stat, "sockets"));

	census_table(&t, "close_wait");
	close_wait_check(&t);
	close_wait_add(&all, &t, NULL, NULL);
	close_wait_add(&ours, &t, "server", endpoint);
	table_free(&t);
	bad += off("close_wait", by_state[TCP_CLOSE_WAIT], all.sockets);
	for (i = 0; i < CAUSES; i++)
		bad += off(cause_names[i], all.cause[i], by_cause[i]);
	bad += off(endpoint, STAY, ours.sockets);
	bad += off("of them fin_pending", STAY, ours.cause[FIN_PENDING]);

	/* Clients' ports: all that have one of the range. */
	census_table(&t, "ports");
	bad += off("no row any", 1, t.rows > 0);
	table_free(&t);
	census_table(&t, "listeners");
	bad += off("listeners", by_state[TCP_LISTEN], t.rows);
	table_free(&t);
	free(stat);
	/* It was there before; both are rounded. */
	took = now_ms() - began;
	if (took > census_stat("snapshot_age_ms") + 1)
		return -1;
	census_thaw();
	return bad;
}

TEST_F(stay, snapshots)
{
	uint64_t until = now_ms() + 1500;
	unsigned int reads = 0, replaced = 0;
	int wrong, bad = 0;

	while (reads < 8 || now_ms() < until) {
		wrong = snapshot_off(self->endpoint, replaced);
		if (wrong < 0) {
			ASSERT_GT(20, ++replaced);
			continue;
		}
		bad += wrong;
		reads++;
	}
	EXPECT_EQ(0, bad);
	printf("# %u snapshots, %u replaced meanwhile\n", reads, replaced);
}

/* How many of those that stay are not shown, or any is more than once? */
static unsigned int stay_off(const unsigned long long *stay)
{
	unsigned int bad;
	struct table t;

	sockets_table(&t);
	bad = cookies_off(&t, stay, STAY);
	table_free(&t);
	return bad;
}

TEST_F(stay, sockets)
{
	uint64_t until = now_ms() + 1500;
	unsigned int reads, bad = 0;

	for (reads = 0; reads < 8 || now_ms() < until; reads++)
		bad += stay_off(self->cookie);
	EXPECT_EQ(0, bad);
	printf("# %u reads\n", reads);
}

TEST_HARNESS_MAIN
