// SPDX-License-Identifier: GPL-2.0
/*
 * A walk leaves the lock of listeners in the middle of a long chain, and stands on one
 * of them meanwhile. Whatever happens to that one and to its neighbour, all others are
 * shown once.
 *
 *	chain: newest <-- ... <-- before <-- (the walk) <-- after <-- ... <-- oldest
 *
 * tcp_census_test has the walk stand there until the test has done what it wants. It
 * keeps its processor meanwhile, so the two have one each.
 */

#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "lib/net.h"
#include "lib/rows.h"
#include "lib/table.h"
#include "lib/test.h"
#include "lib/test_module.h"
#include "lib/worker.h"

#define WALKERS "/sys/devices/virtual/workqueue/cpumask"
#define STANDS_ON "/sys/module/tcp_census_test/parameters/stands_on"

/* Many times what is seen at a time. */
#define LISTENERS 1500

/* A walk that got so far has room for twice as many. */
#define DEEP 1100

/* Restarts of a bucket before it is seen whole under its lock. */
#define RESTARTS 3

/**
 * struct shown - what a walk showed
 * @times: how often each of the listeners
 * @strangers: rows of others
 * @restarts: buckets that were seen again
 * @locked: of them those seen whole under their lock
 */
struct shown {
	unsigned int times[LISTENERS];
	unsigned int strangers;
	unsigned long long restarts;
	unsigned long long locked;
};

/**
 * struct many - the listeners, the oldest first, and so the last of the chain
 * @fd: of each
 * @inode: of each
 * @cookie: of each
 * @shown: of them, by look()
 */
struct many {
	int fd[LISTENERS];
	unsigned long inode[LISTENERS];
	unsigned long long cookie[LISTENERS];
	struct shown *shown;
};

FIXTURE(chain) {
	char walkers[32];
	struct many many;
};

FIXTURE_SETUP(chain)
{
	struct many *m = &self->many;
	cpu_set_t one;
	char *walkers;
	int i, err;

	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "who stands keeps the only processor");
	fds_raise(LISTENERS + 100);
	net_new();
	for (i = 0; i < LISTENERS; i++) {
		m->fd[i] = sock_listen_shared("127.0.0.1", 80, 1);
		m->inode[i] = sock_inode(m->fd[i]);
		m->cookie[i] = sock_cookie(m->fd[i]);
	}
	m->shown = mmap(NULL, sizeof(*m->shown), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, m->shown);
	walkers = file_read(WALKERS, NULL);
	ASSERT_NE(NULL, walkers);
	snprintf(self->walkers, sizeof(self->walkers), "%s", walkers);
	free(walkers);
	file_set(WALKERS, "2");
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
	err = test_module("stand 1");
	if (err == EOPNOTSUPP)
		SKIP(return, "the kernel has no kprobes");
	ASSERT_EQ(0, err) TH_LOG("%s", strerror(err));
}

/* In the parent, which outlives a test that failed. */
FIXTURE_TEARDOWN_PARENT(chain)
{
	if (test_module_there())
		test_module("stand 0");
	if (*self->walkers)
		file_set(WALKERS, "%s", self->walkers);
	census_thaw();
	EXPECT_FALSE(census_damaged());
}

/* Reads the listeners once. */
static void look(struct worker *me, void *arg)
{
	const struct many *m = arg;
	struct shown *s = m->shown;
	struct table t;
	unsigned int i, k;
	char *stat;

	/* What the test closes is to be gone. */
	for (i = 0; i < LISTENERS; i++)
		close(m->fd[i]);
	census_freeze();
	census_table(&t, "listeners");
	stat = file_read(CENSUS_DIR "stat", NULL);
	census_thaw();
	must(stat);
	s->restarts = stat_value(stat, "walk_restarts");
	s->locked = stat_value(stat, "walk_locked_buckets");
	for (i = 0; i < t.rows; i++) {
		for (k = 0; k < LISTENERS; k++)
			if (m->inode[k] == table_number(&t, i, "inode"))
				break;
		if (k < LISTENERS)
			s->times[k]++;
		else
			s->strangers++;
	}
	worker_round(me);
	for (;;)
		pause();
}

/* Where the walk stands: the number of a listener. */
static unsigned int stands_on(const struct many *m)
{
	unsigned long long cookie = 0;
	unsigned int i;

	must(wait_for((cookie = file_number(STANDS_ON))));
	for (i = 0; i < LISTENERS; i++)
		if (m->cookie[i] == cookie)
			return i;
	die("it stands on a stranger, %llu", cookie);
}

/*
 * The same, once it has got so far that it is not to begin anew by itself: there is room
 * for all of them.
 */
