// SPDX-License-Identifier: GPL-2.0
/*
 * How settings and rules are read, shown and matched: the module's own source, with
 * the kernel's functions as lib/shim has them. Needs no module.
 *
 * Every text ends where a page ends behind which there is nothing: who looks beyond
 * it ends the test. The rest is for the sanitizers, where the compiler has them.
 */

#include <sys/mman.h>

#include "kselftest_harness.h"

#include "../module/rule.c"

/* All that is needed of format.h. */
#define TCPC_FORMAT_H

static const char *const tcpc_cause_names[TCPC_CAUSES] = {
	"exempt", "unaccepted", "sending", "unread", "fin_pending", "drained",
};

static const char *const tcpc_role_names[] = { "server", "client" };

#include "../module/setting.c"

#include "base.h"
#include "right.h"
#include "shim.h"

#define ROOM (4 * TCPC_RULES_TEXT_MAX)

void tcpc_text_printf(struct tcpc_text *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	t->len += vsnprintf(t->buf + t->len, t->cap - t->len, fmt, args);
	va_end(args);
	must(t->len < t->cap);
}

/* A copy of some bytes, up to the end of what there is. */
static const char *at_the_end(const char *bytes, size_t len)
{
	static char *end;

	if (!end) {
		end = mmap(NULL, ROOM + 4096, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		must(end != MAP_FAILED);
		end += ROOM;
		must(!mprotect(end, 4096, PROT_NONE));
	}
	must(len <= ROOM);
	return memcpy(end - len, bytes, len);
}

static struct tcpc_settings *change(const struct tcpc_settings *old, enum setting which,
				    const char *text)
{
	size_t len = strlen(text);

	return tcpc_settings_change(old, &tcpc_settings_table[which], at_the_end(text, len),
				    len);
}

/* What a setting says, until the next call. */
static const char *show(const struct tcpc_settings *s, enum setting which)
{
	static char shown[ROOM];
	struct tcpc_text t = { .buf = shown, .cap = sizeof(shown) };

	tcpc_settings_table[which].show(&tcpc_settings_table[which], s, &t);
	shown[t.len] = '\0';
	return shown;
}

TEST(table)
{
	static const char *const right[SETTINGS] = {
		"60 86400 0", "count probe abort", "drained fin_pending unaccepted",
		"client server", "1 100000", "server:1 client:*:1 cgroup:/",
		"server:1 client:*:1 cgroup:/",
	};
	char *name, *words, *word, *rest;
	struct tcpc_settings *s;
	unsigned int i;

	ASSERT_EQ((int)SETTINGS, TCPC_SETTINGS);
	for (i = 0; i < SETTINGS; i++) {
		name = strf("close_wait_%s", setting_names[i]);
		EXPECT_STREQ(name, tcpc_settings_table[i].name);
		EXPECT_STREQ(setting_defaults[i], show(&tcpc_settings_default, i));
		free(name);
		words = strf("%s", right[i]);
		for (word = strtok_r(words, " ", &rest); word;
		     word = strtok_r(NULL, " ", &rest)) {
			s = change(&tcpc_settings_default, i, word);
			ASSERT_FALSE(IS_ERR(s)) TH_LOG("%s", word);
			EXPECT_STREQ(word, show(s, i));
			tcpc_settings_put(s);
		}
		free(words);
	}
	EXPECT_EQ(0, shim_memory.blocks);
}

TEST(max_action)
{
	static const struct {
		const char *text;
		int want;
	} rows[] = {
		{ "off", TCPC_ACTION_OFF },
		{ "count\n", TCPC_ACTION_COUNT },
		{ "\tprobe ", TCPC_ACTION_PROBE },
		{ "abort", TCPC_ACTION_ABORT },
		{ "", -EINVAL },
		{ "\n", -EINVAL },
		{ "of", -EINVAL },
		{ "offs", -EINVAL },
		{ "off off", -EINVAL },
		{ "Off", -EINVAL },
		{ "abort\xa0", -EINVAL },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = strlen(rows[i].text);

		EXPECT_EQ(rows[i].want, tcpc_action_parse(at_the_end(rows[i].text, len), len))
			TH_LOG("%s", rows[i].text);
	}
}

#define SERVER(port, cgroup) { false, port, "10.0.0.5", 40000, cgroup }
#define CLIENT(ip, port) { true, 40000, ip, port, "/" }

static const struct {
	const char *rules;
	struct someone who;
	bool match;
} matches[] = {
	{ "server:80", SERVER(80, "/"), true },
	{ "server:80", SERVER(80, NULL), true },
	{ "server:80", SERVER(8080, "/"), false },
	{ "server:80", SERVER(65535, "/"), false },
	{ "server:00080", SERVER(80, "/"), true },
	{ "server:65535", SERVER(65535, "/"), true },
	{ "server:40000", CLIENT("10.0.0.5", 80), false },
	{ "server:80", CLIENT("10.0.0.5", 80), false },
	{ "server:1 server:2 server:80", SERVER(80, "/"), true },
	{ "server:1 server:2 server:80", SERVER(3, "/"), false },
	{ "client:10.0.0.5:80", CLIENT("10.0.0.5", 80), true },
	{ "client:10.0.0.5:80", CLIENT("10.0.0.5", 81), false },
	{ "client:10.0.0.5:80", CLIENT("10.0.0.6", 80), false },
	{ "client:10.0.0.5:80", CLIENT("::10.0.0.5", 80), false },
	{ "client:10.0.0.5:40000", SERVER(80, "/"), false },
	{ "client:*:40000", SERVER(80, "/"), false },
	{ "client:[::ffff:10.0.0.5]:80", CLIENT("10.0.0.5", 80), true },
	{ "client:[::10.0.0.5]:80", CLIENT("10.0.0.5", 80), false },
	{ "client:[2001:db8::5]:80", CLIENT("2001:db8::5", 80), true },
	{ "client:[2001:DB8:0:0::0:5]:80", CLIENT("2001:db8::5", 80), true },
	{ "client:[2001:db8::5]:80", CLIENT("2001:db8::6", 80), false },
	{ "client:*:80", CLIENT("2001:db8::5", 80), true },
	{ "client:*:80", CLIENT("10.0.0.5", 80), true },
	{ "client:*:80", CLIENT("10.0.0.5", 8080), false },
	{ "client:0.0.0.0:80", CLIENT("10.0.0.5", 80), false },
	{ "client:[::]:80", CLIENT("2001:db8::5", 80), false },
	/* It and all below, not beside. */
	{ "cgroup:/a", SERVER(80, "/a"), true },
	{ "cgroup:/a", SERVER(80, "/a/b/c"), true },
	{ "cgroup:/a", SERVER(80, "/ab"), false },
	{ "cgroup:/a", SERVER(80, "/"), false },
	{ "cgroup:/a", SERVER(80, "/b/a"), false },
	{ "cgroup:/a", SERVER(80, NULL), false },
	{ "cgroup:/a/b", SERVER(80, "/a"), false },
	{ "cgroup:/a/", SERVER(80, "/a"), true },
	{ "cgroup:/a//", SERVER(80, "/a/b"), true },
	{ "cgroup:/a/", SERVER(80, "/ab"), false },
	{ "cgroup:/", SERVER(80, "/"), true },
	{ "cgroup:/", SERVER(80, "/a/b"), true },
	{ "cgroup:/", SERVER(80, NULL), false },
	{ "cgroup:/a\\040b", SERVER(80, "/a b"), true },
	{ "cgroup:/a\\040b", SERVER(80, "/a b/c"), true },
	{ "cgroup:/a\\040b", SERVER(80, "/a"), false },
	{ "cgroup:/a\\040", SERVER(80, "/a "), true },
	{ "cgroup:/a\\040", SERVER(80, "/a"), false },
	{ "cgroup:/a\\134040b", SERVER(80, "/a\\040b"), true },
	{ "cgroup:/a\\134040b", SERVER(80, "/a b"), false },
	{ "cgroup:/a\\001", SERVER(80, "/a\001"), true },
	{ "cgroup:/a\\000", SERVER(80, "/a"), false },
	/* No whole number: a backslash. */
	{ "cgroup:/a\\04", SERVER(80, "/a\\04"), true },
	{ "cgroup:/a\\048", SERVER(80, "/a\\048"), true },
	{ "cgroup:/a\\", SERVER(80, "/a\\"), true },
	{ "cgroup:/voil\xc3\xa0", SERVER(80, "/voil\xc3\xa0/b"), true },
	{ "cgroup:/voil\xc3\xa0", SERVER(80, "/voil\xc3"), false },
};

/* The path in memory of its own, so that a look behind it is one too far. */
static bool is_match(const struct tcpc_rules *rules, const struct someone *who)
{
	char *cgroup = who->cgroup ? strf("%s", who->cgroup) : NULL;
	struct tcpc_conn conn = {
		.role = who->client ? TCPC_CLIENT : TCPC_SERVER,
		.local_port = who->local_port,
		.remote = someone_remote(who),
		.remote_port = who->remote_port,
	};
	bool match = tcpc_rules_match(rules, &conn, cgroup);

	free(cgroup);
	return match;
}

TEST(match)
{
	struct tcpc_settings *s;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(matches); i++) {
		s = change(&tcpc_settings_default, SET_ONLY, matches[i].rules);
		ASSERT_FALSE(IS_ERR(s)) TH_LOG("%s", matches[i].rules);
		EXPECT_EQ(matches[i].match, is_match(s->only, &matches[i].who))
			TH_LOG("row %u: %s", i, matches[i].rules);
		EXPECT_EQ(!!strstr(matches[i].rules, "cgroup"), s->only->cgroups);
		tcpc_settings_put(s);
	}
	EXPECT_EQ(0, shim_memory.blocks);
}

