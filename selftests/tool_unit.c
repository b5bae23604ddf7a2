// SPDX-License-Identifier: GPL-2.0
/*
 * What the command-line tool makes of files that are not the module's, which somebody may
 * have put in their place in a container. Needs no module: its sources are in here.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "../tools/tcp-census/finding.h"
#include "../tools/tcp-census/place.h"
#include "../tools/tcp-census/summary.h"

#include "base.h"

static char *cgroup_file;
static char cgroup_asked[600];

/* Of a process there is one file, and what it leads to. */
static FILE *file_open(const char *path, const char *mode)
{
	static const char stat[] = "7 (a) b) T 1";

	if (!strcmp(path, "/proc/7/stat"))
		return fmemopen((char *)stat, strlen(stat), mode);
	if (!strcmp(path, "/proc/7/cgroup"))
		return fmemopen(cgroup_file, strlen(cgroup_file), mode);
	if (!strncmp(path, "/sys/", 5))
		snprintf(cgroup_asked, sizeof(cgroup_asked), "%s", path);
	return NULL;
}

#define fopen file_open
#include "../tools/tcp-census/process.c"
#undef fopen

/* All that any of its programs reads; each must have something in it. */
static const char *const files[] = {
	"states", "close_wait", "listeners", "endpoints", "ports", "stat",
};

FIXTURE(files)
{
	char path[40];
	struct place place;
};

static void put(const struct place *place, const char *name, const char *text, size_t len)
{
	int fd = openat(place->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0 && write(fd, text, len) == (ssize_t)len);
	close(fd);
}

static void put_text(const struct place *place, const char *name, const char *text)
{
	put(place, name, text, strlen(text));
}

FIXTURE_SETUP(files)
{
	unsigned int i;

	strcpy(self->path, "/tmp/tool_unit.XXXXXX");
	must(mkdtemp(self->path));
	self->place = (struct place){ .path = "here" };
	self->place.fd = open(self->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	must(self->place.fd >= 0);
	for (i = 0; i < sizeof(files) / sizeof(*files); i++)
		put_text(&self->place, files[i], "netns 1\n");
}

FIXTURE_TEARDOWN(files)
{
	unsigned int i;

	for (i = 0; i < sizeof(files) / sizeof(*files); i++)
		unlinkat(self->place.fd, files[i], 0);
	close(self->place.fd);
	rmdir(self->path);
}

/* Nothing but lines of words of printable ASCII, as many in each. */
TEST_F(files, refused)
{
	static const struct {
		const char *file;
		const char *text;
		int want;
		size_t behind; /* a NUL in it */
	} rows[] = {
		{ "ports", "netns percent\n1 90\n", 0, 0 },
		{ "ports", "netns percent\n", 0, 0 },
		{ "ports", " netns  percent\n\n1 90", 0, 0 },
		{ "ports", "", -EPROTO, 0 },
		{ "ports", "\n", -EPROTO, 0 },
		{ "ports", "netns percent\n1\n", -EPROTO, 0 },
		{ "ports", "netns percent\n1 90 2\n", -EPROTO, 0 },
		{ "ports", "netns percent\n1 \33[2J\n", -EPROTO, 0 },
		{ "ports", "netns\tpercent\n1\t90\n", -EPROTO, 0 },
		{ "ports", "netns percent\n1 voil\303\240\n", -EPROTO, 0 },
		{ "ports", "netns percent\n1 90\177\n", -EPROTO, 0 },
		{ "ports", "netns percent\r\n1 90\r\n", -EPROTO, 0 },
		{ "ports", "netns percent\n1 90\n\0hidden\n", -EPROTO, 8 },
		{ "stat", "events 1\nsomaxconn 4096\n", 0, 0 },
		{ "stat", "events 1\nsomaxconn\n", -EPROTO, 0 },
		{ "stat", "events 1\nsomaxconn \7\n", -EPROTO, 0 },
		{ "stat", "events\0 1\n", -EPROTO, 4 },
	};
	struct table t;
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		put(&self->place, rows[i].file, rows[i].text,
		    strlen(rows[i].text) + rows[i].behind);
		EXPECT_EQ(rows[i].want, place_read(&self->place, &t, rows[i].file))
			TH_LOG("row %u", i);
		table_free(&t);
	}
}

