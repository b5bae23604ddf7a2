// SPDX-License-Identifier: GPL-2.0
/*
 * More than a thousand writes to settings that are wrong in some way: each is
 * refused with EINVAL, and nothing has changed after it.
 */

#include <fcntl.h>

#include "lib/setting.h"
#include "lib/test.h"

/* What all settings say while something wrong is written to them. */
static const char *const settled[SETTINGS] = {
	[SET_TIMEOUT] = "120",
	[SET_ACTION] = "probe",
	[SET_CAUSES] = "unaccepted fin_pending",
	[SET_ROLES] = "server client",
	[SET_RATE] = "7",
	[SET_ONLY] = "server:80 client:[::1]:3306",
	[SET_EXCEPT] = "cgroup:/a\\040b client:*:3306",
};

/* What would be right, was there nothing wrong with it. */
static const char *const base[SETTINGS] = {
	[SET_TIMEOUT] = "60",
	[SET_ACTION] = "abort",
	[SET_CAUSES] = "drained",
	[SET_ROLES] = "client",
	[SET_RATE] = "100",
	[SET_ONLY] = "server:8080",
	[SET_EXCEPT] = "server:1 client:10.0.0.5:3306",
};

/**
 * struct attempts - wrong writes
 * @fd: of all settings, to be read
 * @n: so far
 * @faults: that were not refused, or have changed something
 */
struct attempts {
	int fd[SETTINGS];
	unsigned int n;
	unsigned int faults;
};

/* Do all settings say what they did? */
static bool still_settled(const struct attempts *a)
{
	char text[256];
	unsigned int i;
	ssize_t n;

	for (i = 0; i < SETTINGS; i++) {
		n = pread(a->fd[i], text, sizeof(text), 0);
		if (n != (ssize_t)strlen(settled[i]) + 1 || text[n - 1] != '\n' ||
		    memcmp(text, settled[i], n - 1))
			return false;
	}
	return true;
}

static void refused_at(struct attempts *a, enum setting which, const char *bytes,
		       size_t len, off_t at)
{
	int err = setting_pwrite(setting_names[which], bytes, len, at);
	unsigned int i;

	a->n++;
	if (err == EINVAL && still_settled(a))
		return;
	a->faults++;
	printf("# %s: errno %d, %zu bytes at %lld:", setting_names[which], err, len,
	       (long long)at);
	for (i = 0; i < len && i < 64; i++)
		printf(bytes[i] > ' ' && bytes[i] < 0x7f ? " %c" : " %02x",
		       (unsigned char)bytes[i]);
	printf("\n");
	/* So that the next one is told apart. */
	for (i = 0; i < SETTINGS; i++)
		setting_set(setting_names[i], "%s", settled[i]);
}

static void refused(struct attempts *a, enum setting which, const char *text)
{
	refused_at(a, which, text, strlen(text), 0);
}

FIXTURE(wrong) {
	struct attempts a;
};

FIXTURE_SETUP(wrong)
{
	unsigned int i;

	net_new();
	for (i = 0; i < SETTINGS; i++) {
		setting_set(setting_names[i], "%s", base[i]);
		setting_set(setting_names[i], "%s", settled[i]);
		self->a.fd[i] = setting_open(setting_names[i], O_RDONLY);
		ASSERT_LE(0, self->a.fd[i]);
	}
	ASSERT_TRUE(still_settled(&self->a));
}

FIXTURE_TEARDOWN(wrong)
{
	EXPECT_EQ(0, self->a.faults);
	printf("# %u wrong writes\n", self->a.n);
}

/* NUL, which no text has, wherever it stands; and other bytes that are in none. */
static void wrong_bytes(struct attempts *a, enum setting which)
{
	static const char bytes[] = {
		0, 1, 0x0b, 0x0c, '\r', 0x1b, '+', '"', 0x7f, 0x80, 0xa0, 0xff,
	};
	const char *good = base[which];
	size_t len = strlen(good), at, i;
	char text[64];

	for (i = 0; i < sizeof(bytes); i++) {
		for (at = 0; at <= len; at++) {
			memcpy(text, good, at);
			text[at] = bytes[i];
			/* Instead of what stands there. */
			strcpy(text + at + 1, good + at + (at < len));
			refused_at(a, which, text, at < len ? len : len + 1, 0);
			/* Before it. */
			strcpy(text + at + 1, good + at);
			if (at < len)
				refused_at(a, which, text, len + 1, 0);
		}
	}
	/* Behind the end, where nobody may look. */
	memcpy(text, good, len);
	memcpy(text + len, "\n\0junk", 6);
	refused_at(a, which, text, len + 6, 0);
}

