// SPDX-License-Identifier: GPL-2.0
/*
 * The file sockets is open, and read in part, while what it shows goes away, or
 * its reader goes no further. It holds nothing that others need.
 *
 * The module's file is $TCP_CENSUS_KO, or /tcp_census.ko.
 */

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "lib/fault.h"
#include "lib/module.h"
#include "lib/rows.h"
#include "lib/test.h"
#include "lib/worker.h"

#define SOCKETS CENSUS_DIR "sockets"

static void close_waits_make(unsigned int n)
{
	int listener = sock_listen("127.0.0.1", 0, 64);
	struct addr to = sock_addr(listener);
	struct pair *p = calloc(n, sizeof(*p));
	unsigned int i;

	must(p);
	for (i = 0; i < n; i++)
		p[i] = pair_make(listener, &to);
	pairs_close_wait(p, n);
	free(p);
}

static unsigned int rows(void)
{
	unsigned int n;
	struct table t;

	sockets_table(&t);
	n = t.rows;
	table_free(&t);
	return n;
}

/* Nothing more is to come of an open file, whoever asks and how often. */
static bool ended(int fd)
{
	char text[100];
	ssize_t n;
	int i;

	for (i = 0; i < 3; i++) {
		n = read(fd, text, sizeof(text));
		if (n > 0 || (n < 0 && errno != EIO))
			return false;
		if (lseek(fd, 0, SEEK_SET) != -1)
			return false;
	}
	return true;
}

FIXTURE(abandoned) {
	int netns;
};

FIXTURE_SETUP(abandoned)
{
	fds_raise(10000);
	self->netns = net_new();
}

/* In the parent, which outlives a test that failed between the two. */
FIXTURE_TEARDOWN_PARENT(abandoned)
{
	if (!loaded() && !access(module_file(), R_OK))
		load();
	EXPECT_FALSE(census_damaged());
}

static void read_in_pieces(struct worker *me, void *arg)
{
	size_t piece = (uintptr_t)arg;
	char text[4096];
	ssize_t n;
	int fd;

	for (;;) {
		/* Busy processors would only make every grace period long. */
		nap_ms(1);
		fd = open(SOCKETS, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			must(errno == ENOENT || errno == EINVAL);
			continue;
		}
		while ((n = read(fd, text, piece)) > 0)
			;
		must(!n || errno == EIO);
		close(fd);
		worker_round(me);
	}
}

/* In the middle of the text, at its end, before its first byte, and in use. */
TEST_F(abandoned, module_unloaded)
{
	struct worker *w[2];
	char text[2000];
	int fd[4], i, k;

	if (access(module_file(), R_OK))
		SKIP(return, "%s is not there: set TCP_CENSUS_KO", module_file());
	close_waits_make(100);
	w[0] = worker_start(read_in_pieces, (void *)100, 0);
	w[1] = worker_start(read_in_pieces, (void *)4096, 1);
	for (i = 0; i < 5; i++) {
		for (k = 0; k < 4; k++) {
			fd[k] = open(SOCKETS, O_RDONLY | O_CLOEXEC);
			ASSERT_GE(fd[k], 0);
		}
		ASSERT_EQ(1, read(fd[1], text, 1));
		ASSERT_EQ(2000, read(fd[2], text, 2000));
		while (read(fd[3], text, sizeof(text)) > 0)
			;
		unload();
		for (k = 0; k < 4; k++)
			EXPECT_TRUE(ended(fd[k])) TH_LOG("file %d: %m", k);
		load();
		for (k = 0; k < 4; k++) {
			EXPECT_TRUE(ended(fd[k])) TH_LOG("file %d: %m", k);
			EXPECT_EQ(0, close(fd[k]));
		}
		EXPECT_EQ(100, rows());
	}
	for (i = 0; i < 2; i++)
		EXPECT_LT(0, worker_stop(w[i]));
}

