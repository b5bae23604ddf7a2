/* SPDX-License-Identifier: GPL-2.0 */
/* The accept queue of a listener. */
#ifndef TCPC_QUEUE_H
#define TCPC_QUEUE_H

#include <linux/types.h>

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

bool tcpc_queue_dead(struct sock *listener);
int tcpc_queue_read(struct tcpc_queue *queue, struct sock *listener);

#endif /* TCPC_QUEUE_H */
