// SPDX-License-Identifier: GPL-2.0
/* The census: a visitor that counts sockets and notes listeners. */

#include <linux/bsearch.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <net/inet_connection_sock.h>
#include <net/inet_timewait_sock.h>
#include <net/tcp.h>

#include "census.h"
#include "cgroup.h"
#include "compat.h"

/**
 * struct tcpc_census_walk - a census being taken
 * @c: the census
 * @nets: the namespaces
 * @total: a struct tcpc_counts per namespace, as an array of u32: the counters
 *	of committed buckets
 * @pending: the same for the bucket at hand
 * @touched: indices of @pending that are not zero
 * @nr_touched: how many
 * @committed: listeners of committed buckets
 * @nr_listeners: and those of the bucket at hand behind them
 * @cap: room for listeners
 * @starved: there was no memory for more room
 */
struct tcpc_census_walk {
	struct tcpc_census *c;
	struct tcpc_netset nets;
	u32 *total;
	u32 *pending;
	u32 *touched;
	unsigned int nr_touched;
	unsigned int committed;
	unsigned int nr_listeners;
	unsigned int cap;
	bool starved;
};

/* Under RCU. Each counter is entered in touched once, so that cannot overflow. */
static void tcpc_census_count(struct tcpc_census_walk *w, unsigned int slot,
			      unsigned int counter)
{
	unsigned int i = slot * TCPC_COUNTS + counter;

	if (!w->pending[i]++)
		w->touched[w->nr_touched++] = i;
}

static unsigned int tcpc_counter_state(unsigned int state, unsigned int family)
{
	return offsetof(struct tcpc_counts, state) / sizeof(u32) +
	       state * TCPC_FAMILIES +
	       (family == AF_INET6 ? TCPC_IPV6 : TCPC_IPV4);
}

/* Under RCU, perhaps with the bucket's lock. */
static int tcpc_census_ehash(void *ctx, struct sock *sk)
{
	struct tcpc_census_walk *w = ctx;
	unsigned int state = READ_ONCE(sk->sk_state);
	int slot = tcpc_netset_slot(&w->nets, sock_net(sk));

	if (slot < 0)
		return 0;

	switch (state) {
	case TCP_TIME_WAIT:
		/* A FIN_WAIT2 orphan is kept as a timewait sock too. */
		state = READ_ONCE(inet_twsk(sk)->tw_substate);
		break;
	case TCP_NEW_SYN_RECV:
		state = TCP_SYN_RECV;
		break;
	default:
		if (sock_flag(sk, SOCK_DEAD))
			tcpc_census_count(w, slot,
					  offsetof(struct tcpc_counts, orphans) /
						  sizeof(u32));
	}
	if (state && state < TCPC_STATES)
		tcpc_census_count(w, slot,
				  tcpc_counter_state(state, sk->sk_family));
	return 0;
}

/*
 * Under RCU. close() detaches the struct socket under this lock before its inode
 * goes; MPTCP does without the lock, but inodes of sockets are freed by RCU. Not
 * sock_i_ino(), which on some kernels from 6.18 on (5d6b58c932ec "net: lockless
 * sock_i_ino()") names no process for the subflow of an MPTCP listener.
 */
static u64 tcpc_sock_inode(struct sock *sk)
{
	struct socket *sock;
	u64 inode = 0;

	read_lock_bh(&sk->sk_callback_lock);
	sock = READ_ONCE(sk->sk_socket);
	if (sock)
		inode = SOCK_INODE(sock)->i_ino;
	read_unlock_bh(&sk->sk_callback_lock);
	return inode;
}

/*
 * Under RCU. Sockets get SOCK_RCU_FREE before they enter the listening table,
 * so that this one outlives the section without a reference.
 */
static void tcpc_listener_note(struct tcpc_listener *l, struct sock *sk,
			       unsigned int slot)
{
	l->slot = slot;
	l->family = sk->sk_family;
	l->port = sk->sk_num;
	l->ifindex = READ_ONCE(sk->sk_bound_dev_if);
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6)
		l->addr = sk->sk_v6_rcv_saddr;
	else
