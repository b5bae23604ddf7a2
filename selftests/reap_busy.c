// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that hold a socket's lock for as long as they like: on the way into the
 * kernel they touch a page that is not served. The reaper leaves that socket alone and
 * goes on, and so do readers and the unloading of the module.
 *
 *	+-- lo, one netns ------------------------------------------+
 *	| accepted: held, held, ... and free ones                   |
 *	| listeners with dead connections queued: one held, one not |
 *	+-----------------------------------------------------------+
 */

#include <linux/filter.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>

#include "lib/fault.h"
#include "lib/queue.h"
#include "lib/reap_test.h"
#include "lib/setting.h"
#include "lib/test_module.h"

enum { TARGETS = 12, HELD = 8, QUEUED_EACH = 5 };

/**
 * struct hold - a thread that holds the lock of a socket
 * @thread: it
 * @fd: the socket
 * @sends: it stands in send(), else in setsockopt()
 * @uffd: who is told of the fault
 * @page: what it wants to read
 */
struct hold {
	pthread_t thread;
	int fd;
	bool sends;
	int uffd;
	char *page;
};

static void *stand_there(void *arg)
{
	struct hold *h = arg;
	struct sock_fprog prog = {
		.len = 1, .filter = (struct sock_filter *)h->page,
	};

	if (h->sends)
		send(h->fd, h->page, 100, MSG_NOSIGNAL);
	else
		/* A filter of zeros is none. */
		setsockopt(h->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
	return NULL;
}

static void hold(struct hold *h, int fd, bool sends)
{
	struct pollfd fault = { .events = POLLIN };

	h->fd = fd;
	h->sends = sends;
	h->uffd = fault_page(&h->page);
	must(h->uffd >= 0);
	must(!pthread_create(&h->thread, NULL, stand_there, h));
	fault.fd = h->uffd;
	must(poll(&fault, 1, WAIT_SECONDS * 1000) == 1 && fault.revents == POLLIN);
}

static bool can_hold(void)
{
	char *page;
	int fd = fault_page(&page);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void let_go(struct hold *h)
{
	struct uffdio_zeropage zero = {
		.range.start = (uintptr_t)h->page, .range.len = 4096,
	};

	must(!ioctl(h->uffd, UFFDIO_ZEROPAGE, &zero));
	must(!pthread_join(h->thread, NULL));
	must(!munmap(h->page, 4096));
	close(h->uffd);
}

FIXTURE(busy) {
	unsigned long long expedited;
	struct target t[TARGETS];
	int listener[2];
	struct addr to[2];
	struct hold hold[HELD];
};

FIXTURE_VARIANT(busy) {
	const char *action;
	const char *accepted;
	const char *queued;
};

FIXTURE_VARIANT_ADD(busy, probe) {
	.action = "probe", .accepted = "probing", .queued = "probing",
};

FIXTURE_VARIANT_ADD(busy, abort) {
	.action = "abort", .accepted = "reset", .queued = "evicted",
};

FIXTURE_SETUP(busy)
{
	struct addr to;
	int fd, i;

	/* Unloading waits for grace periods. */
	self->expedited = expedite();
	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	if (!can_hold())
		SKIP(return, "no userfaultfd: %m");
	net_new();
	fd = flow_listen(&flows[0], &to);
	for (i = 0; i < TARGETS; i++) {
		target_make(&self->t[i], fd, &to, DRAINED, false);
		target_age(&self->t[i], AGES);
	}
	setting_set("action", variant->action);
}

FIXTURE_TEARDOWN_PARENT(busy)
{
	expedite_as(self->expedited);
	if (!loaded())
		load_fast("");
	EXPECT_FALSE(census_damaged());
}

static void hold_all(struct hold *h, const struct target *t)
{
	int i;

	for (i = 0; i < HELD; i++)
		hold(&h[i], t[i].near, i % 2);
}

static void let_all_go(struct hold *h)
{
	int i;

	for (i = 0; i < HELD; i++)
		let_go(&h[i]);
}

/* A long timeout: only the passes that are asked for. */
static void begin(void)
{
	setting_set("timeout", "8000");
}

TEST_F(busy, accepted)
{
	struct close_wait row;
	unsigned int i;
	struct action a;

	hold_all(self->hold, self->t);
	begin();
	reap_pass();
	EXPECT_EQ(HELD, reap_skipped("busy"));
	EXPECT_EQ(TARGETS - HELD, actions_done("drained", variant->action,
					       variant->accepted));
	for (i = 0; i < TARGETS; i++)
		EXPECT_EQ(i >= HELD, actions_of(&a, &self->t[i]));
	close_wait_row(&row, "server", NULL);
	EXPECT_EQ(strcmp(variant->action, "abort") ? TARGETS : HELD, row.sockets);

	let_all_go(self->hold);
	for (i = 0; i < HELD; i++) {
		ASSERT_TRUE(wait_for(!sock_unacked(self->t[i].near)));
		target_age(&self->t[i], AGES);
	}
	reap_pass();
	EXPECT_EQ(0, reap_skipped("busy"));
	EXPECT_EQ(TARGETS, actions_done("drained", variant->action,
					variant->accepted));
}

/* What they hold takes nobody's place, however little may be done at a time. */
TEST_F(busy, others_have_their_turn)
{
	hold_all(self->hold, self->t);
	setting_set("rate", "%u", (TARGETS - HELD) / 2);
	begin();
	reap_pass();
	reap_pass();
	EXPECT_EQ(TARGETS - HELD, actions_done("drained", variant->action,
					       variant->accepted));
	let_all_go(self->hold);
}

static void queue_dead(int fd, const struct addr *to, unsigned int n)
{
	struct listener l;
	struct queue q = {};

	while (n--)
		queue_client(to, HALF, &q);
	must(queue_settles(&l, fd, &q));
	must(!test_module("age %d %d", fd, AGES));
}

TEST_F(busy, listener)
{
	unsigned int i;
	struct queue q = { .n[HALF] = QUEUED_EACH };
	struct listener l;

	for (i = 0; i < 2; i++) {
		self->listener[i] = flow_listen(&flows[i], &self->to[i]);
		queue_dead(self->listener[i], &self->to[i], QUEUED_EACH);
	}
	setting_set("causes", "unaccepted");
	hold(&self->hold[0], self->listener[0], false);
	begin();
	reap_pass();
	EXPECT_EQ(1, reap_skipped("busy"));
	EXPECT_EQ(QUEUED_EACH, actions_done("unaccepted", variant->action,
					    variant->queued));
	EXPECT_TRUE(queue_is(&l, self->listener[0], &q));

	let_go(&self->hold[0]);
	reap_pass();
	EXPECT_EQ(0, reap_skipped("busy"));
	EXPECT_EQ(2 * QUEUED_EACH, actions_done("unaccepted", variant->action,
						variant->queued));
}

/* Readers, the reaper and the unloading: nobody waits. */
TEST_F(busy, module_goes)
{
	struct hold queue;
	struct counts c;
	struct table t;

	self->listener[0] = flow_listen(&flows[0], &self->to[0]);
	queue_dead(self->listener[0], &self->to[0], QUEUED_EACH);
	hold_all(self->hold, self->t);
	hold(&queue, self->listener[0], false);
	setting_set("timeout", "1");
	reap_pass();
	EXPECT_EQ(HELD + 1, reap_skipped("busy"));
	census_counts(&c);
	census_table(&t, "listeners");
	table_free(&t);
	sockets_table(&t);
	table_free(&t);

	unload();
	EXPECT_FALSE(loaded());
	load_fast("");
}

FIXTURE(queued) {
	int fd;
	struct addr to;
	struct hold hold;
};

FIXTURE_SETUP(queued)
{
	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	if (!can_hold())
		SKIP(return, "no userfaultfd: %m");
	net_new();
	self->fd = flow_listen(&flows[0], &self->to);
	queue_dead(self->fd, &self->to, QUEUED_EACH);
	setting_set("causes", "unaccepted");
}

FIXTURE_TEARDOWN(queued)
{
	EXPECT_FALSE(census_damaged());
}

/* A candidate that could not be seen in between is still the same. */
TEST_F(queued, is_no_news)
{
	begin();
	reap_pass();
	EXPECT_EQ(QUEUED_EACH, actions_sum());

	hold(&self->hold, self->fd, false);
	reap_pass();
	EXPECT_EQ(1, reap_skipped("busy"));
	let_go(&self->hold);
	reap_pass();
	EXPECT_EQ(QUEUED_EACH, reap_candidates());
	EXPECT_EQ(QUEUED_EACH, actions_sum());
}

TEST_HARNESS_MAIN
