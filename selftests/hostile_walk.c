// SPDX-License-Identifier: GPL-2.0
/*
 * Users who have the kernel walk as often as they can, and make the walks long: with
 * tables of their own, millions of buckets each, in namespaces that they may create.
 * The walks of all of them together take a quarter of one CPU at most. Only who reads
 * sockets has walks of his own, and does them himself.
 *
 *	+-- netns ---+  +-- netns -----------------------+  +-- netns ------------+
 *	| readers    |  | own table of 16 M buckets, ... |  | always something    |
 *	|            |  |                                |  | left for the reaper |
 *	+------------+  +--------------------------------+  +---------------------+
 *
 * Nothing here hangs on how fast or how loaded the machine is: the walks say how long
 * they took, and what is asserted is how much time passed for that.
 */

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

#include "lib/cpu.h"
#include "lib/reap_test.h"
#include "lib/setting.h"
#include "lib/user.h"
#include "lib/worker.h"

#define CHILD_ENTRIES "/proc/sys/net/ipv4/tcp_child_ehash_entries"

enum {
	BUCKETS = 1 << 21, /* of the first table; of the next twice as many */
	BUCKETS_MAX = 1 << 24,
	TABLES = 12,
	WALKS = 8,
	READERS = 16,
	PAIRS = 200,
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
 * struct walks - walks that were seen, by any process
 * @lock: protects the rest
 * @us: how long each took, which is as good as a name for it
 * @nr: how many
 */
struct walks {
	pthread_mutex_t lock;
	unsigned long long us[1000];
	unsigned int nr;
};

static struct walks *walks_begin(void)
{
	struct walks *w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t attr;

	must(w != MAP_FAILED);
	must(!pthread_mutexattr_init(&attr));
	must(!pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED));
	must(!pthread_mutex_init(&w->lock, &attr));
	return w;
}

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
	struct walks *w = walks_begin();
	uint64_t began;

	if (!slow_down(self->home, 30))
		SKIP(return, "walks are too short to be measured");
	file_set(CENSUS_MS, "3600000");
	be_rootless();
	/* The time that passes is that of the walks that are seen. */
	close(net_new());
	census_stat("walk_us");
	began = now_ms();
	while (w->nr < WALKS) {
		close(net_new());
		walks_see(w);
	}
	EXPECT_TRUE(walks_rested(w, began));
}

/**
 * struct reader - who reads for ever
 * @user: who that is
 * @walks: what all of them see
 */
struct reader {
	const struct user *user;
	struct walks *walks;
};

static void read_and_read(struct worker *me, void *arg)
{
	const struct reader *r = arg;

	r->user->become();
	worker_round(me);
	must(wait_for(worker_rounds(me) > 1));
	for (;;)
		walks_see(r->walks);
}

/* All users at once, until so many walks were seen, but for so long at least; since when? */
static uint64_t read_by_many(struct walks *walks, unsigned int nr, unsigned int ms)
{
	struct worker *w[READERS];
	struct reader r = { .walks = walks };
	unsigned int i;
	uint64_t began;

	for (i = 0; i < READERS; i++) {
		r.user = &users[i % USERS];
		w[i] = worker_start(read_and_read, &r, -1);
	}
	for (i = 0; i < READERS; i++)
		must(wait_for(worker_rounds(w[i])));
	/* The time that passes is that of the walks that are seen. */
	census_stat("walk_us");
	began = now_ms();
	for (i = 0; i < READERS; i++)
		worker_round(w[i]);
	while (now_ms() < began + ms ||
	       (__atomic_load_n(&walks->nr, __ATOMIC_RELAXED) < nr &&
		now_ms() < began + 4000 * WAIT_SECONDS))
		nap_ms(5);
	for (i = 0; i < READERS; i++)
		worker_stop(w[i]);
	return began;
}

/* The least that the host's administrator may ask for, but for no limit at all. */
TEST_F(walk, tight_loops)
{
	struct walks *w = walks_begin();
	uint64_t began;

	if (!slow_down(self->home, 30))
		SKIP(return, "walks are too short to be measured");
	file_set(CENSUS_MS, "1");
	began = read_by_many(w, WALKS, 0);
	EXPECT_LE(WALKS, w->nr);
	EXPECT_TRUE(walks_rested(w, began));
}

/* And what there is if he asks for nothing. */
TEST_F(walk, tight_loops_share)
{
	struct walks *w = walks_begin();
	uint64_t began;

	file_set(CENSUS_MS, "1000");
	began = read_by_many(w, 1, 1100);
	printf("# %u walks within %llu ms\n", w->nr, (unsigned long long)(now_ms() - began));
	EXPECT_GE((now_ms() - began) / 1000 + 2, w->nr);
	EXPECT_LE(1, w->nr);
}

static void read_once(struct worker *me, void *user)
{
	((const struct user *)user)->become();
	worker_round(me);
	must(wait_for(worker_rounds(me) > 1));
	census_stat("walk_us");
	worker_round(me);
	pause();
}

/* Does it sleep as who waits for a walk does, so that only what kills it wakes it? */
static bool waits(const struct worker *w)
{
	return worker_state(w) == 'D' || worker_rounds(w) > 2;
}

