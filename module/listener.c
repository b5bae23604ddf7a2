// SPDX-License-Identifier: GPL-2.0
/* A listening socket, as the walk found it. */

#include <linux/bsearch.h>
#include <linux/sort.h>
#include <net/inet_connection_sock.h>
#include <net/ipv6.h>
#include <net/mptcp.h>
#include <net/tcp.h>

#include "cgroup.h"
#include "compat.h"
#include "conn.h"
#include "listener.h"
#include "queue.h"
#include "resched.h"
#include "served.h"

/*
 * Is it the kernel's own? MPTCP makes a TCP socket below an application's that
 * looks so, but is in the application's struct socket. Under RCU.
 */
static bool tcpc_listener_kernel(const struct sock *sk)
{
	/* data_race(): a bit that does not change, beside others that do. */
	bool kernel = data_race(!!sk->sk_kern_sock);
	const struct socket *sock;
	const struct sock *owner;

	if (!kernel || !sk_is_mptcp(sk))
		return kernel;
	sock = READ_ONCE(sk->sk_socket);
	owner = sock ? READ_ONCE(sock->sk) : NULL;
	/*
	 * Older kernels have it in a struct socket of its own, which does not tell.
	 * Sockets of MPTCP too are SLAB_TYPESAFE_BY_RCU. data_race(): as above.
	 */
	return owner && owner != sk && data_race(!!owner->sk_kern_sock);
}

/**
 * tcpc_listener_kinds() - what kind of listener its port has
 * @sk: a listening socket
 *
 * Context: under RCU; its owner, or with the lock of its bucket in the listening
 * table.
 * Return: TCPC_SERVED_* bits.
 */
unsigned int tcpc_listener_kinds(const struct sock *sk)
{
	unsigned int kinds = TCPC_SERVED_ONE;
	struct in6_addr addr;

	tcpc_sock_local(sk, &addr);
	if (ipv6_addr_any(&addr))
		kinds = TCPC_SERVED_ANY6;
	else if (ipv6_addr_v4mapped(&addr) && !addr.s6_addr32[3])
		kinds = sk->sk_family == AF_INET ? TCPC_SERVED_ANY4 :
						   TCPC_SERVED_ANY46;
	return tcpc_listener_kernel(sk) ? kinds | TCPC_SERVED_KERNEL : kinds;
}

/**
 * tcpc_listener_serve() - the port of a listener is served
 * @served: the ports of its namespace
 * @sk: the listener, which has a port
 *
 * Context: as tcpc_listener_kinds(); does not sleep.
 * Return: false if there is no room.
 */
bool tcpc_listener_serve(struct tcpc_served *served, const struct sock *sk)
{
	u16 port = READ_ONCE(sk->sk_num);

	return tcpc_served_room_now(served, port) &&
	       tcpc_served_note(served, port, tcpc_listener_kinds(sk));
}

/**
 * tcpc_listener_note() - read a listening socket
 * @l: filled; to be let go with tcpc_listener_release()
 * @sk: the socket
 * @slot: of its namespace
 *
 * Sockets get SOCK_RCU_FREE before they enter the listening table, so that this
 * one outlives the RCU section without a reference.
 *
 * Context: under RCU and the lock of its bucket in the listening table.
 */
void tcpc_listener_note(struct tcpc_listener *l, struct sock *sk,
			unsigned int slot)
{
	memset(l, 0, sizeof(*l));
	l->ptr = sk;
	l->slot = slot;
	l->family = sk->sk_family;
	l->port = sk->sk_num;
	l->ifindex = READ_ONCE(sk->sk_bound_dev_if);
	tcpc_sock_local(sk, &l->addr);
	/* data_race(): it is in a byte with SO_REUSEADDR. */
	l->reuseport = data_race(!!sk->sk_reuseport);
	l->uid = sk_uid(sk);
	l->inode = tcpc_sock_inode(sk);
	l->cgroup = tcpc_cgroup_get(sk);
	l->depth = READ_ONCE(sk->sk_ack_backlog);
	l->limit = READ_ONCE(sk->sk_max_ack_backlog);
	tcpc_record_read(&l->peaks, sk, l->depth);
	l->drops = sk_drops_read(sk);
	l->syn_queue = inet_csk_reqsk_queue_len(sk);
	if (l->depth && refcount_inc_not_zero(&sk->sk_refcnt))
		l->sk = sk;
}

