// SPDX-License-Identifier: GPL-2.0
/*
 * In which ways a socket can leave CLOSE_WAIT, and which of them count as closed
 * by its application: close() of the last descriptor, by whatever name, where no
 * keepalive has moved the beginning.
 *
 *	client ---- FIN ----> server, in CLOSE_WAIT, leaves   (lo, one netns)
 */

#include "lib/closing.h"
#include "lib/moves.h"
#include "lib/test.h"
#include "lib/test_module.h"
#include "lib/worker.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* What tcp_census_test makes them wait, and where that is shown. */
#define SECONDS 390
#define BUCKET 524288

enum as { COUNTED, OTHERWISE, UNKNOWN };

/* Ways: each may close what it closes for good, and says so with -1. */
static bool by_close(struct pair *p)
{
	close(p->server);
	p->server = -1;
	return true;
}

static bool with_linger_0(struct pair *p)
{
	sock_reset_on_close(p->server);
	return by_close(p);
}

static bool with_linger(struct pair *p)
{
	struct linger seconds = { .l_onoff = 1, .l_linger = 5 };

	must(!setsockopt(p->server, SOL_SOCKET, SO_LINGER, &seconds,
			 sizeof(seconds)));
	return by_close(p);
}

static bool still_there(void)
{
	struct counts c;

	census_counts(&c);
	return c.n[TCP_CLOSE_WAIT][V4] + c.n[TCP_CLOSE_WAIT][V6] == 1;
}

static bool by_last_dup(struct pair *p)
{
	int copy = dup(p->server);

	must(copy >= 0);
	by_close(p);
	must(still_there());
	close(copy);
	return true;
}

static void hold(struct worker *me, void *arg)
{
	(void)arg;
	worker_round(me);
	pause();
}

static bool by_kill(struct pair *p)
{
	struct worker *w = worker_start(hold, NULL, -1);

	must(wait_for(worker_rounds(w)));
	by_close(p);
	must(still_there());
	worker_stop(w);
	return true;
}

static void let_go(struct worker *me, void *arg)
{
	(void)arg;
	must(wait_for(worker_rounds(me)));
}

static bool by_exit(struct pair *p)
{
	struct worker *w = worker_start(let_go, NULL, -1);

	by_close(p);
	must(still_there());
	worker_round(w);
	worker_wait(w);
	return true;
}

static bool keepalive(struct pair *p, int on)
{
	must(!setsockopt(p->server, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)));
	return true;
}

static bool keepalive_then_close(struct pair *p)
{
	return keepalive(p, 1) && by_close(p);
}

static bool keepalive_then_linger_0(struct pair *p)
{
	return keepalive(p, 1) && with_linger_0(p);
}

static bool keepalive_off_again(struct pair *p)
{
	return keepalive(p, 1) && keepalive(p, 0) && by_close(p);
}

static bool in_repair(struct pair *p)
{
	int on = 1;

	must(!setsockopt(p->server, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)));
	return by_close(p);
}

static bool by_shutdown(struct pair *p)
{
	must(!shutdown(p->server, SHUT_WR));
	return true;
}

static bool by_shutdown_both(struct pair *p)
{
	must(!shutdown(p->server, SHUT_RDWR));
	return true;
}

static bool by_disconnect(struct pair *p)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	must(!connect(p->server, &none, sizeof(none)));
	return true;
}

static bool by_reset(struct pair *p)
{
	sock_reset_on_close(p->client);
	close(p->client);
	p->client = -1;
	return true;
}

static bool keepalive_then_reset(struct pair *p)
{
	return keepalive(p, 1) && by_reset(p);
}

/* Data that nobody acknowledges, and the socket's own limit for that. */
static bool by_timeout(struct pair *p)
{
	int ms = 10;

	sock_deafen(p->client);
	must(!setsockopt(p->server, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms)));
	sock_send(p->server, 1);
	return true;
}

static bool by_ss(struct pair *p)
{
	char *killed;
	bool done;

	(void)p;
	killed = run_output("ss", "-HtnK", "state", "close-wait", NULL);
	done = *killed;
	free(killed);
	return done;
}

FIXTURE(way) {
	int listener;
	struct addr to;
};

FIXTURE_VARIANT(way) {
	bool (*leave)(struct pair *p);
	enum as as;
	unsigned int unread;
};

FIXTURE_VARIANT_ADD(way, by_close) {
	.leave = by_close, .as = COUNTED,
};

FIXTURE_VARIANT_ADD(way, unread_then_close) {
	.leave = by_close, .as = COUNTED, .unread = 7,
};

FIXTURE_VARIANT_ADD(way, with_linger_0) {
	.leave = with_linger_0, .as = COUNTED,
};

FIXTURE_VARIANT_ADD(way, with_linger) {
	.leave = with_linger, .as = COUNTED,
};

