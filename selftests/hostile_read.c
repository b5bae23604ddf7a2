// SPDX-License-Identifier: GPL-2.0
/*
 * Users who want to read what is not theirs: in every file, by every way there is to one.
 *
 *	+-- initial netns ---+  +-- netns "victim" --------+  +-- netns of the attacker -+
 *	| /proc/tcp_census   |  | 127.77.77.77:7777, in    |  | nothing                  |
 *	|                    |  | all files                |  |                          |
 *	+--------------------+  +--------------------------+  +--------------------------+
 */

#include <dirent.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/cgroup.h"
#include "lib/reap_test.h"
#include "lib/setting.h"
#include "lib/user.h"
#include "lib/worker.h"

#define HOST "/proc/tcp_census/"
#define SECRET_IP "127.77.77.77"
#define SECRET_RULE "server:7777"

enum { SECRET_PORT = 7777 };

FIXTURE(attacker) {
};

FIXTURE_VARIANT(attacker) {
	void (*become)(void);
	bool elsewhere; /* in a network namespace of his own */
};

FIXTURE_VARIANT_ADD(attacker, nobody) { be_nobody, false };

FIXTURE_VARIANT_ADD(attacker, container) { be_container, true };

FIXTURE_VARIANT_ADD(attacker, rootless) { be_rootless, true };

FIXTURE_VARIANT_ADD(attacker, rootless_in_hosts_network) {
	be_rootless_in_hosts_network, false
};

/* Something of it in every file. */
static void victim_make(void)
{
	struct addr to;
	struct pair p;
	int listener;

	listener = sock_listen(SECRET_IP, SECRET_PORT, 4);
	to = sock_addr(listener);
	must(!shutdown(sock_connect(&to), SHUT_WR));
	must(wait_for(census_stat("close_wait_unaccepted") == 1));
	must(!close(listener));
	listener = sock_listen(SECRET_IP, SECRET_PORT, 4);
	p = pair_make(listener, &to);
	pair_close_wait(&p);
	setting_set("causes", "unaccepted fin_pending drained");
	setting_set("only", "server:%u", SECRET_PORT);
	setting_set("timeout", "1");
	must(wait_for(reap_candidates() == 1));
}

/* Of the main process, which has all of it until the last test is over. */
static int victim;
static unsigned int victim_inum;

static void __attribute__((constructor)) victim_begin(void)
{
	int home = net_open();

	victim = net_new();
	victim_inum = census_netns();
	victim_make();
	net_enter(home);
	close(home);
}

FIXTURE_SETUP(attacker)
{
}

FIXTURE_TEARDOWN(attacker)
{
	EXPECT_FALSE(census_damaged());
}

/* Calls @each with the path of all files of a directory; returns the sum. */
static unsigned int each_file(const char *at, unsigned int (*each)(const char *path))
{
	DIR *dir = opendir(at);
	const struct dirent *entry;
	unsigned int n = 0, files = 0;
	char *path;

	must(dir);
	while ((entry = readdir(dir))) {
		if (*entry->d_name == '.')
			continue;
		path = strf("%s%s", at, entry->d_name);
		n += each(path);
		files++;
		free(path);
	}
	closedir(dir);
	must(files >= 7);
	return n;
}

/* Is the victim in it? */
static unsigned int has_secret(const char *path)
{
	char *text = file_read(path, NULL), *number = strf("%u", victim_inum);
	unsigned int n;

	if (!text)
		die("%s: %m", path);
	n = strstr(text, SECRET_IP) || strstr(text, SECRET_RULE) || strstr(text, number);
	free(number);
	free(text);
	return n;
}

static unsigned int shows_secret(const char *path)
{
	if (!has_secret(path))
		return 0;
	printf("# %s shows what it should not\n", path);
	return 1;
}

/* So that what the others look for is there to be found: in all files but stat. */
TEST(victim_is_seen)
{
	net_enter(victim);
	EXPECT_EQ(10, each_file(CENSUS_DIR, has_secret));
	EXPECT_EQ(1, each_file(SETTING_DIR, has_secret));
}

