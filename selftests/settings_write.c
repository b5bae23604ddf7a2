// SPDX-License-Identifier: GPL-2.0
/*
 * What may be written to the settings of a namespace, and what is read back: a
 * value as it is documented, and of anything else nothing.
 *
 * Needs the ordinary module, whose timeouts are a minute or more.
 */

#include <dirent.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "lib/setting.h"
#include "lib/test.h"

/* Words of rules, and bytes of a path among them. */
#define WORDS_MAX 64
#define PATH_LEN_MAX 255

FIXTURE(settings) {
	int netns;
};

FIXTURE_SETUP(settings)
{
	self->netns = net_new();
}

FIXTURE_TEARDOWN(settings)
{
}

/* @n words, each of them the same, with a space behind. */
static char *words(const char *word, unsigned int n)
{
	size_t len = strlen(word) + 1;
	char *text = malloc(n * len + 1);
	unsigned int i;

	must(text);
	for (i = 0; i < n; i++)
		sprintf(text + i * len, "%s ", word);
	return text;
}

TEST_F(settings, files)
{
	DIR *dir = opendir(SETTING_DIR);
	const struct dirent *entry;
	unsigned int i, n = 0;
	char *name;

	ASSERT_NE(NULL, dir);
	while ((entry = readdir(dir)))
		n += *entry->d_name != '.';
	closedir(dir);
	EXPECT_EQ(SETTINGS, n);
	for (i = 0; i < SETTINGS; i++) {
		name = strf(SETTING_DIR "close_wait_%s", setting_names[i]);
		EXPECT_EQ(0, access(name, R_OK | W_OK)) TH_LOG("%s", name);
		free(name);
	}
}

TEST_F(settings, defaults)
{
	EXPECT_EQ(0, settings_off(setting_defaults));
}

/* What is written, and what is read then. */
static const struct {
	enum setting setting;
	const char *write;
	const char *read;
} right[] = {
	{ SET_TIMEOUT, "60", "60" },
	{ SET_TIMEOUT, "86400\n", "86400" },
	{ SET_TIMEOUT, "\t\n 61 ", "61" },
	{ SET_TIMEOUT, "\n3600", "3600" },
	/* Decimal, whatever it begins with. */
	{ SET_TIMEOUT, "0000000000000000000000070", "70" },
	{ SET_TIMEOUT, "0", "0" },
	{ SET_TIMEOUT, "000", "0" },
	{ SET_ACTION, "probe", "probe" },
	{ SET_ACTION, "abort\n", "abort" },
	{ SET_ACTION, "\tcount ", "count" },
	{ SET_CAUSES, "drained", "drained" },
	{ SET_CAUSES, "fin_pending\n", "fin_pending" },
	{ SET_CAUSES, "unaccepted", "unaccepted" },
	{ SET_CAUSES, "drained unaccepted", "unaccepted drained" },
	{ SET_CAUSES, "drained\tfin_pending", "fin_pending drained" },
	{ SET_CAUSES, "fin_pending unaccepted", "unaccepted fin_pending" },
	{ SET_CAUSES, "drained\nunaccepted\nfin_pending\n",
	  "unaccepted fin_pending drained" },
	{ SET_ROLES, "client", "client" },
	{ SET_ROLES, "client server", "server client" },
	{ SET_ROLES, "server\n", "server" },
	{ SET_RATE, "1", "1" },
	{ SET_RATE, "100000\n", "100000" },
	{ SET_RATE, " 010", "10" },
	{ SET_ONLY, "server:8080", "server:8080" },
	{ SET_ONLY, "server:1\n", "server:1" },
	{ SET_ONLY, "server:65535", "server:65535" },
	{ SET_ONLY, "client:10.0.0.5:3306", "client:10.0.0.5:3306" },
	{ SET_ONLY, "client:*:3306", "client:*:3306" },
	{ SET_ONLY, "client:[2001:db8::5]:3306", "client:[2001:db8::5]:3306" },
	{ SET_ONLY, "client:[::ffff:10.0.0.5]:1", "client:[::ffff:10.0.0.5]:1" },
	{ SET_ONLY, "client:[::]:1 client:[1:2:3:4:5:6:7:8]:1",
	  "client:[::]:1 client:[1:2:3:4:5:6:7:8]:1" },
	{ SET_ONLY, "  server:80 \t client:*:1\n\ncgroup:/a\n",
	  "server:80 client:*:1 cgroup:/a" },
	/* The same twice does no harm. */
	{ SET_ONLY, "server:80 server:80", "server:80 server:80" },
	{ SET_ONLY, "\n", "" },
	{ SET_EXCEPT, "cgroup:/", "cgroup:/" },
	{ SET_EXCEPT, "cgroup:/system.slice/mysql.service",
	  "cgroup:/system.slice/mysql.service" },
	{ SET_EXCEPT, "cgroup:/a/b/", "cgroup:/a/b/" },
	{ SET_EXCEPT, "cgroup:/a\\040b\\134c", "cgroup:/a\\040b\\134c" },
	/* UTF-8: the last byte of that letter is a space to some. */
	{ SET_EXCEPT, "cgroup:/voil\xc3\xa0 server:80", "cgroup:/voil\xc3\xa0 server:80" },
	{ SET_EXCEPT, " ", "" },
};

