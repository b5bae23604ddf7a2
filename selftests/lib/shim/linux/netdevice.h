/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_NETDEVICE_H
#define SHIM_LINUX_NETDEVICE_H

#include <linux/rcupdate.h>
#include <linux/string.h>
#include <net/net_namespace.h>

#define IFNAMSIZ 16

struct net_device {
	char name[IFNAMSIZ];
};

/* In the test: whatever interfaces it has. */
struct net_device *dev_get_by_index_rcu(struct net *net, int ifindex);

#endif /* SHIM_LINUX_NETDEVICE_H */