TEST_F(attacker, own_files)
{
	variant->become();
	EXPECT_EQ(0, each_file(CENSUS_DIR, shows_secret));
	EXPECT_EQ(0, each_file(SETTING_DIR, shows_secret));
}

/* What is said of the host is said in its namespace alone. */
TEST_F(attacker, stat_of_the_host)
{
	static const char *const keys[] = {
		"closed_unreleased", "listener_records_host", "netns_without_files",
	};
	unsigned int i;
	char *text;

	variant->become();
	text = file_read(CENSUS_DIR "stat", NULL);
	ASSERT_NE(NULL, text);
	for (i = 0; i < ARRAY_SIZE(keys); i++)
		EXPECT_EQ(0, off(keys[i], variant->elsewhere, stat_find(text, keys[i]) < 0));
	free(text);
	text = file_read(CENSUS_DIR "metrics", NULL);
	must(text);
	EXPECT_EQ(variant->elsewhere, !strstr(text, "closed_unreleased")) TH_LOG("%s", text);
	free(text);
}

/* open(), by the kernel's worker if need be; -1 and errno. */
static int ring_open(const char *path)
{
	struct io_uring_params params = {};
	int ring = syscall(SYS_io_uring_setup, 1, &params), ret;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	char *sq, *cq;

	if (ring < 0)
		return -1;
	sq = mmap(NULL, params.sq_off.array + sizeof(unsigned int), PROT_READ | PROT_WRITE,
		  MAP_SHARED, ring, IORING_OFF_SQ_RING);
	cq = mmap(NULL, params.cq_off.cqes + 2 * sizeof(*cqe), PROT_READ | PROT_WRITE,
		  MAP_SHARED, ring, IORING_OFF_CQ_RING);
	sqe = mmap(NULL, sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		   IORING_OFF_SQES);
	must(sq != MAP_FAILED && cq != MAP_FAILED && sqe != MAP_FAILED);
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_OPENAT;
	sqe->flags = IOSQE_ASYNC;
	sqe->fd = AT_FDCWD;
	sqe->addr = (uintptr_t)path;
	sqe->open_flags = O_RDONLY | O_CLOEXEC;
	*(unsigned int *)(sq + params.sq_off.array) = 0;
	__atomic_store_n((unsigned int *)(sq + params.sq_off.tail), 1, __ATOMIC_RELEASE);
	must(syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1);
	cqe = (struct io_uring_cqe *)(cq + params.cq_off.cqes);
	ret = cqe->res;
	close(ring);
	errno = ret < 0 ? -ret : 0;
	return ret < 0 ? -1 : ret;
}

static bool ring_there(void)
{
	struct io_uring_params params = {};
	int ring = syscall(SYS_io_uring_setup, 1, &params);

	if (ring >= 0)
		close(ring);
	return ring >= 0;
}

static int host_dir, host_files[32];
static unsigned int host_nr;

/* A descriptor that lets nobody read, and may be opened again by who may. */
static unsigned int hold_path(const char *path)
{
	must(host_nr < ARRAY_SIZE(host_files));
	host_files[host_nr] = open(path, O_PATH);
	must(host_files[host_nr++] >= 0);
	return 0;
}

static unsigned int refused(const char *path, int fd)
{
	if (fd < 0 && errno == EACCES)
		return 0;
	printf("# %s: %d: %m\n", path, fd);
	return 1;
}

static unsigned int open_refused(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	char *self = strf("/proc/self/root%s", path);
	unsigned int n;

	n = refused(path, open(path, O_RDONLY));
	n += refused(path, open(self, O_RDONLY));
	n += refused(path, openat(host_dir, name, O_RDONLY));
	if (ring_there())
		n += refused(path, ring_open(path));
	free(self);
	return n;
}

