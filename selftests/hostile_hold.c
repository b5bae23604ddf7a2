// SPDX-License-Identifier: GPL-2.0
/*
 * Users who stand still in the middle: on a page that is never served while they read
 * or write settings, stopped, or in the hands of a debugger. And who hand descriptors to
 * others, to have them do what they may not. Nobody else waits.
 *
 * The module's file is $TCP_CENSUS_KO, or /tcp_census.ko.
 */

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/fault.h"
#include "lib/link.h"
#include "lib/reap_test.h"
#include "lib/setting.h"
#include "lib/user.h"
#include "lib/worker.h"

/**
 * struct stand - a thread that stands on a page
 * @thread: it
 * @fd: of a file
 * @writes: it writes, else it reads
 * @page: from or to here
 * @uffd: who is told of the fault
 * @n: what came of it
 * @err: and errno
 */
struct stand {
	pthread_t thread;
	int fd;
	bool writes;
	char *page;
	int uffd;
	ssize_t n;
	int err;
};

static void *stand_there(void *arg)
{
	struct stand *s = arg;

	s->n = s->writes ? write(s->fd, s->page, 9) : read(s->fd, s->page, 4096);
	s->err = errno;
	return NULL;
}

/* Before it becomes somebody who may not have one; FUSE would give it to him. */
static void stand_page(struct stand *s)
{
	s->uffd = fault_page(&s->page);
	must(s->uffd >= 0);
}

static void stand_begin(struct stand *s)
{
	struct pollfd fault = { .events = POLLIN };

	must(s->fd >= 0);
	must(!pthread_create(&s->thread, NULL, stand_there, s));
	fault.fd = s->uffd;
	must(poll(&fault, 1, WAIT_SECONDS * 1000) == 1 && fault.revents == POLLIN);
}

/* The page is there, with that in it. */
static void stand_end(struct stand *s, const char *text)
{
	static char page[4096] __attribute__((aligned(4096)));
	struct uffdio_copy copy = {
		.dst = (uintptr_t)s->page, .src = (uintptr_t)page, .len = sizeof(page),
	};

	memset(page, 0, sizeof(page));
	strcpy(page, text);
	must(!ioctl(s->uffd, UFFDIO_COPY, &copy));
	must(!pthread_join(s->thread, NULL));
	close(s->uffd);
}

static bool can_stand(void)
{
	char *page;
	int fd = fault_page(&page);

	if (fd < 0)
		return false;
	close(fd);
	return !munmap(page, 4096);
}

FIXTURE(hold) {
	unsigned long long expedited;
	int netns;
	struct target t;
};

FIXTURE_SETUP(hold)
{
	struct addr to;
	int listener;

	if (!can_stand())
		SKIP(return, "no userfaultfd: %m");
	self->expedited = expedite();
	self->netns = net_new();
	listener = sock_listen("127.0.0.1", 80, 4);
	to = sock_addr(listener);
	target_make(&self->t, listener, &to, DRAINED, false);
}

FIXTURE_TEARDOWN_PARENT(hold)
{
	expedite_as(self->expedited);
	if (!loaded())
		load_fast("");
	EXPECT_FALSE(census_damaged());
}

static void live_in_new_namespace(struct worker *me, void *arg)
{
	(void)arg;
	net_new();
	/* Unless the module is on its way out. */
	setting_write("timeout", "60");
	worker_round(me);
	pause();
}

/* A namespace is created, and destroyed to the end, when its devices go. */
static bool namespace_comes_and_goes(void)
{
	struct worker *w = worker_start(live_in_new_namespace, NULL, -1);

	if (!wait_for(worker_rounds(w)))
		return false;
	run("ip link add away0 type veth peer name away1 netns %d", w->pid);
	worker_stop(w);
	return wait_for(!if_nametoindex("away0"));
}

/* All that others do: in this namespace, in others, and perhaps the reaper. */
static unsigned int others_off(bool reaper)
{
	struct counts c;
	struct table t;
	unsigned int n = 0;
	int here = net_open();

	census_counts(&c);
	n += off("close_wait", 1, c.n[TCP_CLOSE_WAIT][V4]);
	census_table(&t, "sockets");
	n += off("sockets", 1, t.rows);
	table_free(&t);
	setting_set("rate", "7");
	n += setting_off("rate", "7");
	setting_set("except", "server:2");
	n += setting_off("except", "server:2");
	if (reaper) {
		setting_set("timeout", "1");
		n += !wait_for(reap_candidates() == 1);
		setting_set("timeout", "0");
	}
	n += !namespace_comes_and_goes();
	close(net_new());
	setting_set("only", "server:3");
	n += setting_off("only", "server:3");
	net_enter(here);
	close(here);
	return n;
}

TEST_F(hold, writer_stands)
{
	struct stand s = { .fd = setting_open("except", O_WRONLY), .writes = true };

	stand_page(&s);
	stand_begin(&s);
	EXPECT_EQ(0, others_off(true));
	/* What it brings then is the last that was written. */
	stand_end(&s, "server:1\n");
	EXPECT_EQ(9, s.n) TH_LOG("errno %d", s.err);
	EXPECT_EQ(0, setting_off("except", "server:1"));
	EXPECT_EQ(0, setting_off("rate", "7"));
}

