// SPDX-License-Identifier: GPL-2.0
/*
 * Users who have the module use memory for them: by files that they never close, by
 * settings, by listeners and connections. It is charged to the cgroup of who asks, or
 * bounded, and comes back.
 */

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/stat.h>

#include "lib/cgroup.h"
#include "lib/memory.h"
#include "lib/module.h"
#include "lib/setting.h"
#include "lib/test.h"
#include "lib/user.h"
#include "lib/worker.h"

#define CENSUS_MAX_ENDPOINTS CENSUS_MODULE "/parameters/max_endpoints"

enum {
	LISTENERS = 1000,
	TEXTS = 40, /* open files with all of them in it */
	SNAPSHOTS = 100, /* each with all of them in it */
	NAMESPACES = 10,
	CROWD = 10000, /* listeners, or endpoints, of one user */
};

/* What a cgroup or a processor may have in stock. */
#define SLACK (4LL << 20)

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
	file_set(CENSUS_MS, "0");
	must(!mkdir(self->dir, 0755));
	fds_raise(CROWD + 4000);
	net_new();
	listeners_make(LISTENERS);
}

FIXTURE_TEARDOWN_PARENT(charged)
{
	file_set(CENSUS_MS, "0");
	if (*self->dir)
		EXPECT_TRUE(wait_for(!rmdir(self->dir))) TH_LOG("%m");
	EXPECT_FALSE(census_damaged());
}

static long long charge(const char *dir)
{
	char *path = strf("%s/memory.current", dir);
	long long bytes = file_number(path);

	free(path);
	return bytes;
}

/**
 * struct opener - a process in the cgroup, which opens files when it is told, and keeps
 *	them
 * @user: whose
 * @dir: the cgroup
 * @path: of the file
 * @n: how often
 */
struct opener {
	const struct user *user;
	const char *dir;
	const char *path;
	unsigned int n;
};

static void open_many(struct worker *me, void *arg)
{
	const struct opener *o = arg;
	unsigned int i;

	cgroup_join(o->dir);
	o->user->become();
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

/* Texts that are held are charged to who opened them, and are all that is held. */
TEST_F(charged, texts)
{
	struct opener o = {
		.user = &users[USER_NOBODY], .dir = self->dir,
		.path = CENSUS_DIR "listeners", .n = TEXTS,
	};
	long long before, grown, kernel, len, held;
	struct worker *w;
	size_t size;

	file_set(CENSUS_MS, "3600000");
	free(file_read(o.path, &size));
	len = size;
	w = worker_start(open_many, &o, -1);
	ASSERT_TRUE(wait_for(worker_rounds(w) == 1));
	before = charge(self->dir);
	kernel = memory_held();
	worker_round(w);
	ASSERT_TRUE(worker_does(w, 2 + TEXTS));
	grown = charge(self->dir) - before;
	held = memory_held() - kernel;
	printf("# %u texts of %lld kB: %lld kB charged, %lld kB of the kernel's\n", TEXTS,
	       len >> 10, grown >> 10, held >> 10);
	EXPECT_LE(TEXTS * len, grown);
	EXPECT_GE(TEXTS * 2 * len + SLACK, grown);
	EXPECT_GE(TEXTS * 2 * len + SLACK, held);
	worker_stop(w);
	EXPECT_TRUE(wait_for(charge(self->dir) < SLACK))
		TH_LOG("%lld bytes stay", charge(self->dir));
}

/* Files with a walk each, which took as long as they say, the first of them its own. */
static void walk_many(struct worker *me, void *arg)
{
	static unsigned long long us[SNAPSHOTS];
	const struct opener *o = arg;
	unsigned int i, k, walks = 0;
	char text[4096];
	int fd;

	o->user->become();
	worker_round(me);
	must(wait_for(worker_rounds(me) == 2));
	for (i = 0; i < o->n; i++) {
		fd = open(o->path, O_RDONLY);
		must(fd >= 0 && read(fd, text, sizeof(text)) > 0);
		us[i] = stat_value(text, "walk_us");
		for (k = 0; k < i && us[k] != us[i]; k++)
			;
		walks += k == i;
		worker_round(me);
	}
	/* Some took the same time. */
	must(walks > o->n / 2);
	pause();
}

/* Walks that each open file has had for itself are not kept with it. */
TEST_F(charged, snapshots_go)
{
	struct opener o = {
		.user = &users[USER_HOSTS_NETWORK], .dir = self->dir,
		.path = CENSUS_DIR "stat", .n = SNAPSHOTS,
	};
	long long kernel, held;
	struct worker *w;

	w = worker_start(walk_many, &o, -1);
	ASSERT_TRUE(wait_for(worker_rounds(w) == 1));
	kernel = memory_held();
	worker_round(w);
	ASSERT_TRUE(worker_does(w, 2 + SNAPSHOTS));
	/* That of the last is there for a second. */
	EXPECT_TRUE(wait_for((held = memory_held() - kernel) < SLACK));
	printf("# %u walks of %u listeners: %lld kB of the kernel's\n", SNAPSHOTS, LISTENERS,
	       held >> 10);
	worker_stop(w);
}

/* Thousands of files that stay open: all can still be read, and all goes. */
TEST_F(charged, files)
{
	struct opener o = { .dir = self->dir };
	long long grown, began;
	struct worker *w[ARRAY_SIZE(files)];
	unsigned int i, before = areas();
	struct table t;

	file_set(CENSUS_MS, "3600000");
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		o.path = strf("%s%s", CENSUS_DIR, files[i].name);
		o.n = files[i].n;
		o.user = &users[i % 2 ? USER_HOSTS_NETWORK : USER_NOBODY];
		w[i] = worker_start(open_many, &o, -1);
		ASSERT_TRUE(wait_for(worker_rounds(w[i]) == 1));
		began = charge(self->dir);
		worker_round(w[i]);
		ASSERT_TRUE(worker_does(w[i], 2 + o.n));
		grown = (charge(self->dir) - began) / o.n;
		printf("# %s: %lld bytes charged for an open file\n", files[i].name, grown);
		EXPECT_GE((files[i].kib << 10) + SLACK / o.n, grown) TH_LOG("%s", files[i].name);
	}
	census_table(&t, "listeners");
	EXPECT_EQ(LISTENERS, t.rows);
	table_free(&t);
	for (i = 0; i < ARRAY_SIZE(files); i++)
		worker_stop(w[i]);
	EXPECT_TRUE(wait_for(charge(self->dir) < SLACK))
		TH_LOG("%lld bytes stay", charge(self->dir));
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
	be_rootless();
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
	long long began, grown, kernel, held;
	struct worker *w;

	w = worker_start(fill_settings, self->dir, -1);
	ASSERT_TRUE(wait_for(worker_rounds(w) == 1));
	began = charge(self->dir);
	kernel = memory_held();
	worker_round(w);
	ASSERT_TRUE(worker_does(w, 2 + NAMESPACES));
	grown = charge(self->dir) - began;
	held = memory_held() - kernel;
	printf("# %u namespaces: %lld kB charged, %lld kB of the kernel's, each\n", NAMESPACES,
	       (grown >> 10) / NAMESPACES, (held >> 10) / NAMESPACES);
	/* Both settings, and one on its way; 1 MiB is more than a bare namespace takes. */
	EXPECT_LE(NAMESPACES * 3LL * 15000, grown);
	EXPECT_GE(NAMESPACES * (1LL << 20) + SLACK, grown);
	EXPECT_GE(grown + SLACK, held);
	worker_stop(w);
	EXPECT_TRUE(wait_for(charge(self->dir) < SLACK))
		TH_LOG("%lld bytes stay", charge(self->dir));
}