static unsigned int stands_deep(const struct many *m)
{
	unsigned int i;

	for (;;) {
		i = stands_on(m);
		if (i < LISTENERS - DEEP)
			return i;
		must(!test_module("go 1"));
	}
}

/* It listens again, and so comes to the beginning of the chain. */
static void moves(const struct many *m, unsigned int i)
{
	must(!shutdown(m->fd[i], SHUT_RD));
	must(!listen(m->fd[i], 1));
}

/* It goes on, and is not to stand any more. */
static void go_on(void)
{
	must(!test_module("go 0"));
}

/* Those shown another number of times than once, but for one if it is not NULL. */
static unsigned int wrong(const struct shown *s, const unsigned int *gone)
{
	unsigned int i, n = s->strangers;

	for (i = 0; i < LISTENERS; i++)
		n += s->times[i] != !(gone && i == *gone);
	return n;
}

TEST_F(chain, as_it_was)
{
	struct many *m = &self->many;
	struct worker *w;

	w = worker_start(look, m, 1);
	stands_deep(m);
	go_on();
	ASSERT_TRUE(worker_does(w, 1));
	EXPECT_EQ(0, wrong(m->shown, NULL));
	EXPECT_EQ(0, m->shown->restarts);
	worker_stop(w);
}

TEST_F(chain, it_moves)
{
	struct many *m = &self->many;
	struct worker *w;

	w = worker_start(look, m, 1);
	moves(m, stands_deep(m));
	go_on();
	ASSERT_TRUE(worker_does(w, 1));
	EXPECT_EQ(0, wrong(m->shown, NULL));
	EXPECT_EQ(1, m->shown->restarts);
	worker_stop(w);
}

/* The one before it comes to be before it again, and with them all that was shown behind. */
TEST_F(chain, both_move)
{
	struct many *m = &self->many;
	struct worker *w;
	unsigned int i;

	w = worker_start(look, m, 1);
	i = stands_deep(m);
	ASSERT_LT(i + 1, LISTENERS);
	moves(m, i);
	moves(m, i + 1);
	go_on();
	ASSERT_TRUE(worker_does(w, 1));
	EXPECT_EQ(0, wrong(m->shown, NULL));
	EXPECT_EQ(1, m->shown->restarts);
	worker_stop(w);
}

TEST_F(chain, it_is_closed)
{
	struct many *m = &self->many;
	struct worker *w;
	unsigned int i;

	w = worker_start(look, m, 1);
	i = stands_deep(m);
	close(m->fd[i]);
	go_on();
	ASSERT_TRUE(worker_does(w, 1));
	EXPECT_EQ(0, wrong(m->shown, &i));
	EXPECT_EQ(1, m->shown->restarts);
	worker_stop(w);
}

TEST_F(chain, the_one_before_is_closed)
{
	struct many *m = &self->many;
	struct worker *w;
	unsigned int i;

	w = worker_start(look, m, 1);
	i = stands_deep(m) + 1;
	ASSERT_LT(i, LISTENERS);
	close(m->fd[i]);
	go_on();
	ASSERT_TRUE(worker_does(w, 1));
	/* It was there when it was seen. */
	EXPECT_EQ(0, wrong(m->shown, NULL));
	EXPECT_EQ(0, m->shown->restarts);
	worker_stop(w);
}

TEST_F(chain, others_move)
{
	struct many *m = &self->many;
	struct worker *w;
	unsigned int i;

	w = worker_start(look, m, 1);
	i = stands_deep(m);
	ASSERT_LT(1, i);
	ASSERT_LT(i + 2, LISTENERS);
	/* One that was shown. */
	moves(m, i + 2);
	go_on();
	ASSERT_TRUE(worker_does(w, 1));
	EXPECT_EQ(0, wrong(m->shown, NULL));
	EXPECT_EQ(0, m->shown->restarts);
	worker_stop(w);
}

/* Whoever moves the one it stands on each time has the chain seen under its lock. */
TEST_F(chain, moves_each_time)
{
	struct many *m = &self->many;
	struct worker *w;
	unsigned int i;

	w = worker_start(look, m, 1);
	for (i = 0; i < RESTARTS; i++) {
		moves(m, stands_deep(m));
		ASSERT_EQ(0, test_module("go 1"));
	}
	ASSERT_TRUE(worker_does(w, 1));
	EXPECT_EQ(0, wrong(m->shown, NULL));
	EXPECT_EQ(RESTARTS, m->shown->restarts);
	EXPECT_EQ(1, m->shown->locked);
	worker_stop(w);
}

TEST_HARNESS_MAIN
