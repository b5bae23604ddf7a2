// SPDX-License-Identifier: GPL-2.0
/* A pass of the reaper looks: it counts, and copies what may be acted on. */

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/tcp.h>

#include "act.h"
#include "gfp.h"
#include "pass.h"
#include "resched.h"

/* Keep a connection to be acted on, if there is room; it is moved. Process context. */
static bool tcpc_pass_target(struct tcpc_pass *p, struct tcpc_conn *conn)
{
	unsigned int cap = p->cap_targets ? 2 * p->cap_targets : 64;
	struct tcpc_conn *more;

	if (p->nr_targets == p->cap_targets) {
		if (cap > TCPC_PASS_TARGETS_MAX)
			return false;
		more = kvmalloc_array(cap, sizeof(*more), TCPC_GFP);
		if (!more) {
			p->missed = true;
			return false;
		}
		if (p->nr_targets)
			memcpy(more, p->targets, p->nr_targets * sizeof(*more));
		kvfree(p->targets);
		p->targets = more;
		p->cap_targets = cap;
	}
	p->targets[p->nr_targets++] = *conn;
	conn->sk = NULL;
	conn->cgroup = NULL;
	return true;
}

/* An even share of half of the room is for each, the other half for whoever comes. */
static bool tcpc_pass_room(struct tcpc_pass *p, const struct tcpc_quota *q)
{
	if (q->targets >= q->left)
		return false;
	if (q->targets < p->even)
		return true;
	return p->common++ < TCPC_PASS_TARGETS_MAX / 2;
}

/* What is to be done with a connection in CLOSE_WAIT? Process context. */
static void tcpc_pass_judge(struct tcpc_pass *p, struct tcpc_conn *conn)
{
	struct tcpc_quota *q = &p->quota[conn->slot];

	/* Those that wait in a queue are found there. */
	if (conn->cause == TCPC_CAUSE_UNACCEPTED || !tcpc_act_due(conn, q->s))
		return;
	if (tcpc_pass_excepted(p, q, conn)) {
		q->skipped[TCPC_SKIP_EXCEPT]++;
		return;
	}
	q->candidates++;
	if (q->action == TCPC_ACTION_COUNT)
		tcpc_pass_count(p, q, conn);
	else if (q->action == TCPC_ACTION_PROBE && tcpc_act_kept(conn->sk))
		q->skipped[TCPC_SKIP_KEEPALIVE]++;
	/* data_race(): it may be taken or let go at any time; it is owned before it is acted on. */
	else if (data_race(sock_owned_by_user_nocheck(conn->sk)))
		q->skipped[TCPC_SKIP_BUSY]++;
	else if (!tcpc_pass_room(p, q) || !tcpc_pass_target(p, conn))
		q->unkept++;
	else
		q->targets++;
}

/* Under RCU, perhaps with the bucket's lock. */
static int tcpc_pass_conn(void *ctx, struct sock *sk)
{
	struct tcpc_pass *p = ctx;
	struct tcpc_conn *conn;
	unsigned int state;
	int slot;

	if (READ_ONCE(sk->sk_state) != TCP_CLOSE_WAIT)
		return 0;
	slot = tcpc_netset_slot(&p->nets, sock_net(sk));
	if (slot < 0 || !p->quota[slot].s)
		return 0;
	if (p->nr == p->cap) {
		p->full = true;
		return p->starved ? 0 : -ENOSPC;
	}
	state = tcpc_conn_hold(sk);
	if (!state)
		return 0;
	if (state != TCP_CLOSE_WAIT ||
	    !net_eq(sock_net(sk), p->quota[slot].tn->net) ||
	    /* data_race(): it is in a byte with SO_REUSEADDR. */
	    data_race(!sk->sk_net_refcnt)) {
		sock_gen_put(sk);
		return 0;
	}
	conn = &p->conns[p->nr++];
	conn->slot = slot;
	conn->sk = sk;
	tcpc_conn_read(conn, sk, TCP_CLOSE_WAIT, &p->ports[slot]);
	return 0;
}

/* Under RCU and the bucket's lock. */
static int tcpc_pass_listener(void *ctx, struct sock *sk)
{
	struct tcpc_pass *p = ctx;
	const struct tcpc_quota *q;
	int slot;

	if (inet_sk_state_load(sk) != TCP_LISTEN || !READ_ONCE(sk->sk_ack_backlog) ||
	    /* data_race(): as above. */
	    data_race(!sk->sk_net_refcnt))
		return 0;
	slot = tcpc_netset_slot(&p->nets, sock_net(sk));
	if (slot < 0)
		return 0;
	q = &p->quota[slot];
	if (!q->s || !(q->s->causes & BIT(TCPC_CAUSE_UNACCEPTED)) ||
	    !(q->s->roles & BIT(TCPC_SERVER)) ||
	    tcpc_listener_kinds(sk) & TCPC_SERVED_KERNEL)
		return 0;
	if (p->nr_listeners == p->cap_listeners) {
		p->listeners_full = true;
		return p->starved ? 0 : -ENOSPC;
	}
	tcpc_listener_note(&p->listeners[p->nr_listeners++], sk, slot);
	return 0;
}