/**
 * tcpc_listener_queue() - read the accept queue of a noted listener
 * @l: the listener; unless the queue was busy its @sk is put
 *
 * Context: process, may sleep.
 * Return: 0, or -EBUSY: try again later.
 */
int tcpc_listener_queue(struct tcpc_listener *l)
{
	struct tcpc_queue queue;
	int err;

	if (!l->sk)
		return 0;
	err = tcpc_queue_read(&queue, l->sk);
	if (err == -EBUSY)
		return err;
	if (!err) {
		/* It may be deeper than when it was noted. */
		rcu_read_lock();
		tcpc_record_read(&l->peaks, l->sk, queue.depth);
		rcu_read_unlock();
	}
	sock_put(l->sk);
	l->sk = NULL;
	if (err)
		return 0; /* closed since: it stays as it was noted */
	l->depth = queue.depth;
	l->unaccepted_close_wait = queue.close_wait;
	l->unaccepted_reset = queue.reset;
	l->oldest_wait_ms = queue.oldest_wait_ms;
	return 0;
}

/**
 * tcpc_listener_release() - let go of what a listener holds
 * @l: from tcpc_listener_note()
 *
 * Context: any but hard interrupt.
 */
void tcpc_listener_release(struct tcpc_listener *l)
{
	tcpc_cgroup_put(l->cgroup);
	if (l->sk)
		sock_put(l->sk);
}

/* Process context. */
static int tcpc_listener_cmp(const void *pa, const void *pb)
{
	const struct tcpc_listener *a = pa, *b = pb;

	/* sort() itself never lets go of the CPU. */
	tcpc_resched();
	if (a->slot != b->slot)
		return a->slot < b->slot ? -1 : 1;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	if (a->family != b->family)
		return a->family == AF_INET ? -1 : 1;
	return memcmp(&a->addr, &b->addr, sizeof(a->addr));
}

/**
 * tcpc_listeners_sort() - put listeners in order
 * @l: the listeners
 * @nr: how many
 *
 * By namespace, port, family and address.
 *
 * Context: process, may sleep.
 */
void tcpc_listeners_sort(struct tcpc_listener *l, unsigned int nr)
{
	sort(l, nr, sizeof(*l), tcpc_listener_cmp, NULL);
}

/* How far to look in a reuseport group for one of the right cgroup. */
#define TCPC_LISTENERS_LOOK 256

/* Of those with the same address, as in a reuseport group, one of this cgroup. */
static const struct tcpc_listener *
tcpc_listeners_prefer(const struct tcpc_listener *l, unsigned int nr,
		      const struct tcpc_listener *found, const struct cgroup *cgroup)
{
	const struct tcpc_listener *p;

	for (p = found; p >= l && found - p < TCPC_LISTENERS_LOOK &&
	     !tcpc_listener_cmp(p, found); p--)
		if (p->cgroup == cgroup)
			return p;
	for (p = found; p < l + nr && p - found < TCPC_LISTENERS_LOOK &&
	     !tcpc_listener_cmp(p, found); p++)
		if (p->cgroup == cgroup)
			return p;
	return found;
}

/**
 * tcpc_listeners_find() - is there a listener with this address?
 * @l: listeners in order
 * @nr: how many
 * @slot: its namespace
 * @family: its family, or AF_UNSPEC for either
 * @addr: its local address
 * @port: its local port
 * @cgroup: one of this cgroup, rather; or NULL
 *
 * Context: process, may sleep.
 * Return: one of them, or NULL.
 */
const struct tcpc_listener *
tcpc_listeners_find(const struct tcpc_listener *l, unsigned int nr, u32 slot,
		    u16 family, const struct in6_addr *addr, u16 port,
		    const struct cgroup *cgroup)
{
	const struct tcpc_listener *found;
	struct tcpc_listener key = {
		.slot = slot,
		.family = family == AF_UNSPEC ? AF_INET : family,
		.addr = *addr,
		.port = port,
	};

	found = bsearch(&key, l, nr, sizeof(*l), tcpc_listener_cmp);
	if (!found && family == AF_UNSPEC) {
		key.family = AF_INET6;
		found = bsearch(&key, l, nr, sizeof(*l), tcpc_listener_cmp);
	}
	return found && cgroup ? tcpc_listeners_prefer(l, nr, found, cgroup) : found;
}
