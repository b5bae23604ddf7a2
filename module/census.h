/* SPDX-License-Identifier: GPL-2.0 */
/* The census: what one walk found, per network namespace. */
#ifndef TCPC_CENSUS_H
#define TCPC_CENSUS_H

#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include "listener.h"
#include "tally.h"
#include "walk.h"

/* A full census has all that one of states has. */
enum tcpc_depth {
	TCPC_DEPTH_NONE, /* no census at all */
	TCPC_DEPTH_STATES = 1, /* counters */
	TCPC_DEPTH_FULL, /* and listeners, endpoints and ports */
};

enum tcpc_family {
	TCPC_IPV4,
	TCPC_IPV6,
	TCPC_FAMILIES,
};

/**
 * struct tcpc_counts - the counters of one namespace, in sockets
 * @state: by TCP state and socket family; a row each for states 1 to 11
 * @orphans: no longer anyone's descriptor (SOCK_DEAD), full sockets only
 * @minis: request and timewait sockets
 * @bound: not sockets: ephemeral ports that any are bound to; full census only
 * @conns_missed: sockets that were counted by state only, for want of memory
 * @served_missed: listeners whose port was not noted as served, likewise
 *
 * An array of u32 for the census, which keeps what it has of a bucket that is
 * not yet committed as a list of indices.
 */
struct tcpc_counts {
	u32 state[TCPC_STATES][TCPC_FAMILIES];
	u32 orphans;
	u32 minis;
	u32 bound;
	u32 conns_missed;
	u32 served_missed;
};

#define TCPC_COUNTS (sizeof(struct tcpc_counts) / sizeof(u32))

/*
 * Listeners noted of one namespace; the rest are counted, not listed. So none
 * can use up much of the memory that its reader's cgroup does not pay for.
 */
#define TCPC_LISTENERS_MAX 32768

/*
 * Lines of listeners in a table of all namespaces together, of which each may have so
 * many at least, or an even share if there are more namespaces, but one. With the longest
 * names they are some 200 MiB, and no text may be longer than TCPC_TEXT_MAX: nobody is to
 * see nothing because others have too many.
 */
#define TCPC_LISTENERS_HOST 131072U
#define TCPC_LISTENERS_SURE 16U

/**
 * struct tcpc_census_net - what the census knows of one namespace
 * @id: as in struct tcpc_net
 * @inum: as in struct tcpc_net
 * @counts: the counters
 * @first: index of its first listener
 * @listeners: how many it has there
 * @listeners_missed: those that are not there, for want of memory or because
 *	they are more than TCPC_LISTENERS_MAX
 * @queues_missed: listeners with a long accept queue that could not be read,
 *	because somebody had the listener all the time
 * @port_low: first port of ip_local_port_range
 * @port_high: its last port
 * @ports: how many of them are not reserved
 */
struct tcpc_census_net {
	u64 id;
	unsigned int inum;
	struct tcpc_counts counts;
	u32 first;
	u32 listeners;
	u32 listeners_missed;
	u32 queues_missed;
	u32 port_low;
	u32 port_high;
	u32 ports;
};

/**
 * struct tcpc_census - what one walk found; immutable once taken
 * @ref: users
 * @depth: what was looked for; a full census alone has what begins with
 *	@nr_listeners, and the ports of struct tcpc_census_net
 * @start: CLOCK_MONOTONIC before the namespaces were taken and the walk began
 * @walk_ns: how long it took
 * @walk: how it went
 * @nr_nets: namespaces
 * @nets: by slot, ids ascending
 * @nr_listeners: listeners
 * @listeners: by slot, then port, family and address
 * @listeners_each: of a namespace so many are shown among those of all
 * @tally: the connections by endpoint
 * @closed_unreleased: allocated sockets of the host that are in no table and in
 *	no accept queue
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
	u32 listeners_each;
	struct tcpc_tally tally;
	u64 closed_unreleased;
};

/**
 * tcpc_census_listener_at() - is there a listener with this address?
 * @census: a full one, or one being taken whose listeners are known
 * @slot: its namespace
 * @family: its family, or AF_UNSPEC for either
 * @addr: its local address
 * @port: its local port
 * @cgroup: one of this cgroup, rather; or NULL
 *
 * Context: process, may sleep.
 * Return: one of them, or NULL.
 */
static inline const struct tcpc_listener *
tcpc_census_listener_at(const struct tcpc_census *census, u32 slot, u16 family,
			const struct in6_addr *addr, u16 port,
			const struct cgroup *cgroup)
{
	return tcpc_listeners_find(census->listeners, census->nr_listeners, slot,
				   family, addr, port, cgroup);
}

/**
 * tcpc_census_listed() - how many listeners of a namespace are shown
 * @census: a full one
 * @cn: its part of that
 * @all: among those of all namespaces
 *
 * Context: any.
 * Return: so many, the first of them.
 */
static inline u32 tcpc_census_listed(const struct tcpc_census *census,
				     const struct tcpc_census_net *cn, bool all)
{
	return all ? min(cn->listeners, census->listeners_each) : cn->listeners;
}

struct tcpc_census *tcpc_census_take(enum tcpc_depth depth);
void tcpc_census_put(struct tcpc_census *census);
const struct tcpc_census_net *tcpc_census_net(const struct tcpc_census *census,
					      u64 id);

#endif /* TCPC_CENSUS_H */
