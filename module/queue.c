// SPDX-License-Identifier: GPL-2.0
/*
 * The accept queue of a listener.
 *
 * It is a list of request socks under rskq_lock. accept() takes them off its
 * head, with the listener owned (lock_sock()); softirqs append. So whoever owns
 * the listener may let go of rskq_lock and find his place again.
 */

#include <linux/math64.h>
#include <net/inet_connection_sock.h>
#include <net/tcp.h>

#include "compat.h"
#include "queue.h"
#include "resched.h"

/*
 * Entries seen while rskq_lock is held and softirqs are off: a small fraction of
 * a millisecond's worth.
 */
#define TCPC_QUEUE_PIECE 256

/**
 * tcpc_sock_own() - own a socket as lock_sock() does, but do not wait for it
 * @sk: the socket, with a reference
 *
 * Whoever has it may stand on a page of user memory for as long as he likes. To be
 * ended with release_sock().
 *
 * Context: process.
 * Return: false if somebody has it.
 */
bool tcpc_sock_own(struct sock *sk)
{
	bool own;

	spin_lock_bh(&sk->sk_lock.slock);
	own = !sk->sk_lock.owned;
	if (own)
		sk->sk_lock.owned = 1;
	spin_unlock_bh(&sk->sk_lock.slock);
	if (own)
		mutex_acquire(&sk->sk_lock.dep_map, 0, 1, _RET_IP_);
	return own;
}

/*
 * How long the head of a queue has been there. With syncookies nobody knows when
 * the SYNACK was sent; then since the handshake ended, when a child that sends
 * nothing sent last. Under rskq_lock.
 */
static u64 tcpc_queue_wait_ms(const struct request_sock *head)
{
	u64 now, synack = tcp_rsk(head)->snt_synack;
	const struct sock *child = head->sk;
	u32 sent;

	if (synack) {
		now = tcp_clock_us();
		return now > synack ? div_u64(now - synack, USEC_PER_MSEC) : 0;
	}
	if (!child)
		return 0;
	sent = READ_ONCE(tcp_sk(child)->lsndtime);
	/* Read after it, so that it does not lie in the future. */
	smp_rmb();
	return jiffies_to_msecs(tcp_jiffies32 - sent);
}

/*
 * See one piece of the queue, beginning at @req. Returns where to go on, or NULL
 * at its end. Under rskq_lock, which keeps request socks and their children from
 * going away; but see tcpc_queue_dead().
 */
static struct request_sock *tcpc_queue_piece(struct tcpc_queue *queue,
					     struct request_sock *req)
{
	unsigned int i;

	for (i = 0; req && i < TCPC_QUEUE_PIECE; i++, req = READ_ONCE(req->dl_next)) {
		/* A fast open child may be gone: then nobody waits any more. */
		const struct sock *child = READ_ONCE(req->sk);

		queue->depth++;
		if (!child)
			continue;
		switch (inet_sk_state_load(child)) {
		case TCP_CLOSE_WAIT:
			queue->close_wait++;
			break;
		case TCP_CLOSE:
			queue->reset++;
			break;
		}
	}
	return req;
}

/* Are there dead ones in the first piece? Under rskq_lock, or as below. */
static bool tcpc_queue_piece_dead(const struct request_sock_queue *q)
{
	struct tcpc_queue queue = {};

	tcpc_queue_piece(&queue, READ_ONCE(q->rskq_accept_head));
	return queue.close_wait || queue.reset;
}

/**
 * tcpc_queue_dead() - are there dead connections in the queue of a listener that ends?
 * @listener: owned by the caller, whose state is about to change from TCP_LISTEN
 *
 * The first TCPC_QUEUE_PIECE are seen, the oldest. On PREEMPT_RT that must be without
 * rskq_lock where preemption is off. The owner of a listener alone may take requests
 * from its queue, softirqs append to it: on x86, which keeps their stores in order,
 * there is always a whole queue to be seen.
 *
 * Context: process, perhaps with preemption off; under RCU.
 * Return: true if the peer of one has closed or reset it.
 */
bool tcpc_queue_dead(struct sock *listener)
{
	struct request_sock_queue *q = &inet_csk(listener)->icsk_accept_queue;
	bool dead;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return IS_ENABLED(CONFIG_X86) && tcpc_queue_piece_dead(q);
	spin_lock_bh(&q->rskq_lock);
	dead = tcpc_queue_piece_dead(q);
	spin_unlock_bh(&q->rskq_lock);
	return dead;
}

/**
 * tcpc_queue_read() - see what is in an accept queue
 * @queue: filled
 * @listener: the listener, with a reference
 *
 * A queue of up to TCPC_QUEUE_PIECE connections is seen at one moment. To see a
 * longer one the listener is owned, so that accept() waits, for as long as it
 * takes to go through the queue once, while new connections are still queued.
 *
 * Context: process, may sleep.
 * Return: 0, or -EBUSY: the queue is long and the listener is owned by someone
 * else, or -ENOTCONN: it listens no more.
 */
