// SPDX-License-Identifier: GPL-2.0
/*
 * Gathering: the visitors that count sockets, note listeners and copy connections.
 *
 * Under RCU only copies are made: of the listeners, and of the connections in
 * one batch of the walk. What they are counted as is worked out between the
 * batches, where there is time and memory may be had.
 */

#include <linux/mm.h>
#include <linux/prefetch.h>
#include <linux/slab.h>
#include <net/inet_timewait_sock.h>
#include <net/tcp.h>

#include "gather.h"
#include "gfp.h"
#include "resched.h"
#include "walk.h"

/* Room for connections at first: those of an RCU section of the walk. */
#define TCPC_GATHER_CONNS 1024

/* And for listeners. */
#define TCPC_GATHER_LISTENERS 64

/* Under RCU. Each counter is entered in touched once, so that cannot overflow. */
static void tcpc_gather_count(struct tcpc_gather *g, unsigned int slot,
			      unsigned int counter)
{
	unsigned int i = slot * TCPC_COUNTS + counter;

	if (!g->pending[i]++)
		g->touched[g->nr_touched++] = i;
}

static unsigned int tcpc_counter_state(unsigned int state, unsigned int family)
{
	return TCPC_COUNTER(state) + state * TCPC_FAMILIES +
	       (family == AF_INET6 ? TCPC_IPV6 : TCPC_IPV4);
}

/* Is there room for one more connection, or no memory to make it? Under RCU. */
static bool tcpc_gather_ready(struct tcpc_gather *g)
{
	if (g->nr_conns < g->cap_conns || g->conns_starved)
		return true;
	g->conns_wanted = true;
	return false;
}

/* And for one more listener? Under RCU. */
static bool tcpc_gather_ready_listener(struct tcpc_gather *g)
{
	if (g->nr_listeners < g->cap || g->starved)
		return true;
	g->wanted = true;
	return false;
}

/* A place for one more connection; NULL if there is no memory. Under RCU. */
static struct tcpc_conn *tcpc_gather_place(struct tcpc_gather *g,
					   unsigned int slot)
{
	struct tcpc_conn *conn;

	if (g->nr_conns == g->cap_conns) {
		tcpc_gather_count(g, slot, TCPC_COUNTER(conns_missed));
		return NULL;
	}
	conn = &g->conns[g->nr_conns++];
	conn->slot = slot;
	conn->cgroup = NULL;
	conn->sk = NULL;
	return conn;
}

/*
 * Count an entry of an established table, and copy it if the census is a full
 * one. Under RCU; in CLOSE_WAIT with a reference then. Returns the copy, or NULL.
 */
static struct tcpc_conn *tcpc_gather_enter(struct tcpc_gather *g,
					   struct sock *sk, unsigned int state)
{
	int slot = tcpc_netset_slot(&g->nets, sock_net(sk));
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
		return NULL;
	if (slot < 0) {
		/* Only for the sum over the whole host. */
		if (!mini)
			tcpc_gather_count(g, g->nets.nr,
					  tcpc_counter_state(state, sk->sk_family));
		return NULL;
	}
	tcpc_gather_count(g, slot, tcpc_counter_state(state, sk->sk_family));
	if (mini)
		tcpc_gather_count(g, slot, TCPC_COUNTER(minis));
	else if (sock_flag(sk, SOCK_DEAD))
		tcpc_gather_count(g, slot, TCPC_COUNTER(orphans));
	if (!g->full)
		return NULL;
	conn = tcpc_gather_place(g, slot);
	if (conn)
		tcpc_conn_read(conn, sk, state, &g->ports[slot]);
	return conn;
}

/* Under RCU, perhaps with the bucket's lock. */
static int tcpc_gather_conn(void *ctx, struct sock *sk)
{
	struct tcpc_gather *g = ctx;
	unsigned int state = READ_ONCE(sk->sk_state);
	struct tcpc_conn *conn;

	if (!g->full) {
		tcpc_gather_enter(g, sk, state);
		return 0;
	}
	if (!tcpc_gather_ready(g))
		return -ENOSPC;
	if (state != TCP_CLOSE_WAIT) {
		tcpc_gather_enter(g, sk, state);
		return 0;
	}
	/* Much is read from these, some of it later. */
	state = tcpc_conn_hold(sk);
	if (!state)
		return 0;
	conn = tcpc_gather_enter(g, sk, state);
	if (conn && conn->state == TCP_CLOSE_WAIT)
		conn->sk = sk;
	else
		sock_gen_put(sk);
	return 0;
}

/* What a full census reads of it. Under RCU. */
static void tcpc_gather_ahead(const struct sock *sk)
{
	if (READ_ONCE(sk->sk_state) == TCP_ESTABLISHED)
		prefetch(&tcp_sk(sk)->lsndtime);
	else
		tcpc_conn_ahead(sk);
}

