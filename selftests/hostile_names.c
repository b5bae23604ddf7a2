// SPDX-License-Identifier: GPL-2.0
/*
 * Names that others chose, of cgroups and interfaces, made to break a line, a cell, a
 * label, a terminal or a format: whatever is printed holds, and the name is in it as it
 * is documented, \ooo for all that is not printable ASCII.
 *
 *	/NAME     a listener with a dead connection queued, and a socket in CLOSE_WAIT
 *	NAME      lo's, with fe80::1, a listener and a socket in CLOSE_WAIT   (each in turn)
 *
 * Processes' names are the business of tcp-census alone.
 */

#include <ctype.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "lib/cgroup.h"
#include "lib/link.h"
#include "lib/metrics.h"
#include "lib/reap_test.h"
#include "lib/setting.h"
#include "lib/worker.h"

enum { PORT = 9100 };

#define HOST "/proc/tcp_census/"
#define LENGTH "accept_queue_length{local=\"127.0.0.1:%u\",cgroup=\"%s\"}"

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
		path = strf("/%s", cgroups[i]);
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

FIXTURE(cgroup) {
	char mount[256];
	char own[256];
	struct pair pair[ARRAY_SIZE(cgroups)];
	int listener[ARRAY_SIZE(cgroups)];
};

FIXTURE_SETUP(cgroup)
{
	unsigned int i;
	char *dir;

	net_new();
	if (!cgroup_mount(self->mount, sizeof(self->mount)))
		SKIP(return, "no cgroup v2 hierarchy is mounted");
	cgroup_own(self->own, sizeof(self->own));
	if (*self->own)
		SKIP(return, "not in the root of the cgroup hierarchy");
	for (i = 0; i < ARRAY_SIZE(cgroups); i++) {
		struct addr to;

		dir = strf("%s/%s", self->mount, cgroups[i]);
		must(!mkdir(dir, 0755));
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

	for (i = 0; i < ARRAY_SIZE(cgroups) && *self->mount && !*self->own; i++) {
		dir = strf("%s/%s", self->mount, cgroups[i]);
		/* A process that has just ended may still be in one. */
		EXPECT_TRUE(wait_for(!rmdir(dir) || errno == ENOENT)) TH_LOG("%s: %m", dir);
		free(dir);
	}
	EXPECT_FALSE(census_damaged());
}

/* Series of the listeners that bear their names. Dies of what Prometheus would not read. */
static unsigned int metrics_named(const char *path)
{
	unsigned int i, found = 0;
	char *name, *cell, *label;
	struct metrics m;

	metrics_read(&m, path);
	must(m.size <= 60 * 1024 && metrics_count(&m, "info") == 1);
	for (i = 0; i < ARRAY_SIZE(cgroups); i++) {
		name = strf("/%s", cgroups[i]);
		cell = shown(name);
		label = quoted(cell);
		found += metrics_value(&m, LENGTH, PORT + i, label) == 1;
		free(label);
		free(cell);
		free(name);
	}
	metrics_free(&m);
	return found;
}

/* Every name stands in every table, in one cell of its own, and in metrics. */
TEST_F(cgroup, everywhere)
{
	int here = net_open(), all;
	unsigned int i, bad = 0;

	/* As many as there is room for. */
	EXPECT_LT(ARRAY_SIZE(cgroups) / 2, metrics_named(METRICS_NET));
	net_enter(initial);
	EXPECT_LT(ARRAY_SIZE(cgroups) / 2, metrics_named(METRICS_HOST));
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

static unsigned int scope_rows(bool all, const char *file, const char *column,
			       const char *cell)
{
	struct table t;
	unsigned int n;

	file_table(&t, all, file);
	n = rows_with(&t, column, cell);
	table_free(&t);
	return n;
}

TEST(names_of_interfaces)
{
	unsigned int i, bad = 0, taken = 0;
	int fd, listener;
	struct metrics m;
	struct addr to;
	struct pair p;
	char *name, *cell, *number = strf("[fe80::1%%1]:%u", PORT);

	net_new();
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	must(fd >= 0);
	link_addr6("lo", "fe80::1");
	listener = sock_listen("fe80::1%lo", PORT, 4);
	to = sock_addr(listener);
	p = pair_make(listener, &to);
	pair_close_wait(&p);
	for (i = 0; i < ARRAY_SIZE(interfaces); i++) {
		if (!lo_rename(fd, interfaces[i]))
			continue;
		taken++;
		name = shown(interfaces[i]);
		cell = strf("[fe80::1%%%s]:%u", name, PORT);
		bad += off(cell, 1, scope_rows(false, "listeners", "local", cell));
		bad += off(cell, 1, scope_rows(false, "close_wait", "endpoint", cell));
		bad += off(cell, 1, scope_rows(false, "sockets", "local", cell));
		free(cell);
		free(name);
	}
	/* Those of others are numbers. */
	bad += off(number, 1, scope_rows(true, "listeners", "local", number));
	metrics_read(&m, METRICS_NET);
	EXPECT_EQ(1, metrics_count(&m, "accept_queue_length"));
	metrics_free(&m);
	EXPECT_EQ(0, bad);
	/* Some are no names to the kernel. */
	EXPECT_LE(ARRAY_SIZE(interfaces) - 3, taken);
}

static const char *const processes[] = {
	"a\nverdict: 1", "\x1b[2J", "a\tb", "\xff\xfe", "\"}],{\"", ") R 1 1", "\x7f", "%s%n",
};

static void queue_and_never_accept(struct worker *me, void *arg)
{
	unsigned int i = (uintptr_t)arg;
	int listener = sock_listen("127.0.0.1", PORT + i, 0);
	struct addr to = sock_addr(listener);

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