/* How many words, how long a path, how much of all. */
TEST(limits)
{
	static const struct {
		const char *begin;
		char pad;
		size_t most;
	} rows[] = {
		{ "cgroup:/", 'x', 7 + TCPC_RULE_PATH_MAX },
		{ "cgroup:/", '/', 7 + TCPC_RULE_PATH_MAX },
		/* And the end of the line. */
		{ "server:1", '\n', TCPC_RULES_TEXT_MAX + 1 },
	};
	char words[(TCPC_RULES_MAX + 1) * 9 + 1] = "", *text;
	struct tcpc_settings *s;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		text = setting_padded(rows[i].begin, rows[i].pad, rows[i].most + 1);
		EXPECT_EQ(-EINVAL, PTR_ERR(change(&tcpc_settings_default, SET_ONLY, text)));
		text[rows[i].most] = '\0';
		s = change(&tcpc_settings_default, SET_ONLY, text);
		ASSERT_FALSE(IS_ERR(s));
		EXPECT_EQ(1, s->only->nr);
		tcpc_settings_put(s);
		free(text);
	}
	for (i = 0; i <= TCPC_RULES_MAX; i++)
		strcat(words, "server:1 ");
	EXPECT_EQ(-EINVAL, PTR_ERR(change(&tcpc_settings_default, SET_ONLY, words)));
	s = change(&tcpc_settings_default, SET_ONLY, words + 9);
	ASSERT_FALSE(IS_ERR(s));
	EXPECT_EQ(TCPC_RULES_MAX, s->only->nr);
	tcpc_settings_put(s);
	EXPECT_EQ(0, shim_memory.blocks);
}

