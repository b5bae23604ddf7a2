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

static const struct in6_addr tcpc_accept_any4 = {
	.s6_addr32 = { 0, 0, cpu_to_be32(0xffff), 0 },
};

/* A connection was queued there: the depth now is this. Under RCU. */
static void tcpc_accept_count(struct tcpc_record *rec, u32 depth)
{
	u32 limit = READ_ONCE(rec->sk->sk_max_ack_backlog);

	atomic64_inc(&rec->queued);
	if (depth > limit) {
		if (tcpc_queue_rose(depth, limit, atomic_xchg(&rec->full, 1)))
			atomic_inc(&rec->filled);
	} else if (atomic_read(&rec->full)) {
		atomic_set(&rec->full, 0);
	}
}

/**
 * struct tcpc_accept - who queued a child?
 * @child: the child
 * @owner: its listener's record, as far as is known
 * @depth: of the queue of that
 * @sure: there is no doubt
 * @others: others might be
 */
struct tcpc_accept {
	const struct sock *child;
	struct tcpc_record *owner;
	u32 depth;
	bool sure;
	bool others;
};

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

	tcpc_record_see(rec, depth);
	if (a->sure)
		return;
	a->sure = tcpc_accept_tail(rec->sk, a->child);
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

/* Read the queues of all that listen at this address. Under RCU. */
static void tcpc_accept_see_at(struct tcpc_accept *a, const struct tcpc_net *tn,
			       const struct in6_addr *addr)
{
	struct tcpc_record *first, *rec;
	unsigned int i;

	first = tcpc_record_at(tn, a->child->sk_num, addr);
	if (!first)
		return;
	if (READ_ONCE(first->members) > TCPC_ACCEPT_GROUP &&
	    rcu_access_pointer(first->sk->sk_reuseport_cb)) {
		tcpc_accept_see_large(a, first);
		return;
	}
	rec = first;
	for (i = 0; i < TCPC_ACCEPT_GROUP; i++) {
		tcpc_accept_see(a, rec);
		rec = list_entry_rcu(rec->ring.next, struct tcpc_record, ring);
		if (rec == first)
			break;
	}
}

/* The addresses a child's listener may have. Under RCU. */
static void tcpc_accept_look(struct tcpc_accept *a, const struct tcpc_net *tn,
			     const struct in6_addr *addr)
{
	tcpc_accept_see_at(a, tn, addr);
	if (ipv6_addr_v4mapped(addr))
		tcpc_accept_see_at(a, tn, &tcpc_accept_any4);
	tcpc_accept_see_at(a, tn, &in6addr_any);
}

/* See to listeners at this address that had no port. Under RCU. */
static void tcpc_accept_settle(const struct tcpc_net *tn, const struct in6_addr *addr)
{
	struct tcpc_record *first, *rec, *next;
	unsigned int i;

	first = tcpc_record_at(tn, 0, addr);
	rec = first;
	for (i = 0; rec && i < TCPC_ACCEPT_GROUP; i++) {
		/* Before it is in another ring. */
		next = list_entry_rcu(rec->ring.next, struct tcpc_record, ring);
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
 * Context: softirq, or process with softirqs off; under RCU.
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
		tcpc_accept_settle(tn, &addr);
		tcpc_accept_settle(tn, &tcpc_accept_any4);
		tcpc_accept_settle(tn, &in6addr_any);
		tcpc_accept_look(&a, tn, &addr);
	}
	/*
	 * Joins of an MPTCP connection are not queued, and have its struct socket.
	 * Both ends of a simultaneous open have theirs.
	 */
	if (!a.sure && child->sk_socket && (!a.owner || sk_is_mptcp(child)))
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
	tcpc_accept_count(a.owner, a.depth);
}