/* What they read is of when they began. */
TEST_F(hold, readers_stand)
{
	struct stand setting = { .fd = setting_open("rate", O_RDONLY) };
	struct stand sockets = { .fd = open(CENSUS_DIR "sockets", O_RDONLY) };

	stand_page(&setting);
	stand_begin(&setting);
	stand_page(&sockets);
	stand_begin(&sockets);
	EXPECT_EQ(0, others_off(true));
	stand_end(&setting, "");
	EXPECT_EQ(4, setting.n) TH_LOG("errno %d", setting.err);
	EXPECT_EQ(0, memcmp(setting.page, "100\n", 4));
	stand_end(&sockets, "");
	EXPECT_LT(0, sockets.n) TH_LOG("errno %d", sockets.err);
	ASSERT_GT(4096, sockets.n);
	EXPECT_NE(NULL, strstr(sockets.page, "netns"));
	EXPECT_NE(NULL, strstr(sockets.page, self->t.local));
}

/**
 * struct stander - who stands on a page for ever
 * @user: who that is
 * @path: a file of his namespace
 * @writes: he writes to it
 */
struct stander {
	const struct user *user;
	const char *path;
	bool writes;
};

static void stand_for_ever(struct worker *me, void *arg)
{
	const struct stander *who = arg;
	struct stand s = { .writes = who->writes };

	stand_page(&s);
	who->user->become();
	s.fd = open(who->path, s.writes ? O_WRONLY : O_RDONLY);
	stand_begin(&s);
	worker_round(me);
	pause();
}

static const char *const read_files[] = {
	CENSUS_DIR "sockets", CENSUS_DIR "listeners", CENSUS_DIR "stat",
	SETTING_DIR "close_wait_causes",
};

#define SETTING_EXCEPT SETTING_DIR "close_wait_except"

/* Each of the users with each of the files, all at the same time. */
TEST_F(hold, users_stand)
{
	struct worker *w[USERS * (ARRAY_SIZE(read_files) + 1)];
	unsigned int n = 0, i, k;
	struct stander who;

	for (i = 0; i < USERS; i++) {
		who = (struct stander){ .user = &users[i] };
		for (k = 0; k < ARRAY_SIZE(read_files); k++) {
			who.path = read_files[k];
			w[n++] = worker_start(stand_for_ever, &who, -1);
		}
		if (!users[i].elsewhere)
			continue;
		who.path = SETTING_EXCEPT;
		who.writes = true;
		w[n++] = worker_start(stand_for_ever, &who, -1);
	}
	for (i = 0; i < n; i++)
		ASSERT_TRUE(wait_for(worker_rounds(w[i])));
	EXPECT_EQ(0, others_off(true));
	for (i = 0; i < n; i++)
		worker_stop(w[i]);
}

static void unload_once(struct worker *me, void *arg)
{
	(void)arg;
	worker_round(me);
	unload();
	worker_round(me);
}

/* It holds up the unloading, as with every file of sysctl, until it is killed. */
TEST_F(hold, unload_waits_for_a_writer)
{
	struct stander who = {
		.user = &users[USER_ROOTLESS], .path = SETTING_EXCEPT, .writes = true,
	};
	struct worker *writer, *remover;

	writer = worker_start(stand_for_ever, &who, -1);
	ASSERT_TRUE(wait_for(worker_rounds(writer)));
	remover = worker_start(unload_once, NULL, -1);
	ASSERT_TRUE(wait_for(access(CENSUS_DIR, F_OK)));
	EXPECT_TRUE(namespace_comes_and_goes());
	EXPECT_EQ(1, worker_rounds(remover));
	worker_stop(writer);
	worker_wait(remover);
	EXPECT_FALSE(loaded());
}

/* Who reads the file at @path for ever, as @user. */
static void read_and_read(struct worker *me, void *arg)
{
	const struct stander *who = arg;
	int fd, n = 0;
	char c;

	who->user->become();
	fd = open(who->path, O_RDONLY);
	must(fd >= 0);
	/* To its end, and again. */
	while (n >= 0) {
		n = read(fd, &c, 1);
		if (!n) {
			close(fd);
			fd = open(who->path, O_RDONLY);
			n = fd < 0 ? -1 : 0;
		}
		worker_round(me);
	}
	pause();
}

/* Number @i of the readers: each user with each of the files. */
static struct worker *reader_start(unsigned int i)
{
	struct stander who = {
		.user = &users[i / ARRAY_SIZE(read_files)],
		.path = read_files[i % ARRAY_SIZE(read_files)],
	};
	struct worker *w = worker_start(read_and_read, &who, -1);

	must(wait_for(worker_rounds(w) > 20));
	return w;
}

enum { READERS = USERS * ARRAY_SIZE(read_files) };

