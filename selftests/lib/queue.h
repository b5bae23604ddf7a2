/* SPDX-License-Identifier: GPL-2.0 */
/* Connections in an accept queue, and what their clients do. */
#ifndef LIB_QUEUE_H
#define LIB_QUEUE_H

#include <stdbool.h>

#include "listener.h"
#include "net.h"

/* What a client does once it is connected: nothing, shutdown(), or a reset. */
enum queued { LIVE, HALF, RESET, QUEUED };

#define QUEUE_MIX 10

extern const unsigned char queue_mix[QUEUE_MIX];

/**
 * struct queue - connections of a queue
 * @n: by what their clients did
 */
struct queue {
	unsigned int n[QUEUED];
};

unsigned int queue_sum(const struct queue *q);
void queue_client(const struct addr *to, enum queued kind, struct queue *q);
void queue_fill(const struct addr *to, unsigned int clients, struct queue *q);
bool queue_is(struct listener *l, int fd, const struct queue *q);
bool queue_settles(struct listener *l, int fd, const struct queue *q);
int queue_accept(int listener);
struct queue queue_accept_all(int listener);

#endif /* LIB_QUEUE_H */