FIXTURE_VARIANT_ADD(way, by_last_dup) {
	.leave = by_last_dup, .as = COUNTED,
};

FIXTURE_VARIANT_ADD(way, by_kill) {
	.leave = by_kill, .as = COUNTED,
};

FIXTURE_VARIANT_ADD(way, by_exit) {
	.leave = by_exit, .as = COUNTED, .unread = 7,
};

FIXTURE_VARIANT_ADD(way, keepalive_off_again) {
	.leave = keepalive_off_again, .as = COUNTED,
};

FIXTURE_VARIANT_ADD(way, keepalive_then_close) {
	.leave = keepalive_then_close, .as = UNKNOWN,
};

FIXTURE_VARIANT_ADD(way, keepalive_then_linger_0) {
	.leave = keepalive_then_linger_0, .as = UNKNOWN,
};

FIXTURE_VARIANT_ADD(way, in_repair) {
	.leave = in_repair, .as = UNKNOWN,
};

FIXTURE_VARIANT_ADD(way, by_shutdown) {
	.leave = by_shutdown, .as = OTHERWISE,
};

FIXTURE_VARIANT_ADD(way, by_shutdown_both) {
	.leave = by_shutdown_both, .as = OTHERWISE, .unread = 7,
};

FIXTURE_VARIANT_ADD(way, by_disconnect) {
	.leave = by_disconnect, .as = OTHERWISE,
};

FIXTURE_VARIANT_ADD(way, by_reset) {
	.leave = by_reset, .as = OTHERWISE,
};

FIXTURE_VARIANT_ADD(way, keepalive_then_reset) {
	.leave = keepalive_then_reset, .as = OTHERWISE,
};

FIXTURE_VARIANT_ADD(way, by_timeout) {
	.leave = by_timeout, .as = OTHERWISE,
};

FIXTURE_VARIANT_ADD(way, by_ss) {
	.leave = by_ss, .as = OTHERWISE,
};

FIXTURE_SETUP(way)
{
	net_new();
	self->listener = sock_listen("127.0.0.1", 80, 10);
	self->to = sock_addr(self->listener);
}

FIXTURE_TEARDOWN(way)
{
}

static struct closings all_as(enum as as, unsigned int n)
{
	struct closings c = {};

	if (as == COUNTED)
		c.count = n;
	else if (as == OTHERWISE)
		c.otherwise = n;
	else
		c.unknown = n;
	return c;
}

/* So many have left CLOSE_WAIT; and so did they, or where not? */
static unsigned int all_off(enum as as, unsigned int n, bool aged)
{
	struct closings want = all_as(as, n), got;
	struct moves m;

	must(wait_for((moves_read(&m), m.left[TCP_CLOSE_WAIT] == n)));
	closings_read(&got);
	/* How long the test took to do it is not known otherwise. */
	if (as == COUNTED) {
		want.p50 = aged ? BUCKET : got.p50;
		want.p90 = aged ? BUCKET : got.p90;
		want.p99 = aged ? BUCKET : got.p99;
	}
	return closings_off(&want, &got);
}

TEST_F(way, counted_once)
{
	bool aged = test_module_there();
	unsigned int i;
	struct pair p;

	for (i = 1; i <= 3; i++) {
		p = pair_make(self->listener, &self->to);
		sock_end(p.client, p.server, variant->unread);
		if (aged)
			ASSERT_EQ(0, test_module("age %d %d", p.server, SECONDS));
		if (!variant->leave(&p))
			SKIP(return, "this kernel has no INET_DIAG_DESTROY");
		EXPECT_EQ(0, all_off(variant->as, i, aged));
		/* What is left of it is in another state. */
		if (p.server >= 0)
			close(p.server);
		if (p.client >= 0)
			close(p.client);
		EXPECT_EQ(0, all_off(variant->as, i, aged));
	}
}

FIXTURE(special) {
	int listener;
	struct addr to;
};

FIXTURE_SETUP(special)
{
	net_new();
	self->listener = sock_listen("127.0.0.1", 80, 10);
	self->to = sock_addr(self->listener);
}

FIXTURE_TEARDOWN(special)
{
	if (test_module_there())
		EXPECT_EQ(0, test_module("release"));
}

/* The listener goes; those it has left had nobody who could have closed them. */
TEST_F(special, queued_children)
{
	bool aged = test_module_there();
	struct closings got;
	struct moves m;
	int client, i;

	for (i = 0; i < 4; i++) {
		client = sock_connect(&self->to);
		ASSERT_EQ(0, shutdown(client, SHUT_WR));
		ASSERT_TRUE(wait_for(sock_state(client) == TCP_FIN_WAIT2));
	}
	/* The one that is taken and closed has waited in the queue as well. */
	if (aged)
		ASSERT_EQ(0, test_module("age %d %d", self->listener, SECONDS));
	close(sock_accept(self->listener));
	EXPECT_EQ(0, all_off(COUNTED, 1, aged));
	close(self->listener);
	ASSERT_TRUE(wait_for((moves_read(&m), m.left[TCP_CLOSE_WAIT] == 4)));
	closings_read(&got);
	EXPECT_EQ(1, got.count);
	EXPECT_EQ(3, got.otherwise);
	EXPECT_EQ(0, got.unknown);
}