/* Stopped, wherever it is in its reading: it has nothing that others need. */
TEST_F(hold, readers_are_stopped)
{
	struct worker *w[READERS];
	unsigned int i;
	int status;

	for (i = 0; i < ARRAY_SIZE(w); i++) {
		w[i] = reader_start(i);
		ASSERT_EQ(0, kill(w[i]->pid, SIGSTOP));
		ASSERT_EQ(w[i]->pid, waitpid(w[i]->pid, &status, WUNTRACED));
		ASSERT_TRUE(WIFSTOPPED(status));
	}
	EXPECT_EQ(0, others_off(true));
	unload();
	EXPECT_FALSE(loaded());
	for (i = 0; i < ARRAY_SIZE(w); i++)
		worker_stop(w[i]);
}

/* By a debugger, each at the end of a read(), before it has returned. */
TEST_F(hold, readers_are_debugged)
{
	struct worker *w[READERS];
	unsigned int i, k;
	int status;

	for (i = 0; i < ARRAY_SIZE(w); i++) {
		w[i] = reader_start(i);
		ASSERT_EQ(0, ptrace(PTRACE_SEIZE, w[i]->pid, 0, 0));
		ASSERT_EQ(0, ptrace(PTRACE_INTERRUPT, w[i]->pid, 0, 0));
		ASSERT_EQ(w[i]->pid, waitpid(w[i]->pid, &status, __WALL));
		/* In, and out. */
		for (k = 0; k < 2; k++) {
			ASSERT_EQ(0, ptrace(PTRACE_SYSCALL, w[i]->pid, 0, 0));
			ASSERT_EQ(w[i]->pid, waitpid(w[i]->pid, &status, __WALL));
			ASSERT_TRUE(WIFSTOPPED(status));
		}
	}
	EXPECT_EQ(0, others_off(false));
	unload();
	EXPECT_FALSE(loaded());
	for (i = 0; i < ARRAY_SIZE(w); i++)
		worker_stop(w[i]);
}

static int refused(ssize_t n, int err)
{
	return n != -1 || errno != err;
}

/* A descriptor that was opened for writing gives its next owner nothing. */
static int write_with(int fd)
{
	char *path = strf("/proc/self/fd/%d", fd);
	int bad, pipes[2];

	bad = refused(write(fd, "61\n", 3), EPERM);
	bad += refused(pwrite(fd, "61\n", 3, 0), EPERM);
	must(!pipe(pipes) && write(pipes[1], "61\n", 3) == 3);
	/* Not every kernel has that for settings. */
	bad += splice(pipes[0], NULL, fd, NULL, 3, 0) != -1;
	bad += refused(open(path, O_WRONLY), EACCES);
	bad += refused(open(path, O_RDWR), EACCES);
	free(path);
	return bad;
}

TEST(descriptor_of_the_host)
{
	int fd, status;

	net_new();
	fd = setting_open("timeout", O_RDWR);
	ASSERT_LE(0, fd);
	if (!fork()) {
		be_rootless();
		_exit(write_with(fd));
	}
	ASSERT_LT(0, wait(&status));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, setting_off("timeout", "0"));
}

/*
 * What somebody may only read, who may more is given to write to: as a program that is
 * setuid, with its output there. Nor does what such programs say set anything.
 */
TEST(descriptor_of_an_attacker)
{
	static const char *const said[] = {
		"Password: ", "su: Authentication failure\n", "0 upgraded\n", "usage: 60\n", "\n",
	};
	unsigned int i;
	char *path;
	int fd, err;

	net_new();
	setting_set("timeout", "60");
	fd = setting_open("timeout", O_RDONLY);
	ASSERT_LE(0, fd);
	for (i = 0; i < ARRAY_SIZE(said); i++) {
		EXPECT_EQ(-1, write(fd, said[i], strlen(said[i])));
		EXPECT_EQ(EBADF, errno);
		err = setting_write("timeout", said[i]);
		EXPECT_EQ(EINVAL, err) TH_LOG("%s", said[i]);
	}
	EXPECT_EQ(0, setting_off("timeout", "60"));
	/* And who writes counts, whoever has opened it. */
	path = strf("/proc/self/fd/%d", fd);
	EXPECT_EQ(0, file_write(path, "61"));
	EXPECT_EQ(0, setting_off("timeout", "61"));
	free(path);
}

/* The host's settings are its administrator's, who is root in containers like Docker's. */
TEST(parameters)
{
	static void (*const become[])(void) = {
		be_nobody, be_rootless, be_rootless_in_hosts_network,
	};
	static const char *const names[] = {
		"max_action", "max_rate", "inherit", "proc_gid", "census_ms", "max_endpoints",
		"events", "metrics_cgroup_depth",
	};
	unsigned int i, k;
	int status;

	for (k = 0; k < ARRAY_SIZE(become); k++) {
		if (!fork()) {
			become[k]();
			for (i = 0; i < ARRAY_SIZE(names); i++) {
				char *path = strf(CENSUS_MODULE "/parameters/%s", names[i]);

				must(!access(path, R_OK));
				must(file_write(path, "1") == EACCES);
			}
			_exit(0);
		}
		ASSERT_LT(0, wait(&status));
		EXPECT_EQ(0, status);
	}
}

TEST_HARNESS_MAIN
