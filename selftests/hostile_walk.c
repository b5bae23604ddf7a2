// SPDX-License-Identifier: GPL-2.0
/*
 * Users who have the kernel walk as often as they can, and make the walks long: with
 * tables of their own, millions of buckets each, in namespaces that they may create.
 * The walks of all of them together take a quarter of one CPU at most.
 *
 *	+-- netns ---+  +-- netns -----------------------+  +-- netns ------------+
 *	| readers    |  | own table of 16 M buckets, ... |  | always something    |
 *	|            |  |                                |  | left for the reaper |
 *	+------------+  +--------------------------------+  +---------------------+
 *
 * Nothing here hangs on how fast or how loaded the machine is: the walks say how long
 * they took, and what is asserted is how much time passed for that.
 */

#include <pthread.h>

#include "lib/reap_test.h"
#include "lib/setting.h"

#define CHILD_ENTRIES "/proc/sys/net/ipv4/tcp_child_ehash_entries"

enum {
	BUCKETS = 1 << 21, /* of the first table; of the next twice as many */
	BUCKETS_MAX = 1 << 24,
	TABLES = 12,
	WALKS = 8,
	READERS = 16,
};

static int initial;

static void __attribute__((constructor)) walk_begin(void)
{
	initial = net_open();
}

FIXTURE(walk) {
	int home;
};

FIXTURE_SETUP(walk)
{
	if (access(CHILD_ENTRIES, F_OK))
		SKIP(return, "this kernel has no established table per namespace");
	self->home = net_new();
	file_set(CENSUS_MS, "0");
}

FIXTURE_TEARDOWN(walk)
{
	EXPECT_FALSE(census_damaged());
}

static unsigned long long walk_ms(void)
{
	return census_stat("walk_us") / 1000;
}

/*
 * Have walks take so long, in ms, by tables of one's own; from then on in the namespace
 * @home. Returns what they take at least, or 0 if that is not enough.
 */
static unsigned long long slow_down(int home, unsigned long long ms)
{
	unsigned int i, k, buckets = BUCKETS;
	unsigned long long took = 0, again;

	for (i = 0; i < TABLES && took < ms; i++) {
		file_set(CHILD_ENTRIES, "%u", buckets);
		net_new();
		net_enter(home);
		/* One that was held up says nothing. */
		for (k = 0, took = walk_ms(); k < 2 && took >= ms; k++) {
			again = walk_ms();
			took = again < took ? again : took;
		}
		if (buckets < BUCKETS_MAX)
			buckets *= 2;
	}
	file_set(CHILD_ENTRIES, "0");
	printf("# %u tables: a walk takes %llu ms\n", i, took);
	return took < ms ? 0 : took;
}

/**
 * struct walks - walks that were seen
 * @lock: protects the rest
 * @us: how long each took, which is as good as a name for it
 * @nr: how many
 */
struct walks {
	pthread_mutex_t lock;
	unsigned long long us[1000];
	unsigned int nr;
};

static void walks_see(struct walks *w)
{
	unsigned long long us = census_stat("walk_us");
	unsigned int i;

	pthread_mutex_lock(&w->lock);
	for (i = 0; i < w->nr && w->us[i] != us; i++)
		;
	if (i == w->nr && w->nr < ARRAY_SIZE(w->us))
		w->us[w->nr++] = us;
	pthread_mutex_unlock(&w->lock);
}

/*
 * Did all but the last rest three times as long as they took, but for the rounding? Of
 * those that took longer than a second nobody says so.
 */
static bool walks_rested(const struct walks *w, uint64_t since)
{
	uint64_t passed = now_ms() - since;
	unsigned long long sum = 0, ms;
	unsigned int i;

	for (i = 0; i + 1 < w->nr; i++) {
		ms = w->us[i] / 1000;
		sum += ms < 1000 ? ms : 1000;
	}
	printf("# %u walks of %llu ms together, within %llu ms\n", w->nr, sum,
	       (unsigned long long)passed);
	return 4 * sum <= passed + 2 * w->nr;
}

/* A namespace that is new is in no snapshot, so that its first reader needs a walk. */
TEST_F(walk, new_namespace_each_time)
{
	struct walks w = { .lock = PTHREAD_MUTEX_INITIALIZER };
	uint64_t began;

	if (!slow_down(self->home, 30))
		SKIP(return, "walks are too short to be measured");
	file_set(CENSUS_MS, "3600000");
	/* The time that passes is that of the walks that are seen. */
	close(net_new());
	census_stat("walk_us");
	began = now_ms();
	while (w.nr < WALKS) {
		close(net_new());
		walks_see(&w);
	}
	EXPECT_TRUE(walks_rested(&w, began));
}

