// SPDX-License-Identifier: GPL-2.0
/*
 * How often sockets came into each state and left it, against connections whose
 * every step is the test's own.
 *
 *	client ----> listener, child   (lo, one netns, which begins with nothing)
 *
 * A step from a state to the same one, which close() after shutdown() makes, is
 * none.
 */

#include "lib/moves.h"
#include "lib/test.h"

FIXTURE(moves) {
	int listener;
	struct addr to;
	struct moves want;
};

FIXTURE_VARIANT(moves) {
	const char *listen;
	const char *connect;
	const char *self;
};

FIXTURE_VARIANT_ADD(moves, ipv4) {
	.listen = "127.0.0.1", .connect = "127.0.0.1", .self = "127.0.0.1",
};

FIXTURE_VARIANT_ADD(moves, ipv6) {
	.listen = "::1", .connect = "::1", .self = "::1",
};

/* Of AF_INET6, all of them. */
FIXTURE_VARIANT_ADD(moves, mapped) {
	.listen = "::", .connect = "::ffff:127.0.0.1", .self = "::ffff:127.0.0.1",
};

FIXTURE_SETUP(moves)
{
	struct moves none = {}, got;

	net_new();
	moves_read(&got);
	ASSERT_EQ(0, moves_off(&none, &got));
	self->listener = sock_listen(variant->listen, 80, 64);
	self->to = addr(variant->connect, 80);
	went(&self->want, 1, "close listen");
}

/* Nothing more may come when everything is closed but the listener. */
FIXTURE_TEARDOWN(moves)
{
	struct moves got;

	EXPECT_TRUE(moves_settled(&self->want));
	close(self->listener);
	went(&self->want, 1, "listen close");
	moves_read(&got);
	EXPECT_EQ(0, moves_off(&self->want, &got));
	EXPECT_EQ(0, census_stat("transitions_uncounted"));
}

TEST_F(moves, connect_and_accept)
{
	struct moves got;
	int i;

	for (i = 0; i < 7; i++)
		sock_connect(&self->to);
	went(&self->want, 7, CLIENT);
	went(&self->want, 7, CHILD);
	ASSERT_TRUE(moves_settled(&self->want));
	/* accept() changes nothing. */
	for (i = 0; i < 7; i++)
		sock_accept(self->listener);
	moves_read(&got);
	EXPECT_EQ(0, moves_off(&self->want, &got));
}

TEST_F(moves, client_closes_first)
{
	struct pair p;
	int i;

	for (i = 0; i < 6; i++) {
		p = pair_make(self->listener, &self->to);
		pair_end(p.client, p.server, i % 2);
	}
	went(&self->want, 6, CLIENT ACTIVE);
	went(&self->want, 6, CHILD PASSIVE);
}

TEST_F(moves, server_closes_first)
{
	struct pair p;
	int i;

	for (i = 0; i < 6; i++) {
		p = pair_make(self->listener, &self->to);
		pair_end(p.server, p.client, i % 2);
	}
	went(&self->want, 6, CHILD ACTIVE);
	went(&self->want, 6, CLIENT PASSIVE);
}

/* close() has nothing left to do: from a state to the same one. */
TEST_F(moves, closed_after_shutdown)
{
	struct pair p = pair_make(self->listener, &self->to);

	pair_close_wait(&p);
	sock_deafen(p.client);
	ASSERT_EQ(0, shutdown(p.server, SHUT_WR));
	went(&self->want, 1, CLIENT " fin_wait1 fin_wait2");
	went(&self->want, 1, CHILD " close_wait last_ack");
	ASSERT_TRUE(moves_settled(&self->want));
	close(p.server);
	ASSERT_TRUE(moves_settled(&self->want));
	sock_hear(p.client);
	went(&self->want, 1, "last_ack close");
	went(&self->want, 1, "fin_wait2 close");
	ASSERT_TRUE(moves_settled(&self->want));
	close(p.client);
}

