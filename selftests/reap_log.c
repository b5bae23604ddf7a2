// SPDX-License-Identifier: GPL-2.0
/*
 * What is told of each action: a row of actions, a counter of stat, and the trace
 * event tcp_census:close_wait_action.
 */

#include <sys/mount.h>
#include <sys/stat.h>

#include "lib/reap_test.h"
#include "lib/setting.h"
#include "lib/test_module.h"

#define TRACING "/sys/kernel/tracing/"
#define INSTANCE TRACING "instances/tcp_census_test/"
#define EVENT "events/tcp_census/close_wait_action/"

/* Whose the listener is, and who accepts. */
enum { OPENER = 1234, ACCEPTOR = 4321 };

static const struct step {
	const char *action;
	const char *accepted;
	const char *queued;
} steps[] = {
	{ "count", "candidate", "candidate" },
	{ "probe", "probing", "probing" },
	{ "abort", "reset", "evicted" },
};

FIXTURE(log) {
	struct target t[2 * FLOWS];
	char cgroup[2 * FLOWS][300];
};

/* For each flow one that was accepted and one that was not. */
FIXTURE_SETUP(log)
{
	unsigned int i;

	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	net_new();
	for (i = 0; i < 2 * FLOWS; i++) {
		struct target *t = &self->t[i];
		struct socket_row row;
		struct table s;
		struct addr to;
		int fd;

		must(!seteuid(OPENER));
		fd = flow_listen(&flows[i / 2], &to);
		must(!seteuid(0) && !seteuid(ACCEPTOR));
		target_make(t, fd, &to, i % 2 ? UNACCEPTED : DRAINED, false);
		must(!seteuid(0));
		target_age(t, AGES);
		sockets_table(&s);
		must(socket_find(&row, &s, t->local, t->remote));
		strcpy(self->cgroup[i], row.cgroup);
		table_free(&s);
	}
}

FIXTURE_TEARDOWN_PARENT(log)
{
	rmdir(INSTANCE);
	EXPECT_FALSE(census_damaged());
}

/* Is the last row of a connection as it is to be? */
static unsigned int row_off(const struct target *t, const struct step *step,
			    const char *cgroup)
{
	struct action a;
	unsigned int n;
	char *uid;

	uid = strf("%u", t->near < 0 ? OPENER : ACCEPTOR);
	n = off("rows of it", step - steps + 1, actions_of(&a, t));
	n += off_text("cause", cause_names[t->cause], a.cause);
	n += off_text("action", step->action, a.action);
	n += off_text("result", t->near < 0 ? step->queued : step->accepted, a.result);
	n += off_text("role", "server", a.role);
	n += off_text("cgroup", cgroup, a.cgroup);
	n += off_text("uid", uid, a.uid);
	n += off("idle_s is right", 1, a.idle_s >= AGES && a.idle_s < 2 * AGES);
	free(uid);
	return n;
}

static bool trace_there(void)
{
	if (access(TRACING "instances", F_OK))
		mount("tracefs", TRACING, "tracefs", 0, NULL);
	if (access(TRACING "instances", F_OK))
		return false;
	return !mkdir(INSTANCE, 0700) || errno == EEXIST;
}

/* "127.0.0.1:80" and "[::1]:80" are both of IPv6 in a trace. */
static char *trace_addr(const char *shown)
{
	const char *port = strrchr(shown, ':');

	if (*shown == '[')
		return strf("%s", shown);
	return strf("[::ffff:%.*s]%s", (int)(port - shown), shown, port);
}

/* How many lines begin with that, and end with an idle_s that may be true? */
static unsigned int trace_lines(const char *trace, const char *what)
{
	unsigned int n = 0;
	const char *at;

	for (at = strstr(trace, what); at; at = strstr(at + 1, what)) {
		const char *idle = strstr(at, " idle_s=");

		must(idle);
		n += strtoul(idle + 8, NULL, 10) >= AGES &&
		     strtoul(idle + 8, NULL, 10) < 2 * AGES;
	}
	return n;
}

static unsigned int trace_off(const char *trace, const struct target *t,
			      const struct step *step)
{
	char *local = trace_addr(t->local), *remote = trace_addr(t->remote);
	char *what, *who, *line;
	unsigned int n;

	what = strf("close_wait_action: netns=%u cause=%s action=%s result=%s",
		    census_netns(), cause_names[t->cause], step->action,
		    t->near < 0 ? step->queued : step->accepted);
	who = strf("role=server local=%s remote=%s uid=%u idle_s=", local, remote,
		   t->near < 0 ? OPENER : ACCEPTOR);
	line = strf("%s %s", what, who);
	n = off(line, 1, trace_lines(trace, line));
	free(line);
	free(who);
	free(what);
	free(remote);
	free(local);
	return n;
}

TEST_F(log, tells_each)
{
	const struct step *step;
	unsigned int i, done = 0;

	setting_set("timeout", "8000");
	for (step = steps; step < steps + ARRAY_SIZE(steps); step++) {
		setting_set("action", step->action);
		reap_pass();
		done += 2 * FLOWS;
		EXPECT_EQ(done, actions_sum());
		EXPECT_EQ(FLOWS, actions_done("drained", step->action, step->accepted));
		EXPECT_EQ(FLOWS, actions_done("unaccepted", step->action, step->queued));
		for (i = 0; i < 2 * FLOWS; i++)
			EXPECT_EQ(0, row_off(&self->t[i], step, self->cgroup[i]));
	}
}