static void live_in_new_namespace(struct worker *me, void *arg)
{
	(void)arg;
	net_new();
	close_waits_make(100);
	worker_round(me);
	pause();
}

/*
 * A namespace is destroyed to the end when its devices go.
 *
 *	this namespace              a worker's
 *	     away0 ---- veth ---- away1
 *	                            100 CLOSE_WAIT
 */
TEST_F(abandoned, namespace_gone)
{
	struct worker *w = worker_start(live_in_new_namespace, NULL, -1);
	char command[100], path[100], text[2000];
	int fd[3], k;

	ASSERT_TRUE(wait_for(worker_rounds(w)));
	snprintf(command, sizeof(command),
		 "ip link add away0 type veth peer name away1 netns %d", w->pid);
	ASSERT_EQ(0, system(command));
	ASSERT_NE(0, if_nametoindex("away0"));
	snprintf(path, sizeof(path), "/proc/%d/net/tcp_census/sockets", w->pid);
	for (k = 0; k < 3; k++) {
		fd[k] = open(path, O_RDONLY);
		ASSERT_GE(fd[k], 0);
	}
	ASSERT_EQ(1, read(fd[1], text, 1));
	ASSERT_EQ(2000, read(fd[2], text, 2000));

	worker_stop(w);
	/* The open files do not keep it. */
	ASSERT_TRUE(wait_for(!if_nametoindex("away0")));
	for (k = 0; k < 3; k++) {
		EXPECT_TRUE(wait_for(ended(fd[k]))) TH_LOG("file %d: %m", k);
		EXPECT_EQ(0, close(fd[k]));
	}
	EXPECT_EQ(0, rows());
}

struct blocked {
	pthread_t thread;
	int fd;
	char *page;
	ssize_t n;
};

static void *read_into_fault(void *arg)
{
	struct blocked *b = arg;

	b->n = read(b->fd, b->page, 4096);
	return NULL;
}

/*
 * A reader that is stuck in the middle of its read() holds up nobody: sockets
 * come and go, and the files are read.
 */
TEST_F(abandoned, reader_stuck)
{
	struct blocked b = {};
	struct uffdio_zeropage zero = { .range.len = 4096 };
	struct pollfd fault = { .events = POLLIN };
	char *text = malloc(1 << 20);
	struct table t;
	ssize_t n;
	int other;

	fault.fd = fault_page(&b.page);
	if (fault.fd < 0)
		SKIP(return, "no userfaultfd: %m");
	close_waits_make(100);
	b.fd = open(SOCKETS, O_RDONLY);
	ASSERT_GE(b.fd, 0);
	ASSERT_EQ(0, pthread_create(&b.thread, NULL, read_into_fault, &b));
	ASSERT_EQ(1, poll(&fault, 1, WAIT_SECONDS * 1000));
	ASSERT_EQ(POLLIN, fault.revents);

	EXPECT_EQ(100, rows());
	close_waits_make(50);
	EXPECT_EQ(150, rows());
	census_table(&t, "close_wait");
	EXPECT_EQ(150, table_sum(&t, "sockets"));
	table_free(&t);
	other = net_new();
	close_waits_make(10);
	EXPECT_EQ(10, rows());
	net_enter(self->netns);
	close(other);

	zero.range.start = (uintptr_t)b.page;
	ASSERT_EQ(0, ioctl(fault.fd, UFFDIO_ZEROPAGE, &zero));
	ASSERT_EQ(0, pthread_join(b.thread, NULL));
	ASSERT_LT(0, b.n);
	memcpy(text, b.page, b.n);
	while ((n = read(b.fd, text + b.n, 4096)) > 0)
		b.n += n;
	ASSERT_EQ(0, n);
	text[b.n] = '\0';
	table_parse(&t, text, b.n);
	EXPECT_LE(100, t.rows);
	EXPECT_GE(150, t.rows);
	table_free(&t);
	free(text);
}

TEST_HARNESS_MAIN
