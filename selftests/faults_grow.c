// SPDX-License-Identifier: GPL-2.0
/*
 * What the module keeps grows with what there is: when there is no memory for more than
 * it has room for, the rest is counted as missing, and afterwards nothing is.
 */

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/cgroup.h"
#include "lib/crowd.h"
#include "lib/inject.h"
#include "lib/reap.h"
#include "lib/rows.h"
#include "lib/setting.h"
#include "lib/test.h"
#include "lib/test_module.h"

INJECT_TEST

#define CHILD_ENTRIES "/proc/sys/net/ipv4/tcp_child_ehash_entries"
#define MAX_ENDPOINTS CENSUS_MODULE "/parameters/max_endpoints"

static unsigned long long stat_of(int netns, const char *key)
{
	unsigned long long n;
	int here = net_open();

	net_enter(netns);
	n = census_stat(key);
	net_enter(here);
	close(here);
	return n;
}

FIXTURE(census) {
};

FIXTURE_SETUP(census)
{
	fds_raise(10000);
	net_new();
}

FIXTURE_TEARDOWN_PARENT(census)
{
	census_thaw();
	EXPECT_FALSE(census_damaged());
}

/* What one snapshot says. Returns how many connections are in no row. */
static unsigned long long snapshot_missed(const struct counts *want, unsigned int *bad)
{
	unsigned long long by_state[STATES], missed, rows = 0;
	struct counts got;
	struct table t;
	unsigned int i;

	census_freeze();
	census_counts(&got);
	missed = census_stat("conns_missed");
	census_table(&t, "endpoints");
	endpoints_sum(by_state, &t);
	table_free(&t);
	census_thaw();
	for (i = 1; i < STATES; i++)
		rows += by_state[i];
	*bad += counts_diff("states", want, &got);
	*bad += off("in rows, or missed", counts_sum(&got), rows + missed);
	return missed;
}

/* More of them in one chain than there is room for at first: they come all at once. */
TEST_F(census, of_a_long_chain)
{
	struct counts want = {};
	unsigned int bad = 0;

	if (access(CHILD_ENTRIES, F_OK))
		SKIP(return, "this kernel has no established table per namespace");
	file_set(CHILD_ENTRIES, "1");
	net_new();
	crowd_add(&want, "127.0.0.1", 530, 0, 0);
	ASSERT_TRUE(crowd_settled(&want));
	inject_all("tcpc_gather_grow");
	EXPECT_LT(0, snapshot_missed(&want, &bad));
	EXPECT_LT(0, inject_all_done());
	EXPECT_EQ(0, snapshot_missed(&want, &bad));
	EXPECT_EQ(0, bad);
}

/* More endpoints than there may be rows of: the least of them is to go. */
TEST_F(census, of_many_endpoints)
{
	enum { ROWS = 16, LISTENERS = 24 };
	unsigned long long old = file_number(MAX_ENDPOINTS), missed, replaced;
	unsigned int i;

	file_set(MAX_ENDPOINTS, "%d", ROWS);
	for (i = 0; i < LISTENERS; i++)
		sock_listen("127.0.0.1", 1000 + i, 1);
	inject_all("tcpc_top_heap");
	census_freeze();
	missed = census_stat("endpoints_missed");
	replaced = census_stat("endpoints_replaced");
	census_thaw();
	EXPECT_LT(0, inject_all_done());
	file_set(MAX_ENDPOINTS, "%llu", old);
	EXPECT_EQ(LISTENERS - ROWS, missed);
	EXPECT_EQ(0, replaced);
	EXPECT_EQ(0, census_stat("endpoints_missed"));
}

enum { GROUPS = 10, EACH = 7, LISTENERS = 66 };

/**
 * struct many - candidates of the reaper
 * @initial: the initial namespace
 * @starved: passes that lacked memory so far
 */
struct many {
	int initial;
	unsigned long long starved;
};

FIXTURE(reaper) {
	struct many many;
	char cgroup[600];
	int listener;
	struct addr to;
};

FIXTURE_SETUP(reaper)
{
	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	fds_raise(2000);
	self->many.initial = net_open();
	/* Its own namespace comes first. */
	reap_pass();
	cgroup_join_new(self->cgroup, sizeof(self->cgroup));
	ASSERT_NE(0, *self->cgroup) TH_LOG("there is no cgroup v2");
	net_new();
	self->listener = sock_listen("127.0.0.1", 0, 256);
	self->to = sock_addr(self->listener);
	setting_set("action", "count");
}

FIXTURE_TEARDOWN_PARENT(reaper)
{
	char *path;
	int i;

	census_thaw();
	for (i = 0; i < GROUPS; i++) {
		path = strf("%s/%d", self->cgroup, i);
		EXPECT_TRUE(wait_for(!rmdir(path) || errno == ENOENT)) TH_LOG("%m");
		free(path);
	}
	if (*self->cgroup)
		EXPECT_TRUE(wait_for(!rmdir(self->cgroup))) TH_LOG("%m");
	EXPECT_FALSE(census_damaged());
}

static void make(int listener, const struct addr *to, enum cause why, unsigned int n)
{
	struct target t;

	while (n--) {
		target_make(&t, listener, to, why, false);
		target_age(&t, AGES);
	}
}

static unsigned long long counted(enum cause why)
{
	return actions_done(cause_names[why], "count", "candidate");
}

