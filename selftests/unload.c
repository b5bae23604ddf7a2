// SPDX-License-Identifier: GPL-2.0
/*
 * The module goes while its files are in use, and comes back. Who has one open
 * reads EIO from then on, and nothing worse happens to anybody.
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

#include "lib/crowd.h"
#include "lib/fault.h"
#include "lib/metrics.h"
#include "lib/module.h"
#include "lib/net.h"
#include "lib/test.h"
#include "lib/worker.h"

static const char *const files[] = {
	"states", "listeners", "close_wait", "endpoints", "ports", "sockets", "stat",
	"metrics",
};

FIXTURE(unload) {
	struct counts want;
	unsigned long long expedited;
};

FIXTURE_SETUP(unload)
{
	if (access(module_file(), R_OK))
		SKIP(return, "%s is not there: set TCP_CENSUS_KO", module_file());
	/* Most of the time goes into waiting for grace periods. */
	self->expedited = expedite();
	net_new();
	crowd_add(&self->want, "127.0.0.1", 5, 3, 0);
	ASSERT_TRUE(crowd_settled(&self->want));
}

/* In the parent, which outlives a test that failed between the two. */
FIXTURE_TEARDOWN_PARENT(unload)
{
	expedite_as(self->expedited);
	if (!loaded() && !access(module_file(), R_OK))
		load();
	EXPECT_FALSE(census_damaged());
}

/* Is a file that was open when the module went of no use? A stream has no pread(). */
static bool only_eio(int fd, bool stream)
{
	char c;

	return pread(fd, &c, 1, 0) == -1 && errno == (stream ? ESPIPE : EIO) &&
	       read(fd, &c, 1) == -1 && errno == EIO &&
	       lseek(fd, 0, SEEK_SET) == -1;
}

/* Open and read, over and over, what may not be there. */
static void read_files(struct worker *me, void *arg)
{
	struct metrics m;
	unsigned int i;
	struct table t;
	size_t len;
	char *text;

	(void)arg;
	worker_stand_back();
	for (i = 0;; i++) {
		const char *file = files[i % ARRAY_SIZE(files)];
		char *path = strf("%s%s", CENSUS_DIR, file);

		/* Busy processors would only make every grace period long. */
		nap_ms(1);
		text = file_read(path, &len);
		free(path);
		if (!text) {
			must(errno == ENOENT || errno == EINVAL || errno == EIO);
			continue;
		}
		if (!strcmp(file, "stat")) {
			stat_value(text, "sockets");
		} else if (!strcmp(file, "metrics")) {
			metrics_parse(&m, text, len);
			free(m.samples);
		} else {
			table_parse(&t, text, len);
			table_free(&t);
		}
		free(text);
		worker_round(me);
	}
}

/* Listeners that end, at any moment, after their metrics have been read. */
static void restart_services(struct worker *me, void *arg)
{
	int listener[4];
	size_t i;

	(void)arg;
	net_new();
	for (;;) {
		for (i = 0; i < ARRAY_SIZE(listener); i++)
			listener[i] = sock_listen("127.0.0.1", 80 + i, 1);
		free(file_read(METRICS_NET, NULL));
		for (i = 0; i < ARRAY_SIZE(listener); i++)
			close(listener[i]);
		worker_round(me);
	}
}

static void make_namespaces(struct worker *me, void *arg)
{
	(void)arg;
	worker_stand_back();
	for (;;) {
		close(net_new());
		worker_round(me);
	}
}

/* Unload and load; what was open before must be of no use ever after. */
static bool one_round(const struct counts *want)
{
	int fd[ARRAY_SIZE(files)];
	struct counts got;
	bool good = true;
	size_t k;

	for (k = 0; k < ARRAY_SIZE(files); k++) {
		char *path = strf("%s%s", CENSUS_DIR, files[k]);

		fd[k] = open(path, O_RDONLY | O_CLOEXEC);
		must(fd[k] >= 0);
		free(path);
	}
	unload();
	good &= !loaded() && access(CENSUS_DIR, F_OK);
	for (k = 0; k < ARRAY_SIZE(files); k++)
		good &= only_eio(fd[k], !strcmp(files[k], "sockets"));
	load();
	for (k = 0; k < ARRAY_SIZE(files); k++) {
		good &= only_eio(fd[k], !strcmp(files[k], "sockets"));
		good &= !close(fd[k]);
	}
	census_counts(&got);
	return good && !counts_diff("loaded again", want, &got);
}

#define TIMES 20

TEST_F(unload, over_and_over)
{
	struct worker *w[] = {
		worker_start(read_files, NULL, 0),
		worker_start(read_files, NULL, 1),
		worker_start(restart_services, NULL, -1),
	};
	unsigned long rounds = 0;
	size_t k;
	int i;

	/* Until each of them had as many rounds, too. */
	for (i = 0; i < TIMES || (rounds < TIMES && i < 20 * TIMES); i++) {
		ASSERT_TRUE(one_round(&self->want))
			TH_LOG("round %d", i);
		rounds = TIMES;
		for (k = 0; k < ARRAY_SIZE(w); k++)
			if (worker_rounds(w[k]) < rounds)
				rounds = worker_rounds(w[k]);
	}
	for (k = 0; k < ARRAY_SIZE(w); k++) {
		rounds = worker_stop(w[k]);
		printf("# %lu files read or services restarted in %d rounds\n", rounds, i);
		EXPECT_LE(TIMES, rounds);
	}
}