/* Words that are none, before and behind; and what is no word of its own. */
static void wrong_words(struct attempts *a, enum setting which)
{
	static const char *const junk[] = {
		"junk", "-", "+", "#", ",", ";", "0x", "1.5", "*", "all", "none",
		"60s", "\\040", "--help", "=60", "\xc2\xa0",
	};
	static const char gaps[] = " \t\n";
	unsigned int i, gap;
	char text[64];

	for (i = 0; i < ARRAY_SIZE(junk); i++) {
		for (gap = 0; gap < strlen(gaps); gap++) {
			snprintf(text, sizeof(text), "%s%c%s", base[which], gaps[gap],
				 junk[i]);
			refused(a, which, text);
			snprintf(text, sizeof(text), "%s%c%s", junk[i], gaps[gap],
				 base[which]);
			refused(a, which, text);
		}
		snprintf(text, sizeof(text), "%s%s", base[which], junk[i]);
		refused(a, which, text);
		snprintf(text, sizeof(text), "%s%s", junk[i], base[which]);
		refused(a, which, text);
		refused(a, which, junk[i]);
	}
}

/* Not at the beginning, or too much of it. */
static void wrong_places(struct attempts *a, enum setting which)
{
	static const size_t more[] = { 1, 2, SETTING_BYTES_MAX, 3 * SETTING_BYTES_MAX };
	size_t len = strlen(base[which]);
	unsigned int i;
	char *text;

	for (i = 1; i < 40; i += 3)
		refused_at(a, which, base[which], len, 1ULL << i);
	refused_at(a, which, base[which], len, 1);
	refused_at(a, which, "\n", 1, len);
	for (i = 0; i < ARRAY_SIZE(more); i++) {
		text = setting_padded(base[which], i % 2 ? '\n' : ' ', SETTING_BYTES_MAX + more[i]);
		refused(a, which, text);
		memset(text, '\t', strlen(text) - len);
		strcpy(text + strlen(text) - len, base[which]);
		refused(a, which, text);
		free(text);
	}
}

TEST_F(wrong, made_so)
{
	unsigned int i;

	for (i = 0; i < SETTINGS; i++) {
		wrong_bytes(&self->a, i);
		wrong_words(&self->a, i);
		wrong_places(&self->a, i);
	}
	EXPECT_LE(1000, self->a.n);
}

/* Each of them has been somebody's idea of what might be meant. */
static const char *const wrong_numbers[] = {
	"-1", "-0", "-60", "+60", "0x3c", "0x60", "60x", "60s", "60.0", "6e1", "60,", "1m",
	"6 0", "60 60", "60\n60", "sixty", "off", "1,000", "1_000", "60/s", "\xd9\xa6\xd9\xa0",
	"18446744073709551676", "99999999999999999999999999999999999999999", "--60",
};

static const char *const wrong_actions[] = {
	/* That is for max_action alone. */
	"off",
	"Count", "ABORT", "coun", "counts", "kill", "reset", "0", "1", "2", "3",
	"count,probe", "count probe", "abort abort", "probe\nabort", "count|abort",
};

static const char *const wrong_causes[] = {
	/* Those are never acted on. */
	"exempt", "sending", "unread", "unaccepted sending", "drained unread",
	"exempt drained", "unaccepted fin_pending drained unread",
	/* Once is enough. */
	"drained drained", "unaccepted drained unaccepted",
	"unaccepted,drained", "unaccepted|drained", "0x22", "34", "DRAINED", "drain",
	"drainedd", "fin-pending", "fin pending", "-drained", "unaccepted_drained",
};

static const char *const wrong_roles[] = {
	"any", "both", "server server", "client server client", "Server", "serve", "clients",
	"server,client", "1", "3", "server:80", "client:*:1",
};

