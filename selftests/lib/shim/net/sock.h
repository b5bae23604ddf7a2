/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_NET_SOCK_H
#define SHIM_NET_SOCK_H

#include <arpa/inet.h>
#include <linux/types.h>

struct cgroup;
struct net;

/* What cgroup.c and record_counts.c look at. */
struct sock {
	struct cgroup *sk_cgrp_data;
	u32 sk_drops;
};

static inline u32 sk_drops_read(const struct sock *sk)
{
	return sk->sk_drops;
}

static inline struct cgroup *sock_cgroup_ptr(struct cgroup *const *data)
{
	return *data;
}

#endif /* SHIM_NET_SOCK_H */
