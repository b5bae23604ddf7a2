/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_NET_NETNS_GENERIC_H
#define SHIM_NET_NETNS_GENERIC_H

#include <net/net_namespace.h>

#endif /* SHIM_NET_NETNS_GENERIC_H */
