// SPDX-License-Identifier: GPL-2.0
/*
 * What waits in an accept queue and is none of the reaper's business, whatever it is
 * told to do; and what only looks like that.
 *
 *	MPTCP client --------> MPTCP listener    left alone, counted
 *	plain TCP client ----> MPTCP listener    as any other
 *	fast open client ----> TCP listener      left alone until its handshake is over
 *	plain TCP client ----> the kernel's      left alone
 *	plain TCP client ----> a BPF program's   left alone
 *
 * And a client whose port was not chosen by the kernel: it is none of a listener's.
 */

#include "lib/listener.h"
#include "lib/mptcp.h"
#include "lib/reap_test.h"
#include "lib/setting.h"
#include "lib/sockmap.h"
#include "lib/test_module.h"

static const char *const actions[] = { "count", "probe", "abort" };

FIXTURE(spared) {
	int netns;
};

FIXTURE_SETUP(spared)
{
	self->netns = net_new();
}

FIXTURE_TEARDOWN_PARENT(spared)
{
	if (test_module_there())
		EXPECT_EQ(0, test_module("release"));
	EXPECT_FALSE(census_damaged());
}

static unsigned int depth(int fd)
{
	struct listener l;

	listener_of(&l, fd);
	return l.depth;
}

static int half_closed(const struct addr *to)
{
	int fd = sock_connect(to);

	must(!shutdown(fd, SHUT_WR));
	must(wait_for(sock_state(fd) == TCP_FIN_WAIT2));
	return fd;
}

/* Is the other end of that, of that cause, idle for longer than a timeout? */
static bool idle(int far, enum cause cause)
{
	struct socket_row row;

	return socket_peer_of(&row, far) && !strcmp(row.cause, cause_names[cause]) &&
	       row.idle_s >= 2;
}

/* Whatever the action: nothing is done, and so many are skipped for a reason. */
static unsigned int spared_off(const char *why, unsigned int skipped)
{
	unsigned int i, n = 0;

	setting_set("causes", "unaccepted drained fin_pending");
	setting_set("roles", "server client");
	setting_set("timeout", "1");
	for (i = 0; i < ARRAY_SIZE(actions); i++) {
		setting_set("action", actions[i]);
		reap_pass();
		n += off(actions[i], 0, actions_sum());
		n += off("candidates", 0, reap_candidates());
		if (why)
			n += off(why, skipped, reap_skipped(why));
	}
	return n;
}

TEST_F(spared, mptcp)
{
	int listener, client;
	struct addr to = addr("127.0.0.1", 80);

	if (!have_mptcp())
		SKIP(return, "this kernel has no MPTCP sockets");
	listener = mptcp_listen("127.0.0.1", 80);
	client = mptcp_queue(&to);
	ASSERT_LE(0, client);
	ASSERT_TRUE(wait_for(idle(client, EXEMPT)));

	EXPECT_EQ(0, spared_off("mptcp", 1));
	EXPECT_EQ(1, depth(listener));
	ASSERT_LE(0, sock_accept(listener));
}

TEST_F(spared, not_who_only_talks_to_mptcp)
{
	struct addr to = addr("127.0.0.1", 80);
	int listener, client;

	if (!have_mptcp())
		SKIP(return, "this kernel has no MPTCP sockets");
	listener = mptcp_listen("127.0.0.1", 80);
	client = half_closed(&to);
	ASSERT_TRUE(wait_for(idle(client, UNACCEPTED)));
	setting_set("action", "abort");
	setting_set("timeout", "1");
	EXPECT_TRUE(wait_for(actions_done("unaccepted", "abort", "evicted")));
	EXPECT_EQ(0, depth(listener));
	EXPECT_TRUE(wait_for(sock_state(client) == TCP_CLOSE));
}

