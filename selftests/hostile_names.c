// SPDX-License-Identifier: GPL-2.0
/*
 * Names that others chose, of cgroups and interfaces, made to break a line, a cell, a
 * label, a terminal or a format: whatever is printed holds, and the name is in it as it
 * is documented, \ooo for all that is not printable ASCII.
 *
 *	/DIR/NAME a listener with a dead connection queued, and a socket in CLOSE_WAIT
 *	NAME      lo's, with fe80::1, a listener and a socket in CLOSE_WAIT   (each in turn)
 *
 * They are of users who are nobody outside: one has a cgroup of his own, DIR, others are
 * root of their namespaces. Processes' names are the business of tcp-census alone.
 */

#include <ctype.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "lib/cgroup.h"
#include "lib/link.h"
#include "lib/metrics.h"
#include "lib/reap_test.h"
#include "lib/setting.h"
#include "lib/user.h"
#include "lib/worker.h"

enum { PORT = 9100 };

#define DIR "census-names"

#define HOST "/proc/tcp_census/"
#define LENGTH "accept_queue_length{local=\"127.0.0.1:%u\",cgroup="

/* Most of them many at once: to go into a cgroup takes its time. */
static const char *const cgroups[] = {
	"x\"} 5 # {a=\"b", "# HELP tcp_census_info x", "# TYPE tcp_census_info counter",
	"\\ \\\\n \\040 \\134\\ a\\", "\"", "}", " a  {} = , 1 NaN +Inf ", "-",
	"\x01 a\rb \t \v\f \x1b[2J\x1b]0;x\x07 \x7f",
	"\x80 \xff\xfe \xc3( \xc0\xaf \xe2\x80\xae \xf0\x9f\x98\x80 \xc2\xa0 \302\23331m",
	"...", "other", "%s%n%p%d $(reboot) `reboot` '; reboot; ' * cgroup: server:1",
};

static const char *const interfaces[] = {
	"a]b", "[1]", "%", "\"\\}", "\\040", "#{~,=", "-", "\x01\x1b[2J\x7f",
	"\x80\xff\xfe\xfd", "1", "2",
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
};

/* As a table shows it, to be freed. */
static char *shown(const char *name)
{
	char *text = malloc(4 * strlen(name) + 1), *to = text;

	must(text);
	for (; *name; name++) {
		if (*name > ' ' && *name < 0x7f && *name != '\\')
			*to++ = *name;
		else
			to += sprintf(to, "\\%03o", (unsigned char)*name);
	}
	*to = '\0';
	return text;
}

/* And between the quotes of a label, to be freed. */
static char *quoted(const char *cell)
{
	char *text = malloc(2 * strlen(cell) + 1), *to = text;

	must(text);
	for (; *cell; cell++) {
		if (*cell == '\\' || *cell == '"')
			*to++ = '\\';
		*to++ = *cell;
	}
	*to = '\0';
	return text;
}

static int initial;

/* Only there may the files of all namespaces be opened. */
static void __attribute__((constructor)) names_begin(void)
{
	initial = net_open();
}

/* A file of this namespace, or of all. */
static void file_table(struct table *t, bool all, const char *file)
{
	char *path = strf("%s%s", all ? HOST : CENSUS_DIR, file);
	int here = net_open();

	if (all)
		net_enter(initial);
	table_read(t, path);
	net_enter(here);
	close(here);
	free(path);
}

/* Rows of this namespace with that in a column. */
static unsigned int rows_with(const struct table *t, const char *column, const char *cell)
{
	unsigned int netns = census_netns(), n = 0;
	long row = -1;

	while ((row = table_find(t, column, cell, row)) >= 0)
		n += table_number(t, row, "netns") == netns;
	return n;
}

