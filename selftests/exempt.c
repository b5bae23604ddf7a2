// SPDX-License-Identifier: GPL-2.0
/*
 * What nobody's application can mend, subflows of MPTCP and sockets of the
 * kernel's own, and what only looks so: plain TCP clients of an MPTCP listener.
 *
 *	plain TCP client ----> MPTCP listener   ordinary, accepted or not
 *	MPTCP client --------> MPTCP listener   exempt
 *	MPTCP client --------> TCP listener     ordinary; the client is exempt
 *	kernel's client -----> TCP listener     ordinary; the client is exempt
 *	plain TCP client ----> kernel's         exempt, in its queue
 */

#include <poll.h>

#include "lib/listener.h"
#include "lib/mptcp.h"
#include "lib/rows.h"
#include "lib/test.h"
#include "lib/test_module.h"

/* One socket of that cause at that endpoint, and none elsewhere? */
static unsigned int only_off(const char *role, const char *endpoint,
			     enum cause cause, unsigned int n)
{
	struct close_wait row, all;
	unsigned int bad;

	close_wait_row(&row, role, endpoint);
	close_wait_row(&all, NULL, NULL);
	bad = off(endpoint, n, row.sockets);
	bad += off(cause_names[cause], n, row.cause[cause]);
	bad += off("all sockets", n, all.sockets);
	return bad;
}

FIXTURE(plain) {
	int listener;
	struct addr to;
};

FIXTURE_VARIANT(plain) {
	const char *listen;
	const char *connect;
	const char *endpoint;
};

FIXTURE_VARIANT_ADD(plain, ipv4) {
	.listen = "127.0.0.1", .connect = "127.0.0.1",
	.endpoint = "127.0.0.1:80",
};

FIXTURE_VARIANT_ADD(plain, ipv6) {
	.listen = "::1", .connect = "::1", .endpoint = "[::1]:80",
};

/* As Go's servers listen. */
FIXTURE_VARIANT_ADD(plain, mapped) {
	.listen = "::", .connect = "127.0.0.1", .endpoint = "[::]:80",
};

FIXTURE_SETUP(plain)
{
	if (!have_mptcp())
		SKIP(return, "this kernel has no MPTCP sockets");
	net_new();
	self->listener = mptcp_listen(variant->listen, 80);
	self->to = addr(variant->connect, 80);
}

FIXTURE_TEARDOWN(plain)
{
}

TEST_F(plain, unaccepted)
{
	struct close_wait row;
	struct socket_row s;
	struct listener l;
	int client[3], i;

	for (i = 0; i < 3; i++) {
		client[i] = sock_connect(&self->to);
		sock_send(client[i], 30);
		ASSERT_EQ(0, shutdown(client[i], SHUT_WR));
		ASSERT_TRUE(wait_for(sock_state(client[i]) == TCP_FIN_WAIT2));
	}
	EXPECT_EQ(0, only_off("server", variant->endpoint, UNACCEPTED, 3));
	EXPECT_EQ(3, census_stat("close_wait_unaccepted"));
	EXPECT_EQ(0, census_stat("close_wait_exempt"));
	close_wait_row(&row, "server", variant->endpoint);
	EXPECT_EQ(sock_inode(self->listener), row.inode);
	ASSERT_TRUE(socket_peer_of(&s, client[0]));
	EXPECT_STREQ("unaccepted", s.cause);
	EXPECT_EQ(0, s.inode);

	sock_reset_on_close(client[2]);
	close(client[2]);
	EXPECT_TRUE(wait_for((listener_of(&l, self->listener), l.reset)));
	EXPECT_EQ(3, l.depth);
	EXPECT_EQ(2, l.close_wait);
	EXPECT_EQ(1, l.reset);
	EXPECT_EQ(0, only_off("server", variant->endpoint, UNACCEPTED, 2));
}

TEST_F(plain, accepted)
{
	int client = sock_connect(&self->to);
	int server = sock_accept(self->listener);
	struct socket_row s;
	char data[64];

	sock_end(client, server, 30);
	EXPECT_EQ(0, only_off("server", variant->endpoint, UNREAD, 1));
	ASSERT_TRUE(socket_of(&s, server));
	EXPECT_STREQ("unread", s.cause);
	EXPECT_EQ(30, s.unread_bytes);
	EXPECT_EQ(30, recv(server, data, sizeof(data), 0));
	EXPECT_EQ(0, only_off("server", variant->endpoint, DRAINED, 1));
	sock_deafen(client);
	sock_send(server, 5);
	EXPECT_EQ(0, only_off("server", variant->endpoint, SENDING, 1));
	sock_hear(client);
	ASSERT_TRUE(wait_for(!sock_unacked(server)));
	close(server);
	EXPECT_EQ(0, only_off("server", variant->endpoint, DRAINED, 0));
}

FIXTURE(mptcp) {
	int netns;
};

FIXTURE_SETUP(mptcp)
{
	if (!have_mptcp())
		SKIP(return, "this kernel has no MPTCP sockets");
	self->netns = net_new();
}

FIXTURE_TEARDOWN(mptcp)
{
	EXPECT_FALSE(census_damaged());
}

/* The server knows nothing of MPTCP: one subflow for all, closed like TCP. */
TEST_F(mptcp, client_that_fell_back)
{
	int listener = sock_listen("127.0.0.1", 80, 10);
	struct addr to = addr("127.0.0.1", 80);
	struct socket_row s;
	struct pair p;

	p.client = mptcp_connect(&to);
	p.server = sock_accept(listener);
	ASSERT_EQ(0, shutdown(p.server, SHUT_WR));
	ASSERT_TRUE(wait_for(sock_state(p.server) == TCP_FIN_WAIT2));
	EXPECT_EQ(0, only_off("client", "127.0.0.1:80", EXEMPT, 1));
	EXPECT_EQ(1, census_stat("close_wait_exempt"));
	ASSERT_TRUE(socket_peer_of(&s, p.server));
	EXPECT_STREQ("exempt", s.cause);
	close(p.client);
	EXPECT_TRUE(wait_for(!census_stat("close_wait_exempt")));
}