/* Step by step, each as soon as it was made. */
TEST_F(moves, one_by_one)
{
	struct pair p = pair_make(self->listener, &self->to);

	went(&self->want, 1, CLIENT);
	went(&self->want, 1, CHILD);
	ASSERT_TRUE(moves_settled(&self->want));
	pair_close_wait(&p);
	went(&self->want, 1, "established fin_wait1 fin_wait2");
	went(&self->want, 1, "established close_wait");
	ASSERT_TRUE(moves_settled(&self->want));
	/* What is dropped is sent again, after a while. */
	sock_deafen(p.client);
	ASSERT_EQ(0, shutdown(p.server, SHUT_WR));
	went(&self->want, 1, "close_wait last_ack");
	ASSERT_TRUE(moves_settled(&self->want));
	sock_hear(p.client);
	went(&self->want, 1, "last_ack close");
	went(&self->want, 1, "fin_wait2 close");
	ASSERT_TRUE(moves_settled(&self->want));
	close(p.client);
	close(p.server);
}

/* The FIN of each is on its way when the other's comes. */
TEST_F(moves, both_close_at_once)
{
	struct pair p = pair_make(self->listener, &self->to);

	sock_deafen(p.server);
	ASSERT_EQ(0, shutdown(p.client, SHUT_WR));
	ASSERT_EQ(0, shutdown(p.server, SHUT_WR));
	ASSERT_TRUE(wait_for(sock_state(p.client) == TCP_CLOSING));
	sock_hear(p.server);
	ASSERT_TRUE(wait_for(sock_state(p.client) == TCP_CLOSE &&
			     sock_state(p.server) == TCP_CLOSE));
	close(p.client);
	close(p.server);
	went(&self->want, 1, CLIENT " fin_wait1 closing close");
	went(&self->want, 1, CHILD ACTIVE);
}

/* A socket connected to itself: both ends do everything at once. */
TEST_F(moves, both_connect_at_once)
{
	struct addr a = addr(variant->self, 90);
	int fd = sock_bound(&a, 0);

	ASSERT_EQ(0, connect(fd, &a.sa, a.len));
	went(&self->want, 1, "close syn_sent syn_recv established");
	ASSERT_TRUE(moves_settled(&self->want));
	close(fd);
	went(&self->want, 1, "established fin_wait1 closing close");
}

TEST_F(moves, reset)
{
	struct pair p = pair_make(self->listener, &self->to);

	sock_reset_on_close(p.client);
	close(p.client);
	ASSERT_TRUE(wait_for(sock_state(p.server) == TCP_CLOSE));
	close(p.server);
	went(&self->want, 1, CLIENT " close");
	went(&self->want, 1, CHILD " close");
	ASSERT_TRUE(moves_settled(&self->want));

	/* From FIN_WAIT2, into CLOSE_WAIT. */
	p = pair_make(self->listener, &self->to);
	pair_close_wait(&p);
	sock_reset_on_close(p.client);
	close(p.client);
	ASSERT_TRUE(wait_for(sock_state(p.server) == TCP_CLOSE));
	close(p.server);
	went(&self->want, 1, CLIENT " fin_wait1 fin_wait2 close");
	went(&self->want, 1, CHILD " close_wait close");
	ASSERT_TRUE(moves_settled(&self->want));

	/* And the other way round. */
	p = pair_make(self->listener, &self->to);
	pair_close_wait(&p);
	sock_reset_on_close(p.server);
	close(p.server);
	ASSERT_TRUE(wait_for(sock_state(p.client) == TCP_CLOSE));
	close(p.client);
	went(&self->want, 1, CLIENT " fin_wait1 fin_wait2 close");
	went(&self->want, 1, CHILD " close_wait close");
}

TEST_F(moves, not_connected)
{
	struct addr nobody = addr(variant->connect, 81), a = self->to;
	struct moves got;
	int fd;

	fd = socket(a.sa.sa_family, SOCK_STREAM, 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(-1, connect(fd, &nobody.sa, nobody.len));
	ASSERT_EQ(ECONNREFUSED, errno);
	close(fd);
	went(&self->want, 1, "close syn_sent close");
	ASSERT_TRUE(moves_settled(&self->want));

	/* It hears no answer. The request it leaves behind is not seen. */
	fd = sock_start(&self->to, true);
	went(&self->want, 1, "close syn_sent");
	ASSERT_TRUE(moves_settled(&self->want));
	close(fd);
	went(&self->want, 1, "syn_sent close");
	ASSERT_TRUE(moves_settled(&self->want));

	/* Nothing came of these. */
	close(socket(a.sa.sa_family, SOCK_STREAM, 0));
	close(sock_bound(&nobody, 0));
	moves_read(&got);
	EXPECT_EQ(0, moves_off(&self->want, &got));
}

TEST_F(moves, connected_again)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct pair p = pair_make(self->listener, &self->to);

	ASSERT_EQ(0, connect(p.client, &none, sizeof(none)));
	ASSERT_TRUE(wait_for(sock_state(p.server) == TCP_CLOSE));
	ASSERT_EQ(0, connect(p.client, &self->to.sa, self->to.len));
	close(p.server);
	p.server = sock_accept(self->listener);
	went(&self->want, 1, CLIENT " close");
	went(&self->want, 1, CHILD " close");
	pair_end(p.client, p.server, false);
	went(&self->want, 1, CLIENT ACTIVE);
	went(&self->want, 1, CHILD PASSIVE);
}

