// SPDX-License-Identifier: GPL-2.0
/*
 * The peak of a queue that others take from all the while, against kprobes.
 *
 *	client on one CPU ---> [accept queue] ---> two acceptors on another
 *	                                                       (lo, one netns)
 *
 * T, the true peak, is the highest depth there ever was. It cannot be read
 * directly: no probe stands at the very place where a child is appended. But it
 * can be enclosed. D is the highest depth probed at the entry of
 * inet_csk_complete_hashdance(), over all children that are then appended.
 *
 *   T <= D + c, where c is the number of CPUs that append.
 *	Take the append that made the depth T, and the last entry before it, on
 *	whatever CPU: it read a depth of at most D. Every append since then had
 *	its entry before that, or is that one; softirqs do not nest, so that each
 *	CPU has at most one. With one CPU: T <= D + 1.
 *   T >= D, as every depth read was one that there was.
 *
 * The module reads the depth when the child's state changes, a little later. So:
 *
 *   never above:	peak <= T, hence peak <= D + c.
 *   not far below:	the depth is probed again behind the event, at
 *	sock_def_readable(listener). Take the last event before that, on whatever
 *	CPU: the module read a depth then, and since then only such children were
 *	appended as have not had their event yet, at most one on each other CPU.
 *	So peak >= the highest depth probed there - (c - 1), however many accept()
 *	takes, and on another CPU it may take many while a virtual CPU is away.
 *   below it by no more than the number of acceptors: that must be so if no
 *	acceptor takes more than one from before a child's entry to behind its
 *	event. Acceptors that are `paced` do not: they take one each when they are
 *	told to, which the client does between two connections, when nobody still
 *	has one to take, and while no child is on its way. What they take then
 *	falls anywhere into the next connections. For every child the depth read
 *	at its event is at least that at its entry + 1 - the number of acceptors,
 *	so peak >= D + 1 - that; with one CPU, D + 1 >= T.
 */

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>

#include "lib/depths.h"
#include "lib/peak.h"
#include "lib/test.h"
#include "lib/worker.h"

#define ACCEPTORS 2
#define CLIENTS 40
#define BACKLOG 1000

/**
 * struct play - how the processes keep in step
 * @fd: the listener
 * @to: its address
 * @turn: how often the acceptors were told to take one
 * @taken: connections accepted
 * @reads: how often somebody read listeners
 */
struct play {
	int fd;
	struct addr to;
	unsigned long turn;
	unsigned long taken;
	unsigned long reads;
};

FIXTURE(truth) {
	bool there;
	bool mounted;
	struct play *play;
};

FIXTURE_VARIANT(truth) {
	unsigned int rounds;
	struct kind {
		bool paced;
		bool read;
		bool two_clients;
	} kind;
};

FIXTURE_VARIANT_ADD(truth, paced) {
	.rounds = 20, .kind.paced = true,
};

FIXTURE_VARIANT_ADD(truth, as_fast_as_they_can) {
	.rounds = 20,
};

/* The walk takes peaks as well. */
FIXTURE_VARIANT_ADD(truth, somebody_reads) {
	.rounds = 10, .kind.read = true,
};

FIXTURE_VARIANT_ADD(truth, two_clients) {
	.rounds = 10, .kind.two_clients = true,
};

FIXTURE_SETUP(truth)
{
	self->there = depths_there(&self->mounted);
	if (!self->there)
		SKIP(return, "this kernel has no kprobe events");
	fds_raise(8000);
	net_new();
	file_set("/proc/sys/net/core/somaxconn", "%d", BACKLOG);
	self->play = mmap(NULL, sizeof(*self->play), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->play);
	depths_setup();
}

/* In the parent, which outlives a test that failed. */
FIXTURE_TEARDOWN_PARENT(truth)
{
	if (self->there)
		depths_teardown(self->mounted);
	EXPECT_FALSE(census_damaged());
}

static unsigned long get(const unsigned long *n)
{
	return __atomic_load_n(n, __ATOMIC_ACQUIRE);
}

static void add(unsigned long *n)
{
	__atomic_add_fetch(n, 1, __ATOMIC_ACQ_REL);
}

