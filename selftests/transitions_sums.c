// SPDX-License-Identifier: GPL-2.0
/*
 * The counters of state changes as a whole: against the sockets there are, counted
 * on all processors at once, of two namespaces, and what is no TCP socket.
 *
 *	+-- netns a ----------+  +-- netns b ----------+
 *	| 127.0.0.1           |  | ::1                 |
 *	+---------------------+  +---------------------+
 */

#include "lib/moves.h"
#include "lib/test.h"
#include "lib/worker.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

FIXTURE(sums) {
	int listener;
	struct addr to;
	struct moves want;
};

FIXTURE_VARIANT(sums) {
	const char *ip;
};

FIXTURE_VARIANT_ADD(sums, ipv4) { .ip = "127.0.0.1" };
FIXTURE_VARIANT_ADD(sums, ipv6) { .ip = "::1" };

FIXTURE_SETUP(sums)
{
	net_new();
	self->listener = sock_listen(variant->ip, 80, 64);
	self->to = sock_addr(self->listener);
	went(&self->want, 1, "close listen");
}

FIXTURE_TEARDOWN(sums)
{
	EXPECT_TRUE(moves_settled(&self->want));
	EXPECT_EQ(0, census_stat("transitions_uncounted"));
}

/* What came and did not go is there. */
TEST_F(sums, as_many_as_there_are)
{
	static const unsigned char compared[] = {
		TCP_ESTABLISHED, TCP_SYN_SENT, TCP_FIN_WAIT1, TCP_FIN_WAIT2,
		TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_LISTEN, TCP_CLOSING,
	};
	struct addr other = addr(variant->ip, 81);
	struct counts c;
	struct moves m;
	struct pair p;
	size_t i;

	for (i = 0; i < 24; i++) {
		p = pair_make(self->listener, &self->to);
		went(&self->want, 1, CLIENT);
		went(&self->want, 1, CHILD);
		if (i % 4 < 2) {
			pair_close_wait(&p);
			went(&self->want, 1, "established fin_wait1 fin_wait2");
			went(&self->want, 1, "established close_wait");
		}
		if (i % 4 == 1) {
			sock_deafen(p.client);
			close(p.server);
			went(&self->want, 1, "close_wait last_ack");
		}
		if (i % 4 == 2) {
			sock_deafen(p.server);
			must(!shutdown(p.client, SHUT_WR));
			went(&self->want, 1, "established fin_wait1");
		}
		if (i == 2) {
			must(!shutdown(p.server, SHUT_WR));
			must(wait_for(sock_state(p.client) == TCP_CLOSING));
			went(&self->want, 1, "established fin_wait1");
			went(&self->want, 1, "fin_wait1 closing");
		}
	}
	for (i = 0; i < 3; i++)
		sock_start(&self->to, true);
	went(&self->want, 3, "close syn_sent");
	must(!listen(sock_bound(&other, 0), 1));
	went(&self->want, 1, "close listen");
	ASSERT_TRUE(moves_settled(&self->want));

	moves_read(&m);
	census_counts(&c);
	for (i = 0; i < ARRAY_SIZE(compared); i++) {
		unsigned int state = compared[i];

		EXPECT_LT(0, m.entered[state]);
		EXPECT_EQ(0, off(state_names[state], c.n[state][V4] + c.n[state][V6],
				 m.entered[state] - m.left[state]));
	}
}

#define ROUNDS 250

/* Connections that end as they should and that are reset, one after the other. */
static void make_many(struct worker *me, void *ip)
{
	int listener = sock_listen(ip, 0, 8), i;
	struct addr to = sock_addr(listener);
	struct pair p;

	for (i = 0; i < ROUNDS; i++) {
		p = pair_make(listener, &to);
		pair_end(p.client, p.server, false);
		p = pair_make(listener, &to);
		pair_close(&p);
		worker_round(me);
	}
}

/* Counted on all processors, and by those that only carry segments. */
TEST_F(sums, many_at_once)
{
	struct worker *w[3];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(w); i++)
		w[i] = worker_start(make_many, (void *)variant->ip, i);
	for (i = 0; i < ARRAY_SIZE(w); i++)
		worker_wait(w[i]);
	went(&self->want, 3, "close listen close");
	went(&self->want, 3 * ROUNDS, CLIENT ACTIVE);
	went(&self->want, 3 * ROUNDS, CHILD PASSIVE);
	went(&self->want, 3 * ROUNDS, CLIENT " close");
	went(&self->want, 3 * ROUNDS, CHILD " close");
}