TEST_F(settings, read_back)
{
	const char *want[SETTINGS];
	unsigned int i;
	char *line;

	memcpy(want, setting_defaults, sizeof(want));
	for (i = 0; i < ARRAY_SIZE(right); i++) {
		EXPECT_EQ(0, setting_write(setting_names[right[i].setting], right[i].write))
			TH_LOG("%s", right[i].write);
		/* It alone has changed. */
		want[right[i].setting] = right[i].read;
		EXPECT_EQ(0, settings_off(want)) TH_LOG("%s", right[i].write);
	}
	/* What it says may be written. */
	for (i = 0; i < SETTINGS; i++) {
		line = strf("%s\n", want[i]);
		EXPECT_EQ(0, setting_write(setting_names[i], line)) TH_LOG("%s", line);
		free(line);
	}
	EXPECT_EQ(0, settings_off(want));
}

/* From where to where, and nothing beyond, not even where 32 or 64 bits end. */
TEST_F(settings, limits)
{
	static const char *const beyond[] = {
		"86401", "100001", "4294967295", "4294967296", "4294967396",
		"18446744073709551615", "18446744073709551616", "18446744073709551716",
	};
	char text[32];
	unsigned int i;

	setting_set("timeout", "3600");
	for (i = 1; i < 60; i++) {
		snprintf(text, sizeof(text), "%u", i);
		EXPECT_EQ(EINVAL, setting_write("timeout", text)) TH_LOG("%s", text);
	}
	for (i = 0; i < ARRAY_SIZE(beyond); i++) {
		EXPECT_EQ(EINVAL, setting_write("timeout", beyond[i]))
			TH_LOG("%s", beyond[i]);
	}
	EXPECT_EQ(0, setting_off("timeout", "3600"));

	setting_set("rate", "99");
	EXPECT_EQ(EINVAL, setting_write("rate", "0"));
	for (i = 1; i < ARRAY_SIZE(beyond); i++) {
		EXPECT_EQ(EINVAL, setting_write("rate", beyond[i]))
			TH_LOG("%s", beyond[i]);
	}
	EXPECT_EQ(0, setting_off("rate", "99"));
}

/* How much may be written at once, and how long its parts may be. */
TEST_F(settings, lengths)
{
	char *text = setting_padded("server:80", ' ', SETTING_BYTES_MAX), *path;

	/* Perhaps more is to come, which would be taken for all. */
	text[SETTING_BYTES_MAX - 1] = '\0';
	EXPECT_EQ(EINVAL, setting_write("only", text));
	EXPECT_EQ(EINVAL, setting_write("only", "server:80"));
	EXPECT_EQ(0, setting_off("only", ""));
	text[4095] = '\0';
	EXPECT_EQ(0, setting_write("only", text));
	EXPECT_EQ(0, setting_off("only", "server:80"));
	setting_set("only", "\n");
	text[4095] = ' ';
	text[SETTING_BYTES_MAX - 1] = '\n';
	EXPECT_EQ(0, setting_write("only", text));
	EXPECT_EQ(0, setting_off("only", "server:80"));
	free(text);
	text = setting_padded("61", '\n', SETTING_BYTES_MAX);
	EXPECT_EQ(0, setting_write("timeout", text));
	EXPECT_EQ(0, setting_off("timeout", "61"));
	free(text);

	text = words("client:*:65535", WORDS_MAX);
	EXPECT_EQ(0, setting_write("only", text));
	text[strlen(text) - 1] = '\0';
	EXPECT_EQ(0, setting_off("only", text));
	free(text);
	text = words("client:*:65535", WORDS_MAX + 1);
	EXPECT_EQ(EINVAL, setting_write("except", text));
	EXPECT_EQ(0, setting_off("except", ""));
	free(text);

	path = setting_padded("cgroup:/", 'x', strlen("cgroup:") + PATH_LEN_MAX);
	EXPECT_EQ(0, setting_write("only", path));
	EXPECT_EQ(0, setting_off("only", path));
	free(path);
	path = setting_padded("cgroup:/", 'x', strlen("cgroup:") + PATH_LEN_MAX + 1);
	EXPECT_EQ(EINVAL, setting_write("except", path));
	EXPECT_EQ(0, setting_off("except", ""));
	free(path);
}

