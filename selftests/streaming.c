// SPDX-License-Identifier: GPL-2.0
/*
 * The file sockets is streamed: there is no snapshot, but what stays from the
 * first read() to the last is shown once, however small the reads and whatever
 * comes and goes between them.
 *
 *	+-- netns, its own established table or the shared one --+
 *	| client ---- FIN ----> server, CLOSE_WAIT        x 600  |
 *	+--------------------------------------------------------+
 */

#include <fcntl.h>
#include <pthread.h>

#include "lib/rows.h"
#include "lib/test.h"

#define SOCKETS CENSUS_DIR "sockets"
#define CHILD_ENTRIES "/proc/sys/net/ipv4/tcp_child_ehash_entries"

#define PAIRS 600

/**
 * struct crowd - connections with a server in CLOSE_WAIT
 * @listener: of all of them
 * @to: where it is
 * @pair: the connections
 * @cookie: of the servers, in the same order
 * @nr: how many
 */
struct crowd {
	int listener;
	struct addr to;
	struct pair *pair;
	unsigned long long *cookie;
	unsigned int nr;
};

static void crowd_grow(struct crowd *c, unsigned int nr)
{
	unsigned int had = c->nr;

	if (!c->listener) {
		c->listener = sock_listen("127.0.0.1", 0, 64);
		c->to = sock_addr(c->listener);
	}
	c->pair = realloc(c->pair, (c->nr + nr) * sizeof(*c->pair));
	c->cookie = realloc(c->cookie, (c->nr + nr) * sizeof(*c->cookie));
	must(c->pair && c->cookie);
	for (; c->nr < had + nr; c->nr++) {
		c->pair[c->nr] = pair_make(c->listener, &c->to);
		c->cookie[c->nr] = sock_cookie(c->pair[c->nr].server);
	}
	pairs_close_wait(c->pair + had, nr);
}

/**
 * stream_off() - look at what was read
 * @stay: these must be in it once
 * @max: so many rows at most
 * @text: from the first read() to the last
 * @len: its length
 *
 * Return: how many rows are missing or too many.
 */
static unsigned int stream_off(const struct crowd *stay, unsigned int max,
			       const char *text, size_t len)
{
	unsigned int bad;
	struct table t;

	table_parse(&t, text, len);
	bad = cookies_off(&t, stay->cookie, stay->nr);
	if (t.rows > max)
		bad += off("too many rows", max, t.rows);
	table_free(&t);
	return bad;
}

/* The whole file, all lines whole, without the columns that change with time. */
static char *without_ages(const char *text, size_t len)
{
	char *lines = NULL;
	struct table t;
	size_t size, i, k;
	FILE *out = open_memstream(&lines, &size);

	must(out);
	table_parse(&t, text, len);
	for (i = 0; i < t.rows; i++) {
		for (k = 0; k < t.cols; k++)
			if (!strstr(t.name[k], "idle"))
				fprintf(out, "%s ", table_cell(&t, i, t.name[k]));
		fprintf(out, "\n");
	}
	fclose(out);
	table_free(&t);
	return lines;
}

FIXTURE(stream) {
	struct crowd crowd;
};

FIXTURE_VARIANT(stream) {
	int entries; /* of the established table; 0: that of all others */
};

FIXTURE_VARIANT_ADD(stream, shared_table) { .entries = 0 };
/* One chain, many times what is looked at without a break. */
FIXTURE_VARIANT_ADD(stream, one_bucket) { .entries = 1 };
FIXTURE_VARIANT_ADD(stream, long_chains) { .entries = 16 };

FIXTURE_SETUP(stream)
{
	fds_raise(20000);
	net_new();
	if (variant->entries) {
		if (access(CHILD_ENTRIES, F_OK))
			SKIP(return, "this kernel has no established table per namespace");
		file_set(CHILD_ENTRIES, "%d", variant->entries);
		net_new();
	}
	crowd_grow(&self->crowd, PAIRS);
}

FIXTURE_TEARDOWN(stream)
{
	EXPECT_FALSE(census_damaged());
}