TEST(apart)
{
	struct moves a_want = {}, b_want = {};
	int a = net_new(), b, listener, i;
	struct addr to;
	struct pair p;

	listener = sock_listen("127.0.0.1", 80, 10);
	to = sock_addr(listener);
	for (i = 0; i < 5; i++)
		pair_make(listener, &to);
	went(&a_want, 1, "close listen");
	went(&a_want, 5, CLIENT);
	went(&a_want, 5, CHILD);

	b = net_new();
	EXPECT_TRUE(moves_settled(&b_want));
	listener = sock_listen("::1", 80, 10);
	to = sock_addr(listener);
	for (i = 0; i < 3; i++) {
		p = pair_make(listener, &to);
		pair_end(p.server, p.client, true);
	}
	went(&b_want, 1, "close listen");
	went(&b_want, 3, CLIENT PASSIVE);
	went(&b_want, 3, CHILD ACTIVE);
	EXPECT_TRUE(moves_settled(&b_want));

	/* Counted where the socket is, not who closes it. */
	net_enter(a);
	EXPECT_TRUE(moves_settled(&a_want));
	close(listener);
	EXPECT_TRUE(moves_settled(&a_want));
	net_enter(b);
	went(&b_want, 1, "listen close");
	EXPECT_TRUE(moves_settled(&b_want));
}

FIXTURE(mptcp) {
	int listener;
	struct addr to;
	struct moves want;
};

FIXTURE_SETUP(mptcp)
{
	net_new();
	self->to = addr("127.0.0.1", 80);
	self->listener = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	if (self->listener < 0)
		SKIP(return, "this kernel has no MPTCP sockets");
	ASSERT_EQ(0, bind(self->listener, &self->to.sa, self->to.len));
	ASSERT_EQ(0, listen(self->listener, 10));
	went(&self->want, 1, "close listen");
}

FIXTURE_TEARDOWN(mptcp)
{
}

/* Only what is below an MPTCP socket is a TCP socket. */
TEST_F(mptcp, subflows)
{
	struct moves now;
	int client, server;
	char c;

	EXPECT_TRUE(moves_settled(&self->want));
	client = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	ASSERT_LE(0, client);
	ASSERT_EQ(0, connect(client, &self->to.sa, self->to.len));
	server = sock_accept(self->listener);
	sock_send(client, 10);
	sock_receive(server, 10);
	sock_send(server, 10);
	sock_receive(client, 10);
	went(&self->want, 1, CLIENT);
	went(&self->want, 1, CHILD);
	EXPECT_TRUE(moves_settled(&self->want));

	/* How they are ended differs; they come in once and go once. */
	close(client);
	ASSERT_EQ(0, read(server, &c, 1));
	close(server);
	close(self->listener);
	went(&self->want, 1, "listen close");
	ASSERT_TRUE(wait_for((moves_read(&now), now.left[TCP_ESTABLISHED] == 2 &&
			      now.entered[TCP_CLOSE] == 3)));
	EXPECT_EQ(2, now.entered[TCP_ESTABLISHED]);
	EXPECT_EQ(1, now.entered[TCP_LISTEN]);
	EXPECT_EQ(1, now.left[TCP_LISTEN]);
	EXPECT_EQ(2, now.left[TCP_CLOSE]);
}

TEST_F(mptcp, plain_client)
{
	struct pair p = pair_make(self->listener, &self->to);

	pair_end(p.client, p.server, false);
	went(&self->want, 1, CLIENT ACTIVE);
	went(&self->want, 1, CHILD PASSIVE);
	EXPECT_TRUE(moves_settled(&self->want));
	close(self->listener);
	went(&self->want, 1, "listen close");
	EXPECT_TRUE(moves_settled(&self->want));
}

TEST(header)
{
	static const char *const names[] = { "netns", "state", "entered", "left" };
	struct table t;

	net_new();
	census_table(&t, "transitions");
	EXPECT_EQ(ARRAY_SIZE(names), t.cols);
	EXPECT_EQ(0, table_columns(&t, names, ARRAY_SIZE(names)));
	EXPECT_EQ(-1, table_find(&t, "state", "time_wait", -1));
	table_free(&t);
}

TEST_HARNESS_MAIN
