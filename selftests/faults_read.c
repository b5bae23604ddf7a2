// SPDX-License-Identifier: GPL-2.0
/*
 * Memory is short, or a page is not there, while files are read: whoever reads gets an
 * error or all of it, or stat says what is missing. Never a short table for a whole one.
 */

#include <fcntl.h>

#include "lib/cgroup.h"
#include "lib/inject.h"
#include "lib/metrics.h"
#include "lib/reap_test.h"
#include "lib/setting.h"
#include "lib/test_module.h"

INJECT_TEST

#define HOST_DIR "/proc/tcp_census/"

enum {
	LISTENERS = 70, /* more than there is room for at first, and as many endpoints */
	PAIRS = 12,
	PORT = 1000,
	PLAIN_USER = 1234,
	TEXT_MAX = 1 << 20,
};

static const char *const files[] = {
	"states", "transitions", "listeners", "close_wait", "endpoints", "ports", "ended",
	"actions", "stat", "metrics", "sockets",
};

/* What may be otherwise the next time, though nothing has happened. */
static const char *const ages[] = {
	"idle_s", "data_idle_s", "oldest_idle_s", "oldest_data_idle_s", "oldest_wait_ms",
	"peak_recent",
};

/**
 * struct reading - a file that is read over and over
 * @netns: the number of the namespace it is about
 * @name: of it
 * @path: where it is
 * @uid: who opens it
 * @err: of open(), or of a read() that was not of copying
 * @faults: pages that were not there
 * @text: what was read
 * @len: so many bytes
 * @whole: what is there to be read
 */
struct reading {
	char netns[16];
	const char *name;
	const char *path;
	uid_t uid;
	int err;
	unsigned int faults;
	char *text;
	size_t len;
	char *whole;
};

/* A page that was not there may be the next time. */
static void read_all(struct reading *r, int fd)
{
	ssize_t n;

	for (;;) {
		n = read(fd, r->text + r->len, TEXT_MAX - r->len);
		if (n > 0) {
			r->len += n;
		} else if (n < 0 && errno == EFAULT && !r->faults) {
			r->faults++;
		} else {
			r->err = n ? errno : 0;
			return;
		}
	}
}

static void read_file(void *arg)
{
	struct reading *r = arg;
	int fd;

	r->err = 0;
	r->faults = 0;
	r->len = 0;
	must(!seteuid(r->uid));
	fd = open(r->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		r->err = errno;
	} else {
		read_all(r, fd);
		close(fd);
	}
	must(!seteuid(0));
}

static bool is_age(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ages); i++)
		if (!strcmp(name, ages[i]))
			return true;
	return false;
}

/* The rows of the namespace are the same, but for their ages. */
static unsigned int table_off(const char *netns, const char *whole, const char *text,
			      size_t len)
{
	struct table want, got;
	long a = -1, b = -1;
	unsigned int n = 0;
	size_t i;

	table_parse(&want, whole, strlen(whole));
	table_parse(&got, text, len);
	n += off("columns", want.cols, got.cols);
	for (;;) {
		a = table_find(&want, "netns", netns, a);
		b = table_find(&got, "netns", netns, b);
		if (a < 0 || b < 0)
			break;
		for (i = 0; i < want.cols && !n; i++)
			if (!is_age(want.name[i]))
				n += off_text(want.name[i],
					      table_cell(&want, a, want.name[i]),
					      table_cell(&got, b, want.name[i]));
	}
	n += off("rows are as many", 1, a < 0 && b < 0);
	table_free(&want);
	table_free(&got);
	return n;
}

/* Nothing that is said to be missing, of a walk that had all it needed. */
static unsigned int stat_off(const char *whole, const char *text)
{
	static const char *const keys[] = {
		"sockets", "listeners_missed", "conns_missed", "served_missed",
		"close_wait_missed", "endpoints_missed", "ports_missed",
		"close_wait_unaccepted", "close_wait_drained",
		"close_wait_ended_otherwise", "actions_missed", "listener_records_missed",
	};
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		n += off(keys[i], stat_value(whole, keys[i]), stat_value(text, keys[i]));
	return n;
}

static double series(struct metrics *m, const char *text, size_t len)
{
	char *copy = strndup(text, len);

	must(copy);
	metrics_parse(m, copy, len);
	return m->nr + metrics_sum(m, "series_omitted");
}

/* All series, or it is said how many are missing. */
static unsigned int metrics_off(const char *whole, const char *text, size_t len)
{
	struct metrics want, got;
	unsigned int n;

	n = off("series and those omitted", series(&want, whole, strlen(whole)),
		series(&got, text, len));
	metrics_free(&want);
	metrics_free(&got);
	return n;
}