static void listen_much(struct worker *me, void *arg)
{
	unsigned int i;

	cgroup_join(arg);
	be_rootless();
	for (i = 0; i < CROWD; i++) {
		sock_listen("127.0.0.1", 10000 + i, 1);
		worker_round(me);
	}
	pause();
}

/*
 * What is kept for each, with a snapshot in which all of them are: as much as goes when
 * the module goes. KASAN and lockdep add to each allocation and each lock. It is charged
 * to whose they are, but for the snapshot; on PREEMPT_RT it comes from what was allocated
 * before.
 */
TEST_F(charged, listeners)
{
	unsigned long long expedited = expedite();
	long long charged, held;
	struct worker *w;

	if (access(module_file(), R_OK))
		SKIP(return, "%s is not there: set TCP_CENSUS_KO", module_file());
	file_set(CENSUS_MS, "3600000");
	w = worker_start(listen_much, self->dir, -1);
	ASSERT_TRUE(worker_does(w, CROWD));
	close(net_new());
	EXPECT_LE(0, census_stat("sockets"));
	charged = charge(self->dir);
	held = memory_held();
	unload();
	/* What goes after a grace period goes soon. */
	if (access("/sys/kernel/realtime", F_OK))
		EXPECT_TRUE(wait_for(charged - charge(self->dir) >= CROWD * 250LL));
	charged -= charge(self->dir);
	held -= memory_held();
	load();
	expedite_as(expedited);
	printf("# %u listeners: %lld bytes charged for each, %lld of the kernel's\n", CROWD,
	       charged / CROWD, held / CROWD);
	EXPECT_GE(CROWD * (memory_guarded() ? 3000LL : 1500LL) + SLACK, held);
	worker_stop(w);
}

/*
 * An endpoint each, for nothing but a socket: a connection that is said to be there is
 * there, to who may say so of its own namespace.
 */
static void connect_much(struct worker *me, void *arg)
{
	struct addr to = addr("127.1.0.0", 80);
	unsigned int i;
	int fd, on = 1;

	cgroup_join(arg);
	be_rootless();
	worker_round(me);
	for (i = 0; i < CROWD; i++) {
		to.in.sin_addr.s_addr = htonl(ntohl(to.in.sin_addr.s_addr) + 1);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		must(fd >= 0);
		must(!setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)));
		must(!connect(fd, &to.sa, to.len));
		worker_round(me);
	}
	pause();
}

/* What a snapshot with all of them has is bounded, and goes with it. */
TEST_F(charged, endpoints)
{
	unsigned long long max = file_number(CENSUS_MAX_ENDPOINTS);
	struct worker *w = worker_start(connect_much, self->dir, -1);
	char *netns = strf("/proc/%d/ns/net", w->pid);
	long long before, held, gone;
	struct table t;

	ASSERT_TRUE(worker_does(w, 1 + CROWD));
	net_enter(open(netns, O_RDONLY | O_CLOEXEC));
	before = memory_held();
	file_set(CENSUS_MAX_ENDPOINTS, "%u", CROWD);
	file_set(CENSUS_MS, "3600000");
	census_table(&t, "endpoints");
	held = memory_held() - before;
	EXPECT_EQ(CROWD, t.rows);
	table_free(&t);
	file_set(CENSUS_MS, "0");
	file_set(CENSUS_MAX_ENDPOINTS, "%llu", max);
	census_stat("sockets");
	EXPECT_TRUE(wait_for((gone = memory_held() - before) < SLACK));
	printf("# %u endpoints: %lld bytes of the kernel's for each, then %lld kB in all\n",
	       CROWD, held / CROWD, gone >> 10);
	EXPECT_LE(CROWD * 50LL, held);
	EXPECT_GE(CROWD * 1000LL + SLACK, held);
	worker_stop(w);
	free(netns);
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