/* So many lines of each cgroup? Returns of how many not. */
static unsigned int cgroups_off(bool all, const char *file, unsigned int want)
{
	unsigned int i, bad = 0;
	char *path, *cell;
	struct table t;

	file_table(&t, all, file);
	for (i = 0; i < ARRAY_SIZE(cgroups); i++) {
		path = strf("/" DIR "/%s", cgroups[i]);
		cell = shown(path);
		if (off(cell, want, rows_with(&t, "cgroup", cell))) {
			printf("# in %s%s\n", all ? HOST : CENSUS_DIR, file);
			bad++;
		}
		free(cell);
		free(path);
	}
	table_free(&t);
	return bad;
}

/* As the user whose directory that is. Only newlines are not for names. */
static void make_cgroups(struct worker *me, void *arg)
{
	char *path = strf("%s/a\nb", (const char *)arg);
	unsigned int i;

	(void)me;
	be_nobody();
	must(mkdir(path, 0755) && errno == EINVAL);
	free(path);
	for (i = 0; i < ARRAY_SIZE(cgroups); i++) {
		path = strf("%s/%s", (const char *)arg, cgroups[i]);
		must(!mkdir(path, 0755));
		free(path);
	}
}

FIXTURE(cgroup) {
	char mount[256];
	char own[256];
	struct pair pair[ARRAY_SIZE(cgroups)];
	int listener[ARRAY_SIZE(cgroups)];
};

FIXTURE_SETUP(cgroup)
{
	struct worker *w;
	unsigned int i;
	char *dir;

	net_new();
	if (!cgroup_mount(self->mount, sizeof(self->mount)))
		SKIP(return, "no cgroup v2 hierarchy is mounted");
	cgroup_own(self->own, sizeof(self->own));
	if (*self->own)
		SKIP(return, "not in the root of the cgroup hierarchy");
	dir = strf("%s/" DIR, self->mount);
	must(!mkdir(dir, 0755) && !chown(dir, NOBODY, NOBODY));
	w = worker_start(make_cgroups, dir, -1);
	worker_wait(w);
	free(dir);
	for (i = 0; i < ARRAY_SIZE(cgroups); i++) {
		struct addr to;

		dir = strf("%s/" DIR "/%s", self->mount, cgroups[i]);
		cgroup_join(dir);
		self->listener[i] = sock_listen("127.0.0.1", PORT + i, 4);
		to = sock_addr(self->listener[i]);
		self->pair[i] = pair_make(self->listener[i], &to);
		pair_close_wait(&self->pair[i]);
		must(!shutdown(sock_connect(&to), SHUT_WR));
		free(dir);
	}
	cgroup_join(self->mount);
}

FIXTURE_TEARDOWN_PARENT(cgroup)
{
	unsigned int i;
	char *dir;

	/* Them, and then what they are in. */
	for (i = 0; i <= ARRAY_SIZE(cgroups) && *self->mount && !*self->own; i++) {
		dir = strf("%s/" DIR "/%s", self->mount,
			   i < ARRAY_SIZE(cgroups) ? cgroups[i] : "");
		/* A process that has just ended may still be in one. */
		EXPECT_TRUE(wait_for(!rmdir(dir) || errno == ENOENT)) TH_LOG("%s: %m", dir);
		free(dir);
	}
	EXPECT_FALSE(census_damaged());
}

/*
 * Are series of listeners missing that are not said to be omitted, or is one not by its
 * cgroup's name? Dies of what Prometheus would not read.
 */
static unsigned int metrics_off(const char *path)
{
	unsigned int i, bad = 0, there = 0;
	char *name, *cell, *label, *series;
	struct metrics m;
	size_t k;

	metrics_read(&m, path);
	must(m.size <= 60 * 1024 && metrics_count(&m, "info") == 1);
	for (i = 0; i < ARRAY_SIZE(cgroups); i++) {
		name = strf("/" DIR "/%s", cgroups[i]);
		cell = shown(name);
		label = quoted(cell);
		series = strf(LENGTH, PORT + i);
		for (k = 0; k < m.nr && strncmp(m.samples[k].series, series, strlen(series)); k++)
			;
		if (k < m.nr) {
			there++;
			bad += off(series, 1, metrics_value(&m, LENGTH "\"%s\"}", PORT + i, label));
		}
		free(series);
		free(label);
		free(cell);
		free(name);
	}
	/* Of all namespaces others' may be omitted as well. */
	if (there + metrics_value(&m, "series_omitted{table=\"accept_queue\"}") <
	    ARRAY_SIZE(cgroups))
		bad += off("series in metrics", ARRAY_SIZE(cgroups), there);
	metrics_free(&m);
	return bad;
}