static unsigned int text_off(const struct reading *r)
{
	r->text[r->len] = '\0';
	must(strlen(r->text) == r->len);
	if (!strcmp(r->name, "stat"))
		return stat_off(r->whole, r->text);
	if (!strcmp(r->name, "metrics"))
		return metrics_off(r->whole, r->text, r->len);
	return table_off(r->netns, r->whole, r->text, r->len);
}

static unsigned int read_off(void *arg, bool fired)
{
	struct reading *r = arg;
	unsigned int n = 0;

	if (r->err) {
		n += off("errno", r->faults ? EFAULT : ENOMEM, r->err);
		n += off("it fails for a reason", 1, fired);
		return n;
	}
	return text_off(r);
}

FIXTURE(reads) {
	struct reading r;
	int listener[LISTENERS];
	int initial;
	char cgroup[600];
};

/*
 * All of loopback in a namespace of its own: listeners, some of them with a queue, one
 * that ended badly, connections in CLOSE_WAIT, and one that the reaper has counted.
 */
FIXTURE_SETUP(reads)
{
	struct target t;
	struct addr to;
	int i, fd;

	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	fds_raise(2000);
	self->initial = net_open();
	cgroup_join_new(self->cgroup, sizeof(self->cgroup));
	net_new();
	for (i = 0; i < LISTENERS; i++)
		self->listener[i] = sock_listen(i % 2 ? "127.0.0.1" : "::1", PORT + i, 8);
	to = addr("127.0.0.1", PORT + 1);
	for (i = 0; i < PAIRS; i++)
		target_make(&t, self->listener[1], &to, i % 2 ? DRAINED : UNREAD, i % 4 < 2);
	for (i = 0; i < PAIRS / 2; i++)
		target_make(&t, self->listener[1], &to, UNACCEPTED, false);
	fd = sock_listen("127.0.0.1", PORT + LISTENERS, 0);
	to = sock_addr(fd);
	/* One more than it may hold. */
	sock_connect(&to);
	close(fd);
	to = addr("127.0.0.1", PORT + 3);
	target_make(&t, self->listener[3], &to, DRAINED, false);
	target_age(&t, AGES);
	setting_set("timeout", "8000");
	reap_pass();
	setting_set("timeout", "0");
	self->r.text = malloc(TEXT_MAX + 1);
	must(self->r.text);
	snprintf(self->r.netns, sizeof(self->r.netns), "%u", census_netns());
	inject_module();
}

FIXTURE_TEARDOWN_PARENT(reads)
{
	census_thaw();
	if (*self->cgroup)
		EXPECT_TRUE(wait_for(!rmdir(self->cgroup))) TH_LOG("%m");
	EXPECT_FALSE(census_damaged());
}

/* Every file, the walk being one for all. */
static unsigned int files_off(struct reading *r, const char *dir, uid_t uid, size_t n)
{
	struct injection in = {
		.work = read_file, .check = read_off, .arg = r, .least = 2,
	};
	unsigned int bad = 0;
	char *path;
	size_t i;

	census_freeze();
	for (i = 0; i < n; i++) {
		path = strf("%s%s", dir, files[i]);
		r->name = files[i];
		r->path = path;
		r->uid = uid;
		r->whole = file_read(path, NULL);
		must(r->whole);
		in.what = path;
		bad += inject_each(&in);
		free(r->whole);
		free(path);
	}
	return bad;
}

TEST_F(reads, in_a_namespace)
{
	EXPECT_EQ(0, files_off(&self->r, CENSUS_DIR, 0, ARRAY_SIZE(files)));
}

TEST_F(reads, by_an_ordinary_user)
{
	EXPECT_EQ(0, files_off(&self->r, CENSUS_DIR, PLAIN_USER, ARRAY_SIZE(files)));
}

/* That is for who stands in the initial namespace: there is no sockets. */
TEST_F(reads, of_the_host)
{
	net_enter(self->initial);
	EXPECT_EQ(0, files_off(&self->r, HOST_DIR, 0, ARRAY_SIZE(files) - 1));
}

/**
 * struct series_new - a listener that nobody has shown in metrics
 * @r: the file
 * @listener: it
 * @port: of the next
 */
struct series_new {
	struct reading r;
	int listener;
	unsigned short port;
};

static unsigned int series_off(void *arg, bool fired)
{
	struct series_new *s = arg;
	unsigned int n = read_off(&s->r, fired);

	close(s->listener);
	s->listener = sock_listen("127.0.0.1", s->port++, 8);
	return n;
}