TEST_F(mptcp, accepted_subflow)
{
	int listener = mptcp_listen("127.0.0.1", 80), client, server, raw;
	struct addr to = addr("127.0.0.1", 80);
	struct pollfd eof = { .events = POLLRDHUP };
	struct socket_row s;

	raw = socket(AF_INET, SOCK_RAW, IPPROTO_TCP);
	ASSERT_LE(0, raw);
	client = mptcp_connect(&to);
	server = sock_accept(listener);
	sock_send(client, 10);
	sock_receive(server, 10);
	sock_send(server, 10);
	sock_receive(client, 10);
	ASSERT_EQ(0, shutdown(client, SHUT_WR));
	eof.fd = server;
	ASSERT_EQ(1, poll(&eof, 1, WAIT_SECONDS * 1000));
	EXPECT_EQ(0, only_off("server", "127.0.0.1:80", EXEMPT, 0));

	ASSERT_TRUE(end_subflow(raw, client));
	EXPECT_EQ(0, only_off("server", "127.0.0.1:80", EXEMPT, 1));
	ASSERT_TRUE(socket_peer_of(&s, client));
	EXPECT_STREQ("exempt", s.cause);
	EXPECT_STREQ("server", s.role);
}

/* In the queue it looks like a plain client, but for the MPTCP in it. */
TEST_F(mptcp, queued_subflow)
{
	int listener = mptcp_listen("127.0.0.1", 80), client;
	struct addr to = addr("127.0.0.1", 80);
	struct socket_row s;
	struct listener l;

	client = mptcp_queue(&to);
	ASSERT_LE(0, client);
	EXPECT_EQ(0, only_off("server", "127.0.0.1:80", EXEMPT, 1));
	ASSERT_TRUE(socket_peer_of(&s, client));
	EXPECT_STREQ("exempt", s.cause);
	listener_of(&l, listener);
	EXPECT_EQ(1, l.depth);
}

FIXTURE(kernel) {
	int netns;
};

FIXTURE_SETUP(kernel)
{
	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	self->netns = net_new();
}

FIXTURE_TEARDOWN(kernel)
{
	if (test_module_there())
		EXPECT_EQ(0, test_module("release"));
	EXPECT_FALSE(census_damaged());
}

TEST_F(kernel, client)
{
	int listener = sock_listen("127.0.0.1", 80, 10), server;
	struct socket_row s;

	ASSERT_EQ(0, test_module("connect 127.0.0.1 80"));
	server = sock_accept(listener);
	sock_send(server, 30);
	ASSERT_EQ(0, shutdown(server, SHUT_WR));
	ASSERT_TRUE(wait_for(sock_state(server) == TCP_FIN_WAIT2));
	EXPECT_EQ(0, only_off("client", "127.0.0.1:80", EXEMPT, 1));
	EXPECT_EQ(1, census_stat("close_wait_exempt"));
	ASSERT_TRUE(socket_peer_of(&s, server));
	EXPECT_STREQ("exempt", s.cause);
	EXPECT_EQ(30, s.unread_bytes);

	ASSERT_EQ(0, test_module("release"));
	EXPECT_EQ(0, only_off("client", "127.0.0.1:80", EXEMPT, 0));
}

TEST_F(kernel, listener)
{
	struct addr to = addr("127.0.0.1", 81);
	struct socket_row s;
	struct table t;
	int client;
	long row;

	ASSERT_EQ(0, test_module("listen 127.0.0.1 81 5"));
	client = sock_connect(&to);
	ASSERT_EQ(0, shutdown(client, SHUT_WR));
	ASSERT_TRUE(wait_for(sock_state(client) == TCP_FIN_WAIT2));
	EXPECT_EQ(0, only_off("server", "127.0.0.1:81", EXEMPT, 1));
	EXPECT_EQ(1, census_stat("close_wait_exempt"));
	EXPECT_EQ(0, census_stat("close_wait_unaccepted"));
	ASSERT_TRUE(socket_peer_of(&s, client));
	EXPECT_STREQ("exempt", s.cause);

	/* It waits in that queue nevertheless. */
	census_table(&t, "listeners");
	row = table_find(&t, "local", "127.0.0.1:81", -1);
	ASSERT_LE(0, row);
	EXPECT_EQ(1, table_number(&t, row, "depth"));
	EXPECT_EQ(1, table_number(&t, row, "unaccepted_close_wait"));
	table_free(&t);
}

/* What is queued at an MPTCP listener looks like that, but for the listener. */
TEST_F(kernel, listener_of_before)
{
	struct addr to = addr("127.0.0.1", 81);
	struct table t;
	int client;

	if (!have_mptcp())
		SKIP(return, "this kernel has no MPTCP sockets");
	ASSERT_EQ(0, test_module("listen 127.0.0.1 81 5"));
	census_table(&t, "listeners");
	EXPECT_EQ(1, t.rows);
	table_free(&t);
	ASSERT_EQ(0, test_module("release"));

	mptcp_listen("127.0.0.1", 81);
	client = sock_connect(&to);
	ASSERT_EQ(0, shutdown(client, SHUT_WR));
	ASSERT_TRUE(wait_for(sock_state(client) == TCP_FIN_WAIT2));
	EXPECT_EQ(0, only_off("server", "127.0.0.1:81", UNACCEPTED, 1));
}

TEST_HARNESS_MAIN