static bool enough;

static void *read_and_read(void *arg)
{
	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED))
		walks_see(arg);
	return NULL;
}

static void read_by_many(struct walks *w, unsigned int walks, uint64_t until)
{
	pthread_t thread[READERS];
	unsigned int i;

	__atomic_store_n(&enough, false, __ATOMIC_RELAXED);
	for (i = 0; i < READERS; i++)
		must(!pthread_create(&thread[i], NULL, read_and_read, w));
	while (__atomic_load_n(&w->nr, __ATOMIC_RELAXED) < walks && now_ms() < until)
		nap_ms(5);
	__atomic_store_n(&enough, true, __ATOMIC_RELAXED);
	for (i = 0; i < READERS; i++)
		must(!pthread_join(thread[i], NULL));
}

/* The least that the host's administrator may ask for, but for no limit at all. */
TEST_F(walk, tight_loops)
{
	static struct walks w = { .lock = PTHREAD_MUTEX_INITIALIZER };
	uint64_t began;

	if (!slow_down(self->home, 30))
		SKIP(return, "walks are too short to be measured");
	file_set(CENSUS_MS, "1");
	census_stat("walk_us");
	began = now_ms();
	read_by_many(&w, WALKS, -1);
	EXPECT_TRUE(walks_rested(&w, began));
}

/* And what there is if he asks for nothing. */
TEST_F(walk, tight_loops_share)
{
	static struct walks w = { .lock = PTHREAD_MUTEX_INITIALIZER };
	uint64_t began = now_ms();

	file_set(CENSUS_MS, "1000");
	read_by_many(&w, -1, began + 1100);
	printf("# %u walks within %llu ms\n", w.nr, (unsigned long long)(now_ms() - began));
	EXPECT_GE((now_ms() - began) / 1000 + 2, w.nr);
	EXPECT_LE(1, w.nr);
}

static size_t actions_rows(void)
{
	struct table t;
	size_t rows;

	census_table(&t, "actions");
	rows = t.rows;
	table_free(&t);
	return rows;
}

/* Of the last pass; no walk is needed to know that. */
static unsigned long long pass_ms(int here)
{
	unsigned long long us;

	net_enter(initial);
	us = census_stat("reaper_walk_us");
	net_enter(here);
	return us / 1000;
}

/*
 * Until there are so many actions, or more; returns when that was not yet so. All the
 * while settings are written in another namespace, as each asks for a pass at once.
 */
static uint64_t actions_wait(size_t rows, int here, int other)
{
	uint64_t before = now_ms(), now = before, until = before + 4000 * WAIT_SECONDS;

	while (actions_rows() < rows) {
		before = now;
		must(now < until);
		net_enter(other);
		setting_set("rate", "1");
		net_enter(here);
		nap_ms(20);
		now = now_ms();
	}
	return before;
}

/*
 * One action a second is asked for where there is more to be done, which is what brings
 * passes soonest. The next comes when the walk of the one before has rested.
 */
TEST_F(walk, reaper_rests)
{
	unsigned long long walk, passed;
	struct target t[8];
	unsigned int i;
	uint64_t before;
	struct addr to;
	int here;

	if (!slow_down(self->home, 600))
		SKIP(return, "walks are too short to be measured");
	/* One more, for a snapshot that is good for all that follows. */
	file_set(CENSUS_MS, "3600000");
	here = net_new();
	census_stat("walk_us");
	to = addr("127.0.0.1", 80);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		target_make(&t[i], i ? t[0].listener : sock_listen("127.0.0.1", 80, 8), &to,
			    DRAINED, false);
	setting_set("action", "probe");
	setting_set("rate", "1");
	setting_set("timeout", "1");
	/* If that takes so long that there is another pass, it is for the next. */
	for (i = 1;; i = actions_rows() + 1) {
		before = actions_wait(i, here, self->home);
		walk = pass_ms(here);
		if (actions_rows() == i)
			break;
	}
	actions_wait(i + 1, here, self->home);
	passed = now_ms() - before;
	printf("# a pass took %llu ms, the next action came %llu ms later\n", walk, passed);
	EXPECT_LT(300, walk);
	EXPECT_LE(3 * walk, passed);
}

TEST_HARNESS_MAIN