/* Of all namespaces: by path, by directories and files others gave, and by a ring. */
TEST_F(attacker, host_files)
{
	unsigned int i, bad;
	char *path;

	host_dir = open(HOST, O_RDONLY | O_DIRECTORY);
	ASSERT_LE(0, host_dir);
	each_file(HOST, hold_path);
	variant->become();
	bad = each_file(HOST, open_refused);
	for (i = 0; i < host_nr; i++) {
		char c;

		EXPECT_EQ(-1, read(host_files[i], &c, 1));
		EXPECT_EQ(EBADF, errno);
		path = strf("/proc/self/fd/%d", host_files[i]);
		bad += refused(path, open(path, O_RDONLY));
		free(path);
	}
	EXPECT_EQ(0, bad);
	if (!ring_there())
		printf("# no io_uring\n");
}

static void show_files(struct worker *me, void *arg)
{
	net_enter(*(int *)arg);
	worker_round(me);
	pause();
}

/* /proc/PID/net of somebody else: as far as the kernel shows its own files there. */
TEST_F(attacker, of_another_process)
{
	struct worker *w = worker_start(show_files, &victim, -1);
	char *kernels, *ours;
	int status;

	ASSERT_TRUE(wait_for(worker_rounds(w)));
	kernels = strf("/proc/%d/net/tcp", w->pid);
	ours = strf("/proc/%d/net/tcp_census/listeners", w->pid);
	/* Who is somebody else may not end it. */
	if (!fork()) {
		variant->become();
		_exit(access(kernels, R_OK) != access(ours, R_OK) ||
		      (open(kernels, O_RDONLY) < 0) != (open(ours, O_RDONLY) < 0));
	}
	ASSERT_LT(0, wait(&status));
	EXPECT_EQ(0, status);
	worker_stop(w);
}

/* A namespace's files opened here are read there, and what they say is of here. */
TEST(opened_before)
{
	static const char *const names[] = {
		"states", "listeners", "close_wait", "endpoints", "ports", "sockets", "stat",
		"actions", "ended", "transitions", "metrics",
	};
	int fd[ARRAY_SIZE(names)], only;
	char *text, *path;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		path = strf("%s%s", CENSUS_DIR, names[i]);
		fd[i] = open(path, O_RDONLY);
		ASSERT_LE(0, fd[i]);
		free(path);
	}
	only = setting_open("only", O_RDONLY);
	ASSERT_LE(0, only);
	/* As a service that goes into a container's network. */
	net_enter(victim);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		text = fd_read_all(fd[i], NULL);
		ASSERT_NE(NULL, text);
		EXPECT_EQ(NULL, strstr(text, SECRET_IP)) TH_LOG("%s", names[i]);
		free(text);
	}
	text = fd_read_all(only, NULL);
	EXPECT_STREQ("\n", text);
	free(text);
}

/* Who reads what an attacker has opened sees what that one may see. */
TEST(opened_by_an_attacker)
{
	struct table t, own;
	int channel[2], status;
	struct msghdr msg = {};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {};
	struct iovec iov = { .iov_base = "x", .iov_len = 1 };
	size_t len, i;
	char *text, c;
	pid_t pid;
	int fd;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, channel));
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	msg.msg_control = &control;
	msg.msg_controllen = sizeof(control);
	/* In the victim's namespace, as root of a user namespace that knows no uid of it. */
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		net_enter(victim);
		be_nobody();
		must(!unshare(CLONE_NEWUSER | CLONE_NEWCGROUP));
		fd = open(CENSUS_DIR "sockets", O_RDONLY);
		must(fd >= 0);
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
		_exit(sendmsg(channel[0], &msg, 0) != 1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	iov.iov_base = &c;
	ASSERT_EQ(1, recvmsg(channel[1], &msg, 0));
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));

	text = fd_read_all(fd, &len);
	ASSERT_NE(NULL, text);
	table_parse(&t, text, len);
	net_enter(victim);
	census_table(&own, "sockets");
	ASSERT_EQ(own.rows, t.rows);
	ASSERT_LE(1, t.rows);
	for (i = 0; i < t.rows; i++) {
		/* Nobody is known there but by number 65534; root of here is not. */
		EXPECT_STREQ("-", table_cell(&t, i, "uid"));
		EXPECT_STREQ("0", table_cell(&own, i, "uid"));
		EXPECT_EQ(victim_inum, table_number(&t, i, "netns"));
	}
	table_free(&t);
	table_free(&own);
	free(text);
}

TEST_HARNESS_MAIN
