/* SPDX-License-Identifier: GPL-2.0 */
/* Records of listeners: what is kept of each while it listens. */
#ifndef TCPC_RECORD_H
#define TCPC_RECORD_H

#include <linux/atomic.h>
#include <linux/in6.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "ended.h"
#include "series.h"

struct sock;
struct tcpc_net;

/**
 * struct tcpc_record - the record of a listener
 * @by_local: of those with the same namespace, port and address the first alone
 *	is in the table by these
 * @tn: its namespace
 * @addr: its local address; IPv4 as a v4-mapped one
 * @port: its local port, host order; 0 if it had none yet when the record was made
 * @first: it is the first
 * @members: how many of them there are; of the first
 * @sk: the listener; without a reference
 * @ring: all of them are in a ring
 * @over: the depth was seen above the limit
 * @peak: highest depth seen
 * @full: it was last seen full
 * @filled: how often an enqueue took the depth above the limit
 * @recent: highest depths of late, see tcpc_recent_add()
 * @queued: enqueues
 * @by_sock: in the table by socket
 * @node: in its namespace's list
 * @began: when it was made, ktime_get_seconds()
 * @drops: of the listener when it began to listen
 * @drops_seen: of it when @dropped was last added to
 * @dropped: since the record was made
 * @id: a number no other record has or will have while the module is loaded
 * @series: where its counts go when it ends, or NULL
 * @ended: what is left of it when it has ended
 *
 * What an accept event needs comes first, in two cache lines. But for @over to
 * @queued everything up to @drops changes under the lock of all records.
 */
struct tcpc_record {
	struct hlist_node by_local;
	struct tcpc_net *tn;
	struct in6_addr addr;
	u16 port;
	bool first;
	unsigned int members;
	const struct sock *sk;
	struct list_head ring;

	bool over;
	atomic_t peak;
	atomic_t full;
	atomic64_t filled;
	atomic64_t recent;
	atomic64_t queued;

	struct hlist_node by_sock;
	struct list_head node;
	u64 began;
	u32 drops;
	u32 drops_seen;
	u64 dropped;
	u64 id;
	struct tcpc_series *series[TCPC_SERIES_OF];
	struct tcpc_ended ended;
};

/**
 * struct tcpc_records - the records of a namespace
 * @all: them; this to @closed under the lock of all records
 * @nr: how many
 * @portless: and how many of them have no port yet
 * @closed: there will be no more: the namespace is being destroyed
 * @salt: for hashing, so that nobody knows who collides with whom
 * @missed: how often one could not be made, for want of memory
 * @unmatched: accept events of which nobody knows the listener
 */
struct tcpc_records {
	struct list_head all;
	unsigned int nr;
	unsigned int portless;
	bool closed;
	u32 salt;
	atomic64_t missed;
	atomic64_t unmatched;
};

/**
 * struct tcpc_peaks - what is to be shown of a record
 * @id: of the record; 0 if there is none
 * @peak: highest depth
 * @recent: highest depth of this minute and the last
 * @filled: how often an enqueue took the depth above the limit
 * @queued: enqueues
 */
struct tcpc_peaks {
	u64 id;
	u32 peak;
	u32 recent;
	u64 filled;
	u64 queued;
};

/* For record.c, which says what it protects, and record_counts.c. */
extern raw_spinlock_t tcpc_record_lock;

struct tcpc_record *tcpc_record_alloc(void);
struct tcpc_record *tcpc_record_alloc_now(void);
void tcpc_record_free(struct tcpc_record *rec);
struct tcpc_record *tcpc_record_of(const struct sock *sk);
u64 tcpc_record_id(const struct sock *sk);
struct tcpc_record *tcpc_record_at(const struct tcpc_net *tn, u16 port,
				   const struct in6_addr *addr);
bool tcpc_record_add(struct tcpc_record *rec, struct tcpc_net *tn, struct sock *sk,
		     u32 drops);
void tcpc_record_end(struct sock *sk);
void tcpc_record_settle(struct tcpc_record *rec);
void tcpc_record_see(struct tcpc_record *rec, u32 depth);
void tcpc_record_read(struct tcpc_peaks *peaks, const struct sock *sk, u32 depth);
void tcpc_record_keep(struct tcpc_record *rec);
bool tcpc_record_count(struct tcpc_queue_counts *sum, const struct sock *sk, u64 id,
		       struct tcpc_series *s, enum tcpc_series_of of);
void tcpc_record_counted(struct tcpc_queue_counts *sum, const struct tcpc_series *s);
bool tcpc_record_members(const struct tcpc_series *s);
unsigned int tcpc_record_manned(const struct tcpc_series_set *set);
void tcpc_record_stop(void);
unsigned int tcpc_record_total(void);

void tcpc_records_init(struct tcpc_records *records);
void tcpc_records_close(struct tcpc_net *tn);

int tcpc_record_init(void);
void tcpc_record_exit(void);

#endif /* TCPC_RECORD_H */