int tcpc_queue_read(struct tcpc_queue *queue, struct sock *listener)
{
	struct request_sock_queue *q = &inet_csk(listener)->icsk_accept_queue;
	bool own = READ_ONCE(listener->sk_ack_backlog) > TCPC_QUEUE_PIECE;
	struct request_sock *req;
	int err = 0;

	memset(queue, 0, sizeof(*queue));
	if (own && !tcpc_sock_own(listener))
		return -EBUSY;

	spin_lock_bh(&q->rskq_lock);
	req = q->rskq_accept_head;
	if (req)
		queue->oldest_wait_ms = tcpc_queue_wait_ms(req);
	for (;;) {
		/* MPTCP takes queues away whole, of listeners it has closed. */
		if (inet_sk_state_load(listener) != TCP_LISTEN) {
			err = -ENOTCONN;
			break;
		}
		req = tcpc_queue_piece(queue, req);
		if (!req)
			break;
		if (!own) {
			err = -EBUSY;
			break;
		}
		spin_unlock_bh(&q->rskq_lock);
		tcpc_resched();
		spin_lock_bh(&q->rskq_lock);
	}
	spin_unlock_bh(&q->rskq_lock);

	if (own)
		release_sock(listener);
	return err;
}

/*
 * Take the request behind @before out of the queue, or the first. Under rskq_lock,
 * by the listener's owner.
 */
static struct request_sock *tcpc_queue_unlink(struct sock *listener,
					      struct request_sock *before)
{
	struct request_sock_queue *q = &inet_csk(listener)->icsk_accept_queue;
	struct request_sock *req, *next;

	req = before ? before->dl_next : q->rskq_accept_head;
	next = req->dl_next;
	if (before)
		WRITE_ONCE(before->dl_next, next);
	else
		WRITE_ONCE(q->rskq_accept_head, next);
	if (!next)
		WRITE_ONCE(q->rskq_accept_tail, before);
	sk_acceptq_removed(listener);
	req->dl_next = NULL;
	return next;
}

/*
 * Sift one piece, beginning behind *@before, or with the first. Under rskq_lock, by
 * the listener's owner. Returns false when there are no more.
 */
static bool tcpc_queue_sift_piece(struct tcpc_sift *sift, struct sock *listener,
				  struct request_sock **before)
{
	struct request_sock_queue *q = &inet_csk(listener)->icsk_accept_queue;
	struct request_sock *req, *next;
	struct tcpc_picked *picked;
	enum tcpc_verdict verdict;
	unsigned int i;

	req = *before ? (*before)->dl_next : q->rskq_accept_head;
	for (i = 0; req && i < TCPC_QUEUE_PIECE; i++, req = next) {
		next = req->dl_next;
		verdict = TCPC_QUEUE_KEEP;
		if (req->sk)
			verdict = sift->judge(sift->ctx, req, req->sk);
		if (verdict == TCPC_QUEUE_STOP)
			return false;
		if (verdict == TCPC_QUEUE_KEEP) {
			*before = req;
			continue;
		}
		picked = &sift->picked[sift->nr++];
		picked->child = req->sk;
		picked->req = NULL;
		sock_hold(req->sk);
		if (verdict == TCPC_QUEUE_TAKE) {
			picked->req = req;
			tcpc_queue_unlink(listener, *before);
		} else {
			*before = req;
		}
	}
	return req;
}

/**
 * tcpc_queue_sift() - take connections out of an accept queue
 * @sift: what, and where they are put; those that were taken are to be ended with
 *	tcpc_queue_drop(), of the others the reference is to be put
 * @listener: the listener, with a reference
 *
 * The listener is owned meanwhile, so accept() waits; the rest keep their order.
 *
 * Context: process, may sleep.
 * Return: 0, -EBUSY: somebody has the listener, or -ENOTCONN: it listens no more;
 * some may have been picked before it ceased to.
 */
int tcpc_queue_sift(struct tcpc_sift *sift, struct sock *listener)
{
	struct request_sock_queue *q = &inet_csk(listener)->icsk_accept_queue;
	struct request_sock *before = NULL;
	bool more = true;
	int err = 0;

	if (!tcpc_sock_own(listener))
		return -EBUSY;
	while (more && !err) {
		spin_lock_bh(&q->rskq_lock);
		/* MPTCP takes queues away whole, of listeners it has closed. */
		if (inet_sk_state_load(listener) == TCP_LISTEN)
			more = tcpc_queue_sift_piece(sift, listener, &before);
		else
			err = -ENOTCONN;
		spin_unlock_bh(&q->rskq_lock);
		tcpc_resched();
	}
	release_sock(listener);
	return err;
}

/*
 * Where close() had no memory for a FIN it has left a socket without anything in flight
 * and without a timer: nothing would ever end it. Process context.
 */
static void tcpc_queue_drop_unheard(struct sock *child)
{
	bool unheard;

	lock_sock(child);
	unheard = child->sk_state == TCP_LAST_ACK && !tcp_sk(child)->packets_out &&
		  tcp_write_queue_empty(child);
	release_sock(child);
	if (unheard)
		tcpc_orphan_end(child);
}

/**
 * tcpc_queue_drop() - end a connection that was taken, as accept() and close() would
 * @picked: it; the reference on the child stays
 *
 * Context: process, may sleep; not for anybody: no process has its lock.
 */
void tcpc_queue_drop(struct tcpc_picked *picked)
{
	picked->child->sk_prot->close(picked->child, 0);
	tcpc_queue_drop_unheard(picked->child);
	sock_gen_put(req_to_sk(picked->req));
}
