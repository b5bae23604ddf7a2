/* SPDX-License-Identifier: GPL-2.0 */
/* A pass of the reaper: look, then act. */
#ifndef TCPC_PASS_H
#define TCPC_PASS_H

#include <linux/types.h>

#include "cgroup.h"
#include "conn.h"
#include "listener.h"
#include "net.h"
#include "reaper.h"
#include "walk.h"

/* Connections acted on in one pass, whatever the rates: they are kept meanwhile. */
#define TCPC_PASS_TARGETS_MAX 32768U

/**
 * struct tcpc_quota - a namespace in a pass
 * @id: the namespace's
 * @tn: the namespace; after the look it is there while a user's socket of it is held
 * @s: its settings, with a reference; NULL if nothing is to be done there
 * @action: what may be done, by its settings and max_action
 * @used: actions in this pass
 * @left: and how many more, for now
 * @candidates: sockets that may be acted on
 * @targets: those of them that were accepted, and are kept to be acted on
 * @unkept: those that are not, for want of room or because there are so many
 * @listeners: with something in their queues
 * @skipped: those that were not acted on, and why; @targets and @unkept apart
 * @seen: candidates that were logged before or are now, if @action is to count
 * @news: of those, how many were not before
 */
struct tcpc_quota {
	u64 id;
	struct tcpc_net *tn;
	struct tcpc_settings *s;
	enum tcpc_action action;
	u32 used;
	u32 left;
	u32 candidates;
	u32 targets;
	u32 unkept;
	u32 listeners;
	u32 skipped[TCPC_SKIPS];
	struct tcpc_seen seen;
	u32 news;
};

/**
 * struct tcpc_pass - a pass
 * @nets: the namespaces; held while looking alone, their number stays
 * @quota: of each of them
 * @ports: likewise, to tell the roles
 * @active: how many have a timeout
 * @even: targets that each may have of those that act, however many others have
 * @common: those that are more than that
 * @conns: connections that were copied: of the bucket at hand, and some more
 * @committed: of committed buckets
 * @nr: and those of the bucket at hand behind them
 * @cap: room for them
 * @full: more room is wanted
 * @targets: accepted connections to be acted on
 * @nr_targets: how many
 * @cap_targets: room for them
 * @listeners: with something in their queues
 * @nr_listeners: how many
 * @committed_listeners: of committed buckets
 * @cap_listeners: room for them
 * @listeners_full: more room is wanted
 * @starved: there was no memory for more room: do not ask again
 * @missed: something was left out for want of memory: it waits for another pass
 * @names: paths of cgroups
 * @stats: of the walks
 * @host_left: actions there may still be on the whole host
 * @done: of each kind, for the log
 */
struct tcpc_pass {
	struct tcpc_netset nets;
	struct tcpc_quota *quota;
	struct tcpc_local_ports *ports;
	unsigned int active;
	unsigned int even;
	unsigned int common;
	struct tcpc_conn *conns;
	unsigned int committed;
	unsigned int nr;
	unsigned int cap;
	bool full;
	struct tcpc_conn *targets;
	unsigned int nr_targets;
	unsigned int cap_targets;
	struct tcpc_listener *listeners;
	unsigned int nr_listeners;
	unsigned int committed_listeners;
	unsigned int cap_listeners;
	bool listeners_full;
	bool starved;
	bool missed;
	struct tcpc_cgroup_names names;
	struct tcpc_walk_stats stats;
	u32 host_left;
	u32 done[TCPC_RESULTS];
};

struct tcpc_pass *tcpc_pass_begin(void);
bool tcpc_pass_look(struct tcpc_pass *p);
void tcpc_pass_act(struct tcpc_pass *p);
void tcpc_pass_end(struct tcpc_pass *p);

/* For the files of a pass. */
bool tcpc_pass_excepted(struct tcpc_pass *p, struct tcpc_quota *q,
			const struct tcpc_conn *conn);
void tcpc_pass_count(struct tcpc_pass *p, struct tcpc_quota *q, struct tcpc_conn *conn);
void tcpc_pass_queues(struct tcpc_pass *p, bool first, bool count);
bool tcpc_pass_may(struct tcpc_pass *p, struct tcpc_quota *q);
void tcpc_pass_did(struct tcpc_pass *p, struct tcpc_quota *q,
		   const struct tcpc_conn *conn, enum tcpc_result result);

#endif /* TCPC_PASS_H */
