/* SPDX-License-Identifier: GPL-2.0 */
/* A listening socket, as the walk found it. */
#ifndef TCPC_LISTENER_H
#define TCPC_LISTENER_H

#include <linux/in6.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include "record.h"

struct cgroup;
struct sock;
struct tcpc_served;

/**
 * struct tcpc_listener - a listening socket
 * @sk: with a reference while its queue is still to be read; then NULL
 * @ptr: the socket, which may be gone: only to be compared
 * @slot: of its namespace
 * @addr: local address; IPv4 as a v4-mapped one if @family is AF_INET
 * @ifindex: the interface it is bound to, or 0
 * @port: local port, host order
 * @family: AF_INET or AF_INET6
 * @reuseport: SO_REUSEPORT is on
 * @uid: its owner
 * @inode: of the listening socket, 0 if it has none
 * @cgroup: with a reference; NULL if unknown
 * @depth: connections in the accept queue
 * @limit: the accept queue is full when @depth is greater
 * @peaks: what its record says; zeroes if it has none
 * @drops: SYNs and final ACKs it refused
 * @syn_queue: connections in the SYN queue
 * @unaccepted_close_wait: connections in the accept queue whose peer has closed
 * @unaccepted_reset: and those whose peer has reset them
 * @oldest_wait_ms: since the SYNACK of the one at the queue's head
 */
struct tcpc_listener {
	struct sock *sk;
	const struct sock *ptr;
	u32 slot;
	struct in6_addr addr;
	int ifindex;
	u16 port;
	u16 family;
	u32 reuseport;
	kuid_t uid;
	u64 inode;
	struct cgroup *cgroup;
	u32 depth;
	u32 limit;
	struct tcpc_peaks peaks;
	u32 drops;
	u32 syn_queue;
	u32 unaccepted_close_wait;
	u32 unaccepted_reset;
	u64 oldest_wait_ms;
};

unsigned int tcpc_listener_kinds(const struct sock *sk);
bool tcpc_listener_serve(struct tcpc_served *served, const struct sock *sk);
void tcpc_listener_note(struct tcpc_listener *l, struct sock *sk,
			unsigned int slot);
int tcpc_listener_queue(struct tcpc_listener *l);
void tcpc_listener_release(struct tcpc_listener *l);

void tcpc_listeners_sort(struct tcpc_listener *l, unsigned int nr);
const struct tcpc_listener *
tcpc_listeners_find(const struct tcpc_listener *l, unsigned int nr, u32 slot,
		    u16 family, const struct in6_addr *addr, u16 port,
		    const struct cgroup *cgroup);

#endif /* TCPC_LISTENER_H */
