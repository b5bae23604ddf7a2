// SPDX-License-Identifier: GPL-2.0
/*
 * A pass of the reaper: look, then act. The look is in pass_look.c, and what is done
 * with accept queues in pass_queues.c.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/tcp.h>

#include "act.h"
#include "gfp.h"
#include "pass.h"
#include "resched.h"

/* Room at first. */
#define TCPC_PASS_CONNS 1024
#define TCPC_PASS_LISTENERS 64

/* How often what is left to be done is shared out. */
#define TCPC_PASS_ROUNDS 3U

/**
 * tcpc_pass_excepted() - do the rules of a namespace spare a connection?
 * @p: the pass
 * @q: of the namespace
 * @conn: the connection, or one with the @role, @local_port and @cgroup of all in an
 *	accept queue
 *
 * Context: process, may sleep.
 * Return: true if so. Without memory for the name of its cgroup it is spared.
 */
bool tcpc_pass_excepted(struct tcpc_pass *p, struct tcpc_quota *q,
			const struct tcpc_conn *conn)
{
	const struct tcpc_rules *only = q->s->only, *except = q->s->except;
	const char *name = NULL;

	if ((only && only->cgroups) || (except && except->cgroups)) {
		name = tcpc_cgroup_name(&p->names, conn->cgroup);
		if (p->names.text.err) {
			p->missed = true;
			return true;
		}
		/* Who is spared by name is spared if it is not known. */
		if (!name && except && except->cgroups)
			return true;
	}
	return (only && !tcpc_rules_match(only, conn, name)) ||
	       (except && tcpc_rules_match(except, conn, name));
}

/**
 * tcpc_pass_count() - a candidate, where nothing but counting is to be done
 * @p: the pass
 * @q: of its namespace
 * @conn: it, with its socket
 *
 * It is logged if it was not one in the pass before.
 *
 * Context: process, may sleep.
 */
void tcpc_pass_count(struct tcpc_pass *p, struct tcpc_quota *q, struct tcpc_conn *conn)
{
	const struct tcpc_seen *old = &q->tn->reap.seen;

	rcu_read_lock();
	tcpc_conn_name(conn, conn->sk);
	rcu_read_unlock();
	/* With room for the old ones as well, should they have to be kept. */
	if (!tcpc_seen_room(&q->seen, old->nr + q->news + 1)) {
		/* The next pass logs it, unless one has before. */
		p->missed = true;
	} else if (!tcpc_seen_add(&q->seen, conn->cookie)) {
		tcpc_log_miss(&q->tn->reap.log);
	} else if (!tcpc_seen_has(old, conn->cookie)) {
		q->news++;
		tcpc_pass_did(p, q, conn, TCPC_RESULT_CANDIDATE);
	}
}

/**
 * tcpc_pass_may() - may something be done in a namespace now?
 * @p: the pass
 * @q: of the namespace, which is held, or a user's socket of it is
 *
 * Not if it has other settings by now: there will be a pass with these.
 *
 * Context: any.
 * Return: true if so.
 */
bool tcpc_pass_may(struct tcpc_pass *p, struct tcpc_quota *q)
{
	return q->left && p->host_left &&
	       READ_ONCE(tcpc_max_action) >= q->action &&
	       READ_ONCE(q->tn->reap.settings) == q->s;
}

/**
 * tcpc_pass_did() - something was done
 * @p: the pass
 * @q: of the namespace
 * @conn: the connection
 * @result: what came of it
 *
 * Context: process, may sleep.
 */
void tcpc_pass_did(struct tcpc_pass *p, struct tcpc_quota *q,
		   const struct tcpc_conn *conn, enum tcpc_result result)
{
	tcpc_log_add(&q->tn->reap.log, q->tn->inum, conn, q->action, result);
	p->done[result]++;
	if (result == TCPC_RESULT_CANDIDATE || result == TCPC_RESULT_GONE)
		return;
	q->used++;
	q->left--;
	p->host_left--;
}

/* What was said after a pass before holds no more. Process context, as below. */
static void tcpc_pass_clear(struct tcpc_reap *reap)
{
	unsigned int i;

	atomic64_set(&reap->candidates, 0);
	for (i = 0; i < TCPC_SKIPS; i++)
		atomic64_set(&reap->skipped[i], 0);
	tcpc_seen_free(&reap->seen);
}

