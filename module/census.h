/* SPDX-License-Identifier: GPL-2.0 */
/* The census: what one walk found, per network namespace. */
#ifndef TCPC_CENSUS_H
#define TCPC_CENSUS_H

#include <linux/in6.h>
#include <linux/ktime.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <net/tcp_states.h>

#include "walk.h"

struct cgroup;

/* A full census has all that one of states has. */
enum tcpc_depth {
	TCPC_DEPTH_STATES = 1, /* counters */
	TCPC_DEPTH_FULL, /* and a row per listener */
};

/* TCP_ESTABLISHED to TCP_CLOSING; TCP_NEW_SYN_RECV is counted as SYN_RECV. */
#define TCPC_STATES (TCP_CLOSING + 1)

enum tcpc_family {
	TCPC_IPV4,
	TCPC_IPV6,
	TCPC_FAMILIES,
};

/**
 * struct tcpc_counts - the counters of one namespace, in sockets
 * @state: by TCP state and socket family; a row each for states 1 to 11
 * @orphans: no longer anyone's descriptor (SOCK_DEAD), full sockets only
 *
 * An array of u32 for the census, which keeps what it has of a bucket that is
 * not yet committed as a list of indices.
 */
struct tcpc_counts {
	u32 state[TCPC_STATES][TCPC_FAMILIES];
	u32 orphans;
};

#define TCPC_COUNTS (sizeof(struct tcpc_counts) / sizeof(u32))

/**
 * struct tcpc_listener - a listening socket as the walk found it
 * @slot: of its namespace
 * @addr: local address; IPv4 as a v4-mapped one if @family is AF_INET
 * @ifindex: the interface it is bound to, or 0
 * @port: local port, host order
 * @family: AF_INET or AF_INET6
 * @uid: its owner
 * @inode: of the listening socket, 0 if it has none
 * @cgroup: with a reference; NULL if unknown
 * @depth: connections in the accept queue
 * @limit: the accept queue is full when @depth is greater
 * @drops: SYNs and final ACKs it refused
 * @syn_queue: connections in the SYN queue
 */
struct tcpc_listener {
	u32 slot;
	struct in6_addr addr;
	int ifindex;
	u16 port;
	u16 family;
	kuid_t uid;
	u64 inode;
	struct cgroup *cgroup;
	u32 depth;
	u32 limit;
	u32 drops;
	u32 syn_queue;
};

/*
 * Listeners noted of one namespace; the rest are counted, not listed. So none
 * can use up much of the memory that its reader's cgroup does not pay for.
 */
#define TCPC_LISTENERS_MAX 32768

/**
 * struct tcpc_census_net - what the census knows of one namespace
 * @id: as in struct tcpc_net
 * @inum: as in struct tcpc_net
 * @counts: the counters
 * @first: index of its first listener
 * @listeners: how many it has there
 * @listeners_missed: those that are not there, for want of memory or because
 *	they are more than TCPC_LISTENERS_MAX
 */
struct tcpc_census_net {
	u64 id;
	unsigned int inum;
	struct tcpc_counts counts;
	u32 first;
	u32 listeners;
	u32 listeners_missed;
};

/**
 * struct tcpc_census - what one walk found; immutable once taken
 * @ref: users
 * @depth: what was looked for
 * @start: CLOCK_MONOTONIC before the namespaces were taken and the walk began
 * @walk_ns: how long it took
 * @walk: how it went
 * @nr_nets: namespaces
 * @nets: by slot, ids ascending
 * @nr_listeners: listeners
 * @listeners: by slot, then port, family and address
 */
struct tcpc_census {
	refcount_t ref;
	enum tcpc_depth depth;
	ktime_t start;
	u64 walk_ns;
	struct tcpc_walk_stats walk;
	unsigned int nr_nets;
	struct tcpc_census_net *nets;
	unsigned int nr_listeners;
	struct tcpc_listener *listeners;
};

struct tcpc_census *tcpc_census_take(enum tcpc_depth depth);
void tcpc_census_put(struct tcpc_census *census);
const struct tcpc_census_net *tcpc_census_net(const struct tcpc_census *census,
					      u64 id);

#endif /* TCPC_CENSUS_H */