/* How people write $WORDS: most of these do so in pieces. */
static const struct writer {
	const char *command;
	bool cuts; /* where it pleases, what is more than some thousand bytes */
} writers[] = {
	{ "bash -c 'echo \"$WORDS\" >$FILE'" },
	{ "bash -c 'echo $WORDS >$FILE'" },
	{ "bash -c 'echo -n $WORDS >$FILE'" },
	{ "bash -c 'printf \"%s\\n\" \"$WORDS\" >$FILE'" },
	{ "bash -c 'printf \"%s \" $WORDS >$FILE'" },
	{ "dash -c 'echo \"$WORDS\" >$FILE'" },
	{ "dash -c 'echo $WORDS >$FILE'", .cuts = true },
	{ "dash -c 'printf \"%s\\n\" \"$WORDS\" >$FILE'", .cuts = true },
	{ "printenv WORDS >$FILE" },
	{ "printenv WORDS | dd bs=1024 status=none of=$FILE" },
	{ "printenv WORDS | awk '{ print }' >$FILE" },
};

/* Do they all say that it went well, and was it so; or that it did not? */
static unsigned int writers_off(const char *text, bool right)
{
	char *list = strf("%.*s", (int)strlen(text) - 1, text), *command;
	unsigned int i, n = 0;
	bool taken;

	must(!setenv("FILE", SETTING_DIR "close_wait_except", 1));
	must(!setenv("WORDS", list, 1));
	for (i = 0; i < ARRAY_SIZE(writers); i++) {
		taken = right && !(writers[i].cuts && strlen(list) > 8000);
		setting_set("except", "server:80");
		command = strf("(%s) 2>/dev/null", writers[i].command);
		n += off(writers[i].command, taken, !system(command));
		n += !!setting_off("except", taken ? list : "server:80");
		free(command);
	}
	free(list);
	return n;
}

TEST_F(settings, in_pieces)
{
	char *path = setting_padded("cgroup:/", 'x', 240), *few, *many, *text;

	few = words("client:10.0.0.254:3306", WORDS_MAX);
	many = words(path, WORDS_MAX);
	EXPECT_EQ(0, writers_off(few, true));
	EXPECT_EQ(0, writers_off(many, true));

	text = strf("%sserver:0 ", many);
	EXPECT_EQ(0, writers_off(text, false));
	free(text);
	text = strf("server:0 %s", few);
	EXPECT_EQ(0, writers_off(text, false));
	free(text);
	text = strf("server:0 %s", many);
	EXPECT_EQ(0, writers_off(text, false));
	free(text);
	/* 17 kB of short words. */
	text = setting_padded(few, ' ', 16900);
	memcpy(text + 16500, "server:80", 9);
	EXPECT_EQ(0, writers_off(text, false));
	free(text);
	/* Too much, with a word and with 20000 bytes. */
	text = strf("%sserver:1 ", few);
	EXPECT_EQ(0, writers_off(text, false));
	free(text);
	text = setting_padded("cgroup:/", 'x', 20000);
	EXPECT_EQ(0, writers_off(text, false));
	free(text);
	free(few);
	free(many);
	free(path);
}

/* Somebody else tries to go on with it. */
static bool others_may(int fd, const char *rest, size_t len, size_t at)
{
	int status;

	if (!fork())
		_exit(pwrite(fd, rest, len, at) >= 0 || errno != EINVAL);
	must(wait(&status) > 0);
	return status;
}

