// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots: module parameter census_ms says how old what is shown may be, and
 * readers who come together share a walk.
 */

#include <pthread.h>

#include "lib/crowd.h"
#include "lib/test.h"

static char *stat_text(void)
{
	char *text = file_read(CENSUS_DIR "stat", NULL);

	if (!text)
		die("%sstat: %m", CENSUS_DIR);
	return text;
}

static unsigned int listening(void)
{
	struct counts c;

	census_counts(&c);
	return c.n[TCP_LISTEN][V4];
}

FIXTURE(snapshot) {
	int netns;
};

FIXTURE_SETUP(snapshot)
{
	file_set(CENSUS_MS, "0");
	self->netns = net_new();
}

FIXTURE_TEARDOWN(snapshot)
{
	file_set(CENSUS_MS, "0");
}

TEST_F(snapshot, fresh_every_time)
{
	unsigned int i;

	for (i = 0; i < 50; i++) {
		EXPECT_EQ(i, listening());
		sock_listen("127.0.0.1", 0, 1);
	}
}

TEST_F(snapshot, shown_again)
{
	unsigned long long age, age_later, walk_us;
	char *text;

	file_set(CENSUS_MS, "%d", 3600000);
	/* The walk this brings is the one for all that follow. */
	text = stat_text();
	walk_us = stat_value(text, "walk_us");
	age = stat_value(text, "snapshot_age_ms");
	EXPECT_EQ(0, stat_value(text, "sockets"));
	free(text);

	sock_listen("127.0.0.1", 0, 1);
	ASSERT_TRUE(wait_for(census_stat("snapshot_age_ms") >= age + 50));
	text = stat_text();
	age_later = stat_value(text, "snapshot_age_ms");
	EXPECT_EQ(walk_us, stat_value(text, "walk_us"));
	EXPECT_EQ(0, stat_value(text, "sockets"));
	free(text);
	EXPECT_LE(age + 50, age_later);
	EXPECT_EQ(0, listening());

	file_set(CENSUS_MS, "0");
	EXPECT_EQ(1, listening());
	EXPECT_GT(age_later, census_stat("snapshot_age_ms"));
}

TEST_F(snapshot, a_second_old_at_most)
{
	uint64_t before, made, seen;
	unsigned int old = 0, tries;

	file_set(CENSUS_MS, "%d", 1000);
	/* Again if this process did not run while the first snapshot was young. */
	for (tries = 0; !old && tries < 10; tries++) {
		before = now_ms();
		ASSERT_EQ(tries, listening());
		sock_listen("127.0.0.1", 0, 1);
		made = now_ms();
		while (listening() == tries) {
			old++;
			ASSERT_GT(1000 + 10000, now_ms() - made);
		}
		seen = now_ms();
		if (!old)
			nap_ms(1000);
	}
	/* Not before the first snapshot had its time, nor long after. */
	EXPECT_LE(1000, seen - before);
	EXPECT_LT(0, old);
	printf("# %u reads of the old one, the new one after %llu ms\n", old,
	       (unsigned long long)(seen - before));
}

/* A snapshot with counters only does not serve who wants the listeners. */
TEST_F(snapshot, deeper_when_asked)
{
	struct table t;

	file_set(CENSUS_MS, "%d", 3600000);
	EXPECT_EQ(0, listening());
	sock_listen("127.0.0.1", 0, 1);
	census_table(&t, "listeners");
	EXPECT_EQ(1, t.rows);
	table_free(&t);
	/* And now that one serves both. */
	sock_listen("127.0.0.1", 0, 1);
	EXPECT_EQ(1, listening());
	census_table(&t, "listeners");
	EXPECT_EQ(1, t.rows);
	table_free(&t);
}

FIXTURE(parameter) {
	unsigned long long value;
};

FIXTURE_SETUP(parameter)
{
	self->value = 1234;
	file_set(CENSUS_MS, "%llu", self->value);
}

