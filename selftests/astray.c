// SPDX-License-Identifier: GPL-2.0
/*
 * A walk that is held up in the middle of a chain, while the entries around the
 * one it stands on are freed, and hashed again elsewhere.
 *
 *	one of few chains:
 *	head -> [new ones] -> [1: long-lived] -> [2: closed now] -> [3: long-lived]
 *	                                              ^ the walk rests here
 *
 * A walk rests after about a thousand entries, which is where part 2 lies. Real-
 * time processes on both processors make some rests long, and part 2 is closed
 * from its beginning on: what is behind the entry the walk rests on moves to the
 * head of a chain, its own or another.
 */

#include <sched.h>
#include <sys/mman.h>

#include "lib/crowd.h"
#include "lib/test.h"
#include "lib/worker.h"

#define CHILD_ENTRIES "/proc/sys/net/ipv4/tcp_child_ehash_entries"

#define PART_1 100 /* pairs, in each chain */
#define PART_2 700
#define PART_3 100

FIXTURE(astray) {
	struct counts want;
	struct worker *mover;
	struct worker *hog;
	struct worker *reads; /* how many this process has done */
};

FIXTURE_VARIANT(astray) {
	int entries;
};

FIXTURE_VARIANT_ADD(astray, one_chain) { .entries = 1 };
FIXTURE_VARIANT_ADD(astray, two_chains) { .entries = 2 };

static void schedule(int policy)
{
	struct sched_param param = { .sched_priority = policy == SCHED_FIFO };

	must(!sched_setscheduler(0, policy, &param));
}

struct shared {
	unsigned long moving; /* part 2 is being moved */
	unsigned long changing; /* odd: part 1 is being made anew */
	unsigned long reads; /* of the test, done */
	unsigned long held; /* by the hog */
	int entries;
};

static unsigned long get(const unsigned long *n)
{
	return __atomic_load_n(n, __ATOMIC_ACQUIRE);
}

static void set(unsigned long *n, unsigned long value)
{
	__atomic_store_n(n, value, __ATOMIC_RELEASE);
}

/* Keep one processor from everybody else while part 2 moves on the other. */
static void hog(struct worker *me, void *arg)
{
	struct shared *s = arg;

	schedule(SCHED_FIFO);
	for (;;) {
		while (get(&s->moving))
			set(&s->held, 1);
		set(&s->held, 0);
		usleep(100);
		worker_round(me);
	}
}

static void make(struct pair *p, unsigned int n, int listener)
{
	struct addr to = sock_addr(listener);
	unsigned int i;

	for (i = 0; i < n; i++)
		p[i] = pair_make(listener, &to);
}

/* The newest is the first in the chain. */
static void unmake(struct pair *p, unsigned int n)
{
	while (n)
		pair_close(&p[--n]);
}

static void move(struct worker *me, void *arg)
{
	struct shared *s = arg;
	int v4 = sock_listen("127.0.0.1", 0, 64), v6 = sock_listen("::1", 0, 64);
	unsigned int n1 = PART_1 * s->entries, n2 = PART_2 * s->entries;
	struct pair *one = calloc(2 * n1, sizeof(*one)), *other = one + n1, *tmp;
	struct pair *two = calloc(n2, sizeof(*two));
	unsigned long reads;

	make(two, n2, v4);
	make(one, n1, v6);
	for (;;) {
		worker_round(me);
		set(&s->changing, get(&s->changing) + 1);
		reads = get(&s->reads);
		while (get(&s->reads) < reads + 2)
			usleep(200);
		usleep(rand() % 3000);

		set(&s->moving, 1);
		schedule(SCHED_FIFO);
		unmake(two, n2);
		make(two, n2, v4);
		set(&s->moving, 0);
		schedule(SCHED_OTHER);

		reads = get(&s->reads);
		while (get(&s->reads) < reads + 2)
			usleep(200);
		set(&s->changing, get(&s->changing) + 1);
		make(other, n1, v6);
		unmake(one, n1);
		tmp = one;
		one = other;
		other = tmp;
	}
}

static struct shared *s;

FIXTURE_SETUP(astray)
{
	fds_raise(10000);
	net_new();
	if (access(CHILD_ENTRIES, F_OK))
		SKIP(return, "this kernel has no established table per namespace");
	file_set(CHILD_ENTRIES, "%d", variant->entries);
	net_new();
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	s->entries = variant->entries;
	s->changing = 1;
	crowd_add(&self->want, "::1", PART_3 * variant->entries, 0, 0);
	self->mover = worker_start(move, s, 0);
	ASSERT_TRUE(wait_for(worker_rounds(self->mover)));
	self->want.n[TCP_ESTABLISHED][V6] += 2 * PART_1 * variant->entries;
	self->want.n[TCP_LISTEN][V6]++;
	self->hog = worker_start(hog, s, 1);
}

FIXTURE_TEARDOWN(astray)
{
	worker_stop(self->mover);
	worker_stop(self->hog);
	EXPECT_FALSE(census_damaged());
}

TEST_F(astray, counts)
{
	unsigned long long restarts = 0, locked = 0;
	unsigned int checked = 0, state, bad = 0;
	uint64_t until = now_ms() + 6000;
	unsigned long changing;
	struct counts got;
	char *text;

	while (now_ms() < until) {
		changing = get(&s->changing);
		census_counts(&got);
		if (changing % 2 == 0 && changing == get(&s->changing)) {
			checked++;
			for (state = 1; state < STATES; state++)
				got.n[state][V4] = 0;
			bad += counts_diff("long-lived", &self->want, &got);
		}
		set(&s->reads, s->reads + 1);
		text = file_read(CENSUS_DIR "stat", NULL);
		ASSERT_NE(NULL, text);
		restarts += stat_value(text, "walk_restarts");
		locked += stat_value(text, "walk_locked_buckets");
		free(text);
	}
	printf("# %u reads, %llu restarts, %llu buckets locked, %lu moves\n", checked, restarts,
	       locked, worker_rounds(self->mover));
	EXPECT_EQ(0, bad);
}

TEST_HARNESS_MAIN
