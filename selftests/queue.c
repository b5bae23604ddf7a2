// SPDX-License-Identifier: GPL-2.0
/*
 * The accept queue and the SYN queue of a listener: depth, limit, drops,
 * syn_queue. The server calls accept() only where a test says so.
 *
 *	clients  127.0.0.1 ---SYN---> [SYN queue] ---> [accept queue]  listener
 *	         ::1                                                  (lo, one netns)
 */

#include "lib/listener.h"
#include "lib/test.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

FIXTURE(queue) {
	int fd;
	struct addr to;
};

FIXTURE_VARIANT(queue) {
	const char *ip;
	unsigned int backlog;
	int protocol;
};

FIXTURE_VARIANT_ADD(queue, ipv4) {
	.ip = "127.0.0.1", .backlog = 4,
};

FIXTURE_VARIANT_ADD(queue, ipv6) {
	.ip = "::1", .backlog = 7,
};

/* One place in the queue, even so. */
FIXTURE_VARIANT_ADD(queue, backlog_0) {
	.ip = "127.0.0.1", .backlog = 0,
};

/* The kernel's own TCP listener below; its clients are plain TCP here. */
FIXTURE_VARIANT_ADD(queue, mptcp) {
	.ip = "127.0.0.1", .backlog = 5, .protocol = IPPROTO_MPTCP,
};

static bool kernel_has(int protocol)
{
	int fd = socket(AF_INET, SOCK_STREAM, protocol);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

FIXTURE_SETUP(queue)
{
	struct addr a = addr(variant->ip, 0);

	if (!kernel_has(variant->protocol))
		SKIP(return, "this kernel has no MPTCP sockets");
	net_new();
	self->fd = sock_bound(&a, variant->protocol);
	self->to = sock_addr(self->fd);
	ASSERT_EQ(0, listen(self->fd, variant->backlog));
}

FIXTURE_TEARDOWN(queue)
{
}

/* Does ss say the same? Counters move while clients try again: wait for it. */
static bool row_as_ss(struct listener *l, int fd, const struct addr *to)
{
	struct ss_listener ss;

	ss_listener(&ss, addr_port(to));
	listener_of(l, fd);
	return l->depth == ss.depth && l->limit == ss.limit &&
	       l->drops == ss.drops;
}

TEST_F(queue, depth_follows_accept)
{
	unsigned int most = variant->backlog + 1, n;
	struct listener l;

	/* The server's end may be queued a moment after connect() returns. */
	for (n = 0; n <= most; n++) {
		EXPECT_TRUE(wait_for((listener_of(&l, self->fd),
				      l.depth == n)));
		if (n < most)
			sock_connect(&self->to);
	}
	EXPECT_TRUE(wait_for(row_as_ss(&l, self->fd, &self->to)));
	while (n-- > 1) {
		listener_of(&l, self->fd);
		EXPECT_EQ(n, l.depth);
		close(sock_accept(self->fd));
	}
	EXPECT_TRUE(wait_for(row_as_ss(&l, self->fd, &self->to)));
	EXPECT_EQ(0, l.depth);
	EXPECT_EQ(0, l.drops);
	EXPECT_EQ(0, l.syn_queue);
	EXPECT_EQ(variant->backlog, l.limit);
}

TEST_F(queue, full_at_limit_plus_one)
{
	unsigned int i, most = variant->backlog + 1;
	unsigned long long drops;
	struct listener l;

	for (i = 0; i < most; i++)
		sock_connect(&self->to);
	EXPECT_TRUE(wait_for((listener_of(&l, self->fd), l.depth == most)));
	EXPECT_EQ(0, l.drops);

	/* Their SYNs, and those they send again, are refused. */
	for (i = 0; i < 3; i++)
		sock_start(&self->to, false);
	ASSERT_TRUE(wait_for((listener_of(&l, self->fd), l.drops >= 3)));
	ASSERT_TRUE(wait_for(row_as_ss(&l, self->fd, &self->to)));
	EXPECT_EQ(most, l.depth);
	EXPECT_EQ(0, l.syn_queue);

	drops = l.drops;
	for (i = 0; i < 2; i++)
		sock_start(&self->to, false);
	ASSERT_TRUE(wait_for((listener_of(&l, self->fd),
			      l.drops >= drops + 2)));
	EXPECT_EQ(most, l.depth);
}

TEST_F(queue, clients_that_hung_up_stay)
{
	unsigned int i, most = variant->backlog + 1;
	struct counts c;
	struct listener l;

	for (i = 0; i < most; i++)
		close(sock_connect(&self->to));
	ASSERT_TRUE(wait_for((census_counts(&c),
			      c.n[TCP_CLOSE_WAIT][V4] +
			      c.n[TCP_CLOSE_WAIT][V6] == most)));
	ASSERT_TRUE(wait_for(row_as_ss(&l, self->fd, &self->to)));
	EXPECT_EQ(most, l.depth);
}

TEST_F(queue, limit_is_the_effective_one)
{
	struct listener l;

	listener_of(&l, self->fd);
	EXPECT_EQ(variant->backlog, l.limit);

	ASSERT_EQ(0, listen(self->fd, 9));
	ASSERT_TRUE(wait_for(row_as_ss(&l, self->fd, &self->to)));
	EXPECT_EQ(9, l.limit);

	file_set("/proc/sys/net/core/somaxconn", "%d", 6);
	ASSERT_EQ(0, listen(self->fd, 9));
	ASSERT_TRUE(wait_for(row_as_ss(&l, self->fd, &self->to)));
	EXPECT_EQ(6, l.limit);
}

TEST_F(queue, syn_queue_counts_silent_clients)
{
	unsigned int i, n = 3;
	struct listener l;
	struct counts c;

	ASSERT_EQ(0, listen(self->fd, 16));
	for (i = 0; i < n; i++)
		sock_start(&self->to, true);
	ASSERT_TRUE(wait_for((listener_of(&l, self->fd), l.syn_queue == n)));
	EXPECT_EQ(0, l.depth);
	EXPECT_EQ(0, l.drops);
	ss_counts(&c);
	EXPECT_EQ(n, c.n[TCP_SYN_RECV][V4] + c.n[TCP_SYN_RECV][V6]);

	/* They take no place in the accept queue. */
	sock_connect(&self->to);
	ASSERT_TRUE(wait_for(row_as_ss(&l, self->fd, &self->to) && l.depth));
	EXPECT_EQ(1, l.depth);
	EXPECT_EQ(n, l.syn_queue);
}

TEST_HARNESS_MAIN
