// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/tcp_census/ended: the lines of all namespaces, and of those that are gone,
 * for those who look after the host.
 *
 *	+-- initial netns ------+   +-- netns of a pod: gone when its --+
 *	| reader                |   | processes are killed              |
 *	+-----------------------+   | full queues at 127.77.x.y         |
 *	                            +-----------------------------------+
 *
 * Inode numbers of namespaces are used again, so lines are known by the address.
 */

#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#include "lib/ended.h"
#include "lib/test.h"
#include "lib/worker.h"

/* Of this test alone; before its processes are. */
static char pod_ip[32];

/**
 * struct pod - a namespace and its one process
 * @port: of its first listener
 * @listeners: how many, each with a full queue
 * @worker: the process
 * @netns: inode number
 * @file: a file of it, open in the test
 */
struct pod {
	unsigned short port;
	unsigned int listeners;
	struct worker *worker;
	unsigned int netns;
	int file;
};

static void pod_live(struct worker *me, void *arg)
{
	const struct pod *pod = arg;
	unsigned int i;

	close(net_new());
	for (i = 0; i < pod->listeners; i++)
		listen_full(pod_ip, pod->port + i, 1);
	worker_round(me);
	pause();
}

static void pod_start(struct pod *pod)
{
	struct stat st;
	char *path;

	pod->worker = worker_start(pod_live, pod, -1);
	must(wait_for(worker_rounds(pod->worker)));
	path = strf("/proc/%d/ns/net", pod->worker->pid);
	must(!stat(path, &st));
	pod->netns = st.st_ino;
	free(path);
	path = strf("/proc/%d/net/tcp_census/states", pod->worker->pid);
	pod->file = open(path, O_RDONLY | O_CLOEXEC);
	must(pod->file >= 0);
	free(path);
}

/* Its process is killed; then its namespace is destroyed, with its files. */
static void pod_kill(struct pod *pod)
{
	worker_stop(pod->worker);
	must(wait_for(lseek(pod->file, 0, SEEK_SET) == -1));
	close(pod->file);
}

/* They go one after the other: once a later one goes, those before have gone. */
static void wait_till_gone(void)
{
	struct pod another = {};

	pod_start(&another);
	pod_kill(&another);
}

/* The only line of a listener at that port; false if there is none. */
static bool line_of(struct ended *e, unsigned short port)
{
	char *local = strf("%s:%u", pod_ip, port);
	struct table t;
	long row;

	table_read(&t, ENDED_HOST);
	row = table_find(&t, "local", local, -1);
	if (row >= 0) {
		ended_row(e, &t, row);
		if (table_find(&t, "local", local, row) >= 0)
			die("%s: two lines of %s", ENDED_HOST, local);
	}
	table_free(&t);
	free(local);
	return row >= 0;
}

FIXTURE(host) {
	int home;
};

FIXTURE_SETUP(host)
{
	self->home = net_open();
	sprintf(pod_ip, "127.77.%d.%d", getpid() / 250 % 250, getpid() % 250 + 1);
}

FIXTURE_TEARDOWN(host)
{
	EXPECT_FALSE(census_damaged());
}

TEST_F(host, pod)
{
	struct pod pod = { .port = 9001, .listeners = 1 };
	time_t began = time(NULL) - 1;
	struct ended e;

	pod_start(&pod);
	/* A listener that is there has not ended. */
	EXPECT_FALSE(line_of(&e, 9001));
	pod_kill(&pod);
	wait_till_gone();
	ASSERT_TRUE(line_of(&e, 9001));
	EXPECT_EQ(pod.netns, e.netns);
	EXPECT_EQ(2, e.peak);
	EXPECT_EQ(1, e.limit);
	EXPECT_EQ(1, e.filled);
	EXPECT_EQ(0, e.drops);
	EXPECT_STREQ("0", e.uid);
	EXPECT_LE(began, e.time);
	EXPECT_GE(time(NULL), e.time);
	EXPECT_GE(time(NULL) - began + 1, (time_t)e.lifetime_s);
}

