/* SPDX-License-Identifier: GPL-2.0 */
/* Rules: which sockets the reaper is told to act on only, or to leave alone. */
#ifndef TCPC_RULE_H
#define TCPC_RULE_H

#include <linux/in6.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include "conn.h"

/* Words in one setting, and bytes of them together. */
#define TCPC_RULES_MAX 64
#define TCPC_RULES_TEXT_MAX 16384

/* Bytes of a path. Paths are cut where they are longer, see cgroup.c. */
#define TCPC_RULE_PATH_MAX 255
#define TCPC_RULE_WORD_MAX (7 + TCPC_RULE_PATH_MAX)

enum tcpc_rule_kind {
	TCPC_RULE_SERVER, /* server:PORT */
	TCPC_RULE_CLIENT, /* client:ADDRESS:PORT, client:*:PORT */
	TCPC_RULE_CGROUP, /* cgroup:/PATH, and all below it */
};

/**
 * struct tcpc_rule - a rule
 * @kind: what it is about
 * @any: TCPC_RULE_CLIENT: of whatever address
 * @addr: TCPC_RULE_CLIENT: the remote address; IPv4 as a v4-mapped one
 * @port: TCPC_RULE_SERVER: the local port; TCPC_RULE_CLIENT: the remote one
 * @path: TCPC_RULE_CGROUP: where in the text it begins
 * @len: and how long it is
 */
struct tcpc_rule {
	enum tcpc_rule_kind kind;
	bool any;
	struct in6_addr addr;
	u16 port;
	u16 path;
	u16 len;
};

/**
 * struct tcpc_rules - some rules; they never change
 * @ref: users
 * @nr: how many; none say nothing
 * @cgroups: some are about cgroups
 * @text: as they were written, with one space between two, NUL-terminated
 * @rule: them
 */
struct tcpc_rules {
	refcount_t ref;
	unsigned int nr;
	bool cgroups;
	char *text;
	struct tcpc_rule rule[];
};

struct tcpc_rules *tcpc_rules_parse(const char *text, size_t len);
struct tcpc_rules *tcpc_rules_get(struct tcpc_rules *rules);
void tcpc_rules_put(struct tcpc_rules *rules);
bool tcpc_rules_match(const struct tcpc_rules *rules, const struct tcpc_conn *conn,
		      const char *cgroup);

bool tcpc_word_gap(char c);
bool tcpc_word_next(const char **word, size_t *len, const char **text, size_t *left);

#endif /* TCPC_RULE_H */
