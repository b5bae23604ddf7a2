// SPDX-License-Identifier: GPL-2.0
/*
 * Whose a socket is: uid as the reader's user namespace sees it, and cgroup as its
 * cgroup namespace does.
 *
 *	/                      the test's own cgroup, at the start
 *	`-- census-PID         "box"; the root of the cgroup namespace
 *	    `-- a b\c          "odd": a name that has to be escaped
 */

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#include "lib/cgroup.h"
#include "lib/listener.h"
#include "lib/rows.h"
#include "lib/test.h"
#include "lib/worker.h"

#define ODD_NAME "a b\\c"
#define ODD_SHOWN "a\\040b\\134c"

static int listener_as(uid_t uid)
{
	int fd;

	setfsuid(uid);
	fd = sock_listen("127.0.0.1", 0, 1);
	setfsuid(0);
	return fd;
}

FIXTURE(uid) {
	int netns;
};

FIXTURE_SETUP(uid)
{
	self->netns = net_new();
}

FIXTURE_TEARDOWN(uid)
{
}

TEST_F(uid, of_the_inode)
{
	int fd, root;
	struct listener l;

	root = listener_as(0);
	fd = listener_as(4242);
	listener_of(&l, root);
	EXPECT_STREQ("0", l.uid);
	listener_of(&l, fd);
	EXPECT_STREQ("4242", l.uid);

	/* It moves with the inode. */
	ASSERT_EQ(0, fchown(fd, 77, -1));
	listener_of(&l, fd);
	EXPECT_STREQ("77", l.uid);
	ASSERT_EQ(0, fchown(fd, 4294967294U, -1));
	listener_of(&l, fd);
	EXPECT_STREQ("4294967294", l.uid);
}

/* A connection whose server's end, in CLOSE_WAIT, is of that user. */
static int close_wait_as(uid_t uid, unsigned short port)
{
	int listener = sock_listen("127.0.0.1", port, 1);
	struct addr to = sock_addr(listener);
	struct pair p;

	p.client = sock_connect(&to);
	setfsuid(uid);
	p.server = sock_accept(listener);
	setfsuid(0);
	sock_end(p.client, p.server, 0);
	close(listener);
	return p.server;
}

TEST_F(uid, of_who_accepted)
{
	int listener = listener_as(4242), client, server;
	struct addr to = sock_addr(listener);
	char *endpoint = addr_text(&to);
	struct close_wait row;
	struct socket_row s;

	client = sock_connect(&to);
	ASSERT_EQ(0, shutdown(client, SHUT_WR));
	ASSERT_TRUE(wait_for(sock_state(client) == TCP_FIN_WAIT2));
	close_wait_row(&row, "server", endpoint);
	EXPECT_STREQ("4242", row.uid);
	EXPECT_EQ(sock_inode(listener), row.inode);
	ASSERT_EQ(0, fchown(listener, 99, -1));
	close_wait_row(&row, "server", endpoint);
	EXPECT_STREQ("99", row.uid);
	ASSERT_TRUE(socket_peer_of(&s, client));
	EXPECT_EQ(0, s.inode);

	setfsuid(4343);
	server = sock_accept(listener);
	setfsuid(0);
	close_wait_row(&row, "server", endpoint);
	EXPECT_STREQ("4343", row.uid);
	EXPECT_EQ(sock_inode(server), row.inode);
	ASSERT_TRUE(socket_of(&s, server));
	EXPECT_STREQ("4343", s.uid);

	ASSERT_EQ(0, fchown(server, 77, -1));
	close_wait_row(&row, "server", endpoint);
	EXPECT_STREQ("77", row.uid);
	ASSERT_TRUE(socket_of(&s, server));
	EXPECT_STREQ("77", s.uid);
	free(endpoint);
}

/* In a user namespace where uid 4343 is known as 7, and no other is. */
static void read_elsewhere(struct worker *me, void *rows)
{
	static const char *const files[][2] = {
		{ "close_wait", "endpoint" }, { "sockets", "local" },
	};
	struct table t;
	unsigned int i;

	must(!unshare(CLONE_NEWUSER));
	worker_round(me);
	must(wait_for(worker_rounds(me) == 2));
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		census_table(&t, files[i][0]);
		must(t.rows == *(size_t *)rows);
		must(table_match(&t, -1, files[i][1], "127.0.0.1:1001",
				 "uid", "-", NULL) >= 0);
		must(table_match(&t, -1, files[i][1], "127.0.0.1:1002",
				 "uid", "7", NULL) >= 0);
		table_free(&t);
	}
}

