// SPDX-License-Identifier: GPL-2.0
/*
 * A walk that is held up in the middle of a chain, while the entries around the
 * one it stands on are freed, and hashed again at the chain's head.
 *
 *	netns with an established table of a single chain (from 6.1 on):
 *	head -> [1: ::1, stays] -> [2: 127.0.0.1, moves] -> [3: ::1, stays] -> end
 *	                                 ^ the walk rests
 *
 * A walk rests after about a thousand entries, which is somewhere in part 2. Now
 * real-time processes take all processors, so that the rest is a long one, and
 * move part 2 to the head. A walk that just went on from where it stood would
 * come by part 1 once more.
 */

#include <sched.h>
#include <sys/mman.h>

#include "lib/crowd.h"
#include "lib/test.h"
#include "lib/worker.h"

#define CHILD_ENTRIES "/proc/sys/net/ipv4/tcp_child_ehash_entries"

/* Pairs. Part 2 is longer than what a walk looks at without a rest. */
enum { PART_1 = 100, PART_2 = 550, PART_3 = 100 };

/*
 * Until it was looked so often, and the walk was led astray so often; or once, where that
 * took longer than SECONDS; or not at all in so many moves, or in PATIENCE seconds. Where
 * looking alone takes longer than LONGEST something is wrong.
 */
enum { TIMES = 3, READS = 6, SECONDS = 6, MOVES = 10, PATIENCE = 60, LONGEST = 200 };

#define HOGS_MAX 64
#define READERS 3 /* so that nearly always there is a walk */

/**
 * struct play - how the processes keep in step
 * @moving: part 2 moves, and nobody else shall run
 * @act: odd while part 1 is made anew, so that its number is in between
 * @reads: how often the test has looked
 * @want: what stays
 */
struct play {
	unsigned long moving;
	unsigned long act;
	unsigned long reads;
	struct counts want;
};

FIXTURE(astray) {
	struct play *play;
	struct worker *mover;
	struct worker *reader[READERS];
	struct worker *hog[HOGS_MAX];
	int hogs;
};

static unsigned long get(const unsigned long *n)
{
	return __atomic_load_n(n, __ATOMIC_ACQUIRE);
}

static void add(unsigned long *n, long value)
{
	__atomic_add_fetch(n, value, __ATOMIC_ACQ_REL);
}

static void schedule(int policy)
{
	struct sched_param param = { .sched_priority = policy == SCHED_FIFO };

	must(!sched_setscheduler(0, policy, &param));
}

/* Keep a processor from everybody else while part 2 moves. */
static void hog(struct worker *me, void *arg)
{
	const struct play *play = arg;

	schedule(SCHED_FIFO);
	for (;;) {
		while (get(&play->moving))
			worker_round(me);
		usleep(100);
	}
}

static void make(struct pair *p, unsigned int n, int listener)
{
	struct addr to = sock_addr(listener);
	unsigned int i;

	for (i = 0; i < n; i++)
		p[i] = pair_make(listener, &to);
}

/* From its beginning on: the newest is the first in the chain. */
static void unmake(struct pair *p, unsigned int n)
{
	while (n)
		pair_close(&p[--n]);
}

static void let_it_read(const struct play *play)
{
	unsigned long reads = get(&play->reads);

	while (get(&play->reads) < reads + 2)
		usleep(200);
}

static void move(struct worker *me, void *arg)
{
	static struct pair one[2][PART_1], two[PART_2];
	struct play *play = arg;
	int v4 = sock_listen("127.0.0.1", 0, 64);
	int v6 = sock_listen("::1", 0, 64);
	unsigned int now;

	make(two, PART_2, v4);
	make(one[0], PART_1, v6);
	for (now = 0;; now = !now) {
		worker_round(me);
		add(&play->act, 1);
		let_it_read(play);
		/* Anywhere in a walk. */
		usleep(rand() % 3000);

		add(&play->moving, 1);
		schedule(SCHED_FIFO);
		unmake(two, PART_2);
		make(two, PART_2, v4);
		add(&play->moving, -1);
		schedule(SCHED_OTHER);
		let_it_read(play);

		/* Part 1 is behind part 2 now. */
		add(&play->act, 1);
		make(one[!now], PART_1, v6);
		unmake(one[now], PART_1);
	}
}

/* Is what stays counted right? Also true if that cannot be told now. */
static bool look(struct play *play)
{
	unsigned long act = get(&play->act);
	unsigned int state;
	struct counts got;

	census_counts(&got);
	if (act % 2 || act != get(&play->act))
		return true;
	for (state = 1; state < STATES; state++)
		got.n[state][V4] = 0;
	return !counts_diff("what stays", &play->want, &got);
}

static void look_on(struct worker *me, void *arg)
{
	while (look(arg))
		worker_round(me);
	die("not counted once");
}

FIXTURE_SETUP(astray)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int i;

	fds_raise(10000);
	net_new();
	if (access(CHILD_ENTRIES, F_OK))
		SKIP(return, "this kernel has no established table per namespace");
	if (cpus < 2 || cpus > HOGS_MAX)
		SKIP(return, "needs from 2 to %d processors", HOGS_MAX);
	file_set(CHILD_ENTRIES, "%d", 1);
	net_new();

	self->play = mmap(NULL, sizeof(*self->play), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->play);
	self->play->act = 1;
	crowd_add(&self->play->want, "::1", PART_3, 0, 0);
	self->mover = worker_start(move, self->play, 0);
	ASSERT_TRUE(wait_for(worker_rounds(self->mover)));
	self->play->want.n[TCP_ESTABLISHED][V6] += 2 * PART_1;
	self->play->want.n[TCP_LISTEN][V6]++;
	for (; self->hogs < cpus - 1; self->hogs++)
		self->hog[self->hogs] = worker_start(hog, self->play,
						     self->hogs + 1);
	for (i = 0; i < READERS; i++)
		self->reader[i] = worker_start(look_on, self->play, -1);
}

FIXTURE_TEARDOWN(astray)
{
	int i;

	for (i = 0; i < READERS; i++)
		worker_stop(self->reader[i]);
	worker_stop(self->mover);
	while (self->hogs)
		worker_stop(self->hog[--self->hogs]);
	EXPECT_FALSE(census_damaged());
}

/* Is the walk to be led astray once more? */
static bool more(const struct play *play, unsigned long moves, unsigned long restarts,
		 uint64_t began)
{
	if (play->reads < READS)
		return true;
	if (now_ms() < began + SECONDS * 1000)
		return restarts < TIMES;
	return !restarts && moves < MOVES && now_ms() < began + PATIENCE * 1000;
}

TEST_F(astray, what_stays_is_counted_once)
{
	uint64_t began = now_ms();
	unsigned long long restarts = 0;
	unsigned int bad = 0;

	while (!bad && now_ms() < began + LONGEST * 1000 &&
	       more(self->play, worker_rounds(self->mover), restarts, began)) {
		bad += !look(self->play);
		restarts += census_stat("walk_restarts");
		add(&self->play->reads, 1);
	}
	printf("# %lu reads, %lu moves, at least %llu restarts\n",
	       self->play->reads, worker_rounds(self->mover), restarts);
	EXPECT_EQ(0, bad);
	EXPECT_LE(READS, self->play->reads);
	if (!bad && self->play->reads >= READS && !restarts)
		SKIP(return, "no walk was led astray");
}

TEST_HARNESS_MAIN
