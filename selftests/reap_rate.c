// SPDX-License-Identifier: GPL-2.0
/*
 * How much the reaper does in a second, for each namespace and for the host, and how
 * it is stopped. It is disturbed all the time: writing a setting begins a pass, but a
 * second after the last.
 *
 *	+-- netns ------------------+  +-- netns ------------------+
 *	| n connections, long idle  |  | n connections, long idle  |   ...
 *	+---------------------------+  +---------------------------+
 */

#include "lib/kmsg.h"
#include "lib/reap_test.h"
#include "lib/setting.h"
#include "lib/test_module.h"

#define PARAMETERS CENSUS_MODULE "/parameters/"

/**
 * struct crowd - connections in a namespace of their own
 * @netns: it
 * @n: how many
 */
struct crowd {
	int netns;
	unsigned int n;
};

/* Half of them in an accept queue, if @queued; the reaper is to abort them all. */
static void crowd_make(struct crowd *c, unsigned int n, unsigned int rate, bool queued)
{
	unsigned int i;
	struct target t;
	struct addr to;
	int fd;

	c->n = n;
	c->netns = net_new();
	fd = sock_listen("127.0.0.1", 0, n + 1);
	to = sock_addr(fd);
	/* The queued ones last: they stand in the way of others. */
	for (i = 0; i < n; i++) {
		bool queue = queued && i >= n / 2;

		target_make(&t, fd, &to, queue ? UNACCEPTED : DRAINED, false);
		if (!queue || i == n - 1)
			target_age(&t, AGES);
	}
	setting_set("action", "abort");
	setting_set("rate", "%u", rate);
}

static void crowd_begin(const struct crowd *c)
{
	net_enter(c->netns);
	setting_set("timeout", "8000");
}

static unsigned int crowd_done(const struct crowd *c)
{
	net_enter(c->netns);
	return actions_done("drained", "abort", "reset") +
	       actions_done("unaccepted", "abort", "evicted");
}

FIXTURE(rate) {
	uint64_t began;
};

FIXTURE_SETUP(rate)
{
	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	fds_raise(10000);
	self->began = now_ms();
}

FIXTURE_TEARDOWN_PARENT(rate)
{
	file_write(PARAMETERS "max_action", "abort");
	file_write(PARAMETERS "max_rate", "1000");
	EXPECT_FALSE(census_damaged());
}

/* So many at most until now, if there were so many in each second that has begun. */
static unsigned int most(uint64_t since, unsigned int rate)
{
	return rate * ((now_ms() - since) / 1000 + 1);
}

TEST_F(rate, of_a_namespace)
{
	enum { N = 60, RATE = 20 };
	unsigned int done = 0, lines;
	int log = kmsg_open();
	struct crowd c;
	uint64_t since;

	crowd_make(&c, N, RATE, true);
	/* No pass has begun that may still see what is set from here on. */
	reap_pass();
	since = now_ms();
	crowd_begin(&c);
	while (done < N && now_ms() < since + WAIT_SECONDS * 1000) {
		/* It changes nothing. */
		setting_set("rate", "%u", RATE);
		done = crowd_done(&c);
		ASSERT_LE(done, most(since, RATE));
		/* The gauge is of the last pass, by then at least the first. */
		if (done > RATE && done < N - RATE)
			EXPECT_LT(0, reap_candidates());
		nap_ms(20);
	}
	EXPECT_EQ(N, done);
	/* A line a second says so: there were as many passes, whatever was seen of them. */
	lines = kmsg_lines(log, "tcp_census: close_wait_timeout: ", NULL);
	EXPECT_LE(N / RATE, lines);
	EXPECT_LE(lines, most(since, 1));
	/* The next pass finds none. */
	reap_pass();
	net_enter(c.netns);
	EXPECT_EQ(0, reap_candidates());
	EXPECT_EQ(0, reap_skipped("rate"));
}

TEST_F(rate, of_the_host)
{
	enum { CROWDS = 3, N = 30, RATE = 30 };
	unsigned int done = 0, i;
	struct crowd c[CROWDS];
	uint64_t since;

	file_set(PARAMETERS "max_rate", "%d", RATE);
	for (i = 0; i < CROWDS; i++)
		crowd_make(&c[i], N, 100000, i % 2);
	/* As above. */
	reap_pass();
	since = now_ms();
	for (i = 0; i < CROWDS; i++)
		crowd_begin(&c[i]);
	while (done < CROWDS * N && now_ms() < since + WAIT_SECONDS * 1000) {
		setting_set("rate", "100000");
		for (done = 0, i = 0; i < CROWDS; i++)
			done += crowd_done(&c[i]);
		ASSERT_LE(done, most(since, RATE));
		nap_ms(20);
	}
	EXPECT_EQ(CROWDS * N, done);
}

/* Whoever wants much does not keep the others from what little they want. */
TEST_F(rate, is_shared)
{
	enum { MANY = 200, FEW = 10, RATE = 20 };
	struct crowd many, few, more;

	file_set(PARAMETERS "max_rate", "%d", RATE);
	crowd_make(&many, MANY, 100000, false);
	crowd_make(&few, FEW, 100000, true);
	crowd_make(&more, MANY, 100000, true);
	crowd_begin(&many);
	crowd_begin(&more);
	crowd_begin(&few);
	ASSERT_TRUE(wait_for(crowd_done(&few) == FEW));
	EXPECT_LT(crowd_done(&many), MANY);
	EXPECT_LT(crowd_done(&more), MANY);
}