/* The rest must come from who began, to where he was. */
TEST_F(settings, pieces_that_do_not_fit)
{
	char *text = words("client:10.0.0.254:3306", WORDS_MAX), junk[1024];
	const size_t half = 1024, rest = strlen(text) - half;
	int fd = setting_open("except", O_RDWR), only = setting_open("only", O_WRONLY);

	setting_set("except", "server:80");
	ASSERT_LE(0, fd);
	ASSERT_EQ(half, write(fd, text, half));
	EXPECT_EQ(0, setting_off("except", "server:80"));
	EXPECT_FALSE(others_may(fd, text + half, rest, half));
	EXPECT_EQ(-1, pwrite(only, text + half, rest, half));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, setting_off("except", "server:80"));
	EXPECT_EQ(rest, write(fd, text + half, rest));
	text[strlen(text) - 1] = '\0';
	EXPECT_EQ(0, setting_off("except", text));
	EXPECT_EQ(-1, write(fd, "\n", 1));
	EXPECT_EQ(EINVAL, errno);

	/* A piece that is refused is the end of it. */
	ASSERT_EQ(half, pwrite(fd, text, half, 0));
	EXPECT_EQ(-1, pwrite(fd, text + half, rest - 1, half - 1));
	EXPECT_EQ(-1, pwrite(fd, text + half, rest - 1, half));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(half, pwrite(fd, text, half, 0));
	EXPECT_EQ(-1, pwrite(fd, "server:1\0x", 10, half));
	EXPECT_EQ(-1, pwrite(fd, text + half, rest - 1, half));
	EXPECT_EQ(0, setting_off("except", text));

	/* What follows the first piece that is refused would take the words away. */
	memset(junk, 'x', sizeof(junk));
	EXPECT_EQ(EINVAL, setting_pwrite("except", junk, sizeof(junk), 0));
	EXPECT_EQ(EINVAL, setting_pwrite("except", text, half, 0));
	EXPECT_EQ(EINVAL, setting_write("except", "\n"));
	EXPECT_EQ(0, setting_off("except", text));
	EXPECT_EQ(0, setting_write("except", "\n"));
	EXPECT_EQ(0, setting_off("except", ""));
	close(only);
	close(fd);
	free(text);
}

/* Who reads a few bytes at a time gets the same. */
TEST_F(settings, short_reads)
{
	static const size_t piece[] = { 61, 1000, 4096, 8192, 65536 };
	char *path = setting_padded("cgroup:/", 'x', 240), *text = words(path, WORDS_MAX);
	char *got, c[4] = "";
	unsigned int i;
	int fd;

	/* Where a space is, the line ends. */
	text[strlen(text) - 1] = '\n';
	ASSERT_EQ(0, setting_write("only", text));
	for (i = 0; i < ARRAY_SIZE(piece); i++) {
		got = file_read_pieces(SETTING_DIR "close_wait_only", piece[i], NULL);
		EXPECT_STREQ(text, got) TH_LOG("%zu bytes at a time", piece[i]);
		free(got);
	}

	got = file_read_pieces(SETTING_DIR "close_wait_causes", 1, NULL);
	EXPECT_STREQ("unaccepted drained\n", got);
	free(got);

	setting_set("rate", "12345");
	fd = setting_open("rate", O_RDONLY);
	EXPECT_EQ(2, pread(fd, c, 2, 0));
	EXPECT_STREQ("12", c);
	EXPECT_EQ(3, pread(fd, c, 3, 3));
	EXPECT_STREQ("45\n", c);
	EXPECT_EQ(0, pread(fd, c, 3, 6));
	EXPECT_EQ(0, pread(fd, c, 3, 1 << 20));
	/* And again from the beginning, what it is now. */
	EXPECT_EQ(1, read(fd, c, 1));
	setting_set("rate", "7");
	EXPECT_EQ(0, lseek(fd, 0, SEEK_SET));
	EXPECT_EQ(2, read(fd, c, 3));
	EXPECT_EQ(0, memcmp("7\n", c, 2));
}

/* One write() is one value. */
TEST_F(settings, split_writes)
{
	struct iovec iov[] = {
		{ .iov_base = "8", .iov_len = 1 }, { .iov_base = "9", .iov_len = 1 },
	};
	int fd = setting_open("timeout", O_WRONLY);

	ASSERT_LE(0, fd);
	EXPECT_EQ(2, write(fd, "60", 2));
	EXPECT_EQ(-1, write(fd, "0", 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(fd, "\n", 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, setting_off("timeout", "60"));
	EXPECT_EQ(0, lseek(fd, 0, SEEK_SET));
	EXPECT_EQ(3, write(fd, "600", 3));
	EXPECT_EQ(0, setting_off("timeout", "600"));
	EXPECT_EQ(0, lseek(fd, 0, SEEK_SET));
	EXPECT_EQ(2, writev(fd, iov, 2));
	EXPECT_EQ(0, setting_off("timeout", "89"));
	close(fd);

	fd = setting_open("causes", O_WRONLY);
	EXPECT_EQ(-1, write(fd, "fin_", 4));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(fd, "pending", 7));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, setting_off("causes", setting_defaults[SET_CAUSES]));
}

TEST_HARNESS_MAIN