TEST_F(reads, series_that_are_new)
{
	struct series_new s = { .port = PORT + 2 * LISTENERS };
	struct injection in = {
		.what = "metrics of new series", .work = read_file, .check = series_off,
		.arg = &s, .least = 10,
	};

	s.r = self->r;
	s.r.name = "metrics";
	s.r.path = METRICS_NET;
	s.listener = sock_listen("127.0.0.1", s.port++, 8);
	s.r.whole = file_read(METRICS_NET, NULL);
	ASSERT_NE(NULL, s.r.whole);
	EXPECT_EQ(0, inject_each(&in));
}

/* The walk, for a count of states. */
TEST_F(reads, while_states_are_counted)
{
	struct injection in = {
		.what = "walk for states", .work = read_file, .check = read_off,
		.arg = &self->r, .workers = true, .least = 5,
	};

	self->r.name = "states";
	self->r.path = CENSUS_DIR "states";
	self->r.whole = file_read(self->r.path, NULL);
	EXPECT_EQ(0, inject_each(&in));
	free(self->r.whole);
}

/**
 * struct tables - what stands in the tables that one walk fills
 * @r: stat
 * @listeners: rows of it
 * @close_wait: sockets, all rows together, as are the next two
 * @endpoints: in any state
 * @ports: in use
 * @short_of: how often something was missing
 */
struct tables {
	struct reading r;
	unsigned long long listeners;
	unsigned long long close_wait;
	unsigned long long endpoints;
	unsigned long long ports;
	unsigned int short_of;
};

static void tables_read(struct tables *all)
{
	unsigned int state;
	struct table t;

	census_table(&t, "listeners");
	all->listeners = t.rows;
	table_free(&t);
	census_table(&t, "close_wait");
	all->close_wait = table_sum(&t, "sockets");
	table_free(&t);
	census_table(&t, "endpoints");
	all->endpoints = 0;
	for (state = 1; state < STATES; state++)
		all->endpoints += table_sum(&t, state_names[state]);
	table_free(&t);
	census_table(&t, "ports");
	/* But for the first row, which is not from there. */
	all->ports = table_sum(&t, "used") - table_number(&t, 0, "used");
	table_free(&t);
}

/* Not more than there is, and with what is said to be missing not less. */
static unsigned int sum_off(struct tables *all, const char *what, unsigned long long want,
			    unsigned long long got, const char *key)
{
	const char *stat = all->r.text;
	unsigned long long missed = stat_value(stat, key);

	if (got < want)
		all->short_of++;
	if (strcmp(key, "listeners_missed"))
		missed += stat_value(stat, "conns_missed");
	if (got <= want && got + missed >= want)
		return 0;
	printf("# %s: %llu and %llu missed, want %llu\n", what, got, missed, want);
	return 1;
}

/*
 * All files are of the walk that stat is of, unless a slow machine takes a second for
 * them: then they are of a new one, which has missed nothing.
 */
static unsigned int tables_off(void *arg, bool fired)
{
	struct tables *all = arg, now;
	unsigned int n = 0;

	if (all->r.err)
		return read_off(&all->r, fired);
	all->r.text[all->r.len] = '\0';
	file_set(CENSUS_MS, "3600000");
	tables_read(&now);
	file_set(CENSUS_MS, "0");
	n += off("sockets", stat_value(all->r.whole, "sockets"),
		 stat_value(all->r.text, "sockets"));
	n += sum_off(all, "listeners", all->listeners, now.listeners, "listeners_missed");
	n += sum_off(all, "close_wait", all->close_wait, now.close_wait, "close_wait_missed");
	n += sum_off(all, "endpoints", all->endpoints, now.endpoints, "endpoints_missed");
	n += sum_off(all, "ports", all->ports, now.ports, "ports_missed");
	return n;
}

/* The walk, for all there is. */
TEST_F(reads, while_all_is_counted)
{
	struct tables all = { .r = self->r };
	struct injection in = {
		.what = "walk for all", .work = read_file, .check = tables_off,
		.arg = &all, .workers = true, .least = 15,
	};

	all.r.name = "stat";
	all.r.path = CENSUS_DIR "stat";
	all.r.whole = file_read(all.r.path, NULL);
	tables_read(&all);
	EXPECT_EQ(0, inject_each(&in));
	/* Not only errors have been seen. */
	EXPECT_LT(0, all.short_of);
	printf("# tables were short %u times, and stat said so\n", all.short_of);
	tables_read(&all);
	EXPECT_EQ(LISTENERS, all.listeners);
	free(all.r.whole);
}

TEST_HARNESS_MAIN
