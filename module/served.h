/* SPDX-License-Identifier: GPL-2.0 */
/* The served ports of a namespace: those that have or had a listener. */
#ifndef TCPC_SERVED_H
#define TCPC_SERVED_H

#include <linux/bits.h>
#include <linux/types.h>

/*
 * What listeners a port has had since the module was loaded, or since no socket
 * was bound to it; but TCPC_SERVED_KERNEL is of the one that was seen last.
 */
#define TCPC_SERVED_ANY4 BIT(0) /* an IPv4 socket on the wildcard address */
#define TCPC_SERVED_ANY6 BIT(1) /* an IPv6 socket on the wildcard address */
#define TCPC_SERVED_ONE BIT(2) /* on one address */
#define TCPC_SERVED_KERNEL BIT(3) /* the kernel's own */
#define TCPC_SERVED_ANY46 BIT(4) /* an IPv6 one on the v4-mapped wildcard */
#define TCPC_SERVED_BITS 5

#define TCPC_SERVED_CHUNK 1024
#define TCPC_SERVED_CHUNKS (65536 / TCPC_SERVED_CHUNK)

struct tcpc_served_chunk;

/**
 * struct tcpc_served - the served ports of a namespace
 * @chunk: ports 0 to 1023, 1024 to 2047, ...; NULL where none is served. Set
 *	once; the bits in it change atomically.
 */
struct tcpc_served {
	struct tcpc_served_chunk *chunk[TCPC_SERVED_CHUNKS];
};

unsigned int tcpc_served_get(const struct tcpc_served *served, u16 port);
bool tcpc_served_note(struct tcpc_served *served, u16 port, unsigned int kinds);
bool tcpc_served_room(struct tcpc_served *served, u16 port);
bool tcpc_served_room_now(struct tcpc_served *served, u16 port);
void tcpc_served_keep(struct tcpc_served *served, u16 port);
void tcpc_served_sweep(struct tcpc_served *served);
void tcpc_served_free(struct tcpc_served *served);

#endif /* TCPC_SERVED_H */