/* Names that are longer than any the module writes: the evidence is cut. */
TEST_F(files, long_names)
{
	char name[500], *text;
	struct findings f;
	const char *file;

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	text = strf("netns source endpoint used of percent\n1 %s %s 9 10 90\n", name, name);
	put_text(&self->place, "ports", text);
	free(text);
	text = strf("netns role endpoint time_wait\n1 client %s 9\n", name);
	put_text(&self->place, "endpoints", text);
	free(text);
	ASSERT_EQ(0, findings_read(&f, &self->place, &file));
	ASSERT_EQ(1, f.n);
	EXPECT_EQ(PORTS, f.all[0].verdict);
	EXPECT_EQ(sizeof(f.all[0].evidence) - 1, strlen(f.all[0].evidence));
	EXPECT_EQ(sizeof(f.all[0].who) - 1, strlen(f.all[0].who));
	findings_free(&f);
}

/* And of those that it writes, all is said. */
TEST_F(files, ports)
{
	struct findings f;
	const char *file;

	put_text(&self->place, "ports",
		 "netns source endpoint used of percent\n1 10.0.0.1 10.0.0.5:3306 9 10 90\n");
	put_text(&self->place, "endpoints",
		 "netns role endpoint time_wait\n1 client ~10.0.0.5:3306 9\n");
	ASSERT_EQ(0, findings_read(&f, &self->place, &file));
	ASSERT_EQ(1, f.n);
	EXPECT_NE(NULL, strstr(f.all[0].evidence,
			       "9 of 10 local ports from 10.0.0.1 to 10.0.0.5:3306 are in use, "));
	EXPECT_NE(NULL, strstr(f.all[0].evidence, "most by sockets in time_wait (9)"));
	findings_free(&f);
}

/* Numbers that fit into nothing. */
TEST_F(files, great_numbers)
{
	FILE *old = stdout;
	const char *file;
	char *text;
	size_t len;
	int err;

	put_text(&self->place, "listeners",
		 "netns local depth limit peak drops\n"
		 "1 a:1 5 18446744073709551615 5 1\n"
		 "1 b:2 99999999999999999999 99999999999999999999 0 0\n"
		 "1 c:3 3 0 3 0\n");
	stdout = open_memstream(&text, &len);
	must(stdout);
	err = summary(&self->place, &file);
	fclose(stdout);
	stdout = old;
	EXPECT_EQ(0, err);
	EXPECT_NE(NULL, strstr(text, " c:3 "));
	free(text);
}

/* What the module has written for a byte is that byte again. */
TEST(meant)
{
	static const struct {
		const char *cell;
		const char *want;
		size_t len;
	} rows[] = {
		{ "/a", "/a", 2 }, { "a\\040b", "a b", 3 }, { "\\134040", "\\040", 4 },
		{ "\\303\\240", "\303\240", 2 }, { "\\000a", "\0a", 2 }, { "a\\000", "a", 2 },
		{ "\\04", "\\04", 3 }, { "\\049", "\\049", 4 }, { "\\", "\\", 1 }, { "", "", 0 },
	};
	char cell[20];
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		strcpy(cell, rows[i].cell);
		ASSERT_EQ(rows[i].len, table_meant(cell)) TH_LOG("row %u", i);
		EXPECT_EQ(0, memcmp(rows[i].want, cell, rows[i].len)) TH_LOG("row %u", i);
	}
}

/* The cgroup is that of the line of v2, whatever those of v1 are called. */
TEST(cgroup)
{
	static const struct {
		const char *text;
		const char *want;
	} rows[] = {
		{ "0::/a\n", "/sys/fs/cgroup/a/cpu.stat" },
		{ "4:cpu:/b\n0::/a\n", "/sys/fs/cgroup/a/cpu.stat" },
		{ "4:cpu:/0::/b\n0::/a\n", "/sys/fs/cgroup/a/cpu.stat" },
		{ "4:cpu:/b0::/c\n", "" },
		{ "4:cpu:/b\n", "" },
		{ "", "" },
	};
	struct process p;
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cgroup_file = (char *)rows[i].text;
		*cgroup_asked = '\0';
		EXPECT_TRUE(process_read(&p, 7));
		EXPECT_EQ('T', p.state);
		EXPECT_STREQ(rows[i].want, cgroup_asked) TH_LOG("row %u", i);
	}
}

TEST_HARNESS_MAIN
