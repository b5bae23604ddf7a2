// SPDX-License-Identifier: GPL-2.0
/*
 * Whose a listener is: uid, and cgroup as the reader's cgroup namespace sees it.
 *
 *	/                      the test's own cgroup, at the start
 *	`-- census-PID         "box"; the root of the cgroup namespace
 *	    `-- a b\c          "odd": a name that has to be escaped
 */

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#include "lib/listener.h"
#include "lib/test.h"

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

FIXTURE(cgroup) {
	char own[256]; /* path of our cgroup; "" if it is the root */
	char box_dir[PATH_MAX];
	char odd_dir[PATH_MAX + 16];
	char box[300]; /* their paths, as shown */
	char odd[400];
};

/* Where cgroup v2 is mounted. Returns false if nowhere. */
static bool cgroup_mount(char *dir, size_t size)
{
	char *mounts = file_read("/proc/self/mounts", NULL), *line;
	bool found = false;
	char where[256], type[32];

	must(mounts);
	for (line = mounts; *line && !found;
	     line += strcspn(line, "\n") + 1) {
		if (sscanf(line, "%*s %255s %31s", where, type) == 2 &&
		    !strcmp(type, "cgroup2")) {
			snprintf(dir, size, "%s", where);
			found = true;
		}
	}
	free(mounts);
	return found;
}

/* Our path in the v2 hierarchy: the line "0::/path". */
static void cgroup_own(char *path, size_t size)
{
	char *text = file_read("/proc/self/cgroup", NULL);
	char *line;

	must(text);
	line = strstr(text, "0::/");
	must(line);
	line += strlen("0::");
	snprintf(path, size, "%.*s", (int)strcspn(line, "\n"), line);
	if (!strcmp(path, "/"))
		*path = '\0';
	free(text);
}

static void cgroup_join(const char *dir)
{
	char *path = strf("%s/cgroup.procs", dir);

	file_set(path, "0");
	free(path);
}

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
