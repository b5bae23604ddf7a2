// SPDX-License-Identifier: GPL-2.0
/*
 * What an application sees of it, whose connection is counted, asked for, reset or
 * found to be without a peer.
 *
 *	far ---- FIN ----> near, which the application has and does not close
 */

#include <sys/epoll.h>

#include "lib/reap_test.h"
#include "lib/setting.h"
#include "lib/test_module.h"
#include "lib/worker.h"

static const struct keepalive usual = { .idle = 7200, .interval = 75, .count = 9 };

FIXTURE(app) {
	int outside;
	unsigned long long unreleased;
	struct target t;
	struct worker *waits;
};

/* Who sees closed_unreleased is in the initial namespace. */
static unsigned long long unreleased(int outside)
{
	unsigned long long n;
	int here = net_open();

	net_enter(outside);
	n = census_stat("closed_unreleased");
	net_enter(here);
	close(here);
	return n;
}

/* ERR and HUP are told without being asked for. */
static unsigned int events(int fd, unsigned int asked, int timeout)
{
	struct epoll_event want = { .events = asked }, got = {};
	int ep = epoll_create1(EPOLL_CLOEXEC);

	must(ep >= 0);
	must(!epoll_ctl(ep, EPOLL_CTL_ADD, fd, &want));
	must(epoll_wait(ep, &got, 1, timeout) >= 0);
	close(ep);
	return got.events;
}

static void wait_for_events(struct worker *me, void *arg)
{
	const struct target *t = arg;

	close(t->far);
	/* HUP may come a moment later: the error is reported, then the state changes. */
	must(events(t->near, 0, -1) & EPOLLERR);
	worker_round(me);
	pause();
}

FIXTURE_VARIANT(app) {
	unsigned int flow;
	enum cause cause;
};

FIXTURE_VARIANT_ADD(app, drained) { .flow = 0, .cause = DRAINED };
FIXTURE_VARIANT_ADD(app, fin_pending_ipv6) { .flow = 1, .cause = FIN_PENDING };

FIXTURE_SETUP(app)
{
	struct addr to;
	int fd;

	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	self->outside = net_open();
	net_new();
	self->unreleased = unreleased(self->outside);
	fd = flow_listen(&flows[variant->flow], &to);
	target_make(&self->t, fd, &to, variant->cause, false);
	target_age(&self->t, AGES);
	self->waits = worker_start(wait_for_events, &self->t, -1);
	setting_set("causes", "drained fin_pending");
}

FIXTURE_TEARDOWN(app)
{
	EXPECT_FALSE(census_damaged());
}

/* As if nothing had been: what is to be read, and what is sent. */
static unsigned int works_off(const struct target *t)
{
	struct addr peer = sock_peer(t->near);
	char *text = addr_text(&peer), c;
	unsigned int n;

	n = off_text("getpeername", t->remote, text);
	n += off("epoll", EPOLLIN | EPOLLOUT | EPOLLRDHUP,
		 events(t->near, EPOLLIN | EPOLLOUT | EPOLLRDHUP, 0));
	n += off("recv", 0, recv(t->near, &c, 1, 0));
	sock_send(t->near, 1000);
	sock_receive(t->far, 1000);
	free(text);
	return n;
}

TEST_F(app, sees_nothing_of_count)
{
	setting_set("timeout", "8000");
	reap_pass();
	EXPECT_EQ(1, actions_sum());
	EXPECT_EQ(0, keepalive_off(&usual, self->t.near));
	EXPECT_EQ(0, works_off(&self->t));
	EXPECT_EQ(0, worker_rounds(self->waits));
	EXPECT_EQ(self->unreleased, unreleased(self->outside));
}

/* But that SO_KEEPALIVE is on. The peer is asked, and answers. */
TEST_F(app, sees_nothing_of_probe)
{
	struct keepalive want = { .on = 1, .idle = 1, .interval = 1, .count = 7 };
	struct socket_row row;

	setting_set("action", "probe");
	setting_set("timeout", "1");
	ASSERT_TRUE(wait_for(actions_sum() == 1));
	EXPECT_EQ(0, keepalive_off(&want, self->t.near));
	/* What it was aged by is gone with the first answer. */
	ASSERT_TRUE(wait_for(socket_of(&row, self->t.near) && row.idle_s < AGES));
	EXPECT_EQ(0, works_off(&self->t));
	EXPECT_EQ(0, worker_rounds(self->waits));
	EXPECT_EQ(self->unreleased, unreleased(self->outside));
}

/*
 * The connection is over: whoever waits is told, the rest as long as the descriptor is
 * open, and that is counted.
 */