FIXTURE_TEARDOWN(parameter)
{
	file_set(CENSUS_MS, "0");
}

TEST_F(parameter, bad_values)
{
	static const char *const bad[] = {
		"-1", "3600001", "4294967296", "18446744073709551616",
		"99999999999999999999999999", "60 junk", "60junk", "junk", "\n",
		" ", "1.5", "0x", "1 2", "60\n\n", "--1", "1e3",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(EINVAL, file_write(CENSUS_MS, bad[i]))
			TH_LOG("\"%s\"", bad[i]);
		EXPECT_EQ(self->value, file_number(CENSUS_MS))
			TH_LOG("\"%s\"", bad[i]);
	}
	/* Nothing at all is no write. */
	EXPECT_EQ(0, file_write(CENSUS_MS, ""));
	EXPECT_EQ(self->value, file_number(CENSUS_MS));
}

TEST_F(parameter, good_values)
{
	static const struct {
		const char *text;
		unsigned int value;
	} good[] = {
		{ "0", 0 }, { "1\n", 1 }, { "1000", 1000 },
		{ "3600000\n", 3600000 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(0, file_write(CENSUS_MS, good[i].text));
		EXPECT_EQ(good[i].value, file_number(CENSUS_MS));
	}
}

TEST_F(parameter, root_writes_all_read)
{
	int status;

	if (!fork()) {
		must(!setresuid(65534, 65534, 65534));
		must(file_write(CENSUS_MS, "7") == EACCES);
		must(file_number(CENSUS_MS) == 1234);
		_exit(0);
	}
	ASSERT_GT(wait(&status), 0);
	EXPECT_EQ(0, status);
}

#define READERS 64

static pthread_barrier_t gate;

struct reader {
	pthread_t thread;
	unsigned long long walk_us;
	unsigned long long sockets;
};

static void *read_stat(void *arg)
{
	struct reader *r = arg;
	char *text;

	pthread_barrier_wait(&gate);
	text = stat_text();
	r->walk_us = stat_value(text, "walk_us");
	r->sockets = stat_value(text, "sockets");
	free(text);
	return NULL;
}

/* Start all at once; how many different walks did they see? */
static unsigned int together(struct reader *r)
{
	unsigned int i, k, walks = 0;

	must(!pthread_barrier_init(&gate, NULL, READERS));
	for (i = 0; i < READERS; i++)
		must(!pthread_create(&r[i].thread, NULL, read_stat, &r[i]));
	for (i = 0; i < READERS; i++)
		must(!pthread_join(r[i].thread, NULL));
	for (i = 0; i < READERS; i++) {
		for (k = 0; k < i && r[k].walk_us != r[i].walk_us; k++)
			;
		walks += k == i;
	}
	return walks;
}

/*
 * How long a walk took, in us, is as good as a name for it. The crowd makes the
 * walk longer than it takes the readers to come.
 */
TEST_F(snapshot, readers_share_walks)
{
	static struct reader r[READERS];
	struct counts want = {};
	unsigned int i, walks, sum;

	fds_raise(20000);
	crowd_add(&want, "127.0.0.1", 3000, 0, 0);
	sum = counts_sum(&want);
	ASSERT_EQ(sum, census_stat("sockets"));

	walks = together(r);
	printf("# %u readers, %u walks of %llu us\n", READERS, walks, r[0].walk_us);
	EXPECT_GE(READERS / 2, walks);
	for (i = 0; i < READERS; i++) {
		EXPECT_EQ(sum, r[i].sockets)
			TH_LOG("reader %u", i);
	}

	/*
	 * And of a snapshot that is new enough there is one. A new namespace is
	 * not in the last one, which is kept for a second only: it was for 0 ms.
	 */
	file_set(CENSUS_MS, "%d", 3600000);
	net_new();
	free(stat_text());
	EXPECT_EQ(1, together(r));
}

TEST_HARNESS_MAIN
