// SPDX-License-Identifier: GPL-2.0
/*
 * Peaks of connections that come into the accept queue by other ways than the
 * ordinary handshake, and those that do not come into it.
 *
 *	            SYN cookies:  nothing in the SYN queue; the ACK brings all
 *	            fast open:    in the accept queue with its SYN
 *	clients --> MPTCP:        a TCP listener of the kernel's below
 *	            deferred:     in the SYN queue until there are data
 *	            half open:    in the SYN queue for ever
 *	            migrated:     from the queue of a listener that closed
 *	                                                       (lo, one netns)
 */

#include <netinet/tcp.h>

#include "lib/listener.h"
#include "lib/peak.h"
#include "lib/test.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#define PORT 7000
#define BACKLOG 100
#define MIGRATE "/proc/sys/net/ipv4/tcp_migrate_req"

/* tcp_fastopen: clients and servers may, and need no cookies. */
enum { TFO_CLIENT = 1, TFO_SERVER = 2, TFO_NO_COOKIE = 4, TFO_NONE_WANTED = 0x200 };

FIXTURE(paths) {
	int fd;
	struct addr to;
};

FIXTURE_VARIANT(paths) {
	const char *ip;
};

FIXTURE_VARIANT_ADD(paths, ipv4) {
	.ip = "127.0.0.1",
};

FIXTURE_VARIANT_ADD(paths, ipv6) {
	.ip = "::1",
};

FIXTURE_SETUP(paths)
{
	fds_raise(4000);
	net_new();
	self->fd = sock_listen(variant->ip, PORT, BACKLOG);
	self->to = sock_addr(self->fd);
}

FIXTURE_TEARDOWN(paths)
{
	EXPECT_FALSE(census_damaged());
}

/**
 * mib() - a counter of this namespace's
 * @table: "TcpExt" or "MPTcpExt"
 * @name: of the counter
 *
 * /proc/net/netstat has a line of names for a table, then one of values.
 */
static unsigned long long mib(const char *table, const char *name)
{
	char *text = file_read("/proc/thread-self/net/netstat", NULL);
	char *head = strf("%s: ", table), *names, *values, *rest[2];
	unsigned long long n;

	must(text);
	names = strstr(text, head);
	must(names);
	values = strstr(names + 1, head);
	must(values);
	values[-1] = '\0';
	values[strcspn(values, "\n")] = '\0';
	names = strtok_r(names, " ", &rest[0]);
	values = strtok_r(values, " ", &rest[1]);
	while (names && values && strcmp(names, name)) {
		names = strtok_r(NULL, " ", &rest[0]);
		values = strtok_r(NULL, " ", &rest[1]);
	}
	if (!names || !values)
		die("netstat has no %s in %s", name, table);
	n = strtoull(values, NULL, 10);
	free(text);
	free(head);
	return n;
}

static bool syn_queue_is(int fd, unsigned int n)
{
	struct listener l;

	return wait_for((listener_of(&l, fd), l.syn_queue == n));
}

TEST_F(paths, syn_cookies)
{
	file_set("/proc/sys/net/ipv4/tcp_syncookies", "%d", 2);
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 21));
	ASSERT_EQ(21, burst_drain(self->fd));
	EXPECT_EQ(21, mib("TcpExt", "SyncookiesRecv"));
	EXPECT_EQ(0, peak_off(self->fd, 21, 0, 21));

	ASSERT_EQ(0, listen(self->fd, 4));
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 5));
	ASSERT_EQ(5, burst_drain(self->fd));
	EXPECT_EQ(26, mib("TcpExt", "SyncookiesRecv"));
	EXPECT_EQ(0, peak_off(self->fd, 21, 1, 26));
	EXPECT_EQ(0, census_stat("accepts_unmatched"));
}

static bool queued_is(int fd, unsigned int n)
{
	struct peak p;

	return wait_for((peak_of(&p, fd), p.queued == n));
}