/* Nor does whoever wants nothing, or no more than to count. */
TEST_F(rate, is_shared_by_those_who_want)
{
	enum { MANY = 150, RATE = 20, IDLE = 16, SECONDS = 5 };
	struct crowd a, b, idle[IDLE];
	unsigned int i, of_a, of_b;

	file_set(PARAMETERS "max_rate", "%d", RATE);
	for (i = 0; i < IDLE; i++) {
		crowd_make(&idle[i], 2 * (i % 2), 100000, true);
		setting_set("action", "count");
		crowd_begin(&idle[i]);
	}
	crowd_make(&a, MANY, 100000, true);
	crowd_make(&b, MANY, 100000, true);
	crowd_begin(&a);
	crowd_begin(&b);
	ASSERT_TRUE(wait_for(crowd_done(&a) + crowd_done(&b) >= SECONDS * RATE));
	/* The first pass may have been before one of them began. */
	of_a = crowd_done(&a);
	of_b = crowd_done(&b);
	EXPECT_LE(of_a, of_b + 2 * RATE);
	EXPECT_LE(of_b, of_a + 2 * RATE);
}

/* There is less than one for each: then they take turns. */
TEST_F(rate, is_shared_however_little)
{
	enum { CROWDS = 4, N = 20 };
	struct crowd c[CROWDS];
	unsigned int i;

	file_set(PARAMETERS "max_rate", "1");
	for (i = 0; i < CROWDS; i++)
		crowd_make(&c[i], N, 100000, i % 2);
	for (i = 0; i < CROWDS; i++)
		crowd_begin(&c[i]);
	for (i = 0; i < CROWDS; i++)
		EXPECT_TRUE(wait_for(crowd_done(&c[i])));
}

TEST_F(rate, none_at_all)
{
	enum { N = 300, RATE = 5 };
	unsigned int done;
	struct crowd c;

	crowd_make(&c, N, RATE, true);
	crowd_begin(&c);
	ASSERT_TRUE(wait_for(crowd_done(&c)));
	file_set(PARAMETERS "max_action", "off");
	/* Within a second it stops. */
	nap_ms(1000);
	done = crowd_done(&c);
	EXPECT_LT(done, N);
	/* Whatever the settings. */
	setting_set("rate", "100000");
	nap_ms(1500);
	EXPECT_EQ(done, crowd_done(&c));
	EXPECT_EQ(0, reap_candidates());
	EXPECT_EQ(0, reap_skipped("rate"));

	file_set(PARAMETERS "max_action", "abort");
	EXPECT_TRUE(wait_for(crowd_done(&c) == N));
}

/* An eighth of the timeout after it, at the latest. */
TEST_F(rate, soon_enough)
{
	/* Seconds; it may take some to look. */
	enum { TIMEOUT = 24, SLACK = 3 };
	struct action a;
	struct target t;
	struct addr to;
	int fd;

	net_new();
	fd = sock_listen("127.0.0.1", 0, 1);
	to = sock_addr(fd);
	target_make(&t, fd, &to, DRAINED, false);
	target_age(&t, TIMEOUT - 4);
	setting_set("timeout", "%d", TIMEOUT);
	ASSERT_TRUE(wait_for(actions_of(&a, &t)));
	EXPECT_LE(TIMEOUT, a.idle_s);
	EXPECT_LE(a.idle_s, TIMEOUT + TIMEOUT / 8 + SLACK);
}

/* The host may say that less is to be done; who is already on his way, too. */
TEST_F(rate, no_more_than)
{
	enum { N = 40 };
	struct crowd c;

	crowd_make(&c, N, 100000, true);
	file_set(PARAMETERS "max_action", "count");
	crowd_begin(&c);
	reap_pass();
	EXPECT_EQ(0, crowd_done(&c));
	EXPECT_EQ(N / 2, actions_done("drained", "count", "candidate"));
	EXPECT_EQ(N / 2, actions_done("unaccepted", "count", "candidate"));
	EXPECT_EQ(N, actions_sum());

	file_set(PARAMETERS "max_action", "probe");
	reap_pass();
	EXPECT_EQ(0, crowd_done(&c));
	EXPECT_EQ(N / 2, actions_done("drained", "probe", "probing"));
	EXPECT_EQ(N / 2, actions_done("unaccepted", "probe", "probing"));

	/* It allows more than the namespace wants. */
	setting_set("action", "count");
	file_set(PARAMETERS "max_action", "abort");
	reap_pass();
	EXPECT_EQ(0, crowd_done(&c));
	EXPECT_EQ(2 * N, actions_done("drained", "count", "candidate") +
			 actions_done("unaccepted", "count", "candidate"));
	setting_set("action", "abort");
	reap_pass();
	EXPECT_EQ(N, crowd_done(&c));
}

TEST_HARNESS_MAIN
