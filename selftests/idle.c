// SPDX-License-Identifier: GPL-2.0
/*
 * Since when: idle_s and data_idle_s of sockets, the oldest of a row of
 * close_wait, and whose that one is.
 *
 *	far ---- FIN ----> near, in CLOSE_WAIT   (lo, one netns)
 *
 * tcp_census_test, where it is loaded, makes hours pass in a moment.
 */

#include <sys/fsuid.h>

#include "lib/rows.h"
#include "lib/test.h"
#include "lib/test_module.h"

FIXTURE(idle) {
	int listener;
	struct addr to;
	uint64_t began;
};

FIXTURE_SETUP(idle)
{
	self->began = now_ms();
	net_new();
	self->listener = sock_listen("127.0.0.1", 80, 10);
	self->to = sock_addr(self->listener);
}

FIXTURE_TEARDOWN(idle)
{
}

/* Both ends ours, the server's of that user and in CLOSE_WAIT. */
static struct pair ended(int listener, const struct addr *to, uid_t uid)
{
	struct pair p;

	p.client = sock_connect(to);
	setfsuid(uid);
	p.server = sock_accept(listener);
	setfsuid(0);
	sock_end(p.client, p.server, 0);
	return p;
}

static struct socket_row row_of(int fd)
{
	struct socket_row s;

	if (!socket_of(&s, fd))
		die("sockets has no row of ours");
	return s;
}

static struct close_wait oldest(void)
{
	struct close_wait row;

	close_wait_row(&row, "server", "127.0.0.1:80");
	must(row.rows == 1);
	return row;
}

/* Is it so many seconds, and those since the test began at most? */
static bool about(uint64_t began, unsigned long long seconds,
		  unsigned long long got)
{
	unsigned long long most = seconds + (now_ms() - began) / 1000 + 1;

	if (got >= seconds && got <= most)
		return true;
	printf("# %llu, want %llu to %llu\n", got, seconds, most);
	return false;
}

TEST_F(idle, of_the_clock)
{
	struct pair first = ended(self->listener, &self->to, 4242), second;
	struct close_wait row;
	struct socket_row s = row_of(first.server);

	EXPECT_TRUE(about(self->began, 0, s.idle_s));
	EXPECT_TRUE(about(self->began, 0, s.data_idle_s));
	ASSERT_TRUE(wait_for(row_of(first.server).idle_s >= 1));
	EXPECT_LE(1, row_of(first.server).data_idle_s);

	second = ended(self->listener, &self->to, 4343);
	row = oldest();
	EXPECT_STREQ("4242", row.uid);
	EXPECT_EQ(sock_inode(first.server), row.inode);
	EXPECT_LE(1, row.oldest_idle_s);
	EXPECT_TRUE(about(self->began, 1, row.oldest_idle_s));

	/* The first one is used: now the second is the oldest. */
	ASSERT_TRUE(wait_for(row_of(second.server).idle_s >= 2));
	sock_send(first.server, 1);
	ASSERT_TRUE(wait_for(!sock_unacked(first.server)));
	row = oldest();
	EXPECT_STREQ("4343", row.uid);
	EXPECT_EQ(sock_inode(second.server), row.inode);
	EXPECT_LE(2, row.oldest_data_idle_s);
}

