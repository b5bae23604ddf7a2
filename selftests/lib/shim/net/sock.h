/* SPDX-License-Identifier: GPL-2.0 */
/* Nothing that is tried in user space looks into one. */
#ifndef SHIM_NET_SOCK_H
#define SHIM_NET_SOCK_H

#include <arpa/inet.h>

struct net;
struct sock;

#endif /* SHIM_NET_SOCK_H */
