// SPDX-License-Identifier: GPL-2.0
/*
 * What is in the table of listeners, how addresses are written, and the order.
 *
 *	listeners on  0.0.0.0  127.0.0.1  127.0.0.2  ::  ::1  ::ffff:127.0.0.2
 *	              fe80::1%lo                                (lo, one netns)
 */

#include "lib/link.h"
#include "lib/listener.h"
#include "lib/test.h"

FIXTURE(listeners) {
	int netns;
};

FIXTURE_SETUP(listeners)
{
	self->netns = net_new();
	link_addr6("lo", "fe80::1");
}

FIXTURE_TEARDOWN(listeners)
{
}

/* By port, then IPv4 before IPv6, then address. */
static const struct where {
	const char *ip;
	unsigned short port;
	const char *local;
} wheres[] = {
	{ "::1", 22, "[::1]:22" },
	{ "0.0.0.0", 80, "0.0.0.0:80" },
	{ "127.0.0.1", 81, "127.0.0.1:81" },
	{ "127.0.0.2", 81, "127.0.0.2:81" },
	{ "::1", 81, "[::1]:81" },
	{ "fe80::1%lo", 81, "[fe80::1%lo]:81" },
	/* The socket is of AF_INET6, the address is not. */
	{ "::ffff:127.0.0.2", 8080, "127.0.0.2:8080" },
	{ "::", 9000, "[::]:9000" },
	{ "0.0.0.0", 65535, "0.0.0.0:65535" },
};

TEST_F(listeners, addresses_and_order)
{
	/* Not in the order in which they are to be shown. */
	static const unsigned char made[] = { 5, 2, 8, 0, 7, 3, 6, 1, 4 };
	unsigned long inode[ARRAY_SIZE(wheres)];
	struct ss_listener ss;
	struct table t;
	size_t i;

	ASSERT_EQ(ARRAY_SIZE(wheres), ARRAY_SIZE(made));
	for (i = 0; i < ARRAY_SIZE(made); i++) {
		const struct where *w = &wheres[made[i]];

		inode[made[i]] = sock_inode(sock_listen(w->ip, w->port, made[i]));
	}
	census_table(&t, "listeners");
	ASSERT_EQ(ARRAY_SIZE(wheres), t.rows);
	for (i = 0; i < t.rows; i++) {
		EXPECT_STREQ(wheres[i].local, table_cell(&t, i, "local"));
		EXPECT_EQ(inode[i], table_number(&t, i, "inode"));
		EXPECT_EQ(i, table_number(&t, i, "limit"));
	}
	table_free(&t);

	ss_listener(&ss, 9000);
	EXPECT_EQ(inode[7], ss.inode);
}

TEST_F(listeners, header)
{
	static const char *const names[] = {
		"netns", "local", "cgroup", "uid", "inode", "depth", "limit",
		"drops", "syn_queue", "unaccepted_close_wait",
		"unaccepted_reset", "oldest_wait_ms", "reuseport",
	};
	struct table t;

	census_table(&t, "listeners");
	EXPECT_EQ(0, t.rows);
	EXPECT_STREQ("netns", t.name[0]);
	EXPECT_EQ(0, table_columns(&t, names, ARRAY_SIZE(names)));
	table_free(&t);
}

/* How many are queued at all of them; their rows in @l. */
static unsigned int depths_of(struct listener *l, const int *fd, unsigned int n)
{
	unsigned int sum = 0;

	for (; n--; l++, fd++) {
		listener_of(l, *fd);
		sum += l->depth;
	}
	return sum;
}

TEST_F(listeners, reuseport_group)
{
	struct addr a = addr("127.0.0.1", 7000);
	int fd[3];
	struct listener l[3];
	unsigned int i, k;
	struct table t;

	for (i = 0; i < 3; i++)
		fd[i] = sock_listen_shared("127.0.0.1", 7000, 20 + i);
	for (i = 0; i < 12; i++)
		sock_connect(&a);

	census_table(&t, "listeners");
	EXPECT_EQ(3, t.rows);
	table_free(&t);
	/* The last may be queued a moment after connect() returns. */
	EXPECT_TRUE(wait_for(depths_of(l, fd, 3) == 12));
	for (i = 0; i < 3; i++) {
		EXPECT_STREQ("127.0.0.1:7000", l[i].local);
		EXPECT_EQ(20 + i, l[i].limit);
		EXPECT_EQ(1, l[i].reuseport);
	}

	/* Each one's own: what it accepts leaves its row and no other. */
	for (i = 0; i < 3 && !l[i].depth; i++)
		;
	sock_accept(fd[i]);
	l[i].depth--;
	for (k = 0; k < 3; k++) {
		struct listener now;

		listener_of(&now, fd[k]);
		EXPECT_EQ(l[k].depth, now.depth);
	}
}

TEST_F(listeners, come_and_go)
{
	struct addr any = addr("0.0.0.0", 0);
	struct counts c;
	struct table t;
	int fd;

	fd = sock_listen("127.0.0.1", 0, 1);
	census_counts(&c);
	EXPECT_EQ(1, c.n[TCP_LISTEN][V4]);
	close(fd);
	census_table(&t, "listeners");
	EXPECT_EQ(0, t.rows);
	table_free(&t);

	/* A socket that is only bound is none. */
	fd = sock_bound(&any, 0);
	census_table(&t, "listeners");
	EXPECT_EQ(0, t.rows);
	table_free(&t);
	ASSERT_EQ(0, listen(fd, 1));
	census_table(&t, "listeners");
	EXPECT_EQ(1, t.rows);
	table_free(&t);
}

/* More than the module first makes room for, and more than one page of text. */
TEST_F(listeners, a_thousand)
{
	enum { N = 1000 };
	static unsigned char seen[N];
	struct table t;
	size_t i;

	for (i = 0; i < N; i++)
		sock_listen("127.0.0.1", 10000 + i, i % 7);
	census_table(&t, "listeners");
	ASSERT_EQ(N, t.rows);
	for (i = 0; i < t.rows; i++) {
		const char *local = table_cell(&t, i, "local");
		unsigned int port;

		if (sscanf(local, "127.0.0.1:%u", &port) != 1)
			die("unexpected: %s", local);
		ASSERT_GE(port, 10000);
		ASSERT_LT(port, 10000 + N);
		EXPECT_EQ(0, seen[port - 10000]++);
		EXPECT_EQ((port - 10000) % 7, table_number(&t, i, "limit"));
	}
	table_free(&t);
	EXPECT_EQ(N, census_stat("sockets"));
	EXPECT_EQ(0, census_stat("listeners_missed"));
}

/* The bound of a namespace: the rest is counted, and stat says how many. */
TEST_F(listeners, more_than_are_listed)
{
	enum { LISTED = 32768, MORE = 50, FIRST_PORT = 1024 };
	struct counts c;
	struct table t;
	int i;

	fds_raise(LISTED + MORE + 100);
	for (i = 0; i < LISTED + MORE; i++)
		sock_listen("127.0.0.1", FIRST_PORT + i, 1);
	census_counts(&c);
	EXPECT_EQ(LISTED + MORE, c.n[TCP_LISTEN][V4]);
	census_table(&t, "listeners");
	EXPECT_EQ(LISTED, t.rows);
	table_free(&t);
	EXPECT_EQ(MORE, census_stat("listeners_missed"));
}

TEST_HARNESS_MAIN