TEST_F(idle, of_hours)
{
	struct pair a = ended(self->listener, &self->to, 1);
	struct pair b = ended(self->listener, &self->to, 2);
	struct pair c = ended(self->listener, &self->to, 3);
	struct close_wait row;
	struct socket_row s;

	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	ASSERT_EQ(0, test_module("age %d 5000", a.server));
	ASSERT_EQ(0, test_module("age %d 90000", b.server));
	ASSERT_EQ(0, test_module("age %d 600", c.server));
	s = row_of(a.server);
	EXPECT_TRUE(about(self->began, 5000, s.idle_s));
	EXPECT_TRUE(about(self->began, 5000, s.data_idle_s));
	s = row_of(b.server);
	EXPECT_TRUE(about(self->began, 90000, s.idle_s));
	row = oldest();
	EXPECT_TRUE(about(self->began, 90000, row.oldest_idle_s));
	EXPECT_TRUE(about(self->began, 90000, row.oldest_data_idle_s));
	EXPECT_STREQ("2", row.uid);
	EXPECT_EQ(sock_inode(b.server), row.inode);

	close(b.server);
	row = oldest();
	EXPECT_TRUE(about(self->began, 5000, row.oldest_idle_s));
	EXPECT_STREQ("1", row.uid);
	EXPECT_EQ(sock_inode(a.server), row.inode);

	/* Data, one way or the other. */
	sock_send(a.server, 1);
	ASSERT_TRUE(wait_for(!sock_unacked(a.server)));
	s = row_of(a.server);
	EXPECT_TRUE(about(self->began, 0, s.idle_s));
	EXPECT_TRUE(about(self->began, 0, s.data_idle_s));
	EXPECT_EQ(sock_inode(c.server), oldest().inode);
}

/* Data that nobody acknowledges: the peer is not heard, but is spoken to. */
TEST_F(idle, sent_to_nobody)
{
	struct pair p = ended(self->listener, &self->to, 0);
	struct socket_row s;

	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	ASSERT_EQ(0, test_module("age %d 5000", p.server));
	sock_deafen(p.client);
	sock_send(p.server, 1);
	s = row_of(p.server);
	EXPECT_STREQ("sending", s.cause);
	EXPECT_TRUE(about(self->began, 0, s.idle_s));
	EXPECT_TRUE(about(self->began, 0, s.data_idle_s));
	EXPECT_TRUE(about(self->began, 0, oldest().oldest_idle_s));
}

/* Nobody has an unaccepted one: the listener is who is to be asked. */
TEST_F(idle, unaccepted_for_hours)
{
	struct pair accepted = ended(self->listener, &self->to, 1);
	struct close_wait row;
	struct socket_row s;
	int client;

	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	ASSERT_EQ(0, fchown(self->listener, 4242, -1));
	client = sock_connect(&self->to);
	ASSERT_EQ(0, shutdown(client, SHUT_WR));
	ASSERT_TRUE(wait_for(sock_state(client) == TCP_FIN_WAIT2));
	ASSERT_EQ(0, test_module("age %d 5000", self->listener));
	ASSERT_TRUE(socket_peer_of(&s, client));
	EXPECT_TRUE(about(self->began, 5000, s.idle_s));
	row = oldest();
	EXPECT_TRUE(about(self->began, 5000, row.oldest_idle_s));
	EXPECT_STREQ("4242", row.uid);
	EXPECT_EQ(sock_inode(self->listener), row.inode);

	ASSERT_EQ(0, test_module("age %d 8000", accepted.server));
	row = oldest();
	EXPECT_STREQ("1", row.uid);
	EXPECT_EQ(sock_inode(accepted.server), row.inode);
}

/* A peer that answers has been heard, but has sent no data. */
TEST_F(idle, keepalive_answered)
{
	struct pair p = ended(self->listener, &self->to, 0);
	int on = 1, second = 1, minutes = 600;
	struct socket_row s;

	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	ASSERT_EQ(0, test_module("age %d 5000", p.server));
	ASSERT_EQ(0, setsockopt(p.server, IPPROTO_TCP, TCP_KEEPINTVL, &minutes,
				sizeof(minutes)));
	ASSERT_EQ(0, setsockopt(p.server, IPPROTO_TCP, TCP_KEEPIDLE, &second,
				sizeof(second)));
	ASSERT_EQ(0, setsockopt(p.server, SOL_SOCKET, SO_KEEPALIVE, &on,
				sizeof(on)));
	ASSERT_TRUE(wait_for(row_of(p.server).idle_s < 5000));
	s = row_of(p.server);
	EXPECT_TRUE(about(self->began, 0, s.idle_s));
	EXPECT_TRUE(about(self->began, 5000, s.data_idle_s));
	EXPECT_EQ(1, s.keepalive);
	EXPECT_TRUE(about(self->began, 5000, oldest().oldest_data_idle_s));
}

TEST_HARNESS_MAIN