/* Accept one, if there is one; or -1. */
static int take_one(struct play *play)
{
	int fd = accept4(play->fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		must(errno == EAGAIN);
	else
		add(&play->taken);
	return fd;
}

static void take(struct worker *me, void *arg)
{
	int fd;

	for (;;) {
		fd = take_one(arg);
		if (fd >= 0)
			close(fd);
		worker_round(me);
	}
}

/* They stay: the client's data are to be acknowledged. */
static void take_when_told(struct worker *me, void *arg)
{
	struct play *play = arg;

	for (;;) {
		while (get(&play->turn) == worker_rounds(me))
			nap_us(20);
		take_one(play);
		worker_round(me);
	}
}

/* One more turn, once the last one is over. */
static void tell(struct play *play, struct worker *const *acceptor)
{
	unsigned int i;

	for (i = 0; i < ACCEPTORS; i++)
		while (worker_rounds(acceptor[i]) < get(&play->turn))
			nap_us(20);
	add(&play->turn);
}

static void connect_fast(struct play *play)
{
	unsigned int i;

	for (i = 0; i < CLIENTS; i++)
		sock_start(&play->to, false);
}

static void connect_all(struct worker *me, void *arg)
{
	connect_fast(arg);
	worker_round(me);
	for (;;)
		pause();
}

/*
 * A turn every so many connections, from more often than the queue grows to more
 * seldom. A connection whose data are acknowledged has been appended, and has
 * had its event.
 */
static void connect_paced(struct play *play, struct worker *const *acceptor,
			  unsigned int every)
{
	unsigned int i;
	int fd;

	for (i = 0; i < CLIENTS; i++) {
		if (i % every == 0)
			tell(play, acceptor);
		fd = sock_connect(&play->to);
		sock_send(fd, 1);
		must(wait_for(!sock_unacked(fd)));
	}
}

static void read_on(struct worker *me, void *arg)
{
	struct table t;

	(void)arg;
	for (;;) {
		census_table(&t, "listeners");
		table_free(&t);
		worker_round(me);
	}
}

/* Who is taken meanwhile is missed, and not counted twice. */
static bool all_came(const struct play *play, unsigned int n)
{
	unsigned long taken = get(&play->taken);

	return taken + sock_depth(play->fd) == n;
}

/*
 * Some wait already, so that the peak is not always at the end. This process is
 * on the CPU where the probes have put it; the others are on another.
 */
static unsigned int play_round(struct play *play, unsigned int waiting,
			       const struct kind *kind)
{
	struct worker *acceptor[ACCEPTORS], *reader = NULL, *client = NULL;
	unsigned int i, n = waiting + CLIENTS;
	int other = sched_getcpu() ? 0 : 1;

	must(burst_fill(play->fd, &play->to, waiting));
	play->turn = 0;
	play->taken = 0;
	if (kind->read) {
		reader = worker_start(read_on, NULL, other);
		must(wait_for(worker_rounds(reader)));
	}
	for (i = 0; i < ACCEPTORS; i++)
		acceptor[i] = worker_start(kind->paced ? take_when_told : take,
					   play, other);
	if (kind->two_clients) {
		client = worker_start(connect_all, play, other);
		n += CLIENTS;
	}
	if (kind->paced)
		connect_paced(play, acceptor, 1 + waiting % 4);
	else
		connect_fast(play);

	must(wait_for(all_came(play, n)));
	if (client)
		worker_stop(client);
	for (i = 0; i < ACCEPTORS; i++)
		worker_stop(acceptor[i]);
	if (reader)
		play->reads += worker_stop(reader);
	burst_drain(play->fd);
	return n;
}

TEST_F(truth, peak_is_never_above_and_hardly_below)
{
	struct play *play = self->play;
	unsigned int i, n;
	struct depths d;
	struct peak p;

	for (i = 0; i < variant->rounds; i++) {
		play->fd = sock_listen("127.0.0.1", 0, BACKLOG);
		play->to = sock_addr(play->fd);
		must(!fcntl(play->fd, F_SETFL, O_NONBLOCK));
		depths_begin();
		n = play_round(play, i, &variant->kind);
		depths_end(&d);
		peak_of(&p, play->fd);
		close(play->fd);

		printf("# round %u: %u queued, %u + %u deep before, %u behind: peak %llu\n",
		       i, d.enqueues, d.before, d.cpus, d.after, p.peak);
		ASSERT_EQ(n, d.enqueues);
		ASSERT_EQ(n, d.wakeups);
		EXPECT_EQ(n, p.queued);
		EXPECT_EQ(0, p.filled);
		EXPECT_GE(d.before + d.cpus, p.peak);
		if (variant->kind.paced)
			EXPECT_LE(d.before + 1, p.peak + ACCEPTORS);
		EXPECT_LE(d.after, p.peak + d.cpus - 1);
	}
	if (variant->kind.read)
		EXPECT_LT(0, play->reads);
}

TEST_HARNESS_MAIN
