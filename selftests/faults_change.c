// SPDX-License-Identifier: GPL-2.0
/*
 * Memory is short while settings are written and read: a setting is what it was and the
 * writer has an error, or it is what was written. Nothing in between.
 */

#include <fcntl.h>

#include "lib/inject.h"
#include "lib/setting.h"
#include "lib/test.h"

INJECT_TEST

/* Values of each setting that take turns, as they are read; to take both needs as much. */
static const char *const values[SETTINGS][2] = {
	[SET_TIMEOUT] = { "0", "86400" },
	[SET_ACTION] = { "count", "abort" },
	[SET_CAUSES] = { "unaccepted drained", "drained" },
	[SET_ROLES] = { "server", "server client" },
	[SET_RATE] = { "100", "99999" },
	[SET_ONLY] = { "server:81", "server:80 client:*:3306 cgroup:/a" },
	[SET_EXCEPT] = { "client:[::1]:5", "server:443 cgroup:/b/c" },
};

/* What a shell writes at once of what is longer. */
enum { PIECE = 1024, WORDS = 60 };

/**
 * struct change - a setting that is written over and over
 * @name: of it
 * @value: what it may be, with newlines
 * @now: which it is
 * @fd: of the file
 * @piece: how much goes into one write()
 * @err: of that
 * @done: what was written
 */
struct change {
	const char *name;
	char *value[2];
	unsigned int now;
	int fd;
	size_t piece;
	int err;
	size_t done;
};

static void change_write(void *arg)
{
	struct change *c = arg;
	const char *text = c->value[!c->now];
	size_t len = strlen(text), size;
	ssize_t n;

	c->err = 0;
	for (c->done = 0; c->done < len; c->done += n) {
		size = len - c->done < c->piece ? len - c->done : c->piece;
		n = pwrite(c->fd, text + c->done, size, c->done);
		if (n < 0) {
			c->err = errno;
			return;
		}
	}
}

/* It is that of its two values. */
static unsigned int change_is(const struct change *c, unsigned int which)
{
	char *want = strndup(c->value[which], strlen(c->value[which]) - 1);
	unsigned int n;

	must(want);
	n = setting_off(c->name, want);
	free(want);
	return n;
}

/*
 * For a while what the same process writes next is taken for the rest of what was
 * refused, once.
 */
static unsigned int writable_off(const struct change *c)
{
	int err = setting_write(c->name, c->value[c->now]);

	if (err == EINVAL && c->piece == PIECE)
		err = setting_write(c->name, c->value[c->now]);
	return off("errno of the next write", 0, err);
}

static unsigned int change_off(void *arg, bool fired)
{
	struct change *c = arg;
	unsigned int n = 0;

	if (c->err) {
		n += off("errno", ENOMEM, c->err);
		n += off("it fails for a reason", 1, fired);
		n += change_is(c, c->now);
		n += writable_off(c);
	} else {
		c->now = !c->now;
	}
	return n + change_is(c, c->now);
}

/* A value is written over and over, then read. */
static unsigned int changes_off(struct change *c, unsigned int least)
{
	struct injection in = {
		.what = c->name, .work = change_write, .check = change_off, .arg = c,
		.least = least,
	};
	unsigned int n;

	setting_set(c->name, "%s", c->value[0]);
	c->fd = setting_open(c->name, O_RDWR);
	must(c->fd >= 0);
	n = inject_each(&in);
	close(c->fd);
	return n;
}

static void line_read(void *arg)
{
	struct change *c = arg;
	char text[32 * PIECE];
	ssize_t n;

	n = pread(c->fd, text, sizeof(text), 0);
	c->err = n < 0 ? errno : 0;
	c->done = n < 0 ? 0 : n;
	if (n >= 0 && strncmp(text, c->value[c->now], n))
		c->done = 0;
}

static unsigned int line_off(void *arg, bool fired)
{
	struct change *c = arg;

	if (c->err)
		return off("errno", ENOMEM, c->err) + off("it fails for a reason", 1, fired);
	return off("bytes of it", strlen(c->value[c->now]), c->done);
}

FIXTURE(change) {
};

FIXTURE_SETUP(change)
{
	net_new();
	inject_module();
}

FIXTURE_TEARDOWN_PARENT(change)
{
	EXPECT_FALSE(census_damaged());
}

TEST_F(change, in_one_piece)
{
	struct change c = { .piece = SIZE_MAX };
	unsigned int i;

	for (i = 0; i < SETTINGS; i++) {
		c.name = setting_names[i];
		c.value[0] = strf("%s\n", values[i][0]);
		c.value[1] = strf("%s\n", values[i][1]);
		c.now = 0;
		EXPECT_EQ(0, changes_off(&c, i >= SET_ONLY ? 2 : 1));
		free(c.value[0]);
		free(c.value[1]);
	}
}

/* A list of words that takes several writes, and memory of more than a page. */
static char *list(const char *word)
{
	char *text = calloc(WORDS, 160);
	unsigned int i;

	must(text);
	for (i = 0; i < WORDS; i++)
		sprintf(text + strlen(text), "%s%0120u%s", word, i, i < WORDS - 1 ? " " : "\n");
	must(strlen(text) > 7 * PIECE);
	return text;
}

static unsigned int lists_off(size_t piece, unsigned int least)
{
	struct change c = { .piece = piece };
	unsigned int i, n = 0;

	c.value[0] = list("cgroup:/a");
	c.value[1] = list("cgroup:/b");
	for (i = SET_ONLY; i <= SET_EXCEPT; i++) {
		c.name = setting_names[i];
		c.now = 0;
		n += changes_off(&c, least);
	}
	free(c.value[0]);
	free(c.value[1]);
	return n;
}

TEST_F(change, of_long_lists)
{
	EXPECT_EQ(0, lists_off(SIZE_MAX, 2));
}

TEST_F(change, in_pieces)
{
	EXPECT_EQ(0, lists_off(PIECE, 8));
}

/* What is read is the whole value, or an error. */
TEST_F(change, not_by_reading)
{
	struct change c = { .name = "only" };
	struct injection in = {
		.what = "reading", .work = line_read, .check = line_off, .arg = &c,
		.least = 2,
	};

	c.value[0] = list("cgroup:/a");
	setting_set(c.name, "%s", c.value[0]);
	c.fd = setting_open(c.name, O_RDONLY);
	ASSERT_GE(c.fd, 0);
	EXPECT_EQ(0, inject_each(&in));
	EXPECT_EQ(0, change_is(&c, 0));
}

TEST_HARNESS_MAIN
