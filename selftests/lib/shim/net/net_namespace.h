/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_NET_NET_NAMESPACE_H
#define SHIM_NET_NET_NAMESPACE_H

#include <stdbool.h>

struct net_generic {
	void **ptr;
};

struct net {
	struct net_generic *gen;
};

extern struct net init_net;

static inline bool net_eq(const struct net *a, const struct net *b)
{
	return a == b;
}

#endif /* SHIM_NET_NET_NAMESPACE_H */
