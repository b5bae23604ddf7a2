// SPDX-License-Identifier: GPL-2.0
/*
 * Bursts of connections into an accept queue, and what the module says of them.
 *
 * How deep a queue is the kernel tells without the module (TCP_INFO): a read of
 * listeners is a walk, and a walk takes the peak as well. So a test that wants
 * to see peaks of events alone drains the queue before it reads.
 */

#include <netinet/tcp.h>
#include <stdlib.h>

#include "base.h"
#include "census.h"
#include "peak.h"
#include "queue.h"

/**
 * peak_in() - the only row with that inode
 * @p: filled
 * @t: a listeners
 * @inode: number of the listening socket; no row or two end the test
 */
void peak_in(struct peak *p, const struct table *t, unsigned long inode)
{
	char *value = strf("%lu", inode);
	long row = table_find(t, "inode", value, -1);

	if (row < 0)
		die("listeners: no row with inode %s", value);
	if (table_find(t, "inode", value, row) >= 0)
		die("listeners: two rows with inode %s", value);
	free(value);

	table_copy(p->local, sizeof(p->local), t, row, "local");
	p->depth = table_number(t, row, "depth");
	p->limit = table_number(t, row, "limit");
	p->peak = table_number(t, row, "peak");
	p->recent = table_number(t, row, "peak_recent");
	p->filled = table_number(t, row, "filled");
	p->queued = table_number(t, row, "queued");
	if (p->recent > p->peak)
		die("listeners: %s: peak_recent is %llu, peak is %llu", p->local,
		    p->recent, p->peak);
}

/* The row of a socket we hold, freshly read. */
void peak_of(struct peak *p, int fd)
{
	struct table t;

	census_table(&t, "listeners");
	peak_in(p, &t, sock_inode(fd));
	table_free(&t);
}

/*
 * Is a listener's row not this? Then in how many columns, and they are printed.
 * The peak is to be a recent one: a test is over within a minute.
 */
unsigned int peak_off(int fd, unsigned int peak, unsigned int filled,
		      unsigned int queued)
{
	unsigned int bad;
	struct peak p;

	peak_of(&p, fd);
	bad = off("peak", peak, p.peak);
	bad += off("peak_recent", peak, p.recent);
	bad += off("filled", filled, p.filled);
	return bad + off("queued", queued, p.queued);
}

/* Connections in the accept queue of a listener, as the kernel itself says. */
unsigned int sock_depth(int listener)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	must(!getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &len));
	must(info.tcpi_state == TCP_LISTEN);
	return info.tcpi_unacked;
}

/**
 * burst_start() - so many clients connect and stay
 * @to: where
 * @n: how many
 *
 * This process stays on its CPU from now on, which is where lo's segments are
 * received. So whenever it runs, a connection that is in the queue has had its
 * change of state, too: no event is left that could look at a queue from which
 * this process has accepted since.
 */
void burst_start(const struct addr *to, unsigned int n)
{
	struct queue clients = {};

	while (n--)
		queue_client(to, LIVE, &clients);
}

/* Does a queue come to hold so many? If not, print what it holds. */
bool burst_queued(int listener, unsigned int n)
{
	return wait_for(sock_depth(listener) == n) ||
	       !off("in the queue", n, sock_depth(listener));
}

/* So many more, and all are in the queue. */
bool burst_fill(int listener, const struct addr *to, unsigned int n)
{
	unsigned int had = sock_depth(listener);

	burst_start(to, n);
	return burst_queued(listener, had + n);
}

/* Accept all there are, and close them; how many. */
unsigned int burst_drain(int listener)
{
	struct queue q = queue_accept_all(listener);

	return queue_sum(&q);
}