/* May a listener's clients come with their first data in the SYN? */
static bool allow_fast_open(int fd)
{
	int most = BACKLOG;

	if (access("/proc/sys/net/ipv4/tcp_fastopen", W_OK))
		return false;
	file_set("/proc/sys/net/ipv4/tcp_fastopen", "%d",
		 TFO_CLIENT | TFO_SERVER | TFO_NO_COOKIE | TFO_NONE_WANTED);
	return !setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &most, sizeof(most));
}

static int fast_open(const struct addr *to, bool deaf)
{
	int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int flags = MSG_FASTOPEN | (deaf ? MSG_DONTWAIT : 0);

	must(fd >= 0);
	if (deaf)
		sock_deafen(fd);
	if (sendto(fd, "hello", 5, flags, &to->sa, to->len) != 5)
		must(deaf && errno == EINPROGRESS);
	return fd;
}

TEST_F(paths, fast_open)
{
	unsigned int i;

	if (!allow_fast_open(self->fd))
		SKIP(return, "this kernel has no TCP fast open");
	/* Also to have this process stay on its CPU. */
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 2));
	for (i = 0; i < 11; i++)
		fast_open(&self->to, false);
	ASSERT_TRUE(burst_queued(self->fd, 13));
	EXPECT_EQ(11, mib("TcpExt", "TCPFastOpenPassive"));
	ASSERT_EQ(13, burst_drain(self->fd));
	EXPECT_EQ(0, peak_off(self->fd, 13, 0, 13));
}

/*
 * Their handshakes do not end, so that they have no event; but they have a place
 * in the queue. Whoever comes next shows that.
 */
TEST_F(paths, fast_open_seen_at_the_next_event)
{
	unsigned int i, n = 5;
	int client[5];

	if (!allow_fast_open(self->fd))
		SKIP(return, "this kernel has no TCP fast open");
	for (i = 0; i < n; i++)
		client[i] = fast_open(&self->to, true);
	ASSERT_TRUE(burst_queued(self->fd, n));
	EXPECT_EQ(n, mib("TcpExt", "TCPFastOpenPassive"));
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 1));
	for (i = 0; i <= n; i++)
		sock_accept(self->fd);
	EXPECT_EQ(0, peak_off(self->fd, n + 1, 0, 1));

	/* They hear the SYNACK when it is sent again: accepted before queued. */
	for (i = 0; i < n; i++)
		sock_hear(client[i]);
	EXPECT_TRUE(queued_is(self->fd, n + 1));
	EXPECT_EQ(0, peak_off(self->fd, n + 1, 0, n + 1));
}

static int mptcp_connect(const struct addr *to)
{
	int fd = socket(to->sa.sa_family, SOCK_STREAM, IPPROTO_MPTCP);

	must(fd >= 0);
	must(!connect(fd, &to->sa, to->len));
	return fd;
}

