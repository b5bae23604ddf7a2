/* SPDX-License-Identifier: GPL-2.0 */
/* What the reaper has done: counters, and the last actions of each namespace. */
#ifndef TCPC_ACTION_H
#define TCPC_ACTION_H

#include <linux/atomic.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "conn.h"
#include "setting.h"

enum tcpc_result {
	TCPC_RESULT_CANDIDATE, /* nothing was changed */
	TCPC_RESULT_PROBING, /* keepalive was turned on */
	TCPC_RESULT_RESET, /* reset */
	TCPC_RESULT_EVICTED, /* taken out of the accept queue and closed */
	TCPC_RESULT_GONE, /* it ended, or came back to life, just before */
	TCPC_RESULTS,
};

extern const char *const tcpc_result_names[TCPC_RESULTS];

/*
 * Lines kept of a namespace. The first few have their place whatever others have; for
 * all of them there are 4 MiB on the host.
 */
#define TCPC_LOG_MIN 16
#define TCPC_LOG_MAX 256

/**
 * struct tcpc_log_entry - something that was done
 * @time: when, in seconds of CLOCK_REALTIME
 * @order: and which came before which
 * @inum: inode number of its namespace
 * @cause: enum tcpc_cause
 * @action: enum tcpc_action
 * @result: enum tcpc_result
 * @role: enum tcpc_role
 * @ifindex: the interface the socket was bound to, or 0
 * @local: its address; IPv4 as a v4-mapped one
 * @remote: that of the peer
 * @local_port: host order
 * @remote_port: host order
 * @uid: its owner
 * @cgroup: with a reference; NULL if unknown
 * @idle_s: for how long it was idle, in seconds
 */
struct tcpc_log_entry {
	s64 time;
	u64 order;
	u32 inum;
	u8 cause;
	u8 action;
	u8 result;
	u8 role;
	int ifindex;
	struct in6_addr local;
	struct in6_addr remote;
	u16 local_port;
	u16 remote_port;
	kuid_t uid;
	struct cgroup *cgroup;
	u32 idle_s;
};

/**
 * struct tcpc_log - what was done in a namespace
 * @count: by cause, action and result
 * @lock: of all that follows
 * @ring: the last ones; NULL until there is one
 * @size: room in it: TCPC_LOG_MIN, or TCPC_LOG_MAX as soon as there were more
 * @nr: how many there were, of which the last are kept
 * @missed: those that would be in a ring of TCPC_LOG_MAX, but for want of memory, or
 *	because the host's share is used up
 */
struct tcpc_log {
	atomic64_t count[TCPC_CAUSES][TCPC_ACTIONS][TCPC_RESULTS];
	spinlock_t lock; /* of all that follows */
	struct tcpc_log_entry *ring;
	u32 size;
	u64 nr;
	u64 missed;
};

/**
 * struct tcpc_log_rows - copies, to be shown
 * @rows: them, oldest first
 * @nr: how many
 * @cap: room for
 */
struct tcpc_log_rows {
	struct tcpc_log_entry *rows;
	unsigned int nr;
	unsigned int cap;
};

void tcpc_log_init(struct tcpc_log *log);
void tcpc_log_free(struct tcpc_log *log);
void tcpc_log_add(struct tcpc_log *log, unsigned int inum, const struct tcpc_conn *conn,
		  enum tcpc_action action, enum tcpc_result result);
int tcpc_log_copy(struct tcpc_log_rows *rows, struct tcpc_log *log, gfp_t gfp);
int tcpc_log_copy_all(struct tcpc_log_rows *rows);
void tcpc_log_rows_free(struct tcpc_log_rows *rows);
void tcpc_log_miss(struct tcpc_log *log);
u64 tcpc_log_missed(struct tcpc_log *log);

#endif /* TCPC_ACTION_H */
