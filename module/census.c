// SPDX-License-Identifier: GPL-2.0
/*
 * The census: visitors that count sockets, note listeners and tally connections.
 *
 * Under RCU only copies are made: of the listeners, and of the connections in
 * one batch of the walk. What they are counted as is worked out between the
 * batches, where there is time and memory may be had.
 */

#include <linux/bitmap.h>
#include <linux/bsearch.h>
#include <linux/mm.h>
#include <linux/percpu_counter.h>
#include <linux/slab.h>
#include <net/inet_timewait_sock.h>
#include <net/tcp.h>

#include "census.h"
#include "cgroup.h"
#include "conn.h"

/* Room for connections at first: those of an RCU section of the walk. */
#define TCPC_CENSUS_CONNS 1024

/* And for listeners. */
#define TCPC_CENSUS_LISTENERS 64

/* How often a listener that somebody has is tried before it is given up. */
#define TCPC_CENSUS_QUEUE_TRIES 3

/**
 * struct tcpc_census_walk - a census being taken
 * @c: the census
 * @full: it is a full one
 * @nets: the namespaces
 * @ports: of each of them
 * @total: a struct tcpc_counts per namespace, as an array of u32: the counters
 *	of committed buckets. One more is for sockets of namespaces not known.
 * @pending: the same for the bucket at hand
 * @touched: indices of @pending that are not zero
 * @nr_touched: how many
 * @committed: listeners of committed buckets
 * @nr_listeners: and those of the bucket at hand behind them
 * @cap: room for listeners
 * @wanted: more room for listeners
 * @starved: there was no memory for it
 * @conns: connections that are yet to be tallied
 * @committed_conns: of committed buckets
 * @nr_conns: and those of the bucket at hand behind them
 * @cap_conns: room for them
 * @conns_wanted: more room for connections
 * @conns_starved: there was no memory for it
 * @unserved: a listener for whose port there is no room to note it
 */
struct tcpc_census_walk {
	struct tcpc_census *c;
	bool full;
	struct tcpc_netset nets;
	struct tcpc_local_ports *ports;
	u32 *total;
	u32 *pending;
	u32 *touched;
	unsigned int nr_touched;
	unsigned int committed;
	unsigned int nr_listeners;
	unsigned int cap;
	bool wanted;
	bool starved;
	struct tcpc_conn *conns;
	unsigned int committed_conns;
	unsigned int nr_conns;
	unsigned int cap_conns;
	bool conns_wanted;
	bool conns_starved;
	struct {
		bool wanted;
		bool refused; /* no memory; not asked for again */
		unsigned int slot;
		u16 port;
	} unserved;
};

#define TCPC_COUNTER(member) (offsetof(struct tcpc_counts, member) / sizeof(u32))

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
	return TCPC_COUNTER(state) + state * TCPC_FAMILIES +
	       (family == AF_INET6 ? TCPC_IPV6 : TCPC_IPV4);
}

/* Is there room for one more connection, or no memory to make it? Under RCU. */
static bool tcpc_census_ready(struct tcpc_census_walk *w)
{
	if (w->nr_conns < w->cap_conns || w->conns_starved)
		return true;
	w->conns_wanted = true;
	return false;
}

/* And for one more listener? Under RCU. */
static bool tcpc_census_ready_listener(struct tcpc_census_walk *w)
{
	if (w->nr_listeners < w->cap || w->starved)
		return true;
	w->wanted = true;
	return false;
}

/* A place for one more connection; NULL if there is no memory. Under RCU. */
static struct tcpc_conn *tcpc_census_place(struct tcpc_census_walk *w,
					   unsigned int slot)
{
	struct tcpc_conn *conn;

	if (w->nr_conns == w->cap_conns) {
		w->c->nets[slot].conns_missed++;
		return NULL;
	}
	conn = &w->conns[w->nr_conns++];
	conn->slot = slot;
	conn->cgroup = NULL;
	return conn;
}

/*
 * Count an entry of an established table, and copy it if the census is a full
 * one. Under RCU; in CLOSE_WAIT with a reference then.
 */
static void tcpc_census_enter(struct tcpc_census_walk *w, struct sock *sk,
			      unsigned int state)
{
	int slot = tcpc_netset_slot(&w->nets, sock_net(sk));
	struct tcpc_conn *conn;
	bool mini = false;

	switch (state) {
	case TCP_TIME_WAIT:
		/* A FIN_WAIT2 orphan is kept as a timewait sock too. */
		state = READ_ONCE(inet_twsk(sk)->tw_substate);
		mini = true;
		break;
	case TCP_NEW_SYN_RECV:
		state = TCP_SYN_RECV;
		mini = true;
		break;
	}
	if (!state || state >= TCPC_STATES)
		return;
	if (slot < 0) {
		/* Only for the sum over the whole host. */
		if (!mini)
			tcpc_census_count(w, w->nets.nr,
					  tcpc_counter_state(state, sk->sk_family));
		return;
	}
	tcpc_census_count(w, slot, tcpc_counter_state(state, sk->sk_family));
	if (mini)
		tcpc_census_count(w, slot, TCPC_COUNTER(minis));
	else if (sock_flag(sk, SOCK_DEAD))
		tcpc_census_count(w, slot, TCPC_COUNTER(orphans));
	if (!w->full)
		return;
	conn = tcpc_census_place(w, slot);
	if (conn)
		tcpc_conn_read(conn, sk, state, &w->ports[slot]);
}

