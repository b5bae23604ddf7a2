// SPDX-License-Identifier: GPL-2.0
/*
 * Each reader sees its own network namespace, and only that.
 *
 *	+-- netns a ----------+  +-- netns b ----------+  +-- user and netns c --+
 *	| 127.0.0.1 crowd     |  | ::1 crowd           |  | root is uid 65534    |
 *	+---------------------+  +---------------------+  +----------------------+
 */

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>

#include "lib/crowd.h"
#include "lib/listener.h"
#include "lib/test.h"
#include "lib/worker.h"

/* The file states at any path, which must be of namespace @netns. */
static void counts_at(struct counts *c, const char *path, unsigned int netns)
{
	size_t len;
	char *text = file_read(path, &len);

	if (!text)
		die("%s: %m", path);
	counts_parse(c, text, len, netns);
	free(text);
}

FIXTURE(netns) {
	int a, b;
	unsigned int a_inode, b_inode;
	struct counts a_want, b_want;
};

FIXTURE_SETUP(netns)
{
	file_set(CENSUS_MS, "0");
	self->a = net_new();
	self->a_inode = census_netns();
	crowd_add(&self->a_want, "127.0.0.1", 3, 1, 2);
	crowd_add(&self->a_want, "127.0.0.1", 0, 0, 0);
	ASSERT_TRUE(crowd_settled(&self->a_want));
	self->b = net_new();
	self->b_inode = census_netns();
	crowd_add(&self->b_want, "::1", 4, 5, 1);
	ASSERT_TRUE(crowd_settled(&self->b_want));
	ASSERT_NE(self->a_inode, self->b_inode);
}

FIXTURE_TEARDOWN(netns)
{
}

TEST_F(netns, apart)
{
	struct counts got;
	struct table t;

	/* census_counts() and census_table() look at column netns as well. */
	net_enter(self->a);
	census_counts(&got);
	EXPECT_EQ(0, counts_diff("a", &self->a_want, &got));
	EXPECT_EQ(counts_sum(&self->a_want), census_stat("sockets"));
	census_table(&t, "listeners");
	EXPECT_EQ(2, t.rows);
	table_free(&t);

	net_enter(self->b);
	census_counts(&got);
	EXPECT_EQ(0, counts_diff("b", &self->b_want, &got));
	EXPECT_EQ(counts_sum(&self->b_want), census_stat("sockets"));
	census_table(&t, "listeners");
	EXPECT_EQ(1, t.rows);
	table_free(&t);
}

static void sleep_in(struct worker *me, void *netns)
{
	net_enter(*(int *)netns);
	worker_round(me);
	for (;;)
		pause();
}

TEST_F(netns, of_another_process)
{
	struct worker *in_a = worker_start(sleep_in, &self->a, -1);
	char *path = strf("/proc/%d/net/tcp_census/states", in_a->pid);
	struct counts got;
	int i;

	ASSERT_TRUE(wait_for(worker_rounds(in_a)));
	/* The two by turns: what is cached of one path must not serve the other. */
	for (i = 0; i < 3; i++) {
		counts_at(&got, path, self->a_inode);
		EXPECT_EQ(0, counts_diff("a", &self->a_want, &got));
		counts_at(&got, CENSUS_DIR "states", self->b_inode);
		EXPECT_EQ(0, counts_diff("b", &self->b_want, &got));
		counts_at(&got, "/proc/self/net/tcp_census/states",
			  self->b_inode);
		EXPECT_EQ(0, counts_diff("b", &self->b_want, &got));
	}
	worker_stop(in_a);
	free(path);
}

/* A descriptor stays with the namespace it was opened in. */
TEST_F(netns, descriptors_stay)
{
	struct counts got;
	int file, dir;
	size_t len;
	char *text;

	net_enter(self->a);
	file = open(CENSUS_DIR "states", O_RDONLY);
	dir = open(CENSUS_DIR, O_RDONLY | O_DIRECTORY);
	net_enter(self->b);

	text = fd_read_all(file, &len);
	ASSERT_NE(NULL, text);
	counts_parse(&got, text, len, self->a_inode);
	EXPECT_EQ(0, counts_diff("file", &self->a_want, &got));
	file = openat(dir, "states", O_RDONLY);
	ASSERT_GE(file, 0);
	text = fd_read_all(file, &len);
	ASSERT_NE(NULL, text);
	counts_parse(&got, text, len, self->a_inode);
	EXPECT_EQ(0, counts_diff("directory", &self->a_want, &got));
}

/* However old a snapshot may be: it is not older than the namespace. */
TEST_F(netns, newer_than_the_snapshot)
{
	struct counts want = {}, got;

	file_set(CENSUS_MS, "%d", 3600000);
	census_counts(&got);

	net_new();
	crowd_add(&want, "127.0.0.1", 2, 3, 0);
	census_counts(&got);
	EXPECT_EQ(0, counts_diff("new", &want, &got));

	/* It came with a walk that the others now see too. */
	net_enter(self->b);
	crowd_add(&self->b_want, "::1", 1, 0, 0);
	census_counts(&got);
	EXPECT_FALSE(counts_same(&self->b_want, &got));
	file_set(CENSUS_MS, "0");
	census_counts(&got);
	EXPECT_EQ(0, counts_diff("b", &self->b_want, &got));
}

