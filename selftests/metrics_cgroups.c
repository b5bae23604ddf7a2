// SPDX-License-Identifier: GPL-2.0
/*
 * The cgroups in the labels of metrics, as the reader's cgroup namespace sees them.
 *
 *	/                      a listener
 *	|-- census-a           a listener; root of a reader
 *	|   `-- x"y\z ...      listeners; root of another reader
 *	|       `-- deep       listeners; and of a third
 *	`-- a long name        listeners
 */

#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cgroup.h"
#include "lib/metrics.h"
#include "lib/peak.h"
#include "lib/test.h"

enum { PORT = 8080 };

/**
 * struct cgroups - one below the other
 * @mount: where the hierarchy is
 * @dirs: of each the path in it
 * @long_dir: another one, whose name is as long as can be
 */
FIXTURE(cgroups) {
	char mount[256];
	char dirs[3][600];
	char long_dir[600];
};

FIXTURE_SETUP(cgroups)
{
	static const char *const names[] = { "a", "x\"y\\z \t\x80", "deep" };
	const char *above = "";
	char own[256], name[251];
	unsigned int i;

	net_new();
	if (!cgroup_mount(self->mount, sizeof(self->mount)))
		SKIP(return, "no cgroup v2 hierarchy is mounted");
	cgroup_own(own, sizeof(own));
	if (*own)
		SKIP(return, "not in the root of the cgroup hierarchy");
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		must(snprintf(self->dirs[i], sizeof(self->dirs[i]), i ? "%s/%s" : "%s/census-%s",
			      i ? above : self->mount, names[i]) < (int)sizeof(self->dirs[i]));
		above = self->dirs[i];
		must(!mkdir(above, 0755));
	}
	memset(name, 0x81, sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	must(snprintf(self->long_dir, sizeof(self->long_dir), "%s/%s", self->mount, name) > 0);
	must(!mkdir(self->long_dir, 0755));
}

FIXTURE_TEARDOWN_PARENT(cgroups)
{
	int i;

	for (i = 2; i >= 0 && *self->dirs[i]; i--)
		EXPECT_EQ(0, rmdir(self->dirs[i]));
	if (*self->long_dir)
		EXPECT_EQ(0, rmdir(self->long_dir));
}

static double labelled(const struct metrics *m, const char *what, unsigned int port,
		       const char *cgroup)
{
	return metrics_value(m, "accept_queue_%s{local=\"127.0.0.1:%u\",cgroup=\"%s\"}", what,
			     port, cgroup);
}

/* Two components are shown, and nobody's name breaks a line or a label. */
TEST_F(cgroups, labels)
{
	static const char shown[] = "/census-a/x\\\"y\\\\134z\\\\040\\\\011\\\\200";
	struct metrics m;
	struct addr to;
	int upper, lower;

	cgroup_join(self->dirs[1]);
	upper = sock_listen_shared("127.0.0.1", PORT, 10);
	cgroup_join(self->dirs[2]);
	lower = sock_listen_shared("127.0.0.1", PORT, 10);
	cgroup_join(self->dirs[0]);
	sock_listen("127.0.0.1", PORT + 1, 10);
	cgroup_join(self->mount);
	sock_listen("127.0.0.1", PORT + 2, 10);

	to = sock_addr(upper);
	burst_start(&to, 8);
	must(wait_for(sock_depth(upper) + sock_depth(lower) == 8));
	metrics_read(&m, METRICS_NET);
	EXPECT_EQ(3, metrics_count(&m, "accept_queue_length"));
	EXPECT_EQ(8, labelled(&m, "length", PORT, shown));
	EXPECT_EQ(8, labelled(&m, "queued_total", PORT, shown));
	EXPECT_EQ(0, labelled(&m, "length", PORT + 1, "/census-a"));
	EXPECT_EQ(0, labelled(&m, "length", PORT + 2, "/"));
	metrics_free(&m);
}