static bool mptcp_there(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

TEST_F(paths, mptcp_listener)
{
	struct ss_listener ss;
	unsigned int i;
	int fd;

	if (!mptcp_there())
		SKIP(return, "this kernel has no MPTCP sockets");
	close(self->fd);
	fd = sock_bound(&self->to, IPPROTO_MPTCP);
	ASSERT_EQ(0, listen(fd, 15));
	EXPECT_EQ(0, peak_off(fd, 0, 0, 0));

	burst_start(&self->to, 6);
	for (i = 0; i < 10; i++)
		mptcp_connect(&self->to);
	ASSERT_TRUE(wait_for((ss_listener(&ss, PORT), ss.depth == 16)));
	EXPECT_EQ(10, mib("MPTcpExt", "MPCapableSYNRX"));
	for (i = 0; i < 16; i++)
		close(sock_accept(fd));
	EXPECT_EQ(0, peak_off(fd, 16, 1, 16));

	burst_start(&self->to, 3);
	for (i = 0; i < 3; i++)
		close(sock_accept(fd));
	EXPECT_EQ(0, peak_off(fd, 16, 1, 19));
	EXPECT_EQ(1, census_stat("listener_records"));
	EXPECT_EQ(0, census_stat("accepts_unmatched"));
}

/* And MPTCP clients of a TCP listener, who fall back. */
TEST_F(paths, mptcp_clients)
{
	unsigned int i;

	if (!mptcp_there())
		SKIP(return, "this kernel has no MPTCP sockets");
	burst_start(&self->to, 1);
	for (i = 0; i < 8; i++)
		mptcp_connect(&self->to);
	ASSERT_TRUE(burst_queued(self->fd, 9));
	ASSERT_EQ(9, burst_drain(self->fd));
	EXPECT_EQ(0, peak_off(self->fd, 9, 0, 9));
	EXPECT_EQ(1, census_stat("listener_records"));
}

TEST_F(paths, half_open_is_not_queued)
{
	unsigned int i, n = 20;
	int client[20];

	for (i = 0; i < n; i++)
		client[i] = sock_start(&self->to, true);
	ASSERT_TRUE(syn_queue_is(self->fd, n));
	EXPECT_EQ(0, peak_off(self->fd, 0, 0, 0));
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 1));
	ASSERT_EQ(1, burst_drain(self->fd));
	ASSERT_TRUE(syn_queue_is(self->fd, n));
	EXPECT_EQ(0, peak_off(self->fd, 1, 0, 1));

	/* They hear the SYNACK when it is sent again. */
	for (i = 0; i < n; i++)
		sock_hear(client[i]);
	ASSERT_TRUE(burst_queued(self->fd, n));
	ASSERT_TRUE(syn_queue_is(self->fd, 0));
	ASSERT_TRUE(queued_is(self->fd, n + 1));
	EXPECT_EQ(0, peak_off(self->fd, n, 0, n + 1));
	EXPECT_EQ(n, burst_drain(self->fd));
}

TEST_F(paths, deferred_until_data)
{
	int client[8], seconds = 60;
	unsigned int i, n = 8;

	ASSERT_EQ(0, setsockopt(self->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds,
				sizeof(seconds)));
	for (i = 0; i < n; i++)
		client[i] = sock_connect(&self->to);
	ASSERT_TRUE(syn_queue_is(self->fd, n));
	EXPECT_EQ(0, sock_depth(self->fd));
	EXPECT_EQ(0, peak_off(self->fd, 0, 0, 0));
	for (i = 0; i < n; i++)
		sock_send(client[i], 1);
	for (i = 0; i < n; i++)
		ASSERT_TRUE(wait_for(!sock_unacked(client[i])));
	ASSERT_EQ(n, burst_drain(self->fd));
	EXPECT_EQ(0, peak_off(self->fd, n, 0, n));
}

TEST(migrated_seen_at_the_next_event)
{
	int fd[2], stays, i;
	unsigned int had[2];
	struct addr to;
	struct peak p;

	if (access(MIGRATE, W_OK))
		SKIP(return, "this kernel has no tcp_migrate_req");
	net_new();
	file_set(MIGRATE, "%d", 1);
	to = addr("127.0.0.1", PORT);
	for (i = 0; i < 2; i++)
		fd[i] = sock_listen_shared("127.0.0.1", PORT, BACKLOG);
	burst_start(&to, 30);
	ASSERT_TRUE(wait_for(sock_depth(fd[0]) + sock_depth(fd[1]) == 30));
	for (i = 0; i < 2; i++)
		had[i] = sock_depth(fd[i]);
	stays = had[0] < had[1];
	close(fd[!stays]);
	/* 5.10 has the setting, and nothing that asks for it. */
	if (sock_depth(fd[stays]) == had[stays])
		SKIP(return, "this kernel does not migrate connections");
	ASSERT_EQ(30, sock_depth(fd[stays]));
	ASSERT_TRUE(burst_fill(fd[stays], &to, 1));
	ASSERT_EQ(31, burst_drain(fd[stays]));
	peak_of(&p, fd[stays]);
	EXPECT_EQ(31, p.peak);
	/* They had entered another's queue. */
	EXPECT_EQ(had[stays] + 1, p.queued);
	EXPECT_EQ(1, census_stat("listener_records"));
	EXPECT_FALSE(census_damaged());
}

TEST_HARNESS_MAIN
