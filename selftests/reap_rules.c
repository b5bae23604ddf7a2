// SPDX-License-Identifier: GPL-2.0
/*
 * What close_wait_only and close_wait_except say: the same connections in a namespace
 * for each row of a table, and those it names are candidates, no others.
 *
 * Cgroups, next to the test's own (G connections there):
 *
 *	/                  the test's own
 *	|-- census-PID     "@"
 *	|   |-- in
 *	|   `-- a b\c      a name that has to be escaped
 *	`-- census-PIDx    another one, whose name begins in the same way
 */

#include <limits.h>
#include <sys/stat.h>

#include "lib/cgroup.h"
#include "lib/reap_test.h"
#include "lib/setting.h"

#define ODD_NAME "a b\\c"
#define ODD_RULE "cgroup:@/a\\040b\\134c"

/**
 * struct group - connections that are alike
 * @name: a letter
 * @cause: DRAINED or UNACCEPTED
 * @client: theirs are in CLOSE_WAIT, else the listener's
 * @listen: where it listens; NULL: as the group before
 * @connect: where clients connect to
 * @port: of it
 * @n: so many
 * @dir: behind "@", the cgroup they are made in; NULL: the test's own
 */
struct group {
	char name;
	enum cause cause;
	bool client;
	const char *listen;
	const char *connect;
	unsigned short port;
	unsigned int n;
	const char *dir;
};

/**
 * struct row - two settings, and what they mean
 * @only: close_wait_only; @ stands for the path of a cgroup
 * @except: close_wait_except, likewise
 * @hits: the letters of groups that are candidates
 */
struct row {
	const char *only;
	const char *except;
	const char *hits;
};

#define TARGETS_MAX 20

/**
 * struct place - a namespace
 * @netns: it
 * @listener: the last one
 * @n: connections in it
 * @name: of the group of each
 * @target: each
 */
struct place {
	int netns;
	int listener;
	unsigned int n;
	char name[TARGETS_MAX];
	struct target target[TARGETS_MAX];
};

static void group_make(struct place *p, const struct group *g)
{
	struct addr to = addr(g->connect, g->port);
	unsigned int i;

	if (g->listen)
		p->listener = sock_listen(g->listen, g->port, 10);
	for (i = 0; i < g->n; i++) {
		must(p->n < TARGETS_MAX);
		p->name[p->n] = g->name;
		target_make(&p->target[p->n++], p->listener, &to, g->cause, g->client);
	}
}

/* A setting, with @ replaced by a path. */
static void rules_set(const char *name, const char *rules, const char *path)
{
	char text[4096];
	size_t len = 0;

	for (; *rules; rules++) {
		must(len + strlen(path) + 1 < sizeof(text));
		if (*rules == '@')
			len += sprintf(text + len, "%s", path);
		else
			text[len++] = *rules;
	}
	text[len] = '\0';
	setting_set(name, "%s\n", text);
}

/* From now on the reaper looks at that namespace. */
static void place_begin(const struct place *p, const struct row *row, const char *path)
{
	net_enter(p->netns);
	setting_set("roles", "server client");
	rules_set("only", row->only, path);
	rules_set("except", row->except, path);
	setting_set("timeout", "1");
}

/* All have been idle for long enough, and each was looked at. */
static bool place_seen(const struct place *p)
{
	net_enter(p->netns);
	return reap_candidates() + reap_skipped("except") == p->n;
}

/* What is not as the row says? */
static unsigned int place_off(const struct place *p, const struct row *row)
{
	unsigned int i, want = 0, faults = 0;
	struct action a;
	bool hit;

	net_enter(p->netns);
	for (i = 0; i < p->n; i++) {
		hit = strchr(row->hits, p->name[i]);
		want += hit;
		faults += off("rows about a connection", hit, actions_of(&a, &p->target[i]));
		if (hit)
			faults += off_text("result", "candidate", a.result);
		if (faults) {
			printf("# of group %c, %s with %s\n", p->name[i],
			       p->target[i].local, p->target[i].remote);
			break;
		}
	}
	faults += off("actions", want, actions_sum());
	faults += off("reaper_candidates", want, reap_candidates());
	return faults + off("skipped_except", p->n - want, reap_skipped("except"));
}