/* Who has something to be done? Process context, the namespaces are held. */
static void tcpc_pass_quotas(struct tcpc_pass *p)
{
	unsigned int max = READ_ONCE(tcpc_max_action);
	u32 rate = READ_ONCE(tcpc_max_rate);
	struct tcpc_settings *s;
	struct tcpc_quota *q;
	unsigned int i, acting = 0;
	struct tcpc_net *tn;

	p->host_left = rate;
	for (i = 0; i < p->nets.nr; i++) {
		tn = p->nets.refs[i].tn;
		p->quota[i].id = p->nets.refs[i].id;
		s = tcpc_reap_settings(&tn->reap);
		if (!s->timeout_s || max == TCPC_ACTION_OFF) {
			tcpc_pass_clear(&tn->reap);
			tcpc_settings_put(s);
			continue;
		}
		q = &p->quota[i];
		q->tn = tn;
		q->s = s;
		q->action = min(s->action, max);
		q->left = min(s->rate, rate);
		tcpc_local_ports_get(&p->ports[i], tn->net, &tn->served);
		p->active++;
		acting += q->action != TCPC_ACTION_COUNT;
	}
	p->even = max(TCPC_PASS_TARGETS_MAX / 2 / max(acting, 1U), 1U);
}

/**
 * tcpc_pass_begin() - begin a pass
 *
 * Context: process, may sleep.
 * Return: it, to be ended with tcpc_pass_end(), or ERR_PTR(-ENOMEM).
 */
struct tcpc_pass *tcpc_pass_begin(void)
{
	struct tcpc_pass *p;
	int err;

	p = kzalloc(sizeof(*p), TCPC_GFP);
	if (!p)
		return ERR_PTR(-ENOMEM);
	err = tcpc_netset_get(&p->nets);
	p->cap = TCPC_PASS_CONNS;
	p->cap_listeners = TCPC_PASS_LISTENERS;
	p->conns = kvmalloc_array(p->cap, sizeof(*p->conns), TCPC_GFP);
	p->listeners = kvmalloc_array(p->cap_listeners, sizeof(*p->listeners), TCPC_GFP);
	if (!err) {
		p->quota = kvcalloc(p->nets.nr, sizeof(*p->quota), TCPC_GFP);
		p->ports = kvcalloc(p->nets.nr, sizeof(*p->ports), TCPC_GFP);
	}
	if (!p->conns || !p->listeners || !p->quota || !p->ports) {
		tcpc_netset_put(&p->nets);
		tcpc_pass_end(p);
		return ERR_PTR(-ENOMEM);
	}
	tcpc_pass_quotas(p);
	return p;
}

/* Act on accepted connections. Process context. */
static void tcpc_pass_targets(struct tcpc_pass *p)
{
	struct tcpc_conn *conn;
	struct tcpc_quota *q;
	unsigned int i;
	int ret;

	for (i = 0; i < p->nr_targets; i++) {
		conn = &p->targets[i];
		q = &p->quota[conn->slot];
		if (!conn->sk || !tcpc_pass_may(p, q))
			continue;
		if (q->action == TCPC_ACTION_PROBE)
			ret = tcpc_act_probe(conn, q->s);
		else
			ret = tcpc_act_abort(conn, q->s);
		if (ret == TCPC_ACT_BUSY)
			q->skipped[TCPC_SKIP_BUSY]++;
		else if (ret == TCPC_ACT_KEEPALIVE)
			q->skipped[TCPC_SKIP_KEEPALIVE]++;
		else
			tcpc_pass_did(p, q, conn, ret);
		q->targets--;
		tcpc_conn_release(conn);
		tcpc_resched();
	}
}

/* Is there more that may be done in a namespace? Process context. */
static bool tcpc_pass_wants(const struct tcpc_quota *q, unsigned int round)
{
	if (!q->s || q->action == TCPC_ACTION_COUNT || q->used >= q->s->rate)
		return false;
	/* Of its queues nothing is known at first but that they are not empty. */
	return q->targets || (round ? q->skipped[TCPC_SKIP_RATE] : q->listeners);
}

/*
 * An even share of what the host may do for each who wants one; less than one is one, for
 * some in turn. Returns false if nobody does or nothing is left. Process context.
 */
