// SPDX-License-Identifier: GPL-2.0
/*
 * Users who have the module use memory for them: by files that they never close, and by
 * settings. It is charged to the cgroup of who asks, is bounded, and comes back.
 */

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/cgroup.h"
#include "lib/setting.h"
#include "lib/test.h"
#include "lib/worker.h"

enum {
	LISTENERS = 1000,
	TEXTS = 40, /* open files with all of them in it */
	SNAPSHOTS = 25, /* each with all of them in it */
	NAMESPACES = 10,
};

/* What a cgroup or a processor may have in stock. */
#define SLACK (4ULL << 20)

/* Files, how many of each are opened, and how much of one may be charged. */
static const struct {
	const char *name;
	unsigned int n;
	unsigned int kib;
} files[] = {
	{ "states", 1000, 8 }, { "close_wait", 50, 8 }, { "endpoints", 10, 1024 },
	{ "ports", 50, 8 }, { "transitions", 50, 8 }, { "ended", 50, 8 },
	{ "actions", 50, 8 }, { "stat", 100, 16 }, { "metrics", 10, 256 },
	{ "sockets", 1000, 64 },
};

static void listeners_make(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		sock_listen("127.0.0.1", 1000 + i, 1);
}

/* The value of a line of a text as /proc/meminfo's, in bytes. */
static unsigned long long memory(const char *key)
{
	char *text = file_read("/proc/meminfo", NULL), *line;
	unsigned long long kib;

	must(text);
	line = strstr(text, key);
	must(line && sscanf(line + strlen(key), " %llu kB", &kib) == 1);
	free(text);
	return kib << 10;
}

/* All that the kernel has allocated and may not just drop, but for pages on their own. */
static unsigned long long kernel_bytes(void)
{
	return memory("\nSUnreclaim:") + memory("\nVmallocUsed:");
}

/* Areas of vmalloc that are the module's. */
static unsigned int areas(void)
{
	char *text = file_read("/proc/vmallocinfo", NULL), *at;
	unsigned int n = 0;

	must(text);
	for (at = text; (at = strstr(at, "[tcp_census]")); at++)
		n++;
	free(text);
	return n;
}

FIXTURE(charged) {
	char mount[256];
	char dir[300];
};

FIXTURE_SETUP(charged)
{
	char own[256], *controllers, *path;

	if (!cgroup_mount(self->mount, sizeof(self->mount)))
		SKIP(return, "no cgroup v2 hierarchy is mounted");
	cgroup_own(own, sizeof(own));
	path = strf("%s/cgroup.controllers", self->mount);
	controllers = file_read(path, NULL);
	if (*own || !controllers || !strstr(controllers, "memory"))
		SKIP(return, "no memory controller of cgroup v2, or not in its root");
	free(controllers);
	free(path);
	path = strf("%s/cgroup.subtree_control", self->mount);
	file_set(path, "+memory");
	free(path);
	snprintf(self->dir, sizeof(self->dir), "%s/census-%d", self->mount, getpid());
	must(!mkdir(self->dir, 0755));
	fds_raise(LISTENERS + 4000);
	net_new();
	listeners_make(LISTENERS);
}

FIXTURE_TEARDOWN_PARENT(charged)
{
	if (*self->dir)
		EXPECT_TRUE(wait_for(!rmdir(self->dir))) TH_LOG("%m");
	EXPECT_FALSE(census_damaged());
}

static unsigned long long charge(const char *dir)
{
	char *path = strf("%s/memory.current", dir);
	unsigned long long bytes = file_number(path);

	free(path);
	return bytes;
}

/* A process in the cgroup, which opens files when it is told, and keeps them. */
struct opener {
	const char *dir;
	const char *path;
	unsigned int n;
};

static void open_many(struct worker *me, void *arg)
{
	const struct opener *o = arg;
	unsigned int i;

	cgroup_join(o->dir);
	/* What it needs itself, and what all files of the kernel cost. */
	for (i = 0; i < o->n; i++)
		must(open("/proc/self/status", O_RDONLY) >= 0);
	must(open(o->path, O_RDONLY) >= 0);
	worker_round(me);
	must(wait_for(worker_rounds(me) == 2));
	for (i = 0; i < o->n; i++) {
		must(open(o->path, O_RDONLY) >= 0);
		worker_round(me);
	}
	pause();
}

/* Until it has done all, however long, as long as it gets on. */
static bool worker_does(const struct worker *w, unsigned long rounds)
{
	unsigned long had = worker_rounds(w);

	while (had < rounds && wait_for(worker_rounds(w) > had))
		had = worker_rounds(w);
	return had == rounds;
}

/* Texts that are held are charged to who opened them, and are all that is held. */
TEST_F(charged, texts)
{
	struct opener o = { .dir = self->dir, .path = CENSUS_DIR "listeners", .n = TEXTS };
	unsigned long long before, grown, kernel, len, held;
	struct worker *w;
	size_t size;

	file_set(CENSUS_MS, "3600000");
	free(file_read(o.path, &size));
	len = size;
	w = worker_start(open_many, &o, -1);
	ASSERT_TRUE(wait_for(worker_rounds(w) == 1));
	before = charge(self->dir);
	kernel = kernel_bytes();
	worker_round(w);
	ASSERT_TRUE(worker_does(w, 2 + TEXTS));
	grown = charge(self->dir) - before;
	held = kernel_bytes() - kernel;
	printf("# %u texts of %llu kB: %llu kB charged, %lld kB of the kernel's\n", TEXTS,
	       len >> 10, grown >> 10, (long long)held >> 10);
	EXPECT_LE(TEXTS * len, grown);
	EXPECT_GE(TEXTS * 2 * len + SLACK, grown);
	EXPECT_GE(TEXTS * 2 * len + 8 * SLACK, held);
	worker_stop(w);
	EXPECT_TRUE(wait_for(charge(self->dir) < SLACK))
		TH_LOG("%llu bytes stay", charge(self->dir));
}

