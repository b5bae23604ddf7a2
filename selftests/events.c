// SPDX-License-Identifier: GPL-2.0
/*
 * Module parameter events, and what the module makes of what was there before it.
 *
 * The module's file is $TCP_CENSUS_KO, or /tcp_census.ko.
 */

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/closing.h"
#include "lib/ended.h"
#include "lib/metrics.h"
#include "lib/module.h"
#include "lib/moves.h"
#include "lib/peak.h"
#include "lib/reap.h"
#include "lib/setting.h"
#include "lib/test.h"
#include "lib/test_module.h"

#define EVENTS CENSUS_MODULE "/parameters/events"
#define TRACEPOINT "inet_sock_set_state"

/* Listeners of one port: some times what is seen at a time, of those that are known. */
#define LONG_CHAIN 1000

FIXTURE(events) {
	unsigned long long expedited;
	int home;
};

FIXTURE_SETUP(events)
{
	if (access(module_file(), R_OK))
		SKIP(return, "%s is not there: set TCP_CENSUS_KO", module_file());
	self->expedited = expedite();
	self->home = net_open();
	net_new();
}

/* In the parent, which outlives a test that failed. */
FIXTURE_TEARDOWN_PARENT(events)
{
	expedite_as(self->expedited);
	load_again();
	EXPECT_FALSE(census_damaged());
}

/* Load it anew. */
static void reload(const char *params)
{
	unload();
	errno = load_with(params);
	must(!errno);
}

static bool is_on(void)
{
	char *text = file_read(EVENTS, NULL);
	bool on;

	must(text);
	on = !strcmp(text, "Y\n");
	must(on || !strcmp(text, "N\n"));
	free(text);
	return on;
}

static size_t rows_of(const char *path)
{
	struct table t;

	table_read(&t, path);
	table_free(&t);
	return t.rows;
}

/* With it nobody is told of a state change, and nothing else is missing. */
TEST_F(events, off)
{
	static const char *const keys[] = {
		"events", "transitions_uncounted", "listener_records",
		"listener_records_missed", "accepts_unmatched",
	};
	static const char *const columns[] = {
		"peak", "peak_recent", "filled", "queued",
	};
	struct moves no_moves = {}, moves;
	struct closings none = {}, got;
	struct metrics m;
	struct counts c;
	struct table t;
	struct addr to;
	struct pair p;
	int listener, netns;
	size_t i;

	reload("census_ms=0 events=0");
	EXPECT_FALSE(is_on());
	close(listen_full("127.0.0.1", 81, 2));
	listener = sock_listen("127.0.0.1", 80, 2);
	to = sock_addr(listener);
	p = pair_make(listener, &to);
	pair_end(p.client, p.server, false);
	ASSERT_TRUE(burst_fill(listener, &to, 3));

	moves_read(&moves);
	EXPECT_EQ(0, moves_off(&no_moves, &moves));
	closings_read(&got);
	EXPECT_EQ(0, closings_off(&none, &got));
	for (i = 0; i < ARRAY_SIZE(keys); i++)
		EXPECT_EQ(0, off(keys[i], 0, census_stat(keys[i])));
	EXPECT_EQ(0, rows_of(CENSUS_DIR "ended"));
	netns = net_open();
	net_enter(self->home);
	EXPECT_EQ(0, rows_of(ENDED_HOST));
	EXPECT_EQ(0, census_stat("listener_records_host"));
	net_enter(netns);

	census_table(&t, "listeners");
	ASSERT_EQ(1, t.rows);
	EXPECT_EQ(3, table_number(&t, 0, "depth"));
	for (i = 0; i < ARRAY_SIZE(columns); i++)
		EXPECT_EQ(0, off(columns[i], 0, table_number(&t, 0, columns[i])));
	table_free(&t);
	census_counts(&c);
	EXPECT_EQ(6, c.n[TCP_ESTABLISHED][V4]);
	EXPECT_EQ(1, c.n[TCP_LISTEN][V4]);
	/* What is not known is not said to be 0. */
	metrics_read(&m, METRICS_NET);
	EXPECT_EQ(3, metrics_sum(&m, "accept_queue_length"));
	for (i = 0; i < m.nr; i++)
		EXPECT_TRUE(!m.samples[i].grows ||
			    !strncmp(m.samples[i].series, "reaper_actions_total{", 21))
			TH_LOG("%s", m.samples[i].series);
	EXPECT_EQ(0, metrics_count(&m, "accept_queue_peak"));
	metrics_free(&m);

	reload("census_ms=0");
	EXPECT_TRUE(is_on());
	EXPECT_EQ(1, census_stat("events"));
	EXPECT_EQ(1, census_stat("listener_records"));
}