TEST_F(log, traces_each)
{
	const struct step *step;
	char *text, *ours;
	unsigned int i;

	if (!trace_there())
		SKIP(return, "no tracefs: %m");
	file_set(INSTANCE EVENT "enable", "1");
	setting_set("timeout", "8000");
	for (step = steps; step < steps + ARRAY_SIZE(steps); step++) {
		setting_set("action", step->action);
		reap_pass();
	}
	file_set(INSTANCE EVENT "enable", "0");
	text = file_read(INSTANCE "trace", NULL);
	ASSERT_NE(NULL, text);
	for (step = steps; step < steps + ARRAY_SIZE(steps); step++)
		for (i = 0; i < 2 * FLOWS; i++)
			EXPECT_EQ(0, trace_off(text, &self->t[i], step));
	/* And nothing else of this namespace. */
	ours = strf("close_wait_action: netns=%u ", census_netns());
	EXPECT_EQ(ARRAY_SIZE(steps) * 2 * FLOWS, trace_lines(text, ours));
	free(ours);
	free(text);
}

/* The last 256 are kept, the newest last. */
TEST(keeps_the_last)
{
	enum { KEPT = 256, ALL = 300 };
	struct target t[ALL + 1];
	struct action a;
	struct table rows;
	struct addr to;
	int fd, i;

	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	fds_raise(2000);
	net_new();
	fd = flow_listen(&flows[0], &to);
	for (i = 0; i < ALL; i++) {
		target_make(&t[i], fd, &to, DRAINED, false);
		target_age(&t[i], AGES);
	}
	setting_set("timeout", "1");
	reap_pass();
	EXPECT_EQ(ALL, reap_candidates());
	EXPECT_EQ(ALL, actions_done("drained", "count", "candidate"));
	census_table(&rows, "actions");
	EXPECT_EQ(KEPT, rows.rows);
	table_free(&rows);

	target_make(&t[ALL], fd, &to, DRAINED, false);
	target_age(&t[ALL], AGES);
	reap_pass();
	EXPECT_EQ(ALL + 1, actions_done("drained", "count", "candidate"));
	census_table(&rows, "actions");
	ASSERT_EQ(KEPT, rows.rows);
	action_row(&a, &rows, KEPT - 1);
	EXPECT_STREQ(t[ALL].remote, a.remote);
	table_free(&rows);
	EXPECT_EQ(0, census_stat("actions_missed"));
}

/* What the kernel has for them, beyond a few lines each. Bytes. */
static unsigned long long rings_bytes(void)
{
	char *text = file_read("/proc/vmallocinfo", NULL), *line;
	unsigned long long sum = 0, bytes;

	must(text);
	for (line = text; *line; line += strcspn(line, "\n") + 1) {
		char *ours = strstr(line, " tcpc_log_");

		if (!ours || ours > line + strcspn(line, "\n"))
			continue;
		must(sscanf(line, "%*s %llu", &bytes) == 1);
		sum += bytes;
	}
	free(text);
	return sum;
}

FIXTURE(host) {
};

FIXTURE_SETUP(host)
{
}

FIXTURE_TEARDOWN_PARENT(host)
{
	census_thaw();
	EXPECT_FALSE(census_damaged());
}

/* Of all namespaces together they take 4 MiB, however many there are. */
TEST_F(host, keeps_fewer_of_many)
{
	enum { NETS = 180, FEW = 16, EACH = FEW + 1 };
	const unsigned long long most = 4 << 20;
	unsigned int i, k, full = 0;
	struct table rows;
	struct target t;
	struct addr to;
	int netns[NETS];

	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	fds_raise(2 * NETS * EACH + 1000);
	for (i = 0; i < NETS; i++) {
		int fd;

		netns[i] = net_new();
		fd = sock_listen("127.0.0.1", 0, EACH);
		to = sock_addr(fd);
		for (k = 0; k < EACH; k++)
			target_make(&t, fd, &to, UNACCEPTED, false);
		target_age(&t, AGES);
		setting_set("timeout", "8000");
	}
	reap_pass();
	/* No walk over all of them for each. */
	census_freeze();
	for (i = 0; i < NETS; i++) {
		net_enter(netns[i]);
		ASSERT_EQ(EACH, actions_done("unaccepted", "count", "candidate"));
		census_table(&rows, "actions");
		/* What is not kept is counted. */
		EXPECT_EQ(EACH, rows.rows + census_stat("actions_missed"));
		EXPECT_LE(FEW, rows.rows);
		full += rows.rows == EACH;
		table_free(&rows);
	}
	EXPECT_LT(0, full);
	EXPECT_LT(full, NETS);
	EXPECT_LT(most / 2, rings_bytes());
	/* Each has an unmapped page behind it. */
	EXPECT_LE(rings_bytes(), most + full * sysconf(_SC_PAGESIZE));
}

TEST(header)
{
	static const char *const names[] = {
		"netns", "time", "cause", "action", "result", "role", "local", "remote",
		"cgroup", "uid", "idle_s",
	};
	struct table t;

	net_new();
	census_table(&t, "actions");
	EXPECT_EQ(0, t.rows);
	EXPECT_EQ(0, table_columns(&t, names, ARRAY_SIZE(names)));
	table_free(&t);
	EXPECT_EQ(0, actions_sum());
	EXPECT_EQ(0, reap_candidates());
}

TEST_HARNESS_MAIN