/* Nothing of ours keeps a namespace alive, or outlives it. */
TEST_F(netns, gone)
{
	int netns = net_new(), fd;
	struct worker *in;
	char *path, c;

	in = worker_start(sleep_in, &netns, -1);
	ASSERT_TRUE(wait_for(worker_rounds(in)));
	path = strf("/proc/%d/net/tcp_census/listeners", in->pid);
	fd = open(path, O_RDONLY);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(1, read(fd, &c, 1));

	net_enter(self->a);
	worker_stop(in);
	close(netns);
	ASSERT_TRUE(wait_for(pread(fd, &c, 1, 0) < 0));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(-1, read(fd, &c, 1));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(0, close(fd));
	free(path);
}

FIXTURE(host) {
	int home;
};

FIXTURE_SETUP(host)
{
	file_set(CENSUS_MS, "0");
	self->home = net_open();
}

FIXTURE_TEARDOWN(host)
{
	close(self->home);
}

TEST_F(host, many)
{
	enum { N = 60 };
	struct counts want = {}, got;
	int netns[N], i, k;

	for (i = 0; i < N; i++) {
		netns[i] = net_new();
		for (k = 0; k < i % 4; k++)
			sock_listen("127.0.0.1", 0, 1);
	}
	for (i = 0; i < N; i++) {
		net_enter(netns[i]);
		want.n[TCP_LISTEN][V4] = i % 4;
		census_counts(&got);
		EXPECT_EQ(0, counts_diff("one of many", &want, &got));
	}
}

/* A number of the whole host: for those who look after it. */
TEST_F(host, without_files)
{
	char *text = file_read("/proc/1/net/tcp_census/stat", NULL);

	ASSERT_NE(NULL, text);
	EXPECT_EQ(0, stat_value(text, "netns_without_files"));
	free(text);
	net_new();
	text = file_read(CENSUS_DIR "stat", NULL);
	ASSERT_NE(NULL, text);
	EXPECT_EQ(-1, stat_find(text, "netns_without_files"));
	free(text);
}

/* Unprivileged: uid 65534 is its root, and of the others 4343 is known as 7. */
static void live_as_container(struct worker *me, void *arg)
{
	int *text = arg;
	size_t len;
	char *rows;

	must(!setresgid(65534, 65534, 65534));
	must(!setresuid(65534, 65534, 65534));
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET)) {
		me->rounds = 100;
		pause();
	}
	must(!prctl(PR_SET_DUMPABLE, 1));
	worker_round(me);
	/* Until the maps are written and the listeners are there. */
	must(wait_for(worker_rounds(me) == 2));
	must(getuid() == 0);
	sock_listen("0.0.0.0", 1, 1);
	rows = file_read(CENSUS_DIR "listeners", &len);
	must(rows);
	must(write(text[1], rows, len) == (ssize_t)len);
	close(text[1]);
	pause();
}

static void listen_as(uid_t uid, unsigned short port)
{
	setfsuid(uid);
	sock_listen("0.0.0.0", port, 1);
	setfsuid(0);
}

TEST_F(host, user_namespace)
{
	static const char *const inside[] = { "0", "-", "7", "0", "-" };
	static const char *const outside[] = {
		"65534", "4242", "4343", "65534", "0",
	};
	struct worker *in;
	int text[2], netns;
	struct table t;
	size_t i, len;
	char *rows;

	ASSERT_EQ(0, pipe(text));
	in = worker_start(live_as_container, text, -1);
	ASSERT_TRUE(wait_for(worker_rounds(in)));
	if (worker_rounds(in) == 100)
		SKIP(return, "user namespaces are not for everyone here");
	file_set(strf("/proc/%d/uid_map", in->pid), "0 65534 1\n7 4343 1\n");
	file_set(strf("/proc/%d/gid_map", in->pid), "0 65534 1\n");

	netns = open(strf("/proc/%d/ns/net", in->pid), O_RDONLY);
	ASSERT_GE(netns, 0);
	net_enter(netns);
	listen_as(4242, 2);
	listen_as(4343, 3);
	listen_as(65534, 4);
	listen_as(0, 5);
	worker_round(in);

	close(text[1]);
	rows = fd_read_all(text[0], &len);
	ASSERT_NE(NULL, rows);
	table_parse(&t, rows, len);
	ASSERT_EQ(5, t.rows);
	for (i = 0; i < t.rows; i++) {
		EXPECT_STREQ(inside[i], table_cell(&t, i, "uid"));
		EXPECT_EQ(census_netns(), table_number(&t, i, "netns"));
	}
	table_free(&t);

	/* The same namespace as this process sees it. */
	census_table(&t, "listeners");
	ASSERT_EQ(5, t.rows);
	for (i = 0; i < t.rows; i++) {
		EXPECT_STREQ(outside[i], table_cell(&t, i, "uid"))
			TH_LOG("row %zu", i);
	}
	table_free(&t);
	worker_stop(in);
}

TEST_HARNESS_MAIN