TEST_F(stream, pieces)
{
	static const size_t pieces[] = { 1, 7, 100, 4096, 65536 };
	size_t len, i;
	char *text = file_read(SOCKETS, &len), *lines, *again;

	ASSERT_NE(NULL, text);
	ASSERT_EQ(0, stream_off(&self->crowd, PAIRS, text, len));
	lines = without_ages(text, len);
	free(text);
	for (i = 0; i < ARRAY_SIZE(pieces); i++) {
		text = file_read_pieces(SOCKETS, pieces[i], &len);
		again = without_ages(text, len);
		EXPECT_EQ(0, strcmp(lines, again)) TH_LOG("of %zu bytes", pieces[i]);
		free(again);
		free(text);
	}
}

/* Between two reads some come and some go; the others are shown once. */
TEST_F(stream, while_others_come_and_go)
{
	struct crowd *stay = &self->crowd, passing = *stay;
	size_t used = 0, room = 1 << 20, piece;
	char *text = malloc(room);
	unsigned int made = 0;
	ssize_t n = 1;
	int fd, i;

	/* The same listener, so that they are in the same chains. */
	passing.pair = NULL;
	passing.cookie = NULL;
	passing.nr = 0;
	crowd_grow(&passing, 100);
	fd = open(SOCKETS, O_RDONLY);
	ASSERT_GE(fd, 0);
	srand(1);
	while (n) {
		piece = 1 + rand() % 3000;
		ASSERT_LT(used + piece, room);
		n = read(fd, text + used, piece);
		ASSERT_LE(0, n) TH_LOG("%m");
		used += n;
		for (i = 0; i < 5 && made < 500; i++, made++) {
			unsigned int k = rand() % passing.nr;

			pair_close(&passing.pair[k]);
			passing.pair[k] = passing.pair[--passing.nr];
			crowd_grow(&passing, 1);
		}
	}
	text[used] = '\0';
	EXPECT_LT(100, made);
	EXPECT_EQ(0, stream_off(stay, PAIRS + 100 + made, text, used));
	free(text);
}

/* The cookie of a line, as a table of its own. */
static unsigned long long line_cookie(const char *header, const char *line)
{
	char *text = strf("%s%s", header, line);
	unsigned long long cookie;
	struct table t;

	table_parse(&t, text, strlen(text));
	must(t.rows == 1);
	cookie = table_number(&t, 0, "cookie");
	table_free(&t);
	free(text);
	return cookie;
}

/* Each is closed as soon as its line was read: it is never there to go on from. */
TEST_F(stream, what_was_shown_goes)
{
	enum { SHORTEST = 100 }; /* no line has fewer bytes */
	unsigned int k, at = 0, lines = 0;
	struct crowd *c = &self->crowd;
	char header[1000], line[1000];
	unsigned long long cookie;
	ssize_t n;
	int fd;

	fd = open(SOCKETS, O_RDONLY);
	ASSERT_GE(fd, 0);
	while ((n = read(fd, line + at, at ? 1 : SHORTEST)) > 0) {
		ASSERT_EQ(at ? 1 : SHORTEST, n);
		at += n;
		ASSERT_LT(at + 1, sizeof(line));
		line[at] = '\0';
		if (!strchr(line, '\n'))
			continue;
		ASSERT_EQ('\n', line[at - 1]);
		at = 0;
		if (!lines++) {
			strcpy(header, line);
			continue;
		}
		cookie = line_cookie(header, line);
		for (k = 0; k < c->nr && c->cookie[k] != cookie; k++)
			;
		ASSERT_LT(k, c->nr) TH_LOG("shown twice: %s", line);
		pair_close(&c->pair[k]);
		c->pair[k] = c->pair[--c->nr];
		c->cookie[k] = c->cookie[c->nr];
	}
	EXPECT_EQ(PAIRS + 1, lines);
	for (k = 0; k < c->nr; k++)
		EXPECT_EQ(0, c->cookie[k]) TH_LOG("not shown");
}

/* The one open file is read by turns, and what is read is one text. */
TEST_F(stream, two_readers_by_turns)
{
	int fd[2], turn;
	size_t used = 0, room = 1 << 20;
	char *text = malloc(room);
	ssize_t n = 1;

	fd[0] = open(SOCKETS, O_RDONLY);
	ASSERT_GE(fd[0], 0);
	fd[1] = dup(fd[0]);
	for (turn = 0; n; turn++) {
		ASSERT_LT(used + 777, room);
		n = read(fd[turn % 2], text + used, 777);
		ASSERT_LE(0, n);
		used += n;
	}
	text[used] = '\0';
	EXPECT_EQ(0, stream_off(&self->crowd, PAIRS, text, used));
	free(text);
}

