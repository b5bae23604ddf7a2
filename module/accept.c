// SPDX-License-Identifier: GPL-2.0
/*
 * Accept events: a connection is in an accept queue.
 *
 * The tracepoint names the connection, not the listener that has queued it, and
 * nothing in the connection does. Its listener is one of those with its port and
 * its address or a wildcard one, and the one at whose queue's end it stands.
 */

#include <linux/kernel.h>
#include <net/inet6_hashtables.h>
#include <net/inet_connection_sock.h>
#include <net/inet_hashtables.h>
#include <net/ipv6.h>
#include <net/mptcp.h>
#include <net/sock_reuseport.h>
#include <net/tcp.h>

#include "accept.h"
#include "conn.h"
#include "net.h"
#include "peak.h"
#include "record.h"

/*
 * Listeners of one address and port whose queues are read at an accept event. Of
 * a larger reuseport group it is the one the kernel's hash chooses and those after
 * it: so the event stays short, and as every connection begins at another place
 * all are read every now and then whoever chooses.
 */
#define TCPC_ACCEPT_GROUP 16

/* And how many are looked at, if most are bound to other devices. */
#define TCPC_ACCEPT_LOOK 64

/* Or are not known to have the port, because they listened without bind(). */
#define TCPC_ACCEPT_PORTLESS 256

static const struct in6_addr tcpc_accept_any4 = {
	.s6_addr32 = { 0, 0, cpu_to_be32(0xffff), 0 },
};

/**
 * struct tcpc_accept - who queued a child?
 * @child: the child
 * @owner: its listener's record, as far as is known
 * @depth: of the queue of that
 * @sure: there is no doubt
 * @others: others might be
 * @any_device: whatever device they are bound to
 */
struct tcpc_accept {
	const struct sock *child;
	struct tcpc_record *owner;
	u32 depth;
	bool sure;
	bool others;
	bool any_device;
};

/*
 * A child was queued. If it is not at the end of the queue any more, somebody else
 * was queued behind it, or nobody is there: then it is not what filled the queue.
 * Under RCU.
 */
static void tcpc_accept_count(const struct tcpc_accept *a)
{
	u32 limit = READ_ONCE(a->owner->sk->sk_max_ack_backlog);
	struct tcpc_record *rec = a->owner;

	atomic64_inc(&rec->queued);
	if (a->depth <= limit) {
		if (atomic_read(&rec->full))
			atomic_set(&rec->full, 0);
	} else if (a->sure &&
		   tcpc_queue_rose(a->depth, limit, atomic_xchg(&rec->full, 1))) {
		atomic64_inc(&rec->filled);
	}
}

/*
 * Is the child at the end of this queue? Whoever takes requests from a queue may
 * free them, but their memory stays that of request socks, also MPTCP's
 * (SLAB_TYPESAFE_BY_RCU), and pointers are only compared. Under RCU.
 */
static bool tcpc_accept_tail(const struct sock *listener, const struct sock *child)
{
	const struct request_sock *tail;

	tail = READ_ONCE(inet_csk(listener)->icsk_accept_queue.rskq_accept_tail);
	return tail && READ_ONCE(tail->sk) == child;
}

/* Read the queue of one that may be the child's listener. Under RCU. */
static void tcpc_accept_see(struct tcpc_accept *a, struct tcpc_record *rec)
{
	u32 depth = READ_ONCE(rec->sk->sk_ack_backlog);

	/* An empty queue has nothing to tell; in a group most may be. */
	if (depth)
		tcpc_record_see(rec, depth);
	if (a->sure)
		return;
	a->sure = depth && tcpc_accept_tail(rec->sk, a->child);
	a->others = a->owner;
	if (!a->owner || a->sure) {
		a->owner = rec;
		a->depth = depth;
	}
}

/*
 * What the kernel hashed to choose a member of the reuseport group that listens at
 * @addr: for a group on a wildcard address that is in the place of the child's own.
 */
static u32 tcpc_accept_hash(const struct sock *child, const struct in6_addr *addr)
{
	struct net *net = sock_net(child);

	if (!ipv6_addr_any(addr) && !ipv6_addr_equal(addr, &tcpc_accept_any4))
		return child->sk_hash;
#if IS_ENABLED(CONFIG_IPV6)
	if (child->sk_family == AF_INET6 && !ipv6_addr_v4mapped(&child->sk_v6_daddr))
		return inet6_ehashfn(net, &in6addr_any, child->sk_num,
				     &child->sk_v6_daddr, child->sk_dport);
#endif
	return inet_ehashfn(net, htonl(INADDR_ANY), child->sk_num, child->sk_daddr,
			    child->sk_dport);
}

/* A member of a reuseport group, counted from the one the hash chooses. Under RCU. */
static struct sock *tcpc_accept_pick(const struct sock_reuseport *reuse, u32 hash,
				     unsigned int offset)
{
	unsigned int i, nr;

	/* Members come and go; the memory is there for the array at its longest. */
	nr = reuse ? READ_ONCE(reuse->num_socks) : 0;
	if (offset >= nr)
		return NULL;
	i = reciprocal_scale(hash, nr) + offset;
	return READ_ONCE(reuse->socks[i < nr ? i : i - nr]);
}