#endif
		ipv6_addr_set_v4mapped(sk->sk_rcv_saddr, &l->addr);
	l->uid = sk_uid(sk);
	l->inode = tcpc_sock_inode(sk);
	l->cgroup = tcpc_cgroup_get(sk);
	l->depth = READ_ONCE(sk->sk_ack_backlog);
	l->limit = READ_ONCE(sk->sk_max_ack_backlog);
	l->drops = sk_drops_read(sk);
	l->syn_queue = inet_csk_reqsk_queue_len(sk);
}

/* Listeners of a namespace so far, in buckets not yet committed too. */
static u32 tcpc_census_listening(const struct tcpc_census_walk *w,
				 unsigned int slot)
{
	unsigned int i = slot * TCPC_COUNTS;

	return w->total[i + tcpc_counter_state(TCP_LISTEN, AF_INET)] +
	       w->total[i + tcpc_counter_state(TCP_LISTEN, AF_INET6)] +
	       w->pending[i + tcpc_counter_state(TCP_LISTEN, AF_INET)] +
	       w->pending[i + tcpc_counter_state(TCP_LISTEN, AF_INET6)];
}

/* Under RCU and the bucket's lock. */
static int tcpc_census_listener(void *ctx, struct sock *sk)
{
	struct tcpc_census_walk *w = ctx;
	int slot;

	/* On its way out. */
	if (inet_sk_state_load(sk) != TCP_LISTEN)
		return 0;
	slot = tcpc_netset_slot(&w->nets, sock_net(sk));
	if (slot < 0)
		return 0;

	if (w->c->depth == TCPC_DEPTH_FULL &&
	    tcpc_census_listening(w, slot) < TCPC_LISTENERS_MAX) {
		if (w->nr_listeners == w->cap && !w->starved)
			return -ENOSPC;
		if (w->nr_listeners < w->cap)
			tcpc_listener_note(&w->c->listeners[w->nr_listeners++],
					   sk, slot);
	}
	tcpc_census_count(w, slot, tcpc_counter_state(TCP_LISTEN, sk->sk_family));
	return 0;
}

/* Under RCU. */
static void tcpc_census_commit(void *ctx)
{
	struct tcpc_census_walk *w = ctx;
	unsigned int i;

	while (w->nr_touched) {
		i = w->touched[--w->nr_touched];
		w->total[i] += w->pending[i];
		w->pending[i] = 0;
	}
	w->committed = w->nr_listeners;
}

/* Under RCU. */
static void tcpc_census_discard(void *ctx)
{
	struct tcpc_census_walk *w = ctx;

	while (w->nr_touched)
		w->pending[w->touched[--w->nr_touched]] = 0;
	while (w->nr_listeners > w->committed)
		tcpc_cgroup_put(w->c->listeners[--w->nr_listeners].cgroup);
}

/*
 * Process context. Without memory for more, the listeners there is no room for
 * are still counted, and stat says how many rows are missing.
 */
static void tcpc_census_grow(void *ctx)
{
	struct tcpc_census_walk *w = ctx;
	unsigned int cap = w->cap ? 2 * w->cap : 64;
	struct tcpc_listener *rows;

	rows = kvmalloc_array(cap, sizeof(*rows), GFP_KERNEL);
	if (!rows) {
		w->starved = true;
		return;
	}
	if (w->nr_listeners)
		memcpy(rows, w->c->listeners, w->nr_listeners * sizeof(*rows));
	kvfree(w->c->listeners);
	w->c->listeners = rows;
	w->cap = cap;
}

static const struct tcpc_visitor tcpc_census_visitor = {
	.ehash = tcpc_census_ehash,
	.listener = tcpc_census_listener,
	.commit = tcpc_census_commit,
	.discard = tcpc_census_discard,
	.grow = tcpc_census_grow,
};

/* Process context. */
static int tcpc_listener_cmp(const void *pa, const void *pb)
{
	const struct tcpc_listener *a = pa, *b = pb;

	/* sort() itself never lets go of the CPU. */
	cond_resched();
	if (a->slot != b->slot)
		return a->slot < b->slot ? -1 : 1;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	if (a->family != b->family)
		return a->family == AF_INET ? -1 : 1;
	return memcmp(&a->addr, &b->addr, sizeof(a->addr));
}