/* Rules that are not changed are shared, and go when the last who has them does. */
TEST(references)
{
	struct tcpc_settings *a, *b, *c;

	a = change(&tcpc_settings_default, SET_ONLY, "server:1");
	b = change(a, SET_EXCEPT, "server:2");
	EXPECT_EQ(a->only, b->only);
	EXPECT_EQ(NULL, a->except);
	c = change(b, SET_ONLY, "server:3");
	EXPECT_EQ(b->except, c->except);
	EXPECT_STREQ("server:1", show(b, SET_ONLY));
	EXPECT_EQ(b, tcpc_settings_get(b));
	tcpc_settings_put(a);
	tcpc_settings_put(b);
	EXPECT_STREQ("server:1", show(b, SET_ONLY));
	tcpc_settings_put(b);
	EXPECT_STREQ("server:2", show(c, SET_EXCEPT));
	EXPECT_TRUE(IS_ERR(change(c, SET_EXCEPT, "server:0")));
	EXPECT_STREQ("server:2", show(c, SET_EXCEPT));
	tcpc_settings_put(c);
	tcpc_settings_put(NULL);
	EXPECT_EQ(0, shim_memory.blocks);
}

TEST(without_memory)
{
	struct tcpc_settings *s;
	unsigned int n;

	for (n = 1; n == 1 || shim_memory.failed; n++) {
		shim_memory = (struct shim_memory){ .bad = n };
		s = change(&tcpc_settings_default, SET_ONLY, "server:1 cgroup:/a");
		if (shim_memory.failed) {
			EXPECT_EQ(-ENOMEM, PTR_ERR(s));
		} else {
			ASSERT_FALSE(IS_ERR(s));
			tcpc_settings_put(s);
		}
		EXPECT_EQ(0, shim_memory.blocks);
	}
	/* The settings and the rules. */
	EXPECT_EQ(4, n);
	shim_memory.bad = 0;
}

/* What texts are made of, by the setting it is right for; then what spoils them. */
static const char *const pieces[] = {
	"60", "86400", "0", "0061",
	"count", "probe", "abort",
	"unaccepted", "fin_pending", "drained",
	"server", "client",
	"1", "100", "100000",
	"server:80", "server:8080", "client:*:3306", "client:10.0.0.5:3306",
	"client:[2001:db8::5]:3306", "client:[::1]:1", "cgroup:/", "cgroup:/a",
	"cgroup:/a\\040b", "cgroup:/a/b/",
	"86401", "59", "4294967356", "off", "sending", "unread", "exempt", "65535", "65536",
	"server:", "client:", "cgroup:", ":", "*", "[", "]", "::", ".", "/", "\\", "\\134",
	"-", "+", "0x", "\xa0", "\r", "\x01", "\x7f", "\xff",
};

