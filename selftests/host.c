// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/tcp_census: the files of all namespaces, and what is counted on when one goes.
 *
 *	+-- initial netns -+   +-- netns ---+  +-- netns ---+  +-- netns ---+
 *	| reader           |   | a crowd, lo|  | another    |  | another    |
 *	+------------------+   +------------+  +------------+  +------------+
 */

#include <dirent.h>
#include <fcntl.h>

#include "lib/crowd.h"
#include "lib/reap_test.h"
#include "lib/rows.h"
#include "lib/setting.h"
#include "lib/test_module.h"

#define HOST "/proc/tcp_census/"

enum { NETS = 3 };

FIXTURE(host) {
	int home;
	int netns[NETS];
	unsigned int inum[NETS];
	char *before; /* stat of all namespaces before these */
	char *after;
};

/* Of every kind something, in each another number; and something for the reaper. */
static void crowd(unsigned int i)
{
	struct counts want = {};
	struct target t;
	struct addr to;
	int fd;

	crowd_add(&want, "127.0.0.1", i + 1, 2 * i + 1, 1);
	crowd_add(&want, "::1", i, i + 2, i);
	must(crowd_settled(&want));
	if (!test_module_there())
		return;
	fd = flow_listen(&flows[0], &to);
	target_make(&t, fd, &to, DRAINED, false);
	target_age(&t, AGES);
	setting_set("timeout", "8000");
}

static char *host_stat(int home)
{
	int here = net_open();
	char *text;

	net_enter(home);
	text = file_read(HOST "stat", NULL);
	must(text);
	net_enter(here);
	close(here);
	return text;
}

FIXTURE_SETUP(host)
{
	unsigned int i;

	fds_raise(4096);
	self->home = net_open();
	self->before = host_stat(self->home);
	for (i = 0; i < NETS; i++) {
		self->netns[i] = net_new();
		self->inum[i] = census_netns();
		crowd(i);
	}
	if (test_module_there())
		reap_pass();
	net_enter(self->home);
	census_freeze();
	self->after = host_stat(self->home);
}

FIXTURE_TEARDOWN_PARENT(host)
{
	census_thaw();
	EXPECT_FALSE(census_damaged());
}

static unsigned int files(const char *path, char *names)
{
	struct dirent **entry;
	int n = scandir(path, &entry, NULL, alphasort), i;

	must(n >= 0);
	*names = '\0';
	for (i = 0; i < n; i++)
		if (*entry[i]->d_name != '.' && strcmp(entry[i]->d_name, "sockets"))
			sprintf(names + strlen(names), "%s ", entry[i]->d_name);
	return n;
}

/* The same as of one, but for sockets. */
TEST_F(host, files)
{
	char ours[1000], all[1000];

	EXPECT_LT(8, files(CENSUS_DIR, ours));
	EXPECT_LT(8, files(HOST, all));
	EXPECT_STREQ(ours, all);
}

/* Are the rows of a namespace the same in both, in their order? */
static unsigned int rows_off(const struct table *all, const struct table *own,
			     unsigned int inum)
{
	char *netns = strf("%u", inum);
	unsigned int n = 0;
	size_t row, col;
	long at = -1;

	for (row = 0; row < own->rows; row++) {
		at = table_find(all, "netns", netns, at);
		if (at < 0)
			break;
		for (col = 0; col < own->cols; col++)
			n += off_text(own->name[col], own->cell[row * own->cols + col],
				      all->cell[at * all->cols + col]);
	}
	n += off("rows that are missing", own->rows, row);
	if (at >= 0 || !own->rows)
		n += off("no more", (size_t)-1, table_find(all, "netns", netns, at));
	free(netns);
	return n;
}