static const char *const wrong_rules[] = {
	"80", "8080", ":80", "any", "!server:80", "-server:80", "server:80,client:*:1",
	"server:80;", "\"server:80\"", "pid:1", "uid:0", "netns:1", "listener:80",
	"server:80 server", "server:80 8080", "server:0 server:80",
	/* Ports. */
	"server", "server:", "server:0", "server:00", "server:000080", "server:65536",
	"server:99999", "server:100000", "server:4294967376", "server:-1", "server:+80",
	"server:8o", "server:0x50", "server:80-90", "server:80,81", "server: 80", "server:http",
	"server::80", "server:80:", "server:*:80", "server:127.0.0.1:80", "Server:80",
	"SERVER:80", "server=80", "server 80",
	/* Addresses and ports. */
	"client", "client:", "client::", "client:::", "client:80", "client::80", "client:*",
	"client:*:", "client:*:0", "client:*:65536", "client:*:*", "client:**:1", "client:*80",
	"client:*:80x", "client:*.0.0.1:80", "client:10.0.0.*:80", "client:10.0.0.5",
	"client:10.0.0.5:", "client:10.0.0.5:0", "client:10.0.0.5:99999", "client:10.0.0:80",
	"client:10.5:80", "client:10.0.0.0.5:80", "client:10.0.0.256:80", "client:10.0.0.-5:80",
	"client:10.0.0.5/8:80", "client:10.0.0.5.:80", "client:.10.0.0.5:80",
	"client:10..0.5:80", "client:10.0.0.5x:80", "client:0x0a.0.0.5:80",
	"client:10.0.0.5:3306:1", "client:10.0.0.5,10.0.0.6:80", "client:167772165:80",
	"client:localhost:80", "client:10.0.0.5: 80", "client:10.0.0.5 :80",
	"client:::1:80", "client:2001:db8::5:80", "client:[::1]", "client:[::1]:",
	"client:[::1]:0", "client:[::1]80", "client:[::1:80", "client:::1]:80", "client:[]:80",
	"client:[:]:80", "client:[:::]:80", "client:[::1]]:80", "client:[[::1]:80",
	"client:[::1%lo]:80", "client:[::1/128]:80", "client:[::g]:80", "client:[12345::]:80",
	"client:[1:2:3:4:5:6:7]:80", "client:[1:2:3:4:5:6:7:8:9]:80",
	"client:[1::2::3]:80", "client:[::1::]:80", "client:[10.0.0.5]:80",
	"client:[::10.0.0.256]:80", "client:[::10.0.0]:80", "client:[*]:80", "client:[::1],80",
	/* Paths. */
	"cgroup", "cgroup:", "cgroup:a", "cgroup:a/b", "cgroup:.", "cgroup:./a", "cgroup:*",
	"cgroup:\\057a", "Cgroup:/a", "cgroup=/a", "/a", "cgroup:/a junk", "cgroup:/a\r\n",
	"cgroup:/a//b", "cgroup://a", "cgroup:/a/./b", "cgroup:/..", "cgroup:/a/../",
	"cgroup:/a\001", "cgroup:/a\033[2Jb", "cgroup:/a\177", "cgroup: /a",
};

static const struct {
	const char *const *text;
	size_t n;
} wrong_texts[SETTINGS] = {
	[SET_TIMEOUT] = { wrong_numbers, ARRAY_SIZE(wrong_numbers) },
	[SET_ACTION] = { wrong_actions, ARRAY_SIZE(wrong_actions) },
	[SET_CAUSES] = { wrong_causes, ARRAY_SIZE(wrong_causes) },
	[SET_ROLES] = { wrong_roles, ARRAY_SIZE(wrong_roles) },
	[SET_RATE] = { wrong_numbers, ARRAY_SIZE(wrong_numbers) },
	[SET_ONLY] = { wrong_rules, ARRAY_SIZE(wrong_rules) },
	[SET_EXCEPT] = { wrong_rules, ARRAY_SIZE(wrong_rules) },
};

TEST_F(wrong, thought_of)
{
	static const char *const nothing[] = { "", " ", "\n", " \t\n" };
	unsigned int i, k;

	for (i = 0; i < SETTINGS; i++) {
		for (k = 0; k < wrong_texts[i].n; k++)
			refused(&self->a, i, wrong_texts[i].text[k]);
		/* No words at all take rules away, and are no value of another. */
		for (k = 0; k < ARRAY_SIZE(nothing) && i < SET_ONLY; k++)
			refused(&self->a, i, nothing[k]);
		/* What is right for another is wrong for this, but for a number. */
		for (k = 0; k < SETTINGS; k++)
			if (i != k && (i != SET_TIMEOUT || k != SET_RATE) &&
			    (i != SET_RATE || k != SET_TIMEOUT) &&
			    (i < SET_ONLY || k < SET_ONLY))
				refused(&self->a, i, base[k]);
	}
	EXPECT_LE(250, self->a.n);
}

/* Bytes in no order. What begins with 0x80 is none of the words there are. */
TEST_F(wrong, binary)
{
	uint64_t seed = 1;
	unsigned int i, k;
	char text[300];
	size_t len;

	for (i = 0; i < 200; i++) {
		for (k = 0; k < sizeof(text); k++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			text[k] = seed >> 56;
		}
		len = 1 + (seed >> 32) % (sizeof(text) - 1);
		text[0] |= 0x80;
		refused_at(&self->a, i % SETTINGS, text, len, 0);
	}
}

TEST_HARNESS_MAIN