/* Have the reaper look, and look what it says. The number of rows that are wrong. */
static unsigned int rows_off(const struct place *p, const struct row *row, unsigned int n,
			     const char *path)
{
	unsigned int i, faults = 0;

	for (i = 0; i < n; i++)
		place_begin(&p[i], &row[i], path);
	for (i = 0; i < n; i++)
		wait_for(place_seen(&p[i]));
	/* Once more, all of them at once. */
	reap_pass();
	for (i = 0; i < n; i++) {
		if (!place_off(&p[i], &row[i]))
			continue;
		faults++;
		printf("# only %s, except %s\n", row[i].only, row[i].except);
	}
	return faults;
}

/* E and M are with the same, by sockets of either family. */
static const struct group endpoints[] = {
	{ 'A', DRAINED, false, "127.0.0.1", "127.0.0.1", 8080, 3, NULL },
	{ 'a', UNACCEPTED, false, NULL, "127.0.0.1", 8080, 2, NULL },
	{ 'B', DRAINED, false, "::1", "::1", 8081, 2, NULL },
	{ 'b', UNACCEPTED, false, NULL, "::1", 8081, 1, NULL },
	{ 'E', DRAINED, true, "127.0.0.5", "127.0.0.5", 3306, 2, NULL },
	{ 'M', DRAINED, true, NULL, "::ffff:127.0.0.5", 3306, 1, NULL },
	{ 'F', DRAINED, true, "127.0.0.6", "127.0.0.6", 3306, 1, NULL },
	{ 'P', DRAINED, true, "127.0.0.5", "127.0.0.5", 3307, 1, NULL },
	{ 'S', DRAINED, true, "::1", "::1", 3306, 2, NULL },
};

static const struct row endpoint_rows[] = {
	{ "", "", "AaBbEMFPS" },
	{ "server:8080", "", "Aa" },
	{ "server:8081", "", "Bb" },
	{ "server:8080 server:8081", "", "AaBb" },
	{ "", "server:8080", "BbEMFPS" },
	{ "server:8080", "server:8080", "" },
	/* Clients' peers are no servers' ports, and the other way round. */
	{ "server:3306", "", "" },
	{ "client:*:8080", "", "" },
	{ "client:127.0.0.5:3306", "", "EM" },
	{ "client:[::ffff:127.0.0.5]:3306", "", "EM" },
	{ "client:127.0.0.5:3306 client:127.0.0.5:3307", "", "EMP" },
	{ "", "client:127.0.0.5:3306", "AaBbFPS" },
	{ "client:[::1]:3306", "", "S" },
	{ "client:[0:0:0:0:0:0:0:1]:3306", "", "S" },
	{ "client:[::]:3306 client:0.0.0.0:3306", "", "" },
	{ "client:*:3306", "", "EMFS" },
	{ "client:*:3306", "client:127.0.0.5:3306", "FS" },
	{ "", "client:*:3306", "AaBbP" },
	{ "server:8081 client:*:3306 client:*:3307", "client:[::1]:3306 server:1", "BbEMFP" },
};

TEST(by_endpoint)
{
	static struct place place[ARRAY_SIZE(endpoint_rows)];
	unsigned int i, k;

	fds_raise(4096);
	for (i = 0; i < ARRAY_SIZE(place); i++) {
		place[i].netns = net_new();
		for (k = 0; k < ARRAY_SIZE(endpoints); k++)
			group_make(&place[i], &endpoints[k]);
	}
	EXPECT_EQ(0, rows_off(place, endpoint_rows, ARRAY_SIZE(place), ""));
}

FIXTURE(cgroup) {
	char own_dir[PATH_MAX];
	char box_dir[PATH_MAX];
	char box[300]; /* its path, from the root */
};

/* What they are called, behind the first. */
static const char *const dirs[] = { "", "/in", "/" ODD_NAME, "x" };