TEST_F(uid, elsewhere)
{
	struct worker *in;
	size_t rows = 2;
	char *map;

	close_wait_as(4242, 1001);
	close_wait_as(4343, 1002);
	in = worker_start(read_elsewhere, &rows, -1);
	ASSERT_TRUE(wait_for(worker_rounds(in)));
	map = strf("/proc/%d/uid_map", in->pid);
	file_set(map, "7 4343 1\n");
	free(map);
	worker_round(in);
	worker_wait(in);
}

FIXTURE(cgroup) {
	char own[256]; /* path of our cgroup; "" if it is the root */
	char box_dir[PATH_MAX];
	char odd_dir[PATH_MAX + 16];
	char box[300]; /* their paths, as shown */
	char odd[400];
};

FIXTURE_SETUP(cgroup)
{
	char mount[256];

	net_new();
	if (!cgroup_mount(mount, sizeof(mount)))
		SKIP(return, "no cgroup v2 hierarchy is mounted");
	cgroup_own(self->own, sizeof(self->own));
	snprintf(self->box, sizeof(self->box), "%s/census-%d", self->own,
		 getpid());
	snprintf(self->odd, sizeof(self->odd), "%s/%s", self->box, ODD_SHOWN);
	snprintf(self->box_dir, sizeof(self->box_dir), "%s%s", mount, self->box);
	snprintf(self->odd_dir, sizeof(self->odd_dir), "%s/%s", self->box_dir,
		 ODD_NAME);
	ASSERT_EQ(0, mkdir(self->box_dir, 0755));
	ASSERT_EQ(0, mkdir(self->odd_dir, 0755));
}

/* In the parent: a cgroup goes only when its last process has. */
FIXTURE_TEARDOWN_PARENT(cgroup)
{
	rmdir(self->odd_dir);
	EXPECT_EQ(0, rmdir(self->box_dir));
}

static int listener_in(const char *dir)
{
	cgroup_join(dir);
	return sock_listen("127.0.0.1", 0, 1);
}

/* What ss -e has to say, which takes the id and looks for it in the mount. */
static bool ss_says(int fd, const char *path)
{
	struct addr a = sock_addr(fd);
	char *port = strf(":%u", addr_port(&a));
	char *want = strf(" cgroup:%s ", path);
	char *text = run_output("ss", "-HOltne", "sport", "=", port, NULL);
	bool same = strstr(text, want);

	if (!same)
		printf("# ss: %s", text);
	free(text);
	free(want);
	free(port);
	return same;
}

TEST_F(cgroup, path)
{
	int own = sock_listen("127.0.0.1", 0, 1);
	int box = listener_in(self->box_dir);
	int odd = listener_in(self->odd_dir);
	struct listener l;

	/* A socket stays in the cgroup it was made in. */
	cgroup_join(self->box_dir);

	listener_of(&l, own);
	EXPECT_STREQ(*self->own ? self->own : "/", l.cgroup);
	listener_of(&l, box);
	EXPECT_STREQ(self->box, l.cgroup);
	listener_of(&l, odd);
	EXPECT_STREQ(self->odd, l.cgroup);
	EXPECT_TRUE(ss_says(box, self->box));
}

TEST_F(cgroup, namespace)
{
	int own = sock_listen("127.0.0.1", 0, 1);
	int odd = listener_in(self->odd_dir);
	int box = listener_in(self->box_dir);
	struct listener l;
	size_t len;
	char *text;
	int before;

	before = open(CENSUS_DIR "listeners", O_RDONLY);
	ASSERT_GE(before, 0);

	/* Its root is the cgroup we are in now. */
	ASSERT_EQ(0, unshare(CLONE_NEWCGROUP));
	listener_of(&l, box);
	EXPECT_STREQ("/", l.cgroup);
	listener_of(&l, odd);
	EXPECT_STREQ("/" ODD_SHOWN, l.cgroup);
	listener_of(&l, own);
	EXPECT_STREQ("-", l.cgroup);

	/* The one opened before shows what its opener saw. */
	text = fd_read_all(before, &len);
	ASSERT_NE(NULL, text);
	EXPECT_NE(NULL, strstr(text, self->odd));
}

/* The row of close_wait of a cgroup; all zero if there is none. */
static struct close_wait row_in(const char *role, const char *endpoint,
				const char *cgroup)
{
	struct close_wait c = {};
	struct table t;
	long row;

	census_table(&t, "close_wait");
	close_wait_check(&t);
	row = table_match(&t, -1, "role", role, "endpoint", endpoint, "cgroup",
			  cgroup, NULL);
	if (row >= 0) {
		c.rows = 1;
		c.sockets = table_number(&t, row, "sockets");
		c.inode = table_number(&t, row, "inode");
	}
	table_free(&t);
	return c;
}