static bool tcpc_pass_share(struct tcpc_pass *p, unsigned int round)
{
	static unsigned int turn; /* the reaper's own */
	u32 left = p->host_left, share = left, wants = 0;
	unsigned int i, first = turn;
	struct tcpc_quota *q;

	for (i = 0; i < p->nets.nr; i++)
		wants += tcpc_pass_wants(&p->quota[i], round);
	if (!wants || !left)
		return false;
	/* What does not come out even is for the first. */
	if (round < TCPC_PASS_ROUNDS - 1)
		share = max(left / wants, 1U);
	for (i = first; i < first + p->nets.nr; i++) {
		q = &p->quota[i % p->nets.nr];
		q->left = 0;
		if (!tcpc_pass_wants(q, round))
			continue;
		q->left = min3(q->s->rate - q->used, share, left);
		left -= q->left;
		if (q->left)
			turn = (i + 1) % p->nets.nr;
	}
	return true;
}

/* What is known of a namespace by now. Process context, it is held. */
static void tcpc_pass_publish(const struct tcpc_quota *q)
{
	struct tcpc_reap *reap = &q->tn->reap;
	unsigned int i;

	atomic64_set(&reap->candidates, q->candidates);
	for (i = 0; i < TCPC_SKIPS; i++)
		atomic64_set(&reap->skipped[i], q->skipped[i]);
}

/*
 * The same, of all namespaces that are still there; without memory to find them they
 * stay as they were after the pass before. Process context.
 */
static void tcpc_pass_publish_all(struct tcpc_pass *p)
{
	struct tcpc_netset now;
	unsigned int i, at = 0;

	if (tcpc_netset_get(&now)) {
		p->missed = true;
	} else {
		/* In both the ids ascend. */
		for (i = 0; i < now.nr; i++) {
			while (at < p->nets.nr && p->quota[at].id < now.refs[i].id)
				at++;
			if (at < p->nets.nr && p->quota[at].id == now.refs[i].id &&
			    p->quota[at].s)
				tcpc_pass_publish(&p->quota[at]);
		}
	}
	tcpc_netset_put(&now);
}

/**
 * tcpc_pass_act() - act
 * @p: after tcpc_pass_look()
 *
 * Every namespace gets an even share of what the host may do in a second, and then of
 * what others did not need. In the end the gauges are published.
 *
 * Context: process, may sleep.
 */
void tcpc_pass_act(struct tcpc_pass *p)
{
	unsigned int i, round;
	struct tcpc_quota *q;

	for (round = 0; round < TCPC_PASS_ROUNDS && tcpc_pass_share(p, round); round++) {
		tcpc_pass_queues(p, !round, false);
		tcpc_pass_targets(p);
	}
	/* Those that were found and not acted on. */
	for (i = 0; i < p->nets.nr; i++) {
		q = &p->quota[i];
		q->skipped[TCPC_SKIP_RATE] += q->targets + q->unkept;
	}
	tcpc_pass_publish_all(p);
	if (p->done[TCPC_RESULT_PROBING] || p->done[TCPC_RESULT_RESET] ||
	    p->done[TCPC_RESULT_EVICTED])
		pr_info("close_wait_timeout: turned keepalive on for %u connections, reset %u (their descriptors stay open), took %u out of accept queues\n",
			p->done[TCPC_RESULT_PROBING], p->done[TCPC_RESULT_RESET],
			p->done[TCPC_RESULT_EVICTED]);
}

/**
 * tcpc_pass_end() - end a pass
 * @p: from tcpc_pass_begin(), without the namespaces
 *
 * Context: process, may sleep.
 */
void tcpc_pass_end(struct tcpc_pass *p)
{
	unsigned int i;

	while (p->nr)
		tcpc_conn_release(&p->conns[--p->nr]);
	while (p->nr_targets) {
		tcpc_conn_release(&p->targets[--p->nr_targets]);
		tcpc_resched();
	}
	while (p->nr_listeners) {
		tcpc_listener_release(&p->listeners[--p->nr_listeners]);
		tcpc_resched();
	}
	for (i = 0; p->quota && i < p->nets.nr; i++) {
		if (!p->quota[i].s)
			continue;
		tcpc_seen_free(&p->quota[i].seen);
		tcpc_settings_put(p->quota[i].s);
	}
	tcpc_cgroup_names_free(&p->names);
	kvfree(p->conns);
	kvfree(p->targets);
	kvfree(p->listeners);
	kvfree(p->quota);
	kvfree(p->ports);
	kfree(p);
}