/* Nor is it known whether a listener moved, so a long chain of them is seen whole. */
TEST_F(events, off_long_chain)
{
	static int fd[LONG_CHAIN];
	unsigned int i, found = 0;
	struct table t;
	char *inode;

	reload("census_ms=0 events=0");
	fds_raise(LONG_CHAIN + 100);
	for (i = 0; i < LONG_CHAIN; i++)
		fd[i] = sock_listen_shared("127.0.0.1", 80, 1);
	census_table(&t, "listeners");
	EXPECT_EQ(LONG_CHAIN, t.rows);
	for (i = 0; i < LONG_CHAIN; i++) {
		inode = strf("%lu", sock_inode(fd[i]));
		found += table_find(&t, "inode", inode, -1) >= 0;
		free(inode);
	}
	table_free(&t);
	EXPECT_EQ(LONG_CHAIN, found);
	/* As what could be reset is looked for. */
	setting_set("timeout", "60000");
	setting_set("action", "count");
	reap_pass();
}

TEST_F(events, registered)
{
	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	unload();
	if (test_module("traced " TRACEPOINT) != ENODATA)
		SKIP(return, "somebody else traces " TRACEPOINT);
	ASSERT_EQ(0, load_with("events=0"));
	EXPECT_EQ(ENODATA, test_module("traced " TRACEPOINT));
	reload("events=1");
	EXPECT_EQ(0, test_module("traced " TRACEPOINT));
	unload();
	EXPECT_EQ(ENODATA, test_module("traced " TRACEPOINT));
	load();
	EXPECT_EQ(0, test_module("traced " TRACEPOINT));
}

TEST_F(events, values)
{
	static const char *const bad[] = {
		"events=2", "events=-1", "events=maybe", "events=", "events=o",
		"events=1 events=x",
	};
	static const struct {
		const char *params;
		bool on;
	} good[] = {
		{ "events=0", false }, { "events=1", true }, { "events=n", false },
		{ "events=Y", true }, { "events=off", false }, { "events=on", true },
		{ "", true },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		reload(good[i].params);
		EXPECT_EQ(good[i].on, is_on()) TH_LOG("\"%s\"", good[i].params);
		EXPECT_EQ(good[i].on, census_stat("events"));
	}
	unload();
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(EINVAL, load_with(bad[i])) TH_LOG("\"%s\"", bad[i]);
		EXPECT_FALSE(loaded());
	}
	load();
}

/* At load only, even for who may do anything. */
TEST_F(events, read_only)
{
	static const char *const values[] = { "0", "N", "1", "Y" };
	struct stat st;
	size_t i;

	ASSERT_EQ(0, stat(EVENTS, &st));
	EXPECT_EQ(0444, st.st_mode & 07777);
	for (i = 0; i < ARRAY_SIZE(values); i++) {
		EXPECT_NE(0, file_write(EVENTS, values[i]));
		EXPECT_TRUE(is_on());
	}
}

