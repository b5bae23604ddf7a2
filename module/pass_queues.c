// SPDX-License-Identifier: GPL-2.0
/* A pass of the reaper: the accept queues. */

#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/mptcp.h>
#include <net/tcp.h>

#include "act.h"
#include "gfp.h"
#include "pass.h"
#include "queue.h"
#include "resched.h"

/* Picked at a time, between two looks whether this is still wanted. */
#define TCPC_PASS_PICKED 256U

/**
 * struct tcpc_sifting - a queue being sifted
 * @sift: what is picked
 * @q: of its namespace
 * @except: the rules spare all of it
 * @kernel: the listener may be the kernel's own
 * @first: the queue is sifted for the first time in this pass: count
 * @allowed: how many may be picked
 */
struct tcpc_sifting {
	struct tcpc_sift sift;
	struct tcpc_quota *q;
	bool except;
	bool kernel;
	bool first;
	unsigned int allowed;
};

/* Under rskq_lock. */
static enum tcpc_verdict tcpc_pass_skip(struct tcpc_sifting *s, enum tcpc_skip why)
{
	if (s->first)
		s->q->skipped[why]++;
	return TCPC_QUEUE_KEEP;
}

/* For struct tcpc_sift.judge: under rskq_lock, which keeps both from going away. */
static enum tcpc_verdict tcpc_pass_sift(void *ctx, const struct request_sock *req,
					const struct sock *child)
{
	struct tcpc_sifting *s = ctx;
	enum tcpc_action action = s->q->action;
	int state = inet_sk_state_load(child);

	/* The rest has been counted. */
	if (!s->first && s->sift.nr >= s->allowed)
		return TCPC_QUEUE_STOP;
	/* Reset ones are in TCP_CLOSE. Those that probing resets were idle before. */
	if ((state != TCP_CLOSE_WAIT && state != TCP_CLOSE) ||
	    tcpc_sock_idle(child) < s->q->s->timeout_s)
		return TCPC_QUEUE_KEEP;
	if (READ_ONCE(tcp_rsk(req)->tfo_listener))
		return tcpc_pass_skip(s, TCPC_SKIP_TFO);
	if (sk_is_mptcp(child))
		return tcpc_pass_skip(s, TCPC_SKIP_MPTCP);
	/*
	 * Exempt: in repair mode, in the sockmap of a BPF program, or the kernel's.
	 * data_race(): bits that seldom change, beside others that do.
	 */
	if (data_race(!!tcp_sk(child)->repair) || READ_ONCE(child->sk_user_data) ||
	    /* data_race(): likewise */
	    (s->kernel && data_race(!!child->sk_kern_sock)))
		return TCPC_QUEUE_KEEP;
	if (s->except)
		return tcpc_pass_skip(s, TCPC_SKIP_EXCEPT);
	if (s->first)
		s->q->candidates++;
	if (action == TCPC_ACTION_PROBE && state == TCP_CLOSE_WAIT && tcpc_act_kept(child))
		return tcpc_pass_skip(s, TCPC_SKIP_KEEPALIVE);
	if (s->sift.nr >= s->allowed)
		return tcpc_pass_skip(s, TCPC_SKIP_RATE);
	if (action == TCPC_ACTION_COUNT ||
	    (action == TCPC_ACTION_PROBE && state == TCP_CLOSE_WAIT))
		return TCPC_QUEUE_HOLD;
	return TCPC_QUEUE_TAKE;
}

/* A picked connection. Process context. */
static void tcpc_pass_picked(struct tcpc_pass *p, const struct tcpc_listener *l,
			     struct tcpc_picked *picked)
{
	struct tcpc_quota *q = &p->quota[l->slot];
	struct tcpc_conn conn = { .slot = l->slot };
	int ret;