/* Where those that are right begin, and how many they are. */
static const unsigned char first[SETTINGS] = { 0, 4, 7, 10, 12, 15, 15 };
static const unsigned char many[SETTINGS] = { 4, 3, 3, 2, 3, 10, 10 };

static const struct someone people[] = {
	SERVER(80, "/"), SERVER(8080, "/a"), SERVER(80, "/a/b"), SERVER(1, "/a b"),
	SERVER(65535, NULL), SERVER(8, "/ab"), CLIENT("10.0.0.5", 3306),
	CLIENT("2001:db8::5", 3306), CLIENT("::1", 1), CLIENT("10.0.0.6", 3306),
	CLIENT("10.0.0.5", 80),
};

/* Some pieces, which know nothing of each other, with gaps or without. */
static void any_text(char *text, size_t room, enum setting which)
{
	static const char gaps[] = { ' ', '\t', '\n' };
	unsigned int n = 1 + shim_below(shim_below(2) ? 2 : shim_below(16) ? 5 : 80), i, at;
	size_t len = 0, size;

	for (i = 0; i < n; i++) {
		at = shim_below(8) ? first[which] + shim_below(many[which]) :
				     shim_below(ARRAY_SIZE(pieces));
		size = strlen(pieces[at]);
		if (len + size + 2 > room)
			break;
		memcpy(text + len, pieces[at], size);
		len += size;
		if (shim_below(8))
			text[len++] = gaps[shim_below(sizeof(gaps))];
	}
	if (!shim_below(64)) {
		size = shim_below(room - len - 1);
		memset(text + len, ' ', size);
		len += size;
	}
	if (len && !shim_below(4))
		text[shim_below(len)] = 1 + shim_below(255);
	text[len] = '\0';
}

/* Change a setting to that, and to what it says then. The number of faults. */
static unsigned int try_text(struct tcpc_settings **now, enum setting which,
			     const char *text, unsigned int *taken)
{
	struct tcpc_settings *next, *again, was;
	const struct tcpc_rules *rules;
	unsigned int faults = 0, i;
	char *says;

	memcpy(&was, *now, sizeof(was));
	next = change(*now, which, text);
	faults += off("right", setting_right(which, text), !IS_ERR(next));
	faults += off("changed the old one", 0, memcmp(&was, *now, sizeof(was)) != 0);
	if (IS_ERR(next))
		return faults + off("errno", EINVAL, -PTR_ERR(next));
	++*taken;
	says = strf("%s", show(next, which));
	again = change(next, which, says);
	if (IS_ERR(again))
		return faults + off("says what is right", 1, 0);
	faults += off_text("says", says, show(again, which));
	rules = which == SET_ONLY ? again->only : again->except;
	for (i = 0; which >= SET_ONLY && i < ARRAY_SIZE(people); i++)
		faults += off("is about someone", rules_about(text, &people[i]),
			      rules && is_match(rules, &people[i]));
	for (i = 0; i < SETTINGS; i++) {
		free(says);
		says = strf("%s", show(next, i));
		faults += off_text("says as well", says, show(again, i));
	}
	free(says);
	tcpc_settings_put(*now);
	tcpc_settings_put(next);
	*now = again;
	return faults;
}

#define TEXTS 10000

TEST(at_random)
{
	struct tcpc_settings *now = change(&tcpc_settings_default, SET_RATE, "5");
	static char text[TCPC_RULES_TEXT_MAX + 2000];
	unsigned int taken[SETTINGS] = {}, i;

	shim_random.seed = 5;
	for (i = 0; i < TEXTS; i++) {
		any_text(text, shim_below(32) ? 1000 : sizeof(text), i % SETTINGS);
		ASSERT_EQ(0, try_text(&now, i % SETTINGS, text, &taken[i % SETTINGS]))
			TH_LOG("text %u, to %s: %s", i, setting_names[i % SETTINGS], text);
	}
	tcpc_settings_put(now);
	EXPECT_EQ(0, shim_memory.blocks);
	/* Enough of either kind. */
	for (i = 0; i < SETTINGS; i++) {
		EXPECT_LT(TEXTS / SETTINGS / 10, taken[i]) TH_LOG("%s", setting_names[i]);
		EXPECT_GT(TEXTS / SETTINGS * 9 / 10, taken[i])
			TH_LOG("%s", setting_names[i]);
	}
}

TEST_HARNESS_MAIN
