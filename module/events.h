/* SPDX-License-Identifier: GPL-2.0 */
/* State changes of TCP sockets, as the tracepoint reports them. */
#ifndef TCPC_EVENTS_H
#define TCPC_EVENTS_H

#include <linux/build_bug.h>
#include <linux/types.h>

#include "duration.h"
#include "tally.h"

struct tcpc_net;

/* States an event may name, a power of two: two of them are checked at once. */
#define TCPC_EVENT_STATES 16
static_assert(TCPC_STATES <= TCPC_EVENT_STATES);

/**
 * struct tcpc_counters - counters of state changes, of one CPU
 * @entered: by the new state; those that are not traced are counted too
 * @left: by the old one
 * @closed: sockets in CLOSE_WAIT that close() ended, by how long that took
 * @closed_ms: how long that took them all, in ms
 * @ended_otherwise: that something else ended
 * @unknown: that close() ended, after nobody knows how long
 */
struct tcpc_counters {
	unsigned long entered[TCPC_EVENT_STATES];
	unsigned long left[TCPC_EVENT_STATES];
	unsigned long closed[TCPC_DURATION_BUCKETS];
	unsigned long closed_ms;
	unsigned long ended_otherwise;
	unsigned long unknown;
};

/**
 * struct tcpc_changes - the same, of all CPUs
 * @entered: as in struct tcpc_counters, as all the others
 * @left: likewise
 * @closed: likewise
 * @closed_ms: likewise
 * @ended_otherwise: likewise
 * @unknown: likewise
 */
struct tcpc_changes {
	u64 entered[TCPC_STATES];
	u64 left[TCPC_STATES];
	u64 closed[TCPC_DURATION_BUCKETS];
	u64 closed_ms;
	u64 ended_otherwise;
	u64 unknown;
};

/* Module parameter events: listen to the tracepoint. */
extern bool tcpc_events;

/**
 * tcpc_state_traced() - does the tracepoint report changes to and from a state?
 * @state: a TCP state
 *
 * TIME_WAIT is that of another object, which no event tells of.
 *
 * Context: any.
 * Return: true if so.
 */
static inline bool tcpc_state_traced(unsigned int state)
{
	return state > 0 && state < TCPC_STATES && state != TCP_TIME_WAIT;
}

/**
 * struct tcpc_changes_of - those of one of many namespaces
 * @inum: inode number of the namespace
 * @changes: them
 */
struct tcpc_changes_of {
	u32 inum;
	struct tcpc_changes changes;
};

bool tcpc_events_on(void);
bool tcpc_changes_counted(const struct tcpc_net *tn);
void tcpc_changes_add(struct tcpc_changes *sum, const struct tcpc_net *tn);
struct tcpc_changes_of *tcpc_changes_all(unsigned int *nr);

void tcpc_events_net_init(struct tcpc_net *tn);
void tcpc_events_net_close(struct tcpc_net *tn);
void tcpc_events_net_exit(struct tcpc_net *tn);

void tcpc_events_init(void);
void tcpc_events_exit(void);

#endif /* TCPC_EVENTS_H */