static unsigned int over_off(const struct target *t, const struct worker *waits,
			     int err)
{
	struct addr peer = { .len = sizeof(peer.in6) };
	unsigned int n;
	char c;

	n = off("who waits is woken", 1, wait_for(worker_rounds(waits) == 1));
	n += off("is over", 1, wait_for(sock_state(t->near) == TCP_CLOSE));
	n += off("recv", 0, recv(t->near, &c, 1, 0));
	n += off("epoll", EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLERR | EPOLLHUP,
		 events(t->near, EPOLLIN | EPOLLOUT | EPOLLRDHUP, 0));
	n += off("send", -1, send(t->near, "x", 1, MSG_NOSIGNAL));
	n += off("errno", err, errno);
	n += off("send again", -1, send(t->near, "x", 1, MSG_NOSIGNAL));
	n += off("errno", EPIPE, errno);
	n += off("recv", 0, recv(t->near, &c, 1, 0));
	n += off("getpeername", -1, getpeername(t->near, &peer.sa, &peer.len));
	return n + off("errno", ENOTCONN, errno);
}

/* Its socket is still there, of no use to anybody, until it is closed. */
static unsigned int released_off(struct worker *waits, int near, int outside,
				 unsigned long long began)
{
	unsigned int n;

	n = off("is counted", 1, wait_for(unreleased(outside) == began + 1));
	worker_stop(waits);
	must(!close(near));
	return n + off("is not any more", 1, wait_for(unreleased(outside) == began));
}

TEST_F(app, sees_an_error_after_abort)
{
	char c;

	setting_set("action", "abort");
	setting_set("timeout", "8000");
	reap_pass();
	EXPECT_EQ(1, actions_sum());
	EXPECT_EQ(0, over_off(&self->t, self->waits, ECONNABORTED));
	EXPECT_EQ(-1, recv(self->t.far, &c, 1, 0));
	EXPECT_EQ(ECONNRESET, errno);
	close(self->t.far);
	EXPECT_EQ(0, released_off(self->waits, self->t.near, self->outside,
				  self->unreleased));
}

/* Its machine was restarted: it answers, but does not know of the connection. */
TEST_F(app, sees_an_error_when_probe_finds_nobody)
{
	sock_vanish(self->t.far);
	setting_set("action", "probe");
	setting_set("timeout", "1");
	ASSERT_TRUE(wait_for(worker_rounds(self->waits)));
	EXPECT_EQ(1, actions_sum());
	EXPECT_EQ(0, over_off(&self->t, self->waits, EPIPE));
	EXPECT_EQ(0, released_off(self->waits, self->t.near, self->outside,
				  self->unreleased));
}

FIXTURE(keepalive) {
	struct target t[2];
	struct keepalive own;
};

/* Whoever has the one or the other has said when a peer is to be given up. */
FIXTURE_VARIANT(keepalive) {
	int level;
	int option;
	int value;
	int on;
};

FIXTURE_VARIANT_ADD(keepalive, on) { SOL_SOCKET, SO_KEEPALIVE, 1, 1 };
FIXTURE_VARIANT_ADD(keepalive, off_and_user_timeout) {
	IPPROTO_TCP, TCP_USER_TIMEOUT, 600000, 0
};

/* One accepted, one queued; both have it from the listener. */
FIXTURE_SETUP(keepalive)
{
	struct addr to;
	int fd, seconds = 5000;

	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	net_new();
	fd = flow_listen(&flows[0], &to);
	ASSERT_EQ(0, setsockopt(fd, variant->level, variant->option, &variant->value,
				sizeof(variant->value)));
	ASSERT_EQ(0, setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds,
				sizeof(seconds)));
	target_make(&self->t[0], fd, &to, DRAINED, false);
	target_make(&self->t[1], fd, &to, UNACCEPTED, false);
	/* Not so old that it would be asked now. */
	target_age(&self->t[0], 1000);
	target_age(&self->t[1], 1000);
	self->own = (struct keepalive){
		.on = variant->on, .idle = seconds, .interval = 75, .count = 9,
	};
}

FIXTURE_TEARDOWN(keepalive)
{
	EXPECT_FALSE(census_damaged());
}

TEST_F(keepalive, is_left_to_it_by_probe)
{
	setting_set("action", "probe");
	setting_set("timeout", "800");
	reap_pass();
	EXPECT_EQ(2, reap_candidates());
	EXPECT_EQ(2, reap_skipped("keepalive"));
	EXPECT_EQ(0, actions_sum());
	EXPECT_EQ(0, keepalive_off(&self->own, self->t[0].near));
	self->t[1].near = sock_accept(self->t[1].listener);
	EXPECT_EQ(0, keepalive_off(&self->own, self->t[1].near));
}

TEST_F(keepalive, is_no_matter_to_others)
{
	setting_set("timeout", "800");
	reap_pass();
	EXPECT_EQ(2, reap_candidates());
	EXPECT_EQ(0, reap_skipped("keepalive"));
	EXPECT_EQ(2, actions_sum());
	setting_set("action", "abort");
	reap_pass();
	EXPECT_EQ(4, actions_sum());
	EXPECT_EQ(1, actions_done("drained", "abort", "reset"));
	EXPECT_EQ(1, actions_done("unaccepted", "abort", "evicted"));
}

TEST_HARNESS_MAIN