TEST_F(moves, listeners)
{
	struct addr a = addr(variant->listen, 81);
	int one = sock_bound(&a, 0), two = sock_bound(&a, 0);

	ASSERT_EQ(0, listen(one, 5));
	went(&self->want, 1, "close listen");
	/* Another backlog, no other state. */
	ASSERT_EQ(0, listen(one, 6));
	ASSERT_TRUE(moves_settled(&self->want));

	/* It tries, and finds the port taken. */
	ASSERT_EQ(-1, listen(two, 5));
	ASSERT_EQ(EADDRINUSE, errno);
	went(&self->want, 1, "close listen close");
	ASSERT_TRUE(moves_settled(&self->want));

	ASSERT_EQ(0, shutdown(one, SHUT_RD));
	went(&self->want, 1, "listen close");
	ASSERT_TRUE(moves_settled(&self->want));
	ASSERT_EQ(0, listen(two, 5));
	close(two);
	ASSERT_EQ(0, listen(one, 5));
	close(one);
	went(&self->want, 2, "close listen close");
}

/* They are in a queue when their listener goes, whatever has become of them. */
TEST_F(moves, queued_children)
{
	struct addr a = addr(variant->listen, 81), to = addr(variant->connect, 81);
	int client[9], listener = sock_bound(&a, 0), i;

	ASSERT_EQ(0, listen(listener, 10));
	went(&self->want, 1, "close listen");
	for (i = 0; i < 9; i++)
		client[i] = sock_connect(&to);
	went(&self->want, 9, CLIENT);
	went(&self->want, 9, CHILD);
	/* Or a reset may come by the ACK that makes the child. */
	ASSERT_TRUE(moves_settled(&self->want));
	for (i = 3; i < 5; i++) {
		ASSERT_EQ(0, shutdown(client[i], SHUT_WR));
		ASSERT_TRUE(wait_for(sock_state(client[i]) == TCP_FIN_WAIT2));
	}
	for (i = 5; i < 9; i++) {
		sock_reset_on_close(client[i]);
		close(client[i]);
	}
	close(listener);
	went(&self->want, 1, "listen close");
	for (i = 0; i < 5; i++) {
		ASSERT_TRUE(wait_for(sock_state(client[i]) == TCP_CLOSE));
		close(client[i]);
	}
	went(&self->want, 7, "established close");
	went(&self->want, 7, "established close");
	went(&self->want, 2, "established" ACTIVE);
	went(&self->want, 2, "established close_wait close");
}

/* What close() leaves of FIN_WAIT2, and TIME_WAIT, are no such sockets. */
TEST_F(moves, time_wait)
{
	struct pair p[2] = {
		pair_make(self->listener, &self->to),
		pair_make(self->listener, &self->to),
	};
	struct counts c;
	int i;

	/* One that is closed while it is in FIN_WAIT1 may keep its socket for longer. */
	for (i = 0; i < 2; i++) {
		pair_close_wait(&p[i]);
		close(p[i].client);
	}
	went(&self->want, 2, CLIENT ACTIVE);
	went(&self->want, 2, CHILD " close_wait");
	ASSERT_TRUE(moves_settled(&self->want));
	census_counts(&c);
	EXPECT_EQ(2, c.n[TCP_FIN_WAIT2][V4] + c.n[TCP_FIN_WAIT2][V6]);
	close(p[0].server);
	went(&self->want, 1, "close_wait last_ack close");
	ASSERT_TRUE(moves_settled(&self->want));
	census_counts(&c);
	EXPECT_EQ(1, c.n[TCP_TIME_WAIT][V4] + c.n[TCP_TIME_WAIT][V6]);
	close(p[1].server);
	went(&self->want, 1, "close_wait last_ack close");
}

TEST_HARNESS_MAIN
