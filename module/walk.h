/* SPDX-License-Identifier: GPL-2.0 */
/* The walks over the kernel's TCP tables. Nobody else touches them. */
#ifndef TCPC_WALK_H
#define TCPC_WALK_H

#include <linux/types.h>
#include <net/sock.h>

#include "net.h"

/**
 * struct tcpc_visitor - what is done with the entries of the tables
 * @conn: an entry of an established table: a full socket, a request sock or a
 *	timewait sock, so nothing beyond struct sock_common may be read before
 *	its state. Objects are SLAB_TYPESAFE_BY_RCU: it may be freed and be
 *	another connection the moment after.
 * @ahead: what probably is an entry that @conn will be shown soon: have the processor
 *	fetch what @conn will read of it. Nothing but its state may be read here: it may
 *	be of any kind and any table, and in use for another connection already. May be
 *	NULL.
 * @listener: an entry of the listening table, whose lock is held; its state may
 *	have ceased to be TCP_LISTEN
 * @bound: a local port of a namespace that sockets are bound to
 * @commit: the bucket was seen whole: its entries count. Returns true to go on
 *	to the next bucket, false to end the walk here.
 * @discard: the bucket will be seen again: forget its entries
 * @grow: make room; after @conn or @listener returned -ENOSPC
 * @rest: time for what has to be done outside the RCU section with the entries
 *	of buckets that were committed; after some hundred entries each. May be
 *	NULL. Returns true to go on, false to end the walk here.
 *
 * All but @discard, @grow and @rest run under RCU, perhaps with the bucket's lock held
 * and softirqs off: they must not sleep, and take a short and bounded time. @conn and
 * @listener return 0, or -ENOSPC for the bucket to be discarded, @grow called in
 * process context, and the bucket seen again; after @grow they must not ask
 * again for the same entry without end.
 */
struct tcpc_visitor {
	int (*conn)(void *ctx, struct sock *sk);
	void (*ahead)(const struct sock *sk);
	int (*listener)(void *ctx, struct sock *sk);
	void (*bound)(void *ctx, const struct net *net, u16 port);
	bool (*commit)(void *ctx);
	void (*discard)(void *ctx);
	void (*grow)(void *ctx);
	bool (*rest)(void *ctx);
};

/**
 * struct tcpc_walk_stats - how a walk went
 * @restarts: buckets begun anew because an entry moved away under the walk
 * @locked: buckets that moved three times and were then seen under their lock
 */
struct tcpc_walk_stats {
	u64 restarts;
	u64 locked;
};

/**
 * struct tcpc_cursor - a place in the established table of one namespace
 * @bucket: the bucket to see next, counted down to 0
 * @end: there is none
 *
 * The number of buckets of a table never changes.
 */
struct tcpc_cursor {
	unsigned int bucket;
	bool end;
};

void tcpc_walk_listeners(const struct tcpc_visitor *v, void *ctx,
			 struct tcpc_walk_stats *stats);
void tcpc_walk_conns(const struct tcpc_netset *nets, const struct tcpc_visitor *v,
		     void *ctx, struct tcpc_walk_stats *stats);
void tcpc_walk_bound(const struct tcpc_visitor *v, void *ctx);

void tcpc_cursor_begin(struct tcpc_cursor *cursor, const struct net *net);
void tcpc_walk_from(struct tcpc_cursor *cursor, const struct net *net,
		    const struct tcpc_visitor *v, void *ctx,
		    struct tcpc_walk_stats *stats);

#endif /* TCPC_WALK_H */