TEST_F(unload, while_namespaces_come_and_go)
{
	struct worker *w = worker_start(make_namespaces, NULL, -1);
	unsigned long had;
	int i;

	for (i = 0; i < 4; i++) {
		had = worker_rounds(w);
		ASSERT_TRUE(wait_for(worker_rounds(w) > had));
		ASSERT_TRUE(one_round(&self->want)) TH_LOG("round %d", i);
	}
	worker_stop(w);
}

struct blocked {
	pthread_t thread;
	int fd;
	char *page;
	ssize_t n;
	int err;
};

static void *read_into_fault(void *arg)
{
	struct blocked *b = arg;

	b->n = read(b->fd, b->page, 4096);
	b->err = errno;
	return NULL;
}

static void unload_once(struct worker *me, void *arg)
{
	(void)arg;
	worker_round(me);
	unload();
	worker_round(me);
}

static void stay_in_new_namespace(struct worker *me, void *arg)
{
	(void)arg;
	net_new();
	worker_round(me);
	pause();
}

/*
 * A namespace is created, and destroyed to the end, when its devices go.
 *
 *	this namespace              new one
 *	     away0 ---- veth ---- away1
 */
static bool namespace_comes_and_goes(void)
{
	struct worker *w = worker_start(stay_in_new_namespace, NULL, -1);
	char command[100];

	if (!wait_for(worker_rounds(w)))
		return false;
	snprintf(command, sizeof(command),
		 "ip link add away0 type veth peer name away1 netns %d", w->pid);
	must(!system(command));
	must(if_nametoindex("away0"));
	worker_stop(w);
	return wait_for(!if_nametoindex("away0"));
}

/*
 * A reader that is stuck in the middle of its read() holds up the unloading, as
 * with every file of procfs, and nobody else; when it goes on, both finish.
 */
TEST_F(unload, waits_for_a_blocked_reader)
{
	struct blocked b = {};
	struct uffdio_zeropage zero = { .range.len = 4096 };
	struct pollfd fault = { .events = POLLIN };
	struct worker *remover;
	size_t len;
	char *text;

	fault.fd = fault_page(&b.page);
	if (fault.fd < 0)
		SKIP(return, "no userfaultfd: %m");
	text = file_read(CENSUS_DIR "states", &len);
	ASSERT_NE(NULL, text);
	b.fd = open(CENSUS_DIR "states", O_RDONLY);
	ASSERT_GE(b.fd, 0);
	ASSERT_EQ(0, pthread_create(&b.thread, NULL, read_into_fault, &b));
	ASSERT_EQ(1, poll(&fault, 1, WAIT_SECONDS * 1000));
	ASSERT_EQ(POLLIN, fault.revents);

	remover = worker_start(unload_once, NULL, -1);
	ASSERT_TRUE(wait_for(access(CENSUS_DIR, F_OK)));
	nap_ms(200);
	EXPECT_EQ(1, worker_rounds(remover));
	EXPECT_EQ(-1, open(CENSUS_DIR "states", O_RDONLY));
	EXPECT_TRUE(namespace_comes_and_goes());
	EXPECT_EQ(1, worker_rounds(remover));

	zero.range.start = (uintptr_t)b.page;
	ASSERT_EQ(0, ioctl(fault.fd, UFFDIO_ZEROPAGE, &zero));
	ASSERT_EQ(0, pthread_join(b.thread, NULL));
	EXPECT_EQ((ssize_t)len, b.n) TH_LOG("errno %d", b.err);
	EXPECT_EQ(0, memcmp(text, b.page, len));
	worker_wait(remover);
	EXPECT_FALSE(loaded());
	EXPECT_TRUE(only_eio(b.fd, false));
	load();
}

static void block_for_ever(struct worker *me, void *arg)
{
	struct pollfd fault = { .events = POLLIN };
	struct blocked b = {};

	(void)arg;
	fault.fd = fault_page(&b.page);
	b.fd = open(CENSUS_DIR "listeners", O_RDONLY);
	must(b.fd >= 0);
	must(!pthread_create(&b.thread, NULL, read_into_fault, &b));
	must(poll(&fault, 1, WAIT_SECONDS * 1000) == 1 &&
	     fault.revents == POLLIN);
	worker_round(me);
	pause();
}

/* A reader that is stuck can still be killed, and the unloading goes on. */
TEST_F(unload, blocked_reader_is_killed)
{
	struct worker *reader, *remover;
	char *page;

	if (fault_page(&page) < 0)
		SKIP(return, "no userfaultfd: %m");
	reader = worker_start(block_for_ever, NULL, -1);
	ASSERT_TRUE(wait_for(worker_rounds(reader)));
	remover = worker_start(unload_once, NULL, -1);
	ASSERT_TRUE(wait_for(access(CENSUS_DIR, F_OK)));
	worker_stop(reader);
	worker_wait(remover);
	EXPECT_FALSE(loaded());
	load();
}

/* Readers who wait for a walk when the module goes are not left waiting. */
TEST_F(unload, under_waiting_readers)
{
	struct worker *w[8];
	struct counts got;
	size_t k;
	int i;

	for (k = 0; k < ARRAY_SIZE(w); k++)
		w[k] = worker_start(read_files, NULL, -1);
	for (i = 0; i < 4; i++) {
		for (k = 0; k < ARRAY_SIZE(w); k++) {
			unsigned long had = worker_rounds(w[k]);

			ASSERT_TRUE(wait_for(worker_rounds(w[k]) > had));
		}
		unload();
		load();
	}
	for (k = 0; k < ARRAY_SIZE(w); k++)
		worker_stop(w[k]);
	census_counts(&got);
	EXPECT_EQ(0, counts_diff("loaded again", &self->want, &got));
}

TEST_HARNESS_MAIN