/* Nobody has asked for its cookie: none is wanted. */
static int fast_open(int *listener, bool deaf)
{
	int fd, qlen = 5;
	struct addr to;

	file_set("/proc/sys/net/ipv4/tcp_fastopen", "%d", 0x207);
	*listener = flow_listen(&flows[0], &to);
	must(!setsockopt(*listener, IPPROTO_TCP, TCP_FASTOPEN, &qlen, sizeof(qlen)));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	must(fd >= 0);
	if (deaf)
		sock_deafen(fd);
	must(sendto(fd, "x", 1, MSG_FASTOPEN, &to.sa, to.len) == 1 ||
	     errno == EINPROGRESS);
	must(wait_for(depth(*listener) == 1));
	return fd;
}

/* What it has sent is there already, and so is it in the queue. */
TEST_F(spared, fast_open)
{
	struct counts c;
	int listener;

	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	fast_open(&listener, true);
	census_counts(&c);
	EXPECT_EQ(1, c.n[TCP_SYN_RECV][V4]);
	ASSERT_EQ(0, test_module("age %d %d", listener, AGES));
	EXPECT_EQ(0, spared_off(NULL, 0));
	EXPECT_EQ(1, depth(listener));
}

/* The handshake is over, as with all that can be in CLOSE_WAIT. */
TEST_F(spared, not_who_opened_fast)
{
	int listener, client = fast_open(&listener, false);
	struct tcp_info info;
	socklen_t len = sizeof(info);

	ASSERT_TRUE(wait_for(sock_state(client) == TCP_ESTABLISHED));
	ASSERT_EQ(0, getsockopt(client, IPPROTO_TCP, TCP_INFO, &info, &len));
	EXPECT_NE(0, info.tcpi_options & TCPI_OPT_SYN_DATA);
	ASSERT_EQ(0, shutdown(client, SHUT_WR));
	ASSERT_TRUE(wait_for(idle(client, UNACCEPTED)));
	setting_set("action", "abort");
	setting_set("timeout", "1");
	EXPECT_TRUE(wait_for(actions_done("unaccepted", "abort", "evicted")));
	EXPECT_EQ(0, depth(listener));
}

TEST_F(spared, kernel)
{
	struct addr to = addr("127.0.0.1", 81);
	struct table t;
	int client;
	long row;

	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	ASSERT_EQ(0, test_module("listen 127.0.0.1 81 5"));
	client = half_closed(&to);
	ASSERT_TRUE(wait_for(idle(client, EXEMPT)));
	EXPECT_EQ(0, spared_off(NULL, 0));
	census_table(&t, "listeners");
	row = table_find(&t, "local", "127.0.0.1:81", -1);
	ASSERT_LE(0, row);
	EXPECT_EQ(1, table_number(&t, row, "depth"));
	table_free(&t);
}

TEST_F(spared, sockmap)
{
	int listener, client;
	struct addr to;

	listener = flow_listen(&flows[0], &to);
	if (!sockmap_begin(addr_port(&to)))
		SKIP(return, "no sockmap: %m");
	client = half_closed(&to);
	sockmap_end();
	ASSERT_TRUE(wait_for(idle(client, EXEMPT)));
	EXPECT_EQ(0, spared_off(NULL, 0));
	EXPECT_EQ(1, depth(listener));
}

TEST_F(spared, who_was_bound_to_its_port)
{
	struct addr to = addr("127.0.0.1", 80), from = addr("127.0.0.1", 500);
	int listener = sock_listen("127.0.0.1", 80, 1), client, server;
	struct socket_row row;

	client = sock_bound(&from, 0);
	ASSERT_EQ(0, connect(client, &to.sa, to.len));
	server = sock_accept(listener);
	sock_end(server, client, 0);
	ASSERT_TRUE(wait_for(idle(server, FIN_PENDING)));
	ASSERT_TRUE(socket_of(&row, client));
	EXPECT_STREQ("server", row.role);

	setting_set("action", "abort");
	setting_set("causes", "fin_pending");
	setting_set("timeout", "1");
	reap_pass();
	EXPECT_EQ(0, reap_candidates());
	EXPECT_EQ(0, actions_sum());
	setting_set("roles", "server client");
	reap_pass();
	EXPECT_EQ(1, actions_done("fin_pending", "abort", "reset"));
}

TEST_HARNESS_MAIN
