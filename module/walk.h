/* SPDX-License-Identifier: GPL-2.0 */
/* The walk over the kernel's TCP tables. Nobody else touches them. */
#ifndef TCPC_WALK_H
#define TCPC_WALK_H

#include <linux/types.h>
#include <net/sock.h>

#include "net.h"

/**
 * struct tcpc_visitor - what is done with the entries of the tables
 * @ehash: an entry of an established table: a full socket, a request sock or a
 *	timewait sock, so nothing beyond struct sock_common may be read before
 *	its state. Objects are SLAB_TYPESAFE_BY_RCU: it may be freed and be
 *	another connection the moment after.
 * @listener: an entry of the listening table, whose lock is held; its state may
 *	have ceased to be TCP_LISTEN
 * @commit: the bucket was seen whole: its entries count
 * @discard: the bucket will be seen again: forget its entries
 * @grow: make room; after @ehash or @listener returned -ENOSPC
 *
 * @ehash, @listener, @commit and @discard run under RCU, perhaps with the
 * bucket's lock held and softirqs off: they must not sleep, and take a short
 * and bounded time. @ehash and @listener return 0, or -ENOSPC for the bucket
 * to be discarded, @grow called in process context, and the bucket seen again;
 * after @grow they must not ask again for the same entry without end.
 */
struct tcpc_visitor {
	int (*ehash)(void *ctx, struct sock *sk);
	int (*listener)(void *ctx, struct sock *sk);
	void (*commit)(void *ctx);
	void (*discard)(void *ctx);
	void (*grow)(void *ctx);
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

void tcpc_walk(const struct tcpc_netset *nets, const struct tcpc_visitor *v,
	       void *ctx, struct tcpc_walk_stats *stats);

#endif /* TCPC_WALK_H */
