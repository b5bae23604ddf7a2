// SPDX-License-Identifier: GPL-2.0
/* The census: what one walk found, per network namespace. */

#include <linux/bsearch.h>
#include <linux/mm.h>
#include <linux/percpu_counter.h>
#include <linux/slab.h>
#include <net/tcp.h>

#include "census.h"
#include "gather.h"
#include "gfp.h"
#include "resched.h"
#include "share.h"

/* How often a listener that somebody has is tried before it is given up. */
#define TCPC_CENSUS_QUEUE_TRIES 3

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
 * What each may show where all namespaces are shown. Without memory to share it out
 * that is the least. Process context.
 */
static void tcpc_census_share(struct tcpc_census *c)
{
	u32 *wants = NULL, sure;
	unsigned int i;

	c->listeners_each = TCPC_LISTENERS_MAX;
	if (c->nr_listeners <= TCPC_LISTENERS_HOST)
		return;
	sure = clamp(TCPC_LISTENERS_HOST / c->nr_nets, 1U, TCPC_LISTENERS_SURE);
	c->listeners_each = sure;
	wants = kvmalloc_array(c->nr_nets, sizeof(*wants), TCPC_GFP);
	if (!wants)
		return;
	for (i = 0; i < c->nr_nets; i++)
		wants[i] = c->nets[i].listeners;
	c->listeners_each = tcpc_share_each(wants, c->nr_nets, TCPC_LISTENERS_HOST,
					    sure, TCPC_LISTENERS_MAX);
	kvfree(wants);
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
			tcpc_resched();
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

/* Sockets that are in a table, of all namespaces, known or not. */
static u64 tcpc_census_hashed(const struct tcpc_gather *g)
{
	unsigned int slot, state, family, i;
	u64 n = 0;

	for (slot = 0; slot <= g->nets.nr; slot++) {
		i = slot * TCPC_COUNTS;
		for (state = 0; state < TCPC_STATES; state++)
			for (family = 0; family < TCPC_FAMILIES; family++)
				n += g->total[i++];
		n -= g->total[slot * TCPC_COUNTS + TCPC_COUNTER(minis)];
	}
	return n;
}

/*
 * Sockets that are allocated, but in no table: nobody's, were it not for a
 * descriptor that is still open. Those that were reset in an accept queue have
 * none. Process context.
 */
static u64 tcpc_census_unreleased(const struct tcpc_gather *g)
{
	s64 n = percpu_counter_sum_positive(tcp_prot.sockets_allocated);
	unsigned int i;

	n -= tcpc_census_hashed(g);
	for (i = 0; i < g->c->nr_listeners; i++)
		n -= g->c->listeners[i].unaccepted_reset;
	/* They were not all counted at one moment. */
	return max_t(s64, n, 0);
}

/* What is to be known once the tables were walked. Process context. */
static void tcpc_census_conclude(struct tcpc_census *c, struct tcpc_gather *g)
{
	struct tcpc_census_net *cn;
	unsigned int i;

	for (i = 0; i < c->nr_nets; i++) {
		cn = &c->nets[i];
		memcpy(&cn->counts, g->total + i * TCPC_COUNTS, sizeof(cn->counts));
		if (!g->full)
			continue;
		cn->listeners_missed = cn->counts.state[TCP_LISTEN][TCPC_IPV4] +
				       cn->counts.state[TCP_LISTEN][TCPC_IPV6] -
				       cn->listeners;
		cn->port_low = g->ports[i].low;
		cn->port_high = g->ports[i].high;
		cn->ports = tcpc_ports_ephemeral(&g->ports[i]);
		/* Somebody with very many VRFs may have had ports counted twice. */
		cn->counts.bound = min_t(u32, cn->counts.bound, cn->ports);
		tcpc_resched();
	}
	if (g->full) {
		tcpc_tally_finish(&c->tally, c);
		c->closed_unreleased = tcpc_census_unreleased(g);
	}
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
	struct tcpc_gather g = { .full = depth == TCPC_DEPTH_FULL };
	struct tcpc_census *c;
	int err;

	c = kzalloc(sizeof(*c), TCPC_GFP);
	if (!c)
		return ERR_PTR(-ENOMEM);
	refcount_set(&c->ref, 1);
	c->depth = depth;
	/* Before the namespaces are taken: one there by now will be among them. */
	c->start = ktime_get();

	g.c = c;
	err = tcpc_gather_begin(&g);
	if (!err) {
		tcpc_gather_listeners(&g);
		if (g.full) {
			/* Connections are tallied by listener. */
			tcpc_census_sort(c);
			tcpc_census_share(c);
			tcpc_census_queues(c);
		}
		tcpc_gather_conns(&g);
		tcpc_census_conclude(c, &g);
	}
	tcpc_gather_end(&g);
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
