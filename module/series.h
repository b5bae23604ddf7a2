/* SPDX-License-Identifier: GPL-2.0 */
/* Series of metrics that count on when a listener ends. */
#ifndef TCPC_SERIES_H
#define TCPC_SERIES_H

#include <linux/in6.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#define TCPC_SERIES_HEADS 64

/* Who shows a series: its namespace, or the host; they keep their own. */
enum tcpc_series_of {
	TCPC_SERIES_NET,
	TCPC_SERIES_HOST,
	TCPC_SERIES_OF,
};

/**
 * struct tcpc_queue_counts - what is counted of listeners
 * @queued: enqueues
 * @filled: how often an enqueue took the depth above the limit
 * @drops: SYNs and final ACKs refused
 */
struct tcpc_queue_counts {
	u64 queued;
	u64 filled;
	u64 drops;
};

/**
 * struct tcpc_series_key - what listeners are one series by
 * @addr: local address; IPv4 as a v4-mapped one
 * @ifindex: the interface, if @addr is link-local; else 0
 * @port: local port, host order
 * @role: enum tcpc_role, for other things than listeners
 * @group: path of the cgroup, as far as it counts; not NUL-terminated
 * @len: of that, in bytes; 0 if it is unknown
 */
struct tcpc_series_key {
	struct in6_addr addr;
	u32 ifindex;
	u16 port;
	u16 role;
	const char *group;
	unsigned int len;
};

/**
 * struct tcpc_series - listeners that are one series
 * @node: in the hash table of its set
 * @used: in the list of its set
 * @set: its set
 * @users: who is counting it; under the lock of the set, as is the next
 * @shown: the highest that was shown
 * @members: listeners that add to @ended when they end; under the lock of all
 *	records, as is the next
 * @ended: counts of those that have ended
 * @key: which it is
 */
struct tcpc_series {
	struct hlist_node node;
	struct list_head used;
	struct tcpc_series_set *set;
	unsigned int users;
	struct tcpc_queue_counts shown;
	unsigned int members;
	struct tcpc_queue_counts ended;
	struct tcpc_series_key key;
};

/**
 * struct tcpc_series_set - series that have been shown
 * @lock: of the next three; nobody sleeps under it
 * @heads: them, by key
 * @used: them, the one that was shown last at the end
 * @nr: how many
 * @manned: those that have members; under the lock of all records
 * @max: how many without members are kept
 * @salt: for hashing, so that nobody knows whose are in one chain
 */
struct tcpc_series_set {
	spinlock_t lock; /* of the next three */
	struct hlist_head heads[TCPC_SERIES_HEADS];
	struct list_head used;
	unsigned int nr;
	unsigned int manned;
	unsigned int max;
	u32 salt;
};

/* Those of the host. */
extern struct tcpc_series_set tcpc_series_host;

struct hlist_head *tcpc_series_head(struct tcpc_series_set *set,
				    const struct tcpc_series_key *key);
int tcpc_series_cmp(const struct tcpc_series_key *a, const struct tcpc_series_key *b);

void tcpc_series_init(struct tcpc_series_set *set);
void tcpc_series_host_init(void);
void tcpc_series_free(struct tcpc_series_set *set);
struct tcpc_series *tcpc_series_get(struct tcpc_series_set *set,
				    const struct tcpc_series_key *key);
void tcpc_series_put(struct tcpc_series *s, struct tcpc_queue_counts *counts);

#endif /* TCPC_SERIES_H */