/* Listeners of a namespace so far, in buckets not yet committed too. */
static u32 tcpc_gather_listening(const struct tcpc_gather *g,
				 unsigned int slot)
{
	unsigned int i = slot * TCPC_COUNTS;

	return g->total[i + tcpc_counter_state(TCP_LISTEN, AF_INET)] +
	       g->total[i + tcpc_counter_state(TCP_LISTEN, AF_INET6)] +
	       g->pending[i + tcpc_counter_state(TCP_LISTEN, AF_INET)] +
	       g->pending[i + tcpc_counter_state(TCP_LISTEN, AF_INET6)];
}

/* A listener's port is noted as served. Under RCU and the bucket's lock. */
static int tcpc_gather_serve(struct tcpc_gather *g, const struct sock *sk,
			     unsigned int slot)
{
	if (tcpc_served_note(&g->nets.refs[slot].tn->served, sk->sk_num,
			     tcpc_listener_kinds(sk)))
		return 0;
	if (g->unserved.refused) {
		tcpc_gather_count(g, slot, TCPC_COUNTER(served_missed));
		return 0;
	}
	g->unserved.wanted = true;
	g->unserved.slot = slot;
	g->unserved.port = sk->sk_num;
	return -ENOSPC;
}

/* Under RCU and the bucket's lock. */
static int tcpc_gather_listener(void *ctx, struct sock *sk)
{
	struct tcpc_gather *g = ctx;
	struct tcpc_conn *conn;
	int slot, err;

	/* On its way out. */
	if (inet_sk_state_load(sk) != TCP_LISTEN)
		return 0;
	slot = tcpc_netset_slot(&g->nets, sock_net(sk));
	if (slot < 0) {
		tcpc_gather_count(g, g->nets.nr,
				  tcpc_counter_state(TCP_LISTEN, sk->sk_family));
		return 0;
	}
	err = tcpc_gather_serve(g, sk, slot);
	if (err)
		return err;

	if (g->full) {
		if (!tcpc_gather_ready_listener(g) || !tcpc_gather_ready(g))
			return -ENOSPC;
		if (g->nr_listeners < g->cap &&
		    tcpc_gather_listening(g, slot) < TCPC_LISTENERS_MAX)
			tcpc_listener_note(&g->c->listeners[g->nr_listeners++],
					   sk, slot);
		conn = tcpc_gather_place(g, slot);
		if (conn)
			tcpc_conn_read(conn, sk, TCP_LISTEN, &g->ports[slot]);
	}
	tcpc_gather_count(g, slot, tcpc_counter_state(TCP_LISTEN, sk->sk_family));
	return 0;
}

/* Under the lock of a bucket of the bind table, softirqs off. */
static void tcpc_gather_bound(void *ctx, const struct net *net, u16 port)
{
	struct tcpc_gather *g = ctx;
	int slot = tcpc_netset_slot(&g->nets, net);

	if (slot < 0)
		return;
	tcpc_served_keep(&g->nets.refs[slot].tn->served, port);
	if (tcpc_port_ephemeral(&g->ports[slot], port))
		g->total[slot * TCPC_COUNTS + TCPC_COUNTER(bound)]++;
}

/* Under RCU. */
static bool tcpc_gather_commit(void *ctx)
{
	struct tcpc_gather *g = ctx;
	unsigned int i;

	while (g->nr_touched) {
		i = g->touched[--g->nr_touched];
		g->total[i] += g->pending[i];
		g->pending[i] = 0;
	}
	g->committed = g->nr_listeners;
	g->committed_conns = g->nr_conns;
	return true;
}

/* Process context. */
static void tcpc_gather_discard(void *ctx)
{
	struct tcpc_gather *g = ctx;

	while (g->nr_touched)
		g->pending[g->touched[--g->nr_touched]] = 0;
	while (g->nr_listeners > g->committed) {
		tcpc_listener_release(&g->c->listeners[--g->nr_listeners]);
		tcpc_resched();
	}
	while (g->nr_conns > g->committed_conns) {
		tcpc_conn_release(&g->conns[--g->nr_conns]);
		tcpc_resched();
	}
}

/* Tally the connections of committed buckets. Process context. */
static bool tcpc_gather_rest(void *ctx)
{
	struct tcpc_gather *g = ctx;
	unsigned int i;

	for (i = 0; i < g->committed_conns; i++) {
		tcpc_tally_add(&g->c->tally, g->c, &g->conns[i]);
		/* All of a long bucket are committed at once. */
		if (!(i % TCPC_GATHER_CONNS))
			tcpc_resched();
	}
	g->nr_conns -= g->committed_conns;
	memmove(g->conns, g->conns + g->committed_conns,
		g->nr_conns * sizeof(*g->conns));
	g->committed_conns = 0;
	return true;
}