/* Under RCU. */
static bool tcpc_pass_commit(void *ctx)
{
	struct tcpc_pass *p = ctx;

	p->committed = p->nr;
	p->committed_listeners = p->nr_listeners;
	return true;
}

/* Process context. */
static void tcpc_pass_discard(void *ctx)
{
	struct tcpc_pass *p = ctx;

	while (p->nr > p->committed) {
		tcpc_conn_release(&p->conns[--p->nr]);
		tcpc_resched();
	}
	while (p->nr_listeners > p->committed_listeners) {
		tcpc_listener_release(&p->listeners[--p->nr_listeners]);
		tcpc_resched();
	}
}

/* Process context. */
static bool tcpc_pass_rest(void *ctx)
{
	struct tcpc_pass *p = ctx;
	unsigned int i;

	for (i = 0; i < p->committed; i++) {
		tcpc_pass_judge(p, &p->conns[i]);
		tcpc_conn_release(&p->conns[i]);
		tcpc_resched();
	}
	p->nr -= p->committed;
	memmove(p->conns, p->conns + p->committed, p->nr * sizeof(*p->conns));
	p->committed = 0;
	/* Those cgroups may go now, and others come to be where they were. */
	tcpc_cgroup_names_free(&p->names);
	memset(&p->names, 0, sizeof(p->names));
	return READ_ONCE(tcpc_max_action) != TCPC_ACTION_OFF;
}

/* Twice the room; false without memory. Process context. */
static bool tcpc_pass_double(void **array, unsigned int nr, unsigned int *cap, size_t size)
{
	void *more = kvmalloc_array(*cap, 2 * size, TCPC_GFP);

	if (!more)
		return false;
	memcpy(more, *array, nr * size);
	kvfree(*array);
	*array = more;
	*cap *= 2;
	return true;
}

/* Process context. */
static void tcpc_pass_grow(void *ctx)
{
	struct tcpc_pass *p = ctx;

	if (p->full) {
		p->full = false;
		/* The bucket at hand is discarded: make room, if others have any. */
		if (p->committed)
			tcpc_pass_rest(p);
		else if (!tcpc_pass_double((void **)&p->conns, p->nr, &p->cap,
					   sizeof(*p->conns)))
			p->starved = true;
	}
	if (p->listeners_full) {
		p->listeners_full = false;
		if (!tcpc_pass_double((void **)&p->listeners, p->nr_listeners,
				      &p->cap_listeners, sizeof(*p->listeners)))
			p->starved = true;
	}
	p->missed |= p->starved;
}

static const struct tcpc_visitor tcpc_pass_visitor = {
	.conn = tcpc_pass_conn,
	.ahead = tcpc_conn_ahead,
	.listener = tcpc_pass_listener,
	.commit = tcpc_pass_commit,
	.discard = tcpc_pass_discard,
	.grow = tcpc_pass_grow,
	.rest = tcpc_pass_rest,
};

/* All that was to be counted there was. Process context, the namespace is held. */
static void tcpc_pass_seen(const struct tcpc_pass *p, struct tcpc_quota *q)
{
	struct tcpc_seen *old = &q->tn->reap.seen;

	tcpc_seen_sort(&q->seen);
	/*
	 * What could not be seen, in a queue or for want of memory, is no news the next
	 * time; then there may be no memory for a copy of it either.
	 */
	if (q->action == TCPC_ACTION_COUNT && (q->skipped[TCPC_SKIP_BUSY] || p->missed)) {
		if (!q->seen.nr)
			return;
		tcpc_seen_keep(&q->seen, old);
	}
	swap(*old, q->seen);
}

/**
 * tcpc_pass_look() - find what may be acted on, and count what is to be counted
 * @p: begun
 *
 * Lets go of the namespaces.
 *
 * Context: process, may sleep.
 * Return: true if it looked; false if no namespace has a timeout.
 */
bool tcpc_pass_look(struct tcpc_pass *p)
{
	unsigned int i;

	if (p->active) {
		tcpc_walk_listeners(&tcpc_pass_visitor, p, &p->stats);
		tcpc_walk_conns(&p->nets, &tcpc_pass_visitor, p, &p->stats);
		tcpc_pass_rest(p);
		for (i = 0; i < p->nr_listeners; i++)
			p->quota[p->listeners[i].slot].listeners++;
		tcpc_pass_queues(p, true, true);
		for (i = 0; i < p->nets.nr; i++)
			if (p->quota[i].s)
				tcpc_pass_seen(p, &p->quota[i]);
	}
	tcpc_netset_put(&p->nets);
	return p->active;
}
