/* SPDX-License-Identifier: GPL-2.0 */
/* Gathering: what is known of a census while its walks are under way. */
#ifndef TCPC_GATHER_H
#define TCPC_GATHER_H

#include <linux/stddef.h>
#include <linux/types.h>

#include "census.h"
#include "conn.h"
#include "net.h"

/**
 * struct tcpc_gather - a census being taken
 * @c: the census
 * @full: it is a full one
 * @nets: the namespaces
 * @ports: of each of them
 * @total: a struct tcpc_counts per namespace, as an array of u32: the counters
 *	of committed buckets. One more is for sockets of namespaces not known.
 * @pending: the same for the bucket at hand
 * @touched: indices of @pending that are not zero
 * @nr_touched: how many
 * @committed: listeners of committed buckets
 * @nr_listeners: and those of the bucket at hand behind them
 * @cap: room for listeners
 * @wanted: more room for listeners
 * @starved: there was no memory for it
 * @conns: connections that are yet to be tallied
 * @committed_conns: of committed buckets
 * @nr_conns: and those of the bucket at hand behind them
 * @cap_conns: room for them
 * @conns_wanted: more room for connections
 * @conns_starved: there was no memory for it
 * @unserved: a listener for whose port there is no room to note it
 */
struct tcpc_gather {
	struct tcpc_census *c;
	bool full;
	struct tcpc_netset nets;
	struct tcpc_local_ports *ports;
	u32 *total;
	u32 *pending;
	u32 *touched;
	unsigned int nr_touched;
	unsigned int committed;
	unsigned int nr_listeners;
	unsigned int cap;
	bool wanted;
	bool starved;
	struct tcpc_conn *conns;
	unsigned int committed_conns;
	unsigned int nr_conns;
	unsigned int cap_conns;
	bool conns_wanted;
	bool conns_starved;
	struct {
		bool wanted;
		bool refused; /* no memory; not asked for again */
		unsigned int slot;
		u16 port;
	} unserved;
};

/* The place of a counter in struct tcpc_counts, as an array of u32. */
#define TCPC_COUNTER(member) (offsetof(struct tcpc_counts, member) / sizeof(u32))

int tcpc_gather_begin(struct tcpc_gather *g);
void tcpc_gather_listeners(struct tcpc_gather *g);
void tcpc_gather_conns(struct tcpc_gather *g);
void tcpc_gather_end(struct tcpc_gather *g);

#endif /* TCPC_GATHER_H */
