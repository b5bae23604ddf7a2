// SPDX-License-Identifier: GPL-2.0
/* Rules: which sockets the reaper is told to act on only, or to leave alone. */

#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/inet.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/ipv6.h>

#include "gfp.h"
#include "rule.h"

/**
 * tcpc_word_gap() - does it separate words?
 * @c: a character
 *
 * Not isspace(): to it 0xa0 is a space, which stands inside of many UTF-8 letters.
 *
 * Context: any.
 * Return: true if so.
 */
bool tcpc_word_gap(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/**
 * tcpc_word_next() - the next word of a text
 * @word: set to where it begins
 * @len: and to how long it is, in bytes
 * @text: the text; moved behind the word
 * @left: bytes of it that are left
 *
 * Words are separated by spaces, tabs and newlines.
 *
 * Context: any.
 * Return: false if there is none.
 */
bool tcpc_word_next(const char **word, size_t *len, const char **text, size_t *left)
{
	while (*left && tcpc_word_gap(**text)) {
		(*text)++;
		(*left)--;
	}
	*word = *text;
	while (*left && !tcpc_word_gap(**text)) {
		(*text)++;
		(*left)--;
	}
	*len = *text - *word;
	return *len;
}

/* Decimal digits and nothing else, 1 to 65535; 0 if it is not so. */
static u16 tcpc_rule_port(const char *s, size_t len)
{
	u32 port = 0;

	if (!len || len > 5)
		return 0;
	for (; len; s++, len--) {
		if (!isdigit(*s))
			return 0;
		port = port * 10 + *s - '0';
	}
	return port <= U16_MAX ? port : 0;
}

/* ADDRESS:PORT or *:PORT, as they are shown. */
static bool tcpc_rule_client(struct tcpc_rule *rule, const char *s, size_t len)
{
	size_t addr = len;
	const char *end;

	while (addr && s[addr - 1] != ':')
		addr--;
	if (addr < 2)
		return false;
	rule->port = tcpc_rule_port(s + addr, len - addr);
	if (!rule->port)
		return false;
	addr--;
	if (addr == 1 && *s == '*') {
		rule->any = true;
		return true;
	}
	if (*s == '[')
		return addr > 2 && s[addr - 1] == ']' &&
		       in6_pton(s + 1, addr - 2, rule->addr.s6_addr, -1, &end) &&
		       end == s + addr - 1;
	ipv6_addr_set_v4mapped(0, &rule->addr);
	return in4_pton(s, addr, (u8 *)&rule->addr.s6_addr32[3], -1, &end) &&
	       end == s + addr;
}

/*
 * Can a cgroup have this path, without a slash at its end? Files show no control
 * characters: they write them as \ooo. What no cgroup has would spare nobody, and
 * nobody would notice.
 */
static bool tcpc_rule_path(const char *path, size_t len)
{
	size_t i, n;

	for (i = 0; i < len; i += 1 + n) {
		for (n = 0; i + 1 + n < len && path[i + 1 + n] != '/'; n++)
			if (iscntrl(path[i + 1 + n]))
				return false;
		/* "//", "/./" and "/../" */
		if (n <= 2 && !memcmp(path + i + 1, "..", n))
			return false;
	}
	return true;
}

/* What stands before the first colon, and what that makes of the rest. */
static bool tcpc_rule_parse(struct tcpc_rule *rule, const char *word, size_t len)
{
	if (len > 7 && !memcmp(word, "server:", 7)) {
		rule->kind = TCPC_RULE_SERVER;
		rule->port = tcpc_rule_port(word + 7, len - 7);
		return rule->port;
	}
	if (len > 7 && !memcmp(word, "client:", 7)) {
		rule->kind = TCPC_RULE_CLIENT;
		return tcpc_rule_client(rule, word + 7, len - 7);
	}
	if (len > 7 && !memcmp(word, "cgroup:/", 8)) {
		rule->kind = TCPC_RULE_CGROUP;
		if (len - 7 > TCPC_RULE_PATH_MAX)
			return false;
		rule->len = len - 7;
		/* "/a/" is "/a", and "/" is all. */
		while (rule->len && word[7 + rule->len - 1] == '/')
			rule->len--;
		return tcpc_rule_path(word + 7, rule->len);
	}
	return false;
}

/**
 * tcpc_rules_parse() - read rules
 * @text: words; no NUL among them
 * @len: how many bytes
 *
 * Context: process, may sleep.
 * Return: the rules with one reference; NULL if there are no words; or an
 * ERR_PTR: -EINVAL, -ENOMEM.
 */
struct tcpc_rules *tcpc_rules_parse(const char *text, size_t len)
{
	const char *word, *p = text;
	size_t n, left = len, size;
	unsigned int nr = 0, at = 0;
	struct tcpc_rules *rules;
	struct tcpc_rule *rule;

	if (len > TCPC_RULES_TEXT_MAX + 1)
		return ERR_PTR(-EINVAL);
	while (tcpc_word_next(&word, &n, &p, &left))
		nr++;
	if (!nr)
		return NULL;
	if (nr > TCPC_RULES_MAX)
		return ERR_PTR(-EINVAL);
	size = struct_size(rules, rule, nr);
	rules = kvzalloc(size + len + 1, TCPC_GFP_ACCOUNT);
	if (!rules)
		return ERR_PTR(-ENOMEM);
	refcount_set(&rules->ref, 1);
	rules->text = (char *)rules + size;

	p = text;
	left = len;
	while (tcpc_word_next(&word, &n, &p, &left)) {
		rule = &rules->rule[rules->nr++];
		if (!tcpc_rule_parse(rule, word, n)) {
			kvfree(rules);
			return ERR_PTR(-EINVAL);
		}
		if (at)
			rules->text[at++] = ' ';
		memcpy(rules->text + at, word, n);
		if (rule->kind == TCPC_RULE_CGROUP) {
			rule->path = at + 7;
			rules->cgroups = true;
		}
		at += n;
	}
	return rules;
}

/**
 * tcpc_rules_get() - take one more reference
 * @rules: them, or NULL
 *
 * Context: any.
 * Return: @rules.
 */
struct tcpc_rules *tcpc_rules_get(struct tcpc_rules *rules)
{
	if (rules)
		refcount_inc(&rules->ref);
	return rules;
}

/**
 * tcpc_rules_put() - let go of rules
 * @rules: them, or NULL
 *
 * Context: process.
 */
void tcpc_rules_put(struct tcpc_rules *rules)
{
	if (rules && refcount_dec_and_test(&rules->ref))
		kvfree(rules);
}

/* One byte of a path that is written as files show it: a space is \040. */
static char tcpc_rule_byte(const char **s, size_t *len)
{
	const char *p = *s;
	unsigned int i;
	int c = 0;

	for (i = 1; *p == '\\' && i < 4 && i < *len && p[i] >= '0' && p[i] <= '7'; i++)
		c = c * 8 + p[i] - '0';
	if (i == 4) {
		*s += 4;
		*len -= 4;
		return c;
	}
	(*s)++;
	(*len)--;
	return *p;
}

/* Is the cgroup this one or below it? */
static bool tcpc_rule_cgroup(const char *rule, size_t len, const char *cgroup)
{
	while (len)
		if (!*cgroup || *cgroup++ != tcpc_rule_byte(&rule, &len))
			return false;
	return !*cgroup || *cgroup == '/';
}

/**
 * tcpc_rules_match() - is one of the rules about a connection?
 * @rules: them
 * @conn: the connection
 * @cgroup: its cgroup's path from the root; NULL if unknown
 *
 * Context: any.
 * Return: true if so.
 */
bool tcpc_rules_match(const struct tcpc_rules *rules, const struct tcpc_conn *conn,
		      const char *cgroup)
{
	const struct tcpc_rule *rule;
	unsigned int i;

	for (i = 0; i < rules->nr; i++) {
		rule = &rules->rule[i];
		switch (rule->kind) {
		case TCPC_RULE_SERVER:
			if (conn->role == TCPC_SERVER && conn->local_port == rule->port)
				return true;
			break;
		case TCPC_RULE_CLIENT:
			if (conn->role == TCPC_CLIENT && conn->remote_port == rule->port &&
			    (rule->any || ipv6_addr_equal(&conn->remote, &rule->addr)))
				return true;
			break;
		case TCPC_RULE_CGROUP:
			if (cgroup && tcpc_rule_cgroup(rules->text + rule->path,
						       rule->len, cgroup))
				return true;
			break;
		}
	}
	return false;
}