/* While its namespace lives, a line is in both files and says the same. */
TEST_F(host, alive)
{
	struct ended host, own;
	int netns = net_new(), fd;

	setfsuid(4242);
	close(listen_full(pod_ip, 9101, 3));
	setfsuid(0);
	ASSERT_EQ(1, ended_last(&own));
	net_enter(self->home);
	ASSERT_TRUE(line_of(&host, 9101));
	EXPECT_EQ(0, ended_off(&own, &host));
	EXPECT_EQ(own.time, host.time);
	EXPECT_EQ(own.lifetime_s, host.lifetime_s);
	EXPECT_STREQ("4242", host.uid);

	/* Which may be all that is left: nobody has it, or a socket in it. */
	for (fd = netns; fd < 64; fd++)
		close(fd);
	wait_till_gone();
	ASSERT_TRUE(line_of(&host, 9101));
	EXPECT_EQ(0, ended_off(&own, &host));
}

TEST_F(host, header)
{
	struct table here, host;
	size_t i;

	table_read(&host, ENDED_HOST);
	net_new();
	census_table(&here, "ended");
	ASSERT_EQ(here.cols, host.cols);
	for (i = 0; i < here.cols; i++)
		EXPECT_STREQ(here.name[i], host.name[i]);
	table_free(&here);
	table_free(&host);
}

#define PODS 15
#define EACH 20
#define FIRST_PORT 20000

/* Lines of each of many pods; all of them. Dies if a pod is out of its turn. */
static unsigned int lines_of(unsigned int of[PODS])
{
	unsigned int i, port, last = 0, sum = 0;
	size_t row, len = strlen(pod_ip);
	struct table t;

	memset(of, 0, PODS * sizeof(*of));
	table_read(&t, ENDED_HOST);
	for (row = 0; row < t.rows; row++) {
		const char *local = table_cell(&t, row, "local");

		if (strncmp(local, pod_ip, len) || local[len] != ':')
			continue;
		port = strtoul(local + len + 1, NULL, 10);
		i = (port - FIRST_PORT) / EACH;
		must(port >= FIRST_PORT && i < PODS && i >= last);
		last = i;
		of[i]++;
		sum++;
	}
	table_free(&t);
	return sum;
}

/*
 * Of those that are gone the last 256, whosever they were; the newest last. In
 * which order a process that is killed closes its descriptors is its kernel's.
 */
TEST_F(host, many_gone)
{
	struct pod pod = { .listeners = EACH };
	unsigned int of[PODS], i;

	for (i = 0; i < PODS; i++) {
		pod.port = FIRST_PORT + i * EACH;
		pod_start(&pod);
		pod_kill(&pod);
	}
	wait_till_gone();
	EXPECT_EQ(ENDED_MAX, lines_of(of));
	/* 300 - 256 have been replaced: all of the first two, and some of the third. */
	for (i = 0; i < PODS; i++)
		EXPECT_EQ(i < 2 ? 0 : i == 2 ? 16 : EACH, of[i]);
}

/* The cgroup it was in goes with it; what is left says which it was. */
TEST_F(host, cgroup)
{
	struct pod pod = { .port = 9201, .listeners = 1 };
	char *mount, *dir, *procs, *shown;
	struct ended e;

	if (system("findmnt -nt cgroup2 >/dev/null"))
		SKIP(return, "no cgroup v2 hierarchy is mounted");
	mount = run_output("findmnt", "-nfo", "TARGET", "-t", "cgroup2", NULL);
	mount[strcspn(mount, "\n")] = '\0';
	shown = strf("/census-%d", getpid());
	dir = strf("%s%s", mount, shown);
	procs = strf("%s/cgroup.procs", dir);
	ASSERT_EQ(0, mkdir(dir, 0755));
	file_set(procs, "0");
	pod_start(&pod);
	/* Back to the root of all. */
	free(procs);
	procs = strf("%s/cgroup.procs", mount);
	file_set(procs, "0");
	pod_kill(&pod);
	wait_till_gone();
	EXPECT_TRUE(wait_for(!rmdir(dir)));
	ASSERT_TRUE(line_of(&e, 9201));
	EXPECT_STREQ(shown, e.cgroup);
}

TEST_HARNESS_MAIN