/* What is shown of a listener to somebody whose root of cgroups that is. */
static double seen_from(const char *dir, const char *what, unsigned int port,
			const char *cgroup)
{
	double value = -2;
	struct metrics m;
	int pipes[2];
	pid_t pid;

	must(!pipe(pipes));
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		cgroup_join(dir);
		must(!unshare(CLONE_NEWCGROUP));
		metrics_read(&m, METRICS_NET);
		value = labelled(&m, what, port, cgroup);
		must(write(pipes[1], &value, sizeof(value)) == sizeof(value));
		_exit(0);
	}
	must(waitpid(pid, NULL, 0) == pid);
	close(pipes[1]);
	must(read(pipes[0], &value, sizeof(value)) == sizeof(value));
	close(pipes[0]);
	return value;
}

/* Whoever reads, whatever the cgroups are called there, and whoever was first. */
TEST_F(cgroups, seen_by_many)
{
	static const char inside[] = "/x\\\"y\\\\134z\\\\040\\\\011\\\\200";
	char *outside = strf("/census-a%s", inside);
	unsigned int i, want = 0;
	struct metrics m;
	struct addr to;
	int listener;

	cgroup_join(self->mount);
	sock_listen("127.0.0.1", PORT + 1, 10);
	for (i = 1; i <= 3; i++) {
		cgroup_join(self->dirs[1 + i % 2]);
		listener = sock_listen("127.0.0.1", PORT, 10);
		cgroup_join(self->mount);
		to = sock_addr(listener);
		must(burst_fill(listener, &to, i));
		want += i;
		EXPECT_EQ(want, seen_from(self->dirs[0], "queued_total", PORT, inside));
		metrics_read(&m, METRICS_NET);
		EXPECT_EQ(want, labelled(&m, "queued_total", PORT, outside));
		metrics_free(&m);
		/* Two components from the host's root are no more than one's own. */
		EXPECT_EQ(want, seen_from(self->dirs[1], "queued_total", PORT, "/"));
		EXPECT_EQ(want, seen_from(self->dirs[2], "queued_total", PORT, "/"));
		EXPECT_EQ(0, seen_from(self->dirs[0], "queued_total", PORT + 1, "-"));
		close(listener);
	}
	free(outside);
}

/* What looks the same to a reader does not fall when one of it ends. */
TEST_F(cgroups, not_to_be_seen)
{
	int listener, other;
	struct addr to;

	cgroup_join(self->mount);
	listener = sock_listen_shared("127.0.0.1", PORT, 10);
	to = sock_addr(listener);
	must(burst_fill(listener, &to, 6));
	cgroup_join(self->long_dir);
	other = sock_listen_shared("127.0.0.1", PORT, 10);
	/* Above a reader's root, and not only because so little of it is shown. */
	cgroup_join(self->dirs[0]);
	sock_listen("127.0.0.1", PORT + 1, 10);
	cgroup_join(self->mount);

	EXPECT_EQ(6, seen_from(self->dirs[0], "queued_total", PORT, "-"));
	close(listener);
	EXPECT_EQ(6, seen_from(self->dirs[0], "queued_total", PORT, "-"));
	EXPECT_EQ(6, seen_from(self->dirs[2], "queued_total", PORT, "-"));
	EXPECT_EQ(0, seen_from(self->dirs[1], "queued_total", PORT + 1, "-"));
	EXPECT_EQ(0, seen_from(self->dirs[0], "queued_total", PORT + 1, "/"));
	close(other);
}

/* A name may not take the room of all others. */
TEST_F(cgroups, long_names)
{
	struct metrics m;
	struct addr to;
	double others;
	int listener, i;

	for (i = 0; i < 30; i++) {
		cgroup_join(i % 2 ? self->long_dir : self->mount);
		listener = sock_listen("127.0.0.1", PORT + i, 10);
		to = sock_addr(listener);
		must(burst_fill(listener, &to, i % 2 ? 9 : 1));
	}
	metrics_read(&m, METRICS_NET);
	EXPECT_EQ(15, metrics_count(&m, "accept_queue_limit"));
	for (i = 0; i < 30; i += 2)
		EXPECT_EQ(1, labelled(&m, "length", PORT + i, "/"));
	others = metrics_value(&m, "accept_queue_length{local=\"other\",cgroup=\"other\"}");
	EXPECT_EQ(15 * 9, others);
	EXPECT_EQ(15 * 8, metrics_value(&m, "series_omitted{table=\"accept_queue\"}"));
	metrics_free(&m);
}

TEST_HARNESS_MAIN