/* Twice the room. Process context. */
static void *tcpc_gather_double(void *old, unsigned int nr, unsigned int *cap,
				size_t size)
{
	void *array = kvmalloc_array(*cap, 2 * size, TCPC_GFP);

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
static void tcpc_gather_grow(void *ctx)
{
	struct tcpc_gather *g = ctx;
	struct tcpc_served *served;
	void *array;

	if (g->unserved.wanted) {
		served = &g->nets.refs[g->unserved.slot].tn->served;
		g->unserved.wanted = false;
		if (!tcpc_served_room(served, g->unserved.port))
			g->unserved.refused = true;
	}
	if (g->wanted) {
		g->wanted = false;
		array = tcpc_gather_double(g->c->listeners, g->nr_listeners,
					   &g->cap, sizeof(*g->c->listeners));
		g->starved = !array;
		if (array)
			g->c->listeners = array;
	}
	if (g->conns_wanted) {
		g->conns_wanted = false;
		/* The bucket at hand is discarded: make room, if others have any. */
		if (g->nr_conns) {
			tcpc_gather_rest(g);
			return;
		}
		array = tcpc_gather_double(g->conns, 0, &g->cap_conns,
					   sizeof(*g->conns));
		g->conns_starved = !array;
		if (array)
			g->conns = array;
	}
}

static const struct tcpc_visitor tcpc_gather_states = {
	.conn = tcpc_gather_conn,
	.listener = tcpc_gather_listener,
	.commit = tcpc_gather_commit,
	.discard = tcpc_gather_discard,
	.grow = tcpc_gather_grow,
};

static const struct tcpc_visitor tcpc_gather_full = {
	.conn = tcpc_gather_conn,
	.ahead = tcpc_gather_ahead,
	.listener = tcpc_gather_listener,
	.bound = tcpc_gather_bound,
	.commit = tcpc_gather_commit,
	.discard = tcpc_gather_discard,
	.grow = tcpc_gather_grow,
	.rest = tcpc_gather_rest,
};

/**
 * tcpc_gather_begin() - get ready to take a census
 * @g: @c and @full are set, the rest is zero; to be ended with tcpc_gather_end(),
 *	also on failure
 *
 * Takes the namespaces, and makes what is in the census of each.
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpc_gather_begin(struct tcpc_gather *g)
{
	struct tcpc_census *c = g->c;
	unsigned int i;
	size_t n;
	int err;

	BUILD_BUG_ON(sizeof(struct tcpc_counts) % sizeof(u32));

	err = tcpc_netset_get(&g->nets);
	if (err)
		return err;
	n = (g->nets.nr + 1) * TCPC_COUNTS;
	c->nr_nets = g->nets.nr;
	c->nets = kvcalloc(c->nr_nets, sizeof(*c->nets), TCPC_GFP);
	g->ports = kvcalloc(c->nr_nets, sizeof(*g->ports), TCPC_GFP);
	g->total = kvcalloc(n, sizeof(u32), TCPC_GFP);
	g->pending = kvcalloc(n, sizeof(u32), TCPC_GFP);
	g->touched = kvmalloc_array(n, sizeof(u32), TCPC_GFP);
	if (!c->nets || !g->ports || !g->total || !g->pending || !g->touched)
		return -ENOMEM;
	for (i = 0; i < c->nr_nets; i++) {
		c->nets[i].id = g->nets.refs[i].id;
		c->nets[i].inum = g->nets.refs[i].inum;
		tcpc_local_ports_get(&g->ports[i], g->nets.refs[i].net,
				     &g->nets.refs[i].tn->served);
	}
	if (!g->full)
		return 0;

	g->cap = TCPC_GATHER_LISTENERS;
	c->listeners = kvmalloc_array(g->cap, sizeof(*c->listeners), TCPC_GFP);
	g->cap_conns = TCPC_GATHER_CONNS;
	g->conns = kvmalloc_array(g->cap_conns, sizeof(*g->conns), TCPC_GFP);
	if (!c->listeners || !g->conns)
		return -ENOMEM;
	return tcpc_tally_init(&c->tally, c->nr_nets);
}

/**
 * tcpc_gather_listeners() - count the listeners; note them in a full census
 * @g: begun
 *
 * Also notes which ports are served.
 *
 * Context: process, may sleep.
 */
void tcpc_gather_listeners(struct tcpc_gather *g)
{
	tcpc_walk_listeners(g->full ? &tcpc_gather_full : &tcpc_gather_states, g,
			    &g->c->walk);
	g->c->nr_listeners = g->committed;
}

/**
 * tcpc_gather_conns() - count the connections; tally them in a full census
 * @g: begun, and with the listeners, which are in order
 *
 * A full census also forgets which ports were served that nobody uses any more.
 *
 * Context: process, may sleep.
 */
void tcpc_gather_conns(struct tcpc_gather *g)
{
	unsigned int i;

	tcpc_walk_conns(&g->nets, g->full ? &tcpc_gather_full : &tcpc_gather_states,
			g, &g->c->walk);
	if (!g->full)
		return;
	tcpc_walk_bound(&tcpc_gather_full, g);
	for (i = 0; i < g->nets.nr; i++) {
		tcpc_served_sweep(&g->nets.refs[i].tn->served);
		tcpc_resched();
	}
}

/**
 * tcpc_gather_end() - let go of the namespaces, and of all but the census
 * @g: from tcpc_gather_begin()
 *
 * Context: process, may sleep.
 */
void tcpc_gather_end(struct tcpc_gather *g)
{
	tcpc_netset_put(&g->nets);
	kvfree(g->ports);
	kvfree(g->total);
	kvfree(g->pending);
	kvfree(g->touched);
	kvfree(g->conns);
}