/* Every name stands in every table, in one cell of its own, and in metrics. */
TEST_F(cgroup, everywhere)
{
	int here = net_open(), all;
	unsigned int i, bad = 0;

	EXPECT_EQ(0, metrics_off(METRICS_NET));
	net_enter(initial);
	EXPECT_EQ(0, metrics_off(METRICS_HOST));
	net_enter(here);
	for (all = 0; all < 2; all++)
		bad += cgroups_off(all, "listeners", 1);

	setting_set("causes", "unaccepted fin_pending drained");
	setting_set("timeout", "1");
	ASSERT_TRUE(wait_for(reap_candidates() == 2 * ARRAY_SIZE(cgroups)));
	for (i = 0; i < ARRAY_SIZE(cgroups); i++)
		must(!close(self->listener[i]));
	for (all = 0; all < 2; all++) {
		bad += cgroups_off(all, "close_wait", 1);
		bad += cgroups_off(all, "actions", 2);
		bad += cgroups_off(all, "ended", 1);
	}
	bad += cgroups_off(false, "sockets", 1);
	EXPECT_EQ(0, bad);
}

static void lo_flags(int fd, bool up)
{
	struct ifreq ifr = { .ifr_flags = up ? IFF_UP : 0 };

	ifr.ifr_ifindex = 1;
	must(!ioctl(fd, SIOCGIFNAME, &ifr));
	ifr.ifr_flags = up ? IFF_UP : 0;
	must(!ioctl(fd, SIOCSIFFLAGS, &ifr));
}

/* Returns false if the kernel takes no such name. */
static bool lo_rename(int fd, const char *name)
{
	struct ifreq ifr = { .ifr_ifindex = 1 };
	int err;

	lo_flags(fd, false);
	ifr.ifr_ifindex = 1;
	must(!ioctl(fd, SIOCGIFNAME, &ifr));
	snprintf(ifr.ifr_newname, IFNAMSIZ, "%s", name);
	err = ioctl(fd, SIOCSIFNAME, &ifr);
	must(!err || errno == EINVAL || errno == EEXIST);
	lo_flags(fd, true);
	return !err;
}

static unsigned int scope_rows(const char *file, const char *column, const char *cell)
{
	struct table t;
	unsigned int n;

	file_table(&t, false, file);
	n = rows_with(&t, column, cell);
	table_free(&t);
	return n;
}

/* As root of a container, in which lo has one name after the other. */
static void rename_and_read(struct worker *me, void *arg)
{
	unsigned int i, taken = 0;
	struct metrics m;
	int fd, listener;
	char *name, *cell;
	struct addr to;
	struct pair p;

	(void)arg;
	be_rootless();
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	must(fd >= 0);
	link_addr6("lo", "fe80::1");
	listener = sock_listen("fe80::1%lo", PORT, 4);
	to = sock_addr(listener);
	p = pair_make(listener, &to);
	pair_close_wait(&p);
	for (i = 0; i < ARRAY_SIZE(interfaces); i++, worker_round(me)) {
		if (!lo_rename(fd, interfaces[i]))
			continue;
		taken++;
		name = shown(interfaces[i]);
		cell = strf("[fe80::1%%%s]:%u", name, PORT);
		must(!off(cell, 1, scope_rows("listeners", "local", cell)));
		must(!off(cell, 1, scope_rows("close_wait", "endpoint", cell)));
		must(!off(cell, 1, scope_rows("sockets", "local", cell)));
		free(cell);
		free(name);
	}
	metrics_read(&m, METRICS_NET);
	must(metrics_count(&m, "accept_queue_length") == 1);
	metrics_free(&m);
	/* Some are no names to the kernel. */
	must(taken >= ARRAY_SIZE(interfaces) - 3);
	worker_round(me);
	pause();
}

