/* SPDX-License-Identifier: GPL-2.0 */
/* The network namespaces: what the module keeps for each, and sets of them. */
#ifndef TCPC_NET_H
#define TCPC_NET_H

#include <linux/hash.h>
#include <linux/list.h>
#include <linux/types.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "ended.h"
#include "proc.h"
#include "reaper.h"
#include "record.h"
#include "series.h"
#include "served.h"

struct tcpc_counters;
struct tcpc_totals;

/**
 * struct tcpc_net - what the module keeps for one network namespace
 * @net: the namespace; valid from .init to .exit
 * @id: a number no other namespace has or will have while the module is loaded
 * @inum: inode number of the namespace, as lsns shows it
 * @served: ports that have or had a listener
 * @counters: of state changes, per CPU; NULL without memory, without events, and
 *	when the namespace is being destroyed
 * @counters_gone: they are kept here then, to be freed
 * @records: of its listeners
 * @ended: and those that ended badly
 * @series: what has been shown of them in metrics
 * @reap: the reaper there
 * @node: in the list of namespaces; under its mutex
 * @dir: /proc/net/tcp_census, or NULL
 * @files: the files below it
 * @sockets: and the one that is a stream
 * @sysctl: the settings' files, or NULL
 * @fileless: some of them, or all, could not be made
 * @exiting: the namespace is being destroyed; no new files
 * @closing: module unload is removing @dir and @sysctl, and needs the namespace
 *
 * @served is noted by the walk and where listeners appear. From @node on all are
 * protected by the mutex of the list, once it is in there.
 */
struct tcpc_net {
	struct net *net;
	u64 id;
	unsigned int inum;
	struct tcpc_served served;
	struct tcpc_counters __percpu *counters;
	struct tcpc_counters __percpu *counters_gone;
	struct tcpc_records records;
	struct tcpc_ended_list ended;
	struct tcpc_series_set series;
	struct tcpc_reap reap;
	struct list_head node;
	struct proc_dir_entry *dir;
	struct tcpc_proc_file files[TCPC_PROC_FILES];
	struct tcpc_proc_file sockets;
	struct ctl_table_header *sysctl;
	bool fileless;
	bool exiting;
	bool closing;
};

/**
 * struct tcpc_netref - one namespace of a set
 * @net: the namespace
 * @id: as in struct tcpc_net
 * @inum: as in struct tcpc_net
 * @tn: what the module keeps for it
 */
struct tcpc_netref {
	struct net *net;
	u64 id;
	unsigned int inum;
	struct tcpc_net *tn;
};

/**
 * struct tcpc_netset - the namespaces there are at one moment
 * @nr: how many
 * @bits: log2 of the size of @hash
 * @refs: the namespaces by slot, ids ascending
 * @hash: open addressing from struct net pointer to slot
 * @srcu: keeps the namespaces, see tcpc_netset_get()
 *
 * A socket found in a hash table is attributed by comparing its namespace
 * pointer with those kept here, never by following it: TIME_WAIT sockets stay
 * in the tables after the last reference to their namespace is gone.
 */
struct tcpc_netset {
	unsigned int nr;
	unsigned int bits;
	struct tcpc_netref *refs;
	struct tcpc_netslot {
		const struct net *net;
		unsigned int slot;
	} *hash;
	int srcu;
};

/**
 * tcpc_netset_slot() - find a namespace in a set
 * @set: the set
 * @net: the namespace; only compared
 *
 * Context: any.
 * Return: its slot, or -1 when the set does not have it: it was created later,
 * or was already being destroyed.
 */
static inline int tcpc_netset_slot(const struct tcpc_netset *set,
				   const struct net *net)
{
	unsigned int i = hash_ptr((void *)net, set->bits);

	/*
	 * At most half full, so the loop ends. @net may be NULL: it comes from
	 * memory that may be in use for another socket by now.
	 */
	for (; set->hash[i].net; i = (i + 1) & ((1U << set->bits) - 1))
		if (set->hash[i].net == net)
			return set->hash[i].slot;
	return -1;
}

extern unsigned int tcpc_net_id;

/**
 * tcpc_net_of() - what the module keeps for a namespace
 * @net: it; a socket of it exists
 *
 * As net_generic(), which calls rcu_read_lock() and rcu_read_unlock() where those
 * are functions; this is done for each event.
 *
 * Context: any, under rcu_read_lock_sched(); after tcpc_net_init() and before
 * tcpc_net_exit().
 * Return: it, or NULL if the namespace is being created; the memory is there until
 * all subsystems have let go of @net.
 */
static inline struct tcpc_net *tcpc_net_of(const struct net *net)
{
	return rcu_dereference_sched(net->gen)->ptr[tcpc_net_id];
}

int tcpc_netset_get(struct tcpc_netset *set);
int tcpc_netset_get_totals(struct tcpc_netset *set, struct tcpc_totals *gone);
void tcpc_netset_put(struct tcpc_netset *set);

unsigned int tcpc_net_without_files(void);
gfp_t tcpc_net_gfp(void);

int tcpc_net_init(void);
int tcpc_net_open(void);
void tcpc_net_close(void);
void tcpc_net_exit(void);

#endif /* TCPC_NET_H */