/* Put the listeners in order, and find each namespace's. Process context. */
static void tcpc_census_sort(struct tcpc_census *c)
{
	struct tcpc_census_net *cn;
	unsigned int i;

	sort(c->listeners, c->nr_listeners, sizeof(*c->listeners),
	     tcpc_listener_cmp, NULL);
	for (i = 0; i < c->nr_listeners; i++) {
		cn = &c->nets[c->listeners[i].slot];
		if (!cn->listeners++)
			cn->first = i;
	}
	for (i = 0; i < c->nr_nets; i++) {
		cn = &c->nets[i];
		cn->listeners_missed = cn->counts.state[TCP_LISTEN][TCPC_IPV4] +
				       cn->counts.state[TCP_LISTEN][TCPC_IPV6] -
				       cn->listeners;
	}
}

static int tcpc_census_walk(struct tcpc_census *c, struct tcpc_census_walk *w)
{
	size_t n = w->nets.nr * TCPC_COUNTS;
	ktime_t start;
	unsigned int i;

	BUILD_BUG_ON(sizeof(struct tcpc_counts) % sizeof(u32));

	c->nr_nets = w->nets.nr;
	c->nets = kvcalloc(c->nr_nets, sizeof(*c->nets), GFP_KERNEL);
	w->total = kvcalloc(n, sizeof(u32), GFP_KERNEL);
	w->pending = kvcalloc(n, sizeof(u32), GFP_KERNEL);
	w->touched = kvmalloc_array(n, sizeof(u32), GFP_KERNEL);
	if (!c->nets || !w->total || !w->pending || !w->touched)
		return -ENOMEM;

	start = ktime_get();
	tcpc_walk(&w->nets, &tcpc_census_visitor, w, &c->walk);
	c->walk_ns = ktime_to_ns(ktime_sub(ktime_get(), start));

	c->nr_listeners = w->committed;
	for (i = 0; i < c->nr_nets; i++) {
		c->nets[i].id = w->nets.refs[i].id;
		c->nets[i].inum = w->nets.refs[i].inum;
		memcpy(&c->nets[i].counts, w->total + i * TCPC_COUNTS,
		       sizeof(c->nets[i].counts));
	}
	return 0;
}

/**
 * tcpc_census_take() - walk the tables and count
 * @depth: what to look for
 *
 * Context: process, may sleep.
 * Return: a census with one reference, or ERR_PTR(-ENOMEM).
 */
struct tcpc_census *tcpc_census_take(enum tcpc_depth depth)
{
	struct tcpc_census_walk w = {};
	struct tcpc_census *c;
	int err;

	c = kzalloc(sizeof(*c), GFP_KERNEL);
	if (!c)
		return ERR_PTR(-ENOMEM);
	refcount_set(&c->ref, 1);
	c->depth = depth;
	/* Before the namespaces are taken: one there by now will be among them. */
	c->start = ktime_get();

	w.c = c;
	err = tcpc_netset_get(&w.nets);
	if (!err)
		err = tcpc_census_walk(c, &w);
	tcpc_netset_put(&w.nets);
	kvfree(w.total);
	kvfree(w.pending);
	kvfree(w.touched);
	if (err) {
		tcpc_census_put(c);
		return ERR_PTR(err);
	}
	if (depth == TCPC_DEPTH_FULL)
		tcpc_census_sort(c);
	return c;
}

/**
 * tcpc_census_put() - let go of a census
 * @census: it, or NULL
 *
 * Context: process, may sleep.
 */
void tcpc_census_put(struct tcpc_census *census)
{
	unsigned int i;

	if (!census || !refcount_dec_and_test(&census->ref))
		return;
	for (i = 0; i < census->nr_listeners; i++)
		tcpc_cgroup_put(census->listeners[i].cgroup);
	kvfree(census->listeners);
	kvfree(census->nets);
	kfree(census);
}

static int tcpc_census_net_cmp(const void *key, const void *elt)
{
	const struct tcpc_census_net *cn = elt;
	u64 id = *(const u64 *)key;

	return id < cn->id ? -1 : id > cn->id;
}

/**
 * tcpc_census_net() - one namespace's part of a census
 * @census: the census
 * @id: of the namespace
 *
 * Context: any.
 * Return: its part, or NULL if the census does not have it: it was created
 * later, or was already being destroyed.
 */
const struct tcpc_census_net *tcpc_census_net(const struct tcpc_census *census,
					      u64 id)
{
	return bsearch(&id, census->nets, census->nr_nets,
		       sizeof(*census->nets), tcpc_census_net_cmp);
}