FIXTURE_SETUP(cgroup)
{
	char mount[256], own[200], *dir;
	unsigned int i;

	if (!cgroup_mount(mount, sizeof(mount)))
		SKIP(return, "no cgroup v2 hierarchy is mounted");
	cgroup_own(own, sizeof(own));
	snprintf(self->own_dir, sizeof(self->own_dir), "%s%s", mount, own);
	snprintf(self->box, sizeof(self->box), "%s/census-%d", own, getpid());
	snprintf(self->box_dir, sizeof(self->box_dir), "%s%s", mount, self->box);
	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		dir = strf("%s%s", self->box_dir, dirs[i]);
		ASSERT_EQ(0, mkdir(dir, 0755));
		free(dir);
	}
}

/* In the parent: a cgroup goes only when its last process has. */
FIXTURE_TEARDOWN_PARENT(cgroup)
{
	unsigned int i;
	char *dir;

	if (!*self->box_dir)
		return;
	for (i = ARRAY_SIZE(dirs); i--;) {
		dir = strf("%s%s", self->box_dir, dirs[i]);
		EXPECT_EQ(0, rmdir(dir));
		free(dir);
	}
}

static const struct group in_cgroups[] = {
	{ 'G', DRAINED, false, "127.0.0.1", "127.0.0.1", 80, 2, NULL },
	{ 'g', UNACCEPTED, false, NULL, "127.0.0.1", 80, 1, NULL },
	{ 'B', DRAINED, false, "127.0.0.1", "127.0.0.1", 81, 2, "" },
	{ 'b', UNACCEPTED, false, NULL, "127.0.0.1", 81, 1, "" },
	{ 'C', DRAINED, true, "127.0.0.1", "127.0.0.1", 3306, 1, "" },
	{ 'I', DRAINED, false, "::1", "::1", 82, 2, "/in" },
	{ 'i', UNACCEPTED, false, NULL, "::1", 82, 2, "/in" },
	{ 'O', DRAINED, false, "127.0.0.1", "127.0.0.1", 83, 1, "/" ODD_NAME },
	{ 'o', UNACCEPTED, false, NULL, "127.0.0.1", 83, 1, "/" ODD_NAME },
	{ 'X', DRAINED, false, "127.0.0.1", "127.0.0.1", 84, 2, "x" },
	{ 'x', UNACCEPTED, false, NULL, "127.0.0.1", 84, 1, "x" },
};

static const struct row cgroup_rows[] = {
	{ "cgroup:@", "", "BbCIiOo" },
	{ "cgroup:@/", "", "BbCIiOo" },
	{ "", "cgroup:@", "GgXx" },
	{ "cgroup:@/in", "", "Ii" },
	{ "", "cgroup:@/in", "GgBbCOoXx" },
	/* The beginning of a name is no name. */
	{ "cgroup:@/i", "", "" },
	{ "", "cgroup:@/i", "GgBbCIiOoXx" },
	{ "cgroup:@x", "", "Xx" },
	{ ODD_RULE, "", "Oo" },
	{ "", ODD_RULE, "GgBbCIiXx" },
	{ "cgroup:@/a\\040b", "", "" },
	{ "cgroup:@", "cgroup:@/in client:*:3306", "BbOo" },
	{ "cgroup:@x server:82", "", "IiXx" },
	{ "cgroup:/", "", "GgBbCIiOoXx" },
	{ "", "cgroup:/", "" },
};

/* A queue is its listener's: what nobody has accepted is in that cgroup. */
TEST_F(cgroup, by_cgroup)
{
	static struct place place[ARRAY_SIZE(cgroup_rows)];
	const struct group *g;
	unsigned int i, k;
	char *dir;

	fds_raise(4096);
	for (i = 0; i < ARRAY_SIZE(place); i++)
		place[i].netns = net_new();
	for (k = 0; k < ARRAY_SIZE(in_cgroups); k++) {
		g = &in_cgroups[k];
		dir = strf("%s%s", g->dir ? self->box_dir : self->own_dir, g->dir ?: "");
		cgroup_join(dir);
		free(dir);
		for (i = 0; i < ARRAY_SIZE(place); i++) {
			net_enter(place[i].netns);
			group_make(&place[i], g);
		}
	}
	EXPECT_EQ(0, rows_off(place, cgroup_rows, ARRAY_SIZE(place), self->box));
}

TEST_HARNESS_MAIN
