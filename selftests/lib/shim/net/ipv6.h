/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_NET_IPV6_H
#define SHIM_NET_IPV6_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

static inline bool ipv6_addr_equal(const struct in6_addr *a, const struct in6_addr *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static inline bool ipv6_addr_v4mapped(const struct in6_addr *addr)
{
	return IN6_IS_ADDR_V4MAPPED(addr);
}

static inline void ipv6_addr_set_v4mapped(in_addr_t v4, struct in6_addr *to)
{
	memset(to, 0, sizeof(*to));
	to->s6_addr32[2] = htonl(0xffff);
	to->s6_addr32[3] = v4;
}

#endif /* SHIM_NET_IPV6_H */
