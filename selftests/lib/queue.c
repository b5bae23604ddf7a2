// SPDX-License-Identifier: GPL-2.0
/* Connections in an accept queue, and what their clients do. */

#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "base.h"
#include "queue.h"

/* No two neighbours alike, in an order without order. */
const unsigned char queue_mix[QUEUE_MIX] = {
	LIVE, HALF, LIVE, RESET, LIVE, HALF, RESET, LIVE, HALF, LIVE,
};

/* All of it. */
unsigned int queue_sum(const struct queue *q)
{
	return q->n[LIVE] + q->n[HALF] + q->n[RESET];
}

/*
 * Segments sent from two CPUs may overtake each other on lo: a reset would be
 * there before the ACK that puts the connection into the queue.
 */
static void stay_on_this_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	must(!sched_setaffinity(0, sizeof(set), &set));
}

/* A client, and what it does. Its socket stays, unless it resets. */
void queue_client(const struct addr *to, enum queued kind, struct queue *q)
{
	int fd;

	stay_on_this_cpu();
	fd = sock_connect(to);
	q->n[kind]++;
	if (kind == HALF) {
		must(!shutdown(fd, SHUT_WR));
	} else if (kind == RESET) {
		sock_reset_on_close(fd);
		close(fd);
	}
}

/* Does a listener's row say this? */
bool queue_is(struct listener *l, int fd, const struct queue *q)
{
	listener_of(l, fd);
	return l->depth == queue_sum(q) && l->close_wait == q->n[HALF] &&
	       l->reset == q->n[RESET];
}

/* Does a listener's row come to say this? If not, print what it says. */
bool queue_settles(struct listener *l, int fd, const struct queue *q)
{
	if (wait_for(queue_is(l, fd, q)))
		return true;
	printf("# depth %llu, close_wait %llu, reset %llu; want %u, %u, %u\n",
	       l->depth, l->close_wait, l->reset, queue_sum(q), q->n[HALF],
	       q->n[RESET]);
	return false;
}

/* What is accepted next, as its socket says; -1 if the queue is empty. */
int queue_accept(int listener)
{
	struct pollfd pfd = { .fd = listener, .events = POLLIN };
	int fd, state;

	if (poll(&pfd, 1, 0) <= 0)
		return -1;
	fd = sock_accept(listener);
	state = sock_state(fd);
	close(fd);
	switch (state) {
	case TCP_ESTABLISHED:
		return LIVE;
	case TCP_CLOSE_WAIT:
		return HALF;
	case TCP_CLOSE:
		return RESET;
	}
	die("accepted a socket in state %d", state);
}

/* Take all of it; what it was. */
struct queue queue_accept_all(int listener)
{
	struct queue q = {};
	int kind;

	while ((kind = queue_accept(listener)) >= 0)
		q.n[kind]++;
	return q;
}

/* So many clients, one after the other, of all kinds. */
void queue_fill(const struct addr *to, unsigned int clients, struct queue *q)
{
	unsigned int i;

	for (i = 0; i < clients; i++)
		queue_client(to, queue_mix[i % QUEUE_MIX], q);
}