/* Accept all there is; how many. */
static unsigned int accept_there(int listener)
{
	struct pollfd pfd = { .fd = listener, .events = POLLIN };
	unsigned int n;

	for (n = 0; poll(&pfd, 1, 0) > 0; n++)
		sock_accept(listener);
	return n;
}

/* One service of two cgroups, and clients of two: four rows. */
TEST_F(cgroup, rows_of_close_wait)
{
	struct addr to = addr("127.0.0.1", 80);
	unsigned int i, in_box, in_odd;
	struct close_wait row;
	int box, odd, c, s;

	cgroup_join(self->box_dir);
	box = sock_listen_shared("127.0.0.1", 80, 100);
	cgroup_join(self->odd_dir);
	odd = sock_listen_shared("127.0.0.1", 80, 100);
	for (i = 0; i < 40; i++) {
		c = sock_connect(&to);
		ASSERT_EQ(0, shutdown(c, SHUT_WR));
		ASSERT_TRUE(wait_for(sock_state(c) == TCP_FIN_WAIT2));
	}
	EXPECT_EQ(sock_inode(box), row_in("server", "127.0.0.1:80", self->box).inode);
	EXPECT_EQ(sock_inode(odd), row_in("server", "127.0.0.1:80", self->odd).inode);

	/* The giver's, whoever calls accept(): this is in the other. */
	in_box = accept_there(box);
	in_odd = 40 - in_box;
	EXPECT_EQ(in_box, row_in("server", "127.0.0.1:80", self->box).sockets);
	EXPECT_EQ(in_odd, row_in("server", "127.0.0.1:80", self->odd).sockets);
	EXPECT_EQ(in_odd, accept_there(odd));
	EXPECT_EQ(in_box, row_in("server", "127.0.0.1:80", self->box).sockets);
	EXPECT_EQ(in_odd, row_in("server", "127.0.0.1:80", self->odd).sockets);

	s = sock_listen("127.0.0.1", 81, 10);
	to = sock_addr(s);
	for (i = 0; i < 5; i++) {
		cgroup_join(i < 2 ? self->odd_dir : self->box_dir);
		c = sock_connect(&to);
		sock_end(sock_accept(s), c, 0);
	}
	EXPECT_EQ(2, row_in("client", "127.0.0.1:81", self->odd).sockets);
	EXPECT_EQ(3, row_in("client", "127.0.0.1:81", self->box).sockets);
	close_wait_row(&row, NULL, NULL);
	EXPECT_EQ(4, row.rows);
	EXPECT_EQ(45, row.sockets);
}

TEST_F(cgroup, close_wait_elsewhere)
{
	static const char *const seen[] = { "/", "/" ODD_SHOWN, "-" };
	struct addr to = addr("127.0.0.1", 80);
	int listener = sock_listen("127.0.0.1", 80, 10), fd[3], i;
	struct socket_row s;

	/* The last is in our own. */
	fd[2] = sock_connect(&to);
	sock_end(sock_accept(listener), fd[2], 0);
	cgroup_join(self->odd_dir);
	fd[1] = sock_connect(&to);
	sock_end(sock_accept(listener), fd[1], 0);
	cgroup_join(self->box_dir);
	fd[0] = sock_connect(&to);
	sock_end(sock_accept(listener), fd[0], 0);

	ASSERT_TRUE(socket_of(&s, fd[0]));
	EXPECT_STREQ(self->box, s.cgroup);
	ASSERT_TRUE(socket_of(&s, fd[1]));
	EXPECT_STREQ(self->odd, s.cgroup);
	ASSERT_EQ(0, unshare(CLONE_NEWCGROUP));
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(socket_of(&s, fd[i]));
		EXPECT_STREQ(seen[i], s.cgroup);
		EXPECT_EQ(1, row_in("client", "127.0.0.1:80", seen[i]).sockets);
	}
}

TEST_F(cgroup, removed)
{
	int odd = listener_in(self->odd_dir);
	struct listener l;

	cgroup_join(self->box_dir);
	ASSERT_EQ(0, rmdir(self->odd_dir));
	/* Made again: the same name, not the same cgroup. */
	ASSERT_EQ(0, mkdir(self->odd_dir, 0755));
	listener_of(&l, odd);
	EXPECT_STREQ(self->odd, l.cgroup);
}

TEST_HARNESS_MAIN