/* Walks that each open file has had for itself are not kept with it. */
TEST_F(charged, snapshots_go)
{
	struct opener o = { .dir = self->dir, .path = CENSUS_DIR "stat", .n = SNAPSHOTS };
	unsigned long long kernel;
	struct worker *w;
	long long held;

	w = worker_start(open_many, &o, -1);
	ASSERT_TRUE(wait_for(worker_rounds(w) == 1));
	kernel = kernel_bytes();
	worker_round(w);
	ASSERT_TRUE(worker_does(w, 2 + SNAPSHOTS));
	/* That of the last is there for a second. */
	EXPECT_TRUE(wait_for((held = kernel_bytes() - kernel) < (long long)SLACK));
	printf("# %u walks of %u listeners: %lld kB of the kernel's\n", SNAPSHOTS, LISTENERS,
	       held >> 10);
	worker_stop(w);
}

/* Thousands of files that stay open: all can still be read, and all goes. */
TEST_F(charged, files)
{
	struct opener o = { .dir = self->dir };
	unsigned long long grown, began;
	struct worker *w[ARRAY_SIZE(files)];
	unsigned int i, before = areas();
	struct table t;

	file_set(CENSUS_MS, "3600000");
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		o.path = strf("%s%s", CENSUS_DIR, files[i].name);
		o.n = files[i].n;
		w[i] = worker_start(open_many, &o, -1);
		ASSERT_TRUE(wait_for(worker_rounds(w[i]) == 1));
		began = charge(self->dir);
		worker_round(w[i]);
		ASSERT_TRUE(worker_does(w[i], 2 + o.n));
		grown = (charge(self->dir) - began) / o.n;
		printf("# %s: %llu bytes charged for an open file\n", files[i].name, grown);
		EXPECT_GE((files[i].kib << 10) + SLACK / o.n, grown) TH_LOG("%s", files[i].name);
	}
	census_table(&t, "listeners");
	EXPECT_EQ(LISTENERS, t.rows);
	table_free(&t);
	for (i = 0; i < ARRAY_SIZE(files); i++)
		worker_stop(w[i]);
	EXPECT_TRUE(wait_for(charge(self->dir) < SLACK))
		TH_LOG("%llu bytes stay", charge(self->dir));
	EXPECT_TRUE(wait_for(areas() <= before)) TH_LOG("%u areas, %u before", areas(), before);
}

/* Namespaces with as much in their settings as there may be, and more on its way. */
static void fill_settings(struct worker *me, void *arg)
{
	static const char *const rules[] = { "only", "except" };
	char *path = setting_padded("cgroup:/", 'x', 250), *text;
	unsigned int i, k, round;
	size_t len;

	cgroup_join(arg);
	worker_round(me);
	must(wait_for(worker_rounds(me) == 2));
	text = calloc(64, 252);
	must(text);
	for (k = 0; k < 63; k++)
		sprintf(text + strlen(text), "%s ", path);
	len = strlen(text);
	text[len - 1] = '\n';
	for (i = 0; i < NAMESPACES; i++) {
		net_new();
		for (round = 0; round < 10; round++) {
			for (k = 0; k < 2; k++) {
				must(!setting_pwrite(rules[k], text, len, 0));
				/* The beginning of one that never ends. */
				must(!setting_pwrite(rules[k], text, len / 1024 * 1024, 0));
			}
		}
		worker_round(me);
	}
	pause();
}

TEST_F(charged, settings)
{
	unsigned long long began, grown, kernel, held;
	struct worker *w;

	w = worker_start(fill_settings, self->dir, -1);
	ASSERT_TRUE(wait_for(worker_rounds(w) == 1));
	began = charge(self->dir);
	kernel = kernel_bytes();
	worker_round(w);
	ASSERT_TRUE(worker_does(w, 2 + NAMESPACES));
	grown = charge(self->dir) - began;
	held = kernel_bytes() - kernel;
	printf("# %u namespaces: %llu kB charged, %lld kB of the kernel's, each\n", NAMESPACES,
	       (grown >> 10) / NAMESPACES, ((long long)held >> 10) / NAMESPACES);
	/* Both settings, and one on its way; 1 MiB is more than a bare namespace takes. */
	EXPECT_LE(NAMESPACES * 3ULL * 15000, grown);
	EXPECT_GE(NAMESPACES * (1ULL << 20) + SLACK, grown);
	worker_stop(w);
	EXPECT_TRUE(wait_for(charge(self->dir) < SLACK))
		TH_LOG("%llu bytes stay", charge(self->dir));
}

/* A value that is longer than any may be takes no memory of the module's at all. */
TEST(huge_writes)
{
	static const size_t sizes[] = { 65536, 1 << 20, (4 << 20) - 1, 4 << 20 };
	static const char *const names[] = { "timeout", "only" };
	unsigned int i, k, before;
	char *text;
	int err;

	net_new();
	before = areas();
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		text = setting_padded("server:80", '\n', sizes[i]);
		for (k = 0; k < ARRAY_SIZE(names); k++) {
			err = setting_pwrite(names[k], text, sizes[i], 0);
			/* The kernel itself takes 4 MiB at most, or as much as it has. */
			EXPECT_TRUE(err == EINVAL || err == ENOMEM)
				TH_LOG("%s, %zu bytes: %d", names[k], sizes[i], err);
		}
		free(text);
	}
	EXPECT_EQ(0, settings_off(setting_defaults));
	EXPECT_GE(before, areas());
}

TEST_HARNESS_MAIN