	rcu_read_lock();
	tcpc_conn_read(&conn, picked->child, TCP_CLOSE_WAIT, &p->ports[l->slot]);
	rcu_read_unlock();
	conn.sk = picked->child;
	conn.role = TCPC_SERVER;
	conn.cause = TCPC_CAUSE_UNACCEPTED;
	/* A reset one has no port any more. */
	conn.local_port = l->port;
	if (picked->req) {
		tcpc_queue_drop(picked);
		tcpc_pass_did(p, q, &conn, TCPC_RESULT_EVICTED);
	} else if (q->action == TCPC_ACTION_COUNT) {
		tcpc_pass_count(p, q, &conn);
	} else if (tcpc_pass_may(p, q)) {
		ret = tcpc_act_probe(&conn, q->s);
		if (ret == TCPC_ACT_BUSY)
			q->skipped[TCPC_SKIP_BUSY]++;
		else if (ret != TCPC_ACT_KEEPALIVE)
			tcpc_pass_did(p, q, &conn, ret);
	}
	tcpc_conn_release(&conn);
}

/*
 * Up to so many of one queue. Returns true if there may be more: as many were picked
 * as are at a time, and not in vain. Process context.
 */
static bool tcpc_pass_queue_piece(struct tcpc_pass *p, struct tcpc_listener *l,
				  bool first)
{
	struct tcpc_quota *q = &p->quota[l->slot];
	struct tcpc_conn like = {
		.role = TCPC_SERVER,
		.local_port = l->port,
		.cgroup = l->cgroup,
	};
	struct tcpc_sifting s = {
		.sift.judge = tcpc_pass_sift,
		.sift.ctx = &s,
		.q = q,
		.except = tcpc_pass_excepted(p, q, &like),
		.kernel = tcpc_served_get(p->ports[l->slot].served, l->port) &
			  TCPC_SERVED_KERNEL,
		.first = first,
	};
	u32 used = q->used;
	unsigned int i;

	if (q->action == TCPC_ACTION_COUNT)
		s.allowed = l->depth + l->depth / 8 + 1;
	else if (tcpc_pass_may(p, q))
		s.allowed = min3(q->left, p->host_left, TCPC_PASS_PICKED);
	s.sift.picked = kvmalloc_array(max(s.allowed, 1U), sizeof(*s.sift.picked), TCPC_GFP);
	if (!s.sift.picked) {
		p->missed = true;
		q->skipped[TCPC_SKIP_BUSY]++;
		return false;
	}
	if (tcpc_queue_sift(&s.sift, l->sk) == -EBUSY) {
		q->skipped[TCPC_SKIP_BUSY]++;
		/* Its candidates are not known: not again in this pass. */
		sock_put(l->sk);
		l->sk = NULL;
	}
	if (!first)
		q->skipped[TCPC_SKIP_RATE] -= min(q->skipped[TCPC_SKIP_RATE], s.sift.nr);
	for (i = 0; i < s.sift.nr; i++) {
		tcpc_pass_picked(p, l, &s.sift.picked[i]);
		tcpc_resched();
	}
	kvfree(s.sift.picked);
	return s.sift.nr == TCPC_PASS_PICKED && q->used > used;
}

/**
 * tcpc_pass_queues() - act on connections that nobody has accepted
 * @p: the pass
 * @first: for the first time: candidates are counted
 * @count: where nothing but counting is to be done; else everywhere else
 *
 * Context: process, may sleep; the namespaces are held if @count.
 */
void tcpc_pass_queues(struct tcpc_pass *p, bool first, bool count)
{
	struct tcpc_listener *l;
	struct tcpc_quota *q;
	bool counts, more;
	unsigned int i;

	for (i = 0; i < p->nr_listeners; i++) {
		l = &p->listeners[i];
		q = &p->quota[l->slot];
		counts = q->action == TCPC_ACTION_COUNT;
		if (!l->sk || counts != count)
			continue;
		if (!first && (!q->skipped[TCPC_SKIP_RATE] || !tcpc_pass_may(p, q)))
			continue;
		more = tcpc_pass_queue_piece(p, l, first);
		while (more && !count && tcpc_pass_may(p, q))
			more = tcpc_pass_queue_piece(p, l, false);
	}
}