TEST(names_of_interfaces)
{
	struct worker *w = worker_start(rename_and_read, NULL, -1);
	char *number = strf("[fe80::1%%1]:%u", PORT);
	char *netns = strf("/proc/%d/ns/net", w->pid);
	struct table t;

	ASSERT_TRUE(worker_does(w, ARRAY_SIZE(interfaces) + 1));
	net_enter(open(netns, O_RDONLY | O_CLOEXEC));
	/* Those of others are numbers. */
	file_table(&t, true, "listeners");
	EXPECT_EQ(1, rows_with(&t, "local", number));
	table_free(&t);
	worker_stop(w);
	free(number);
	free(netns);
}

static const char *const processes[] = {
	"a\nverdict: 1", "\x1b[2J", "a\tb", "\xff\xfe", "\"}],{\"", ") R 1 1", "\x7f", "%s%n",
};

static void queue_and_never_accept(struct worker *me, void *arg)
{
	unsigned int i = (uintptr_t)arg;
	struct addr to;
	int listener;

	be_nobody();
	listener = sock_listen("127.0.0.1", PORT + i, 0);
	to = sock_addr(listener);
	must(!prctl(PR_SET_NAME, processes[i]));
	sock_connect(&to);
	worker_round(me);
	pause();
}

/* Have all of them waited for so long? */
static bool all_wait(unsigned int n, unsigned long long ms)
{
	bool all;
	struct table t;
	size_t row;

	census_table(&t, "listeners");
	all = t.rows == n;
	for (row = 0; row < t.rows; row++)
		all &= table_number(&t, row, "oldest_wait_ms") >= ms;
	table_free(&t);
	return all;
}

/* What doctor says, to be freed: printable, and its JSON is some. */
static char *doctor(const char *command)
{
	FILE *out = popen(command, "r");
	size_t len;
	char *text, *c;

	must(out);
	text = fd_read_all(fileno(out), &len);
	must(text && len == strlen(text));
	pclose(out);
	for (c = text; *c; c++)
		must(*c == '\n' || isprint((unsigned char)*c));
	return text;
}

TEST(names_of_processes)
{
	static const char *const commands[] = {
		"tcp-census doctor",
		"tcp-census doctor --json | jq -r '.[] | \"   process   \\(.pid) \\(.process)\"'",
	};
	struct worker *w[ARRAY_SIZE(processes)];
	char *text, *line, *name, *c;
	unsigned int i, k;

	if (access("/usr/bin/tcp-census", X_OK))
		SKIP(return, "tcp-census is not installed");
	net_new();
	for (i = 0; i < ARRAY_SIZE(w); i++)
		w[i] = worker_start(queue_and_never_accept, (void *)(uintptr_t)i, -1);
	ASSERT_TRUE(wait_for(all_wait(ARRAY_SIZE(w), 1000)));
	for (k = 0; k < ARRAY_SIZE(commands); k++) {
		text = doctor(commands[k]);
		for (i = 0; i < ARRAY_SIZE(w); i++) {
			name = strndup(processes[i], strcspn(processes[i], "\n"));
			for (c = name; *c; c++)
				if (!isprint((unsigned char)*c))
					*c = '?';
			line = strf("   process   %d %s\n", w[i]->pid, name);
			EXPECT_NE(NULL, strstr(text, line)) TH_LOG("no %s in %s", line, text);
			free(line);
			free(name);
		}
		free(text);
	}
	for (i = 0; i < ARRAY_SIZE(w); i++)
		worker_stop(w[i]);
}

TEST_HARNESS_MAIN