/* Under RCU, perhaps with the bucket's lock. */
static int tcpc_census_conn(void *ctx, struct sock *sk)
{
	struct tcpc_census_walk *w = ctx;
	unsigned int state = READ_ONCE(sk->sk_state);

	if (!w->full) {
		tcpc_census_enter(w, sk, state);
		return 0;
	}
	if (!tcpc_census_ready(w))
		return -ENOSPC;
	if (state != TCP_CLOSE_WAIT) {
		tcpc_census_enter(w, sk, state);
		return 0;
	}
	/*
	 * Much is read from these, which must be of one connection. If it is
	 * gone it is in its chain no more, as the walk will notice.
	 */
	if (!refcount_inc_not_zero(&sk->sk_refcnt))
		return 0;
	tcpc_census_enter(w, sk, inet_sk_state_load(sk));
	sock_gen_put(sk);
	return 0;
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

/* A listener's port is noted as served. Under RCU and the bucket's lock. */
static int tcpc_census_serve(struct tcpc_census_walk *w, const struct sock *sk,
			     unsigned int slot)
{
	if (tcpc_served_note(w->nets.refs[slot].served, sk->sk_num,
			     tcpc_listener_kinds(sk)))
		return 0;
	if (w->unserved.refused) {
		w->c->nets[slot].served_missed++;
		return 0;
	}
	w->unserved.wanted = true;
	w->unserved.slot = slot;
	w->unserved.port = sk->sk_num;
	return -ENOSPC;
}

/* Under RCU and the bucket's lock. */
static int tcpc_census_listener(void *ctx, struct sock *sk)
{
	struct tcpc_census_walk *w = ctx;
	struct tcpc_conn *conn;
	int slot, err;

	/* On its way out. */
	if (inet_sk_state_load(sk) != TCP_LISTEN)
		return 0;
	slot = tcpc_netset_slot(&w->nets, sock_net(sk));
	if (slot < 0) {
		tcpc_census_count(w, w->nets.nr,
				  tcpc_counter_state(TCP_LISTEN, sk->sk_family));
		return 0;
	}
	err = tcpc_census_serve(w, sk, slot);
	if (err)
		return err;

	if (w->full) {
		if (!tcpc_census_ready_listener(w) || !tcpc_census_ready(w))
			return -ENOSPC;
		if (w->nr_listeners < w->cap &&
		    tcpc_census_listening(w, slot) < TCPC_LISTENERS_MAX)
			tcpc_listener_note(&w->c->listeners[w->nr_listeners++],
					   sk, slot);
		conn = tcpc_census_place(w, slot);
		if (conn)
			tcpc_conn_read(conn, sk, TCP_LISTEN, &w->ports[slot]);
	}
	tcpc_census_count(w, slot, tcpc_counter_state(TCP_LISTEN, sk->sk_family));
	return 0;
}

/* Under the lock of a bucket of the bind table, softirqs off. */
static void tcpc_census_bound(void *ctx, const struct net *net, u16 port)
{
	struct tcpc_census_walk *w = ctx;
	int slot = tcpc_netset_slot(&w->nets, net);

	if (slot >= 0 && tcpc_port_ephemeral(&w->ports[slot], port))
		w->total[slot * TCPC_COUNTS + TCPC_COUNTER(bound)]++;
}

/* Under RCU. */
static bool tcpc_census_commit(void *ctx)
{
	struct tcpc_census_walk *w = ctx;
	unsigned int i;

	while (w->nr_touched) {
		i = w->touched[--w->nr_touched];
		w->total[i] += w->pending[i];
		w->pending[i] = 0;
	}
	w->committed = w->nr_listeners;
	w->committed_conns = w->nr_conns;
	return true;
}

/* Under RCU. */
static void tcpc_census_discard(void *ctx)
{
	struct tcpc_census_walk *w = ctx;

	while (w->nr_touched)
		w->pending[w->touched[--w->nr_touched]] = 0;
	while (w->nr_listeners > w->committed)
		tcpc_listener_release(&w->c->listeners[--w->nr_listeners]);
	while (w->nr_conns > w->committed_conns)
		tcpc_cgroup_put(w->conns[--w->nr_conns].cgroup);
}

/* Tally the connections of committed buckets. Process context. */
static bool tcpc_census_rest(void *ctx)
{
	struct tcpc_census_walk *w = ctx;
	unsigned int i;

	for (i = 0; i < w->committed_conns; i++)
		tcpc_tally_add(&w->c->tally, w->c, &w->conns[i]);
	w->nr_conns -= w->committed_conns;
	memmove(w->conns, w->conns + w->committed_conns,
		w->nr_conns * sizeof(*w->conns));
	w->committed_conns = 0;
	return true;
}

/* Twice the room. Process context. */
static void *tcpc_census_double(void *old, unsigned int nr, unsigned int *cap,
				size_t size)
{
	void *array = kvmalloc_array(*cap, 2 * size, GFP_KERNEL);

	if (!array)
		return NULL;
	memcpy(array, old, nr * size);
	kvfree(old);
	*cap *= 2;
	return array;
}

/*
 * Process context. Without memory for more, what there is no room for is still
 * counted by state, and stat says how many rows are missing.
 */
static void tcpc_census_grow(void *ctx)
{
	struct tcpc_census_walk *w = ctx;
	struct tcpc_served *served;
	void *array;

	if (w->unserved.wanted) {
		served = w->nets.refs[w->unserved.slot].served;
		w->unserved.wanted = false;
		if (!tcpc_served_room(served, w->unserved.port))
			w->unserved.refused = true;
	}
	if (w->wanted) {
		w->wanted = false;
		array = tcpc_census_double(w->c->listeners, w->nr_listeners,
					   &w->cap, sizeof(*w->c->listeners));
		w->starved = !array;
		if (array)
			w->c->listeners = array;
	}
	if (w->conns_wanted) {
		w->conns_wanted = false;
		/* The bucket at hand is discarded: make room, if others have any. */
		if (w->nr_conns) {
			tcpc_census_rest(w);
			return;
		}
		array = tcpc_census_double(w->conns, 0, &w->cap_conns,
					   sizeof(*w->conns));
		w->conns_starved = !array;
		if (array)
			w->conns = array;
	}
}

static const struct tcpc_visitor tcpc_census_states = {
	.conn = tcpc_census_conn,
	.listener = tcpc_census_listener,
	.commit = tcpc_census_commit,
	.discard = tcpc_census_discard,
	.grow = tcpc_census_grow,
};

static const struct tcpc_visitor tcpc_census_full = {
	.conn = tcpc_census_conn,
	.listener = tcpc_census_listener,
	.bound = tcpc_census_bound,
	.commit = tcpc_census_commit,
	.discard = tcpc_census_discard,
	.grow = tcpc_census_grow,
	.rest = tcpc_census_rest,
};

/* Put the listeners in order, and find each namespace's. Process context. */
static void tcpc_census_sort(struct tcpc_census *c)
{
	struct tcpc_census_net *cn;
	unsigned int i;

	tcpc_listeners_sort(c->listeners, c->nr_listeners);
	for (i = 0; i < c->nr_listeners; i++) {
		cn = &c->nets[c->listeners[i].slot];
		if (!cn->listeners++)
			cn->first = i;
	}
}

/*
 * Read the accept queues. A listener that somebody has just now is tried again
 * after the others. Process context.
 */
static void tcpc_census_queues(struct tcpc_census *c)
{
	unsigned int i, try, busy = 1;

	for (try = 0; try < TCPC_CENSUS_QUEUE_TRIES && busy; try++) {
		busy = 0;
		for (i = 0; i < c->nr_listeners; i++) {
			if (tcpc_listener_queue(&c->listeners[i]))
				busy++;
			cond_resched();
		}
	}
	for (i = 0; i < c->nr_listeners && busy; i++) {
		if (!c->listeners[i].sk)
			continue;
		c->nets[c->listeners[i].slot].queues_missed++;
		sock_put(c->listeners[i].sk);
		c->listeners[i].sk = NULL;
	}
}

/* How many ports of the range the kernel may choose for a client. */
static u32 tcpc_census_ephemeral(const struct tcpc_local_ports *ports)
{
	u32 n = 0;
	int port;

	for (port = ports->low; port <= ports->high; port++)
		n += tcpc_port_ephemeral(ports, port);
	return n;
}

/* Sockets that are in a table, of all namespaces, known or not. */
static u64 tcpc_census_hashed(const struct tcpc_census_walk *w)
{
	unsigned int slot, state, family, i;
	u64 n = 0;

	for (slot = 0; slot <= w->nets.nr; slot++) {
		i = slot * TCPC_COUNTS;
		for (state = 0; state < TCPC_STATES; state++)
			for (family = 0; family < TCPC_FAMILIES; family++)
				n += w->total[i++];
		n -= w->total[slot * TCPC_COUNTS + TCPC_COUNTER(minis)];
	}
	return n;
}

/*
 * Sockets that are allocated, but in no table: nobody's, were it not for a
 * descriptor that is still open. Those that were reset in an accept queue have
 * none. Process context.
 */
static u64 tcpc_census_unreleased(const struct tcpc_census_walk *w)
{
	s64 n = percpu_counter_sum_positive(tcp_prot.sockets_allocated);
	unsigned int i;

	n -= tcpc_census_hashed(w);
	for (i = 0; i < w->c->nr_listeners; i++)
		n -= w->c->listeners[i].unaccepted_reset;
	/* They were not all counted at one moment. */
	return max_t(s64, n, 0);
}

/* Process context. */
static int tcpc_census_prepare(struct tcpc_census *c, struct tcpc_census_walk *w)
{
	size_t n = (w->nets.nr + 1) * TCPC_COUNTS;
	unsigned int i;

	BUILD_BUG_ON(sizeof(struct tcpc_counts) % sizeof(u32));

	c->nr_nets = w->nets.nr;
	c->nets = kvcalloc(c->nr_nets, sizeof(*c->nets), GFP_KERNEL);
	w->ports = kvcalloc(c->nr_nets, sizeof(*w->ports), GFP_KERNEL);
	w->total = kvcalloc(n, sizeof(u32), GFP_KERNEL);
	w->pending = kvcalloc(n, sizeof(u32), GFP_KERNEL);
	w->touched = kvmalloc_array(n, sizeof(u32), GFP_KERNEL);
	if (!c->nets || !w->ports || !w->total || !w->pending || !w->touched)
		return -ENOMEM;
	for (i = 0; i < c->nr_nets; i++) {
		c->nets[i].id = w->nets.refs[i].id;
		c->nets[i].inum = w->nets.refs[i].inum;
		tcpc_local_ports_get(&w->ports[i], w->nets.refs[i].net,
				     w->nets.refs[i].served);
	}
	if (!w->full)
		return 0;

	w->cap = TCPC_CENSUS_LISTENERS;
	c->listeners = kvmalloc_array(w->cap, sizeof(*c->listeners), GFP_KERNEL);
	w->cap_conns = TCPC_CENSUS_CONNS;
	w->conns = kvmalloc_array(w->cap_conns, sizeof(*w->conns), GFP_KERNEL);
	if (!c->listeners || !w->conns)
		return -ENOMEM;
	return tcpc_tally_init(&c->tally, c->nr_nets);
}

/* What is to be known once the tables were walked. Process context. */
static void tcpc_census_conclude(struct tcpc_census *c, struct tcpc_census_walk *w)
{
	struct tcpc_census_net *cn;
	unsigned int i;

	for (i = 0; i < c->nr_nets; i++) {
		cn = &c->nets[i];
		memcpy(&cn->counts, w->total + i * TCPC_COUNTS, sizeof(cn->counts));
		if (!w->full)
			continue;
		cn->listeners_missed = cn->counts.state[TCP_LISTEN][TCPC_IPV4] +
				       cn->counts.state[TCP_LISTEN][TCPC_IPV6] -
				       cn->listeners;
		cn->port_low = w->ports[i].low;
		cn->port_high = w->ports[i].high;
		cn->ports = tcpc_census_ephemeral(&w->ports[i]);
		cond_resched();
	}
	if (w->full) {
		tcpc_tally_finish(&c->tally, c);
		c->closed_unreleased = tcpc_census_unreleased(w);
	}
}

/* Process context. */
static int tcpc_census_walk(struct tcpc_census *c, struct tcpc_census_walk *w)
{
	const struct tcpc_visitor *v = w->full ? &tcpc_census_full :
						 &tcpc_census_states;
	int err = tcpc_census_prepare(c, w);

	if (err)
		return err;
	tcpc_walk_listeners(v, w, &c->walk);
	c->nr_listeners = w->committed;
	if (w->full) {
		/* Connections are tallied by listener. */
		tcpc_census_sort(c);
		tcpc_census_queues(c);
	}
	tcpc_walk_conns(&w->nets, v, w, &c->walk);
	if (w->full)
		tcpc_walk_bound(v, w);
	tcpc_census_conclude(c, w);
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
	struct tcpc_census_walk w = { .full = depth == TCPC_DEPTH_FULL };
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
	kvfree(w.ports);
	kvfree(w.total);
	kvfree(w.pending);
	kvfree(w.touched);
	kvfree(w.conns);
	if (err) {
		tcpc_census_put(c);
		return ERR_PTR(err);
	}
	c->walk_ns = ktime_to_ns(ktime_sub(ktime_get(), c->start));
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
		tcpc_listener_release(&census->listeners[i]);
	kvfree(census->listeners);
	tcpc_tally_free(&census->tally);
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