/* Read queues of a large reuseport group. Under RCU. */
static void tcpc_accept_see_large(struct tcpc_accept *a, struct tcpc_record *first)
{
	const struct sock_reuseport *reuse;
	struct tcpc_record *rec;
	const struct sock *sk;
	unsigned int i;
	u32 hash;

	reuse = rcu_dereference(first->sk->sk_reuseport_cb);
	hash = tcpc_accept_hash(a->child, &first->addr);
	for (i = 0; i < TCPC_ACCEPT_GROUP; i++) {
		sk = tcpc_accept_pick(reuse, hash, i);
		if (!sk)
			return;
		/* One whose queue is empty has nothing to tell, but may be the owner. */
		if (i && !READ_ONCE(sk->sk_ack_backlog))
			continue;
		rec = tcpc_record_of(sk);
		if (rec)
			tcpc_accept_see(a, rec);
	}
}

/*
 * Can it have this child, as to the device it is bound to? Not if the child was
 * made with another; but see tcpc_accept_look(). Under RCU.
 */
static bool tcpc_accept_device(const struct tcpc_accept *a, const struct tcpc_record *rec)
{
	int ifindex = READ_ONCE(rec->sk->sk_bound_dev_if);

	return !ifindex || a->any_device || ifindex == a->child->sk_bound_dev_if;
}

/* Read the queues of all that listen at this address. Under RCU. */
static void tcpc_accept_see_at(struct tcpc_accept *a, const struct tcpc_net *tn,
			       const struct in6_addr *addr)
{
	unsigned int i, members, seen = 0;
	struct tcpc_record *first, *rec;

	first = tcpc_record_at(tn, a->child->sk_num, addr);
	if (!first)
		return;
	members = READ_ONCE(first->members);
	rec = first;
	for (i = 0; i < TCPC_ACCEPT_LOOK && seen < TCPC_ACCEPT_GROUP; i++) {
		if (tcpc_accept_device(a, rec)) {
			if (!seen++ && members > TCPC_ACCEPT_GROUP &&
			    rcu_access_pointer(rec->sk->sk_reuseport_cb)) {
				tcpc_accept_see_large(a, rec);
				return;
			}
			tcpc_accept_see(a, rec);
		}
		rec = list_entry_rcu(rec->ring.next, struct tcpc_record, ring);
		if (rec == first)
			break;
	}
}

/*
 * The addresses a child's listener may have. A child of an IPv6 link-local address
 * is bound to the device its peer is at, its listener perhaps to the VRF of that;
 * so if there is none of the right device, any. Under RCU.
 */
static void tcpc_accept_look(struct tcpc_accept *a, const struct tcpc_net *tn,
			     const struct in6_addr *addr)
{
	a->any_device = false;
	do {
		tcpc_accept_see_at(a, tn, addr);
		if (ipv6_addr_v4mapped(addr))
			tcpc_accept_see_at(a, tn, &tcpc_accept_any4);
		tcpc_accept_see_at(a, tn, &in6addr_any);
		a->any_device = !a->any_device;
	} while (!a->owner && a->any_device && a->child->sk_bound_dev_if);
}

/* See to listeners at this address that had no port, and have it now. Under RCU. */
static void tcpc_accept_settle(const struct tcpc_net *tn, const struct in6_addr *addr,
			       u16 port)
{
	struct tcpc_record *first, *rec, *next;
	unsigned int i;

	first = tcpc_record_at(tn, 0, addr);
	rec = first;
	for (i = 0; rec && i < TCPC_ACCEPT_PORTLESS; i++) {
		/* Before it is in another ring. */
		next = list_entry_rcu(rec->ring.next, struct tcpc_record, ring);
		if (READ_ONCE(rec->sk->sk_num) == port)
			tcpc_record_settle(rec);
		rec = next == first ? NULL : next;
	}
}

/**
 * tcpc_accept_event() - a connection is in an accept queue
 * @tn: its namespace
 * @child: the connection, which becomes ESTABLISHED; its lock is held
 *
 * Reads the depth of the queues it may be in, at most TCPC_ACCEPT_GROUP for each
 * of three addresses.
 *
 * Context: softirq, or process that has the child; under RCU.
 */
void tcpc_accept_event(struct tcpc_net *tn, const struct sock *child)
{
	struct tcpc_accept a = { .child = child };
	const struct sock *sk;
	struct tcpc_record *rec;
	struct in6_addr addr;

	tcpc_sock_local(child, &addr);
	tcpc_accept_look(&a, tn, &addr);
	if (!a.owner && READ_ONCE(tn->records.portless)) {
		tcpc_accept_settle(tn, &addr, child->sk_num);
		tcpc_accept_settle(tn, &tcpc_accept_any4, child->sk_num);
		tcpc_accept_settle(tn, &in6addr_any, child->sk_num);
		tcpc_accept_look(&a, tn, &addr);
	}
	/*
	 * Joins of an MPTCP connection are not queued, and look like others. An end of
	 * a simultaneous open is not either; it has a struct socket, which nobody can
	 * give to a child yet but by fast open, in whose SYN there was data.
	 */
	if (!a.sure && (sk_is_mptcp(child) ||
			(child->sk_socket && !tcp_sk(child)->syn_data_acked)))
		return;
	if (!a.owner) {
		atomic64_inc(&tn->records.unmatched);
		return;
	}
	if (!a.sure && a.others) {
		sk = tcpc_accept_pick(rcu_dereference(a.owner->sk->sk_reuseport_cb),
				      tcpc_accept_hash(child, &a.owner->addr), 0);
		rec = sk ? tcpc_record_of(sk) : NULL;
		if (rec) {
			a.owner = rec;
			a.depth = READ_ONCE(sk->sk_ack_backlog);
		}
	}
	tcpc_accept_count(&a);
}