/* Had all who were killed while they waited gone before there was the next walk? */
static bool killed_first(void)
{
	struct worker *w[USERS];
	unsigned long long walk;
	bool waited = true;
	unsigned int i;

	for (i = 0; i < USERS; i++) {
		w[i] = worker_start(read_once, (void *)&users[i], -1);
		must(wait_for(worker_rounds(w[i])));
	}
	/* It rests from now on, for longer than what follows takes. */
	file_set(CENSUS_MS, "1");
	walk = census_stat("walk_us");
	for (i = 0; i < USERS; i++)
		worker_round(w[i]);
	for (i = 0; i < USERS; i++) {
		must(wait_for(waits(w[i])));
		waited &= worker_rounds(w[i]) == 2;
	}
	for (i = 0; i < USERS; i++)
		worker_stop(w[i]);
	file_set(CENSUS_MS, "3600000");
	return waited && census_stat("walk_us") == walk;
}

TEST_F(walk, who_waits_can_be_killed)
{
	unsigned int i;
	bool first;

	if (!slow_down(self->home, 100))
		SKIP(return, "walks are too short to be waited for");
	/* The machine may have had something else to do. */
	for (i = 0, first = false; i < 10 && !first; i++)
		first = killed_first();
	EXPECT_TRUE(first);
}

/* One chain of his own, which is seen from its beginning for every 64 lines. */
static void read_sockets(struct worker *me, void *arg)
{
	int listener, fd;
	struct addr to;
	struct pair p;
	unsigned int i;
	char text[4096];

	(void)arg;
	be_rootless();
	if (!access(CHILD_ENTRIES, F_OK)) {
		file_set(CHILD_ENTRIES, "1");
		close(net_new());
	}
	listener = sock_listen("127.0.0.1", 80, 4);
	to = sock_addr(listener);
	for (i = 0; i < PAIRS; i++) {
		p = pair_make(listener, &to);
		pair_close_wait(&p);
	}
	/* A snapshot that is good for all that follows. */
	census_stat("walk_us");
	worker_round(me);
	must(wait_for(worker_rounds(me) > 1));
	for (;;) {
		fd = open(CENSUS_DIR "sockets", O_RDONLY);
		must(fd >= 0);
		while (read(fd, text, sizeof(text)) > 0)
			;
		close(fd);
		worker_round(me);
	}
}

static unsigned long long readers_ticks(struct worker *const *w, unsigned int n)
{
	unsigned long long sum = 0;

	while (n--)
		sum += cpu_ticks(w[n]->pid);
	return sum;
}

/*
 * All these walks are of nobody's CPU time but the readers': neither census_ms nor a
 * rest keeps them from it, so others must not pay for it.
 */
TEST(sockets_at_own_cost)
{
	unsigned long long own, others, seconds = sysconf(_SC_CLK_TCK);
	struct worker *w[USERS];
	unsigned int i;

	file_set(CENSUS_MS, "3600000");
	for (i = 0; i < USERS; i++)
		w[i] = worker_start(read_sockets, NULL, -1);
	for (i = 0; i < USERS; i++)
		ASSERT_TRUE(wait_for(worker_rounds(w[i])));
	own = readers_ticks(w, USERS);
	others = cpu_ticks_named("kworker");
	for (i = 0; i < USERS; i++)
		worker_round(w[i]);
	ASSERT_TRUE(wait_for(readers_ticks(w, USERS) - own >= 2 * seconds));
	own = readers_ticks(w, USERS) - own;
	others = cpu_ticks_named("kworker") - others;
	printf("# sockets: %llu ms of the readers, %lld ms of the kernel's workers\n",
	       own * 1000 / seconds, (long long)others * 1000 / (long long)seconds);
	EXPECT_GT((long long)own / 10, (long long)others);
	for (i = 0; i < USERS; i++)
		EXPECT_LT(2, worker_stop(w[i]));
	EXPECT_FALSE(census_damaged());
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

/* Until there are so many actions, or more; returns when that was not yet so. */
static uint64_t actions_wait(size_t rows)
{
	uint64_t before = now_ms(), now = before, until = before + 4000 * WAIT_SECONDS;

	while (actions_rows() < rows) {
		before = now;
		must(now < until);
		nap_ms(20);
		now = now_ms();
	}
	return before;
}

/* In a namespace of one's own: each asks for a pass at once. */
static void write_settings(struct worker *me, void *arg)
{
	(void)arg;
	be_rootless();
	for (;;) {
		setting_set("rate", "1");
		worker_round(me);
		nap_ms(20);
	}
}

/*
 * One action a second is asked for where there is more to be done, which is what brings
 * passes soonest. The next comes when the walk of the one before has rested.
 */
TEST_F(walk, reaper_rests)
{
	unsigned long long walk, passed;
	struct worker *writer;
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
	writer = worker_start(write_settings, NULL, -1);
	/* If that takes so long that there is another pass, it is for the next. */
	for (i = 1;; i = actions_rows() + 1) {
		before = actions_wait(i);
		walk = pass_ms(here);
		if (actions_rows() == i)
			break;
	}
	actions_wait(i + 1);
	passed = now_ms() - before;
	EXPECT_LT(0, worker_stop(writer));
	printf("# a pass took %llu ms, the next action came %llu ms later\n", walk, passed);
	EXPECT_LT(300, walk);
	EXPECT_LE(3 * walk, passed);
}

TEST_HARNESS_MAIN