TEST_F(special, of_the_kernel)
{
	int server;

	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	ASSERT_EQ(0, test_module("connect 127.0.0.1 80"));
	server = sock_accept(self->listener);
	ASSERT_EQ(0, shutdown(server, SHUT_WR));
	ASSERT_TRUE(wait_for(sock_state(server) == TCP_FIN_WAIT2));
	ASSERT_EQ(0, test_module("release"));
	EXPECT_EQ(0, all_off(UNKNOWN, 1, false));
}

/* What was queued at it ends with it, as with any listener. */
TEST_F(special, queued_at_the_kernel)
{
	struct addr to = addr("127.0.0.1", 81);
	int client;

	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	ASSERT_EQ(0, test_module("listen 127.0.0.1 81 5"));
	client = sock_connect(&to);
	ASSERT_EQ(0, shutdown(client, SHUT_WR));
	ASSERT_TRUE(wait_for(sock_state(client) == TCP_FIN_WAIT2));
	ASSERT_EQ(0, test_module("release"));
	EXPECT_EQ(0, all_off(OTHERWISE, 1, false));
}

static int mptcp_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
}

/* A server of MPTCP, as Go's are, whose client is not: nothing special. */
TEST_F(special, plain_client_of_mptcp)
{
	int listener = mptcp_socket(), i;
	struct addr to = addr("127.0.0.1", 81);
	struct pair p;

	if (listener < 0)
		SKIP(return, "this kernel has no MPTCP sockets");
	ASSERT_EQ(0, bind(listener, &to.sa, to.len));
	ASSERT_EQ(0, listen(listener, 10));
	for (i = 1; i <= 3; i++) {
		p = pair_make(listener, &to);
		sock_end(p.client, p.server, 0);
		if (test_module_there())
			ASSERT_EQ(0, test_module("age %d %d", p.server, SECONDS));
		close(p.server);
		EXPECT_EQ(0, all_off(COUNTED, i, test_module_there()));
	}
}

/* Queued at such a server they look like the kernel's own, and are not. */
TEST_F(special, queued_at_mptcp)
{
	int listener = mptcp_socket(), client, i;
	struct addr to = addr("127.0.0.1", 81);

	if (listener < 0)
		SKIP(return, "this kernel has no MPTCP sockets");
	ASSERT_EQ(0, bind(listener, &to.sa, to.len));
	ASSERT_EQ(0, listen(listener, 10));
	for (i = 0; i < 3; i++) {
		client = sock_connect(&to);
		ASSERT_EQ(0, shutdown(client, SHUT_WR));
		ASSERT_TRUE(wait_for(sock_state(client) == TCP_FIN_WAIT2));
	}
	/* One is reset by its client; then the others' listener goes. */
	sock_reset_on_close(client);
	close(client);
	EXPECT_EQ(0, all_off(OTHERWISE, 1, false));
	close(listener);
	EXPECT_EQ(0, all_off(OTHERWISE, 3, false));
}

/* Closed by MPTCP, in its own time and in one way or another: not counted. */
TEST_F(special, subflow)
{
	int client = mptcp_socket(), server;
	struct closings got;
	struct moves m;

	if (client < 0)
		SKIP(return, "this kernel has no MPTCP sockets");
	ASSERT_EQ(0, connect(client, &self->to.sa, self->to.len));
	server = sock_accept(self->listener);
	ASSERT_EQ(0, shutdown(server, SHUT_WR));
	ASSERT_TRUE(wait_for(sock_state(server) == TCP_FIN_WAIT2));
	close(client);
	ASSERT_TRUE(wait_for((moves_read(&m), m.left[TCP_CLOSE_WAIT] == 1)));
	closings_read(&got);
	EXPECT_EQ(0, got.count);
	EXPECT_EQ(1, got.otherwise + got.unknown);
}

/* Without an owner, closed long ago: these are in no such state. */
TEST_F(special, never_there)
{
	struct closings none = {}, got;
	struct pair p;

	p = pair_make(self->listener, &self->to);
	pair_end(p.server, p.client, true);
	closings_read(&got);
	EXPECT_EQ(0, got.count);
	/* The client's end answered with shutdown(). */
	EXPECT_EQ(1, got.otherwise);

	net_new();
	p.server = sock_listen("127.0.0.1", 80, 10);
	close(p.server);
	close(sock_bound(&self->to, 0));
	closings_read(&got);
	EXPECT_EQ(0, closings_off(&none, &got));
}

TEST_HARNESS_MAIN
