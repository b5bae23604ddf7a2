/* SPDX-License-Identifier: GPL-2.0 */
/* The accept queue of a listener. */
#ifndef TCPC_QUEUE_H
#define TCPC_QUEUE_H

#include <linux/types.h>

struct request_sock;
struct sock;

/**
 * struct tcpc_queue - what is in an accept queue
 * @depth: connections
 * @close_wait: those whose peer has closed
 * @reset: those the peer has reset: in no hash table, but still in the queue
 * @oldest_wait_ms: since the SYNACK of the one at its head, 0 if there is none
 */
struct tcpc_queue {
	u32 depth;
	u32 close_wait;
	u32 reset;
	u64 oldest_wait_ms;
};

/* What is to become of a queued connection. */
enum tcpc_verdict {
	TCPC_QUEUE_KEEP, /* nothing */
	TCPC_QUEUE_HOLD, /* it stays, but the caller gets a reference on it */
	TCPC_QUEUE_TAKE, /* it is taken out of the queue */
	TCPC_QUEUE_STOP, /* nothing, nor of those behind it */
};

/**
 * struct tcpc_sift - what is sifted out of an accept queue
 * @judge: says what is to become of a connection, to keep it once there is no more
 *	room; under rskq_lock
 * @ctx: for it
 * @picked: connections to be held or taken, the oldest first
 * @nr: how many
 */
struct tcpc_sift {
	enum tcpc_verdict (*judge)(void *ctx, const struct request_sock *req,
				   const struct sock *child);
	void *ctx;
	struct tcpc_picked {
		struct sock *child; /* with a reference */
		struct request_sock *req; /* was taken; NULL if it stays */
	} *picked;
	unsigned int nr;
};

bool tcpc_sock_own(struct sock *sk);
int tcpc_queue_sift(struct tcpc_sift *sift, struct sock *listener);
void tcpc_queue_drop(struct tcpc_picked *picked);
bool tcpc_queue_dead(struct sock *listener);
int tcpc_queue_read(struct tcpc_queue *queue, struct sock *listener);

#endif /* TCPC_QUEUE_H */