TEST_F(host, tables)
{
	static const char *const names[] = {
		"states", "listeners", "close_wait", "endpoints", "ports",
		"transitions", "actions", "ended",
	};
	struct table all, own;
	unsigned int i, k;
	char *path;

	for (k = 0; k < ARRAY_SIZE(names); k++) {
		net_enter(self->home);
		path = strf(HOST "%s", names[k]);
		table_read(&all, path);
		for (i = 0; i < NETS; i++) {
			net_enter(self->netns[i]);
			census_table(&own, names[k]);
			EXPECT_EQ(0, table_columns(&all, (const char *const *)own.name,
						   own.cols));
			EXPECT_EQ(0, rows_off(&all, &own, self->inum[i]))
				TH_LOG("%s of %u", names[k], self->inum[i]);
			/* There is something to compare. */
			if (strcmp(names[k], "ended") &&
			    (strcmp(names[k], "actions") || test_module_there()))
				EXPECT_LT(0, own.rows) TH_LOG("%s", names[k]);
			table_free(&own);
		}
		table_free(&all);
		free(path);
	}
	net_enter(self->home);
}

/* The column of a table of all namespaces; but for one that was just destroyed. */
static unsigned long long host_sum(const char *file, const char *column)
{
	char *path = strf(HOST "%s", file);
	unsigned long long sum;
	struct table t;

	table_read(&t, path);
	sum = table_sum(&t, column);
	table_free(&t);
	free(path);
	return sum;
}

/* What the namespaces add up to is there; and what is of one is the initial's. */
TEST_F(host, stat_adds_up)
{
	unsigned int i;
	char *key;

	EXPECT_EQ(host_sum("states", "ipv4") + host_sum("states", "ipv6"),
		  stat_value(self->after, "sockets"));
	for (i = 0; i < CAUSES; i++) {
		key = strf("close_wait_%s", cause_names[i]);
		EXPECT_EQ(host_sum("close_wait", cause_names[i]),
			  stat_value(self->after, key)) TH_LOG("%s", key);
		free(key);
	}
	EXPECT_LE(3 + 5 + 7, stat_value(self->after, "close_wait_fin_pending"));
	if (test_module_there())
		EXPECT_LE(stat_value(self->before, "actions_drained_count_candidate") + NETS,
			  stat_value(self->after, "actions_drained_count_candidate"));
	EXPECT_EQ(census_stat("somaxconn"), stat_value(self->after, "somaxconn"));
	EXPECT_EQ(census_stat("port_range_low"), stat_value(self->after, "port_range_low"));
	EXPECT_EQ(census_stat("closed_unreleased"),
		  stat_value(self->after, "closed_unreleased"));
}

/* When a namespace goes what has been counted in it stays, at any moment. */
TEST_F(host, counts_on)
{
	static const char *const keys[] = {
		"close_wait_duration_count", "close_wait_ended_otherwise",
		"actions_drained_count_candidate", "accepts_unmatched",
	};
	long long last[ARRAY_SIZE(keys)] = {}, now;
	unsigned int i, k, looks = 0;
	bool there = true;
	struct table t;
	char *text;

	census_thaw();
	net_enter(self->home);
	text = host_stat(self->home);
	for (k = 0; k < ARRAY_SIZE(keys); k++)
		last[k] = stat_find(text, keys[k]);
	EXPECT_LT(0, last[0]);
	free(text);
	for (i = 0; i < NETS; i++)
		close(self->netns[i]);
	/* Their sockets hold them, too. */
	for (i = 3; i < 4096; i++)
		if ((int)i != self->home)
			close(i);
	while (there) {
		text = host_stat(self->home);
		for (k = 0; k < ARRAY_SIZE(keys); k++) {
			now = stat_find(text, keys[k]);
			ASSERT_LE(last[k], now) TH_LOG("%s", keys[k]);
			last[k] = now;
		}
		free(text);
		looks++;
		table_read(&t, HOST "states");
		for (there = false, i = 0; i < NETS; i++) {
			char *netns = strf("%u", self->inum[i]);

			there |= table_find(&t, "netns", netns, -1) >= 0;
			free(netns);
		}
		table_free(&t);
		ASSERT_GT(10000, looks);
	}
}

TEST_HARNESS_MAIN