static unsigned int rows_of(const char *file)
{
	unsigned int rows;
	struct table t;

	census_table(&t, file);
	rows = t.rows;
	table_free(&t);
	return rows;
}

/* Lines of what it did: none at first, then 16, then 256. */
TEST_F(reaper, of_lines)
{
	make(self->listener, &self->to, DRAINED, 20);
	inject_all("tcpc_log_add");
	/* Not before: that asks for a pass. */
	setting_set("timeout", "8000");
	reap_pass();
	EXPECT_LT(0, inject_all_done());
	EXPECT_EQ(20, counted(DRAINED));
	EXPECT_EQ(0, rows_of("actions"));
	EXPECT_EQ(20, census_stat("actions_missed"));

	make(self->listener, &self->to, DRAINED, 10);
	reap_pass();
	EXPECT_EQ(30, counted(DRAINED));
	EXPECT_EQ(10, rows_of("actions"));

	make(self->listener, &self->to, DRAINED, 10);
	inject_all("tcpc_log_add");
	reap_pass();
	EXPECT_LT(0, inject_all_done());
	EXPECT_EQ(40, counted(DRAINED));
	EXPECT_EQ(16, rows_of("actions"));
	EXPECT_EQ(24, census_stat("actions_missed"));

	make(self->listener, &self->to, DRAINED, 1);
	reap_pass();
	EXPECT_EQ(17, rows_of("actions"));
	EXPECT_EQ(24, census_stat("actions_missed"));
}

static void pass_run(void *arg)
{
	(void)arg;
	reap_pass_begin();
	must(wait_for(inject_fired() || reap_pass_over()));
}

/* Those whose queue somebody had just then wait for another pass, as ever. */
static bool all_counted(void)
{
	if (counted(DRAINED) == GROUPS * EACH && counted(UNACCEPTED) == LISTENERS)
		return true;
	if (reap_skipped("busy"))
		reap_pass();
	return false;
}

/* Whatever failed: soon all are counted, each once. */
static unsigned int pass_off(void *arg, bool fired)
{
	struct many *m = arg;
	unsigned long long starved;
	unsigned int n = 0;

	reap_pass_end();
	n += off("all are counted", 1, wait_for(all_counted()));
	n += off("each once", GROUPS * EACH + LISTENERS, actions_sum());
	n += off("candidates", 1,
		 wait_for(reap_candidates() == GROUPS * EACH + LISTENERS));
	starved = stat_of(m->initial, "reaper_passes_starved");
	if (!fired)
		n += off("passes starved for nothing", m->starved, starved);
	m->starved = starved;
	return n;
}

/**
 * struct reading - close_wait is read over and over
 * @text: what was read, or NULL
 * @err: then
 */
struct reading {
	char *text;
	int err;
};

static void read_close_wait(void *arg)
{
	struct reading *r = arg;

	r->text = file_read(CENSUS_DIR "close_wait", NULL);
	r->err = r->text ? 0 : errno;
}

static unsigned int close_wait_off(void *arg, bool fired)
{
	struct reading *r = arg;
	struct table t;
	unsigned int n;

	if (!r->text)
		return off("it fails for a reason", 1, fired) +
		       off("ENOMEM or EFAULT", 1, r->err == ENOMEM || r->err == EFAULT);
	table_parse(&t, r->text, strlen(r->text));
	n = off("rows", GROUPS + LISTENERS, t.rows);
	n += off("sockets", GROUPS * EACH + LISTENERS, table_sum(&t, "sockets"));
	table_free(&t);
	free(r->text);
	return n;
}

/* Listeners with queues, candidates and names of cgroups, more of each than at first. */
TEST_F(reaper, of_many)
{
	struct many *m = &self->many;
	struct injection passes = {
		.what = "a pass", .work = pass_run, .check = pass_off, .arg = m,
		.workers = true, .alone = 12, .stride = 12, .least = 60,
	};
	struct reading r;
	struct injection reads = {
		.what = "close_wait", .work = read_close_wait, .check = close_wait_off,
		.arg = &r, .least = 5,
	};
	unsigned long long starved;
	int listener, i;
	struct addr to;
	char *path;

	for (i = 0; i < LISTENERS; i++) {
		listener = sock_listen("127.0.0.1", 0, 1);
		to = sock_addr(listener);
		make(listener, &to, UNACCEPTED, 1);
	}
	for (i = 0; i < GROUPS; i++) {
		path = strf("%s/%d", self->cgroup, i);
		ASSERT_EQ(0, mkdir(path, 0755)) TH_LOG("%m");
		cgroup_join(path);
		free(path);
		/* What it accepts is of its own cgroup. */
		listener = sock_listen("127.0.0.1", 0, 64);
		to = sock_addr(listener);
		make(listener, &to, DRAINED, EACH);
	}
	/* Rules about cgroups take memory for names. */
	setting_set("except", "cgroup:/nobody/is/here");
	setting_set("timeout", "8000");
	starved = stat_of(m->initial, "reaper_passes_starved");
	m->starved = starved;
	census_still();
	inject_module();
	EXPECT_EQ(0, inject_each(&passes));
	EXPECT_LT(starved, m->starved);
	EXPECT_EQ(0, inject_each(&reads));
}

TEST_HARNESS_MAIN
