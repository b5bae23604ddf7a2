// SPDX-License-Identifier: GPL-2.0
/*
 * Namespaces that come and go, with sockets in them, under readers from within,
 * from outside, and of what is left.
 *
 *	+-- netns home -------+     +-- netns, again and again --------------+
 *	| a crowd that stays  |     | 127.0.0.1 crowd, TIME_WAIT too: it     |
 *	| reader              |     | outlives the last user of its namespace|
 *	+---------------------+     | reader from within                     |
 *	    |                       +----------------------------------------+
 *	    `-- /proc/PID/net/tcp_census/... --^  reader from outside
 */

#include <fcntl.h>

#include "lib/crowd.h"
#include "lib/test.h"
#include "lib/worker.h"

#define SECONDS 3
#define MAKERS 2

static const char *const files[] = { "states", "listeners", "stat" };

FIXTURE(vanish) {
	struct counts want;
	struct worker *maker[MAKERS];
};

/* A namespace a round; the one before goes as it is left. */
static void make_namespaces(struct worker *me, void *arg)
{
	const char *ip = arg;
	struct counts want, got;
	int i;

	for (;;) {
		close(net_new());
		memset(&want, 0, sizeof(want));
		crowd_add(&want, ip, 3, 2, 4);
		if (!wait_for((census_counts(&got), counts_same(&want, &got)))) {
			counts_diff("within", &want, &got);
			die("a new namespace is not as it should be");
		}
		/* All but this program's own: what the harness passed on stays. */
		for (i = 3; i < 64; i++)
			close(i);
		worker_round(me);
	}
}

FIXTURE_SETUP(vanish)
{
	static const char *const ips[] = { "127.0.0.1", "::1" };
	int i;

	net_new();
	crowd_add(&self->want, "127.0.0.1", 20, 5, 3);
	ASSERT_TRUE(crowd_settled(&self->want));
	for (i = 0; i < MAKERS; i++)
		self->maker[i] = worker_start(make_namespaces, (void *)ips[i], i);
	for (i = 0; i < MAKERS; i++) {
		ASSERT_TRUE(wait_for(worker_rounds(self->maker[i])))
			TH_LOG("worker %d", i);
	}
}

FIXTURE_TEARDOWN(vanish)
{
	EXPECT_FALSE(census_damaged());
}

/*
 * A file of a namespace that may go any moment. What is read is whole, or there
 * is an error that says why not. Returns an open descriptor, or -1.
 */
static int read_outside(const char *path, const char *file)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct table t;
	size_t len;
	char *text;

	if (fd < 0) {
		must(errno == ENOENT || errno == ESRCH || errno == EINVAL);
		return -1;
	}
	text = fd_read_all(fd, &len);
	if (!text) {
		must(errno == EIO);
		return fd;
	}
	if (len && strcmp(file, "stat")) {
		table_parse(&t, text, len);
		table_free(&t);
	} else if (len) {
		stat_value(text, "sockets");
	}
	free(text);
	return fd;
}

static bool only_eio(int fd)
{
	char c;

	return pread(fd, &c, 1, 0) == -1 && errno == EIO;
}

/* Have so many come and gone that there was something to read from outside? */
static bool enough(struct worker *const *maker, unsigned int outside)
{
	unsigned int i;

	for (i = 0; i < MAKERS; i++)
		if (worker_rounds(maker[i]) <= 5)
			return false;
	return outside > 20;
}

TEST_F(vanish, under_readers)
{
	int left[16] = { [0 ... 15] = -1 };
	uint64_t until = now_ms() + SECONDS * 1000;
	unsigned int reads, outside = 0, bad = 0;
	struct counts got;
	size_t i;

	/* However long that takes. */
	for (reads = 0; now_ms() < until || !enough(self->maker, outside); reads++) {
		census_counts(&got);
		bad += counts_diff("home", &self->want, &got);

		for (i = 0; i < ARRAY_SIZE(files); i++) {
			pid_t pid = self->maker[reads % MAKERS]->pid;
			char *path = strf("/proc/%d/net/tcp_census/%s", pid, files[i]);
			int fd = read_outside(path, files[i]);
			int *old = &left[reads % ARRAY_SIZE(left)];

			outside += fd >= 0;
			free(path);
			/* Some are kept, to be there when the namespace is not. */
			if (fd >= 0) {
				close(*old);
				*old = fd;
			}
		}
	}
	EXPECT_EQ(0, bad);
	printf("# %u reads at home, %u outside, %lu and %lu namespaces\n", reads,
	       outside, worker_stop(self->maker[0]), worker_stop(self->maker[1]));

	/* Their makers have gone, and so must they. */
	for (i = 0; i < ARRAY_SIZE(left); i++) {
		EXPECT_TRUE(left[i] < 0 || wait_for(only_eio(left[i])))
			TH_LOG("descriptor %zu", i);
	}
	census_counts(&got);
	EXPECT_EQ(0, counts_diff("home", &self->want, &got));
}

TEST_HARNESS_MAIN