struct reader {
	pthread_t thread;
	int fd;
	unsigned long lines;
	ssize_t last; /* what the last read() returned */
};

static void *count_lines(void *arg)
{
	struct reader *r = arg;
	char text[500];
	ssize_t n;

	while ((n = read(r->fd, text, sizeof(text))) > 0)
		while (n--)
			r->lines += text[n] == '\n';
	r->last = n;
	return NULL;
}

/* At once: every byte goes to one of them. */
TEST_F(stream, two_readers_at_once)
{
	struct reader r[2];
	int i, round, fd;

	for (round = 0; round < 5; round++) {
		fd = open(SOCKETS, O_RDONLY);
		ASSERT_GE(fd, 0);
		for (i = 0; i < 2; i++) {
			r[i] = (struct reader){ .fd = fd };
			ASSERT_EQ(0, pthread_create(&r[i].thread, NULL,
						    count_lines, &r[i]));
		}
		for (i = 0; i < 2; i++) {
			ASSERT_EQ(0, pthread_join(r[i].thread, NULL));
			EXPECT_EQ(0, r[i].last);
		}
		EXPECT_EQ(PAIRS + 1, r[0].lines + r[1].lines);
		close(fd);
	}
}

FIXTURE(file) {
	struct crowd crowd;
};

FIXTURE_SETUP(file)
{
	fds_raise(20000);
	net_new();
}

FIXTURE_TEARDOWN(file)
{
	EXPECT_FALSE(census_damaged());
}

/* Forward only, and what was refused does not change what comes next. */
TEST_F(file, no_seeking)
{
	static const struct {
		off_t offset;
		int whence;
	} seeks[] = {
		{ 0, SEEK_SET }, { 1, SEEK_SET }, { 100000, SEEK_SET },
		{ 5, SEEK_CUR }, { -5, SEEK_CUR }, { 0, SEEK_END },
		{ -1, SEEK_END },
	};
	char *text = malloc(1 << 20), c;
	size_t used, i;
	ssize_t n;
	int fd;

	crowd_grow(&self->crowd, 50);
	fd = open(SOCKETS, O_RDONLY);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(200, read(fd, text, 200));
	used = 200;
	for (i = 0; i < ARRAY_SIZE(seeks); i++) {
		EXPECT_EQ(-1, lseek(fd, seeks[i].offset, seeks[i].whence));
		EXPECT_EQ(ESPIPE, errno) TH_LOG("seek %zu: %m", i);
	}
	EXPECT_EQ(-1, pread(fd, &c, 1, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pread(fd, &c, 1, 100));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pread(fd, &c, 1, 4096));
	EXPECT_EQ(ESPIPE, errno);
	while ((n = read(fd, text + used, 1000)) > 0)
		used += n;
	ASSERT_EQ(0, n);
	EXPECT_EQ(0, read(fd, &c, 1));
	text[used] = '\0';
	EXPECT_EQ(0, stream_off(&self->crowd, 50, text, used));
	close(fd);
	free(text);
}

TEST_F(file, no_sockets)
{
	size_t len;
	char *text = file_read_pieces(SOCKETS, 1, &len);
	struct table t;

	table_parse(&t, text, len);
	EXPECT_EQ(0, t.rows);
	EXPECT_STREQ("netns", t.name[0]);
	table_free(&t);
	free(text);
}

TEST_F(file, thousands)
{
	size_t len;
	char *text;

	crowd_grow(&self->crowd, 2000);
	text = file_read(SOCKETS, &len);
	ASSERT_NE(NULL, text);
	EXPECT_EQ(0, stream_off(&self->crowd, 2000, text, len));
	free(text);
	text = file_read_pieces(SOCKETS, 777, &len);
	EXPECT_EQ(0, stream_off(&self->crowd, 2000, text, len));
	free(text);
}

TEST_HARNESS_MAIN