/* What was there before counts from now on, as far as it can. */
TEST_F(events, there_before)
{
	bool aged = test_module_there();
	struct moves want = {};
	struct closings got;
	struct pair p[3];
	struct table t;
	struct addr to;
	int listener, i;
	struct ended e;

	unload();
	listener = sock_listen("127.0.0.1", 80, 5);
	to = sock_addr(listener);
	for (i = 0; i < 3; i++)
		p[i] = pair_make(listener, &to);
	pair_close_wait(&p[1]);
	if (aged)
		ASSERT_EQ(0, test_module("age %d %d", p[1].server, 390));
	ASSERT_TRUE(burst_fill(listener, &to, 4));
	load();

	ASSERT_TRUE(moves_settled(&want));
	EXPECT_EQ(1, census_stat("listener_records"));
	census_table(&t, "listeners");
	EXPECT_EQ(4, table_number(&t, 0, "peak"));
	EXPECT_EQ(4, table_number(&t, 0, "peak_recent"));
	EXPECT_EQ(0, table_number(&t, 0, "filled"));
	EXPECT_EQ(0, table_number(&t, 0, "queued"));
	table_free(&t);

	pair_end(p[0].client, p[0].server, false);
	went(&want, 1, "established" ACTIVE);
	went(&want, 1, "established" PASSIVE);
	close(p[1].server);
	went(&want, 1, "close_wait last_ack close");
	went(&want, 1, "fin_wait2 close");
	ASSERT_TRUE(moves_settled(&want));
	closings_read(&got);
	EXPECT_EQ(2, got.count);
	if (aged)
		EXPECT_EQ(524288, got.p99);

	/* It is full now, and the seventh is not let in. */
	ASSERT_TRUE(burst_fill(listener, &to, 2));
	ended_before(&e, listener);
	EXPECT_EQ(6, e.peak);
	EXPECT_EQ(1, e.filled);
	close(listener);
	EXPECT_EQ(1, ended_last(&e));
	EXPECT_EQ(6, e.peak);
	EXPECT_EQ(0, census_stat("listener_records"));
}

TEST_F(events, host_file_stays_of_no_use)
{
	char c;
	int fd;

	net_enter(self->home);
	fd = open(ENDED_HOST, O_RDONLY);
	ASSERT_LE(0, fd);
	unload();
	EXPECT_EQ(-1, access(ENDED_HOST, F_OK));
	EXPECT_EQ(-1, read(fd, &c, 1));
	EXPECT_EQ(EIO, errno);
	load();
	EXPECT_EQ(-1, read(fd, &c, 1));
	EXPECT_EQ(EIO, errno);
	close(fd);
	EXPECT_EQ(0, access(ENDED_HOST, F_OK));
}

/* Listeners of all kinds, some of which fail; and what becomes of their records. */
TEST_F(events, records)
{
	struct addr a = addr("127.0.0.1", 80);
	int fd[20], i, k;

	EXPECT_EQ(0, census_stat("listener_records"));
	for (k = 0; k < 3; k++) {
		for (i = 0; i < 10; i++)
			fd[i] = sock_listen_shared("127.0.0.1", 81, 5);
		for (; i < 18; i++)
			fd[i] = sock_listen(i % 2 ? "::1" : "0.0.0.0", 90 + i, 5);
		fd[18] = sock_bound(&a, 0);
		fd[19] = sock_bound(&a, 0);
		ASSERT_EQ(0, listen(fd[18], 5));
		ASSERT_EQ(-1, listen(fd[19], 5));
		EXPECT_EQ(19, census_stat("listener_records"));
		ASSERT_EQ(0, shutdown(fd[18], SHUT_RD));
		EXPECT_EQ(18, census_stat("listener_records"));
		ASSERT_EQ(0, listen(fd[19], 5));
		EXPECT_EQ(19, census_stat("listener_records"));
		for (i = 0; i < 20; i++)
			close(fd[i]);
		EXPECT_EQ(0, census_stat("listener_records"));
	}
	/* listen() without bind(): the kernel gives it a port later. */
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	ASSERT_EQ(0, listen(fd[0], 5));
	EXPECT_EQ(1, census_stat("listener_records"));
	close(fd[0]);
	EXPECT_EQ(0, census_stat("listener_records"));
}

TEST_HARNESS_MAIN
