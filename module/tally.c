// SPDX-License-Identifier: GPL-2.0
/* Connections, tallied by endpoint. */

#include <linux/rcupdate.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <net/ipv6.h>

#include "census.h"
#include "cgroup.h"
#include "resched.h"
#include "served.h"
#include "tally.h"

/* Module parameter max_endpoints: rows of a namespace in each of the tables. */
unsigned int tcpc_max_endpoints = 4096;

static void tcpc_close_wait_release(void *p)
{
	struct tcpc_close_wait_row *row = p;

	tcpc_cgroup_put(row->key.cgroup);
}

static void tcpc_close_wait_merge(void *p, const void *q)
{
	const struct tcpc_close_wait_row *other = q;
	struct tcpc_close_wait_row *row = p;
	unsigned int cause;

	for (cause = 0; cause < TCPC_CAUSES; cause++)
		row->cause[cause] += other->cause[cause];
	row->unread_small += other->unread_small;
	row->keepalive += other->keepalive;
	row->unread_bytes += other->unread_bytes;
	row->mem_bytes += other->mem_bytes;
}

static void tcpc_endpoint_merge(void *p, const void *q)
{
	const struct tcpc_endpoint_row *other = q;
	struct tcpc_endpoint_row *row = p;
	unsigned int state;

	for (state = 0; state < TCPC_STATES; state++)
		row->state[state] += other->state[state];
	row->silent += other->silent;
	row->silent_no_keepalive += other->silent_no_keepalive;
}

/* Nothing but its count. */
static void tcpc_ports_merge(void *p, const void *q)
{
}

static const struct tcpc_top_kind tcpc_close_wait_kind = {
	.row_size = sizeof(struct tcpc_close_wait_row),
	.key_offset = offsetof(struct tcpc_close_wait_row, key),
	.key_words = sizeof(struct tcpc_close_wait_key) / sizeof(u64),
	.merge = tcpc_close_wait_merge,
	.release = tcpc_close_wait_release,
};

static const struct tcpc_top_kind tcpc_endpoints_kind = {
	.row_size = sizeof(struct tcpc_endpoint_row),
	.key_offset = offsetof(struct tcpc_endpoint_row, ep),
	.key_words = sizeof(struct tcpc_endpoint) / sizeof(u64),
	.merge = tcpc_endpoint_merge,
};

static const struct tcpc_top_kind tcpc_ports_kind = {
	.row_size = sizeof(struct tcpc_ports_row),
	.key_offset = offsetof(struct tcpc_ports_row, key),
	.key_words = sizeof(struct tcpc_ports_key) / sizeof(u64),
	.merge = tcpc_ports_merge,
};

/**
 * tcpc_tally_init() - begin a tally
 * @tally: to be ended with tcpc_tally_free(), also on failure
 * @nr_nets: namespaces
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpc_tally_init(struct tcpc_tally *tally, unsigned int nr_nets)
{
	u32 max = READ_ONCE(tcpc_max_endpoints);
	int err;

	/* Keys have no holes: they are hashed and compared as they stand. */
	BUILD_BUG_ON(sizeof(struct tcpc_endpoint) != 3 * sizeof(u64));
	BUILD_BUG_ON(sizeof(struct tcpc_close_wait_key) != 4 * sizeof(u64));
	BUILD_BUG_ON(sizeof(struct tcpc_ports_key) != 5 * sizeof(u64));

	err = tcpc_top_init(&tally->close_wait, &tcpc_close_wait_kind, nr_nets, max);
	if (!err)
		err = tcpc_top_init(&tally->endpoints, &tcpc_endpoints_kind,
				    nr_nets, max);
	if (!err)
		err = tcpc_top_init(&tally->ports, &tcpc_ports_kind, nr_nets, max);
	return err;
}

/*
 * The local address of a server's socket that stands for its service: that of
 * the listener it comes from. The family of a socket is that of its listener.
 */
static void tcpc_tally_service(struct in6_addr *addr, const struct tcpc_conn *conn,
			       const struct tcpc_census *census)
{
	bool mapped = ipv6_addr_v4mapped(&conn->local);
	unsigned int any;

	if (conn->family == AF_INET)
		any = conn->served & TCPC_SERVED_ANY4;
	else if (mapped && conn->served & TCPC_SERVED_ANY46)
		any = TCPC_SERVED_ANY46;
	else
		any = conn->served & TCPC_SERVED_ANY6;

	*addr = conn->local;
	if (!any || conn->state == TCP_LISTEN)
		return;
	/* If there are listeners of both kinds, is there one of this address? */
	if (conn->served & TCPC_SERVED_ONE &&
	    tcpc_census_listener_at(census, conn->slot, conn->family, addr,
				    conn->local_port, NULL))
		return;
	if (any == TCPC_SERVED_ANY6)
		*addr = in6addr_any;
	else
		ipv6_addr_set_v4mapped(htonl(INADDR_ANY), addr);
}

static void tcpc_tally_endpoint(struct tcpc_endpoint *ep, const struct tcpc_conn *conn,
				const struct tcpc_census *census)
{
	ep->role = conn->role;
	if (conn->role == TCPC_SERVER) {
		tcpc_tally_service(&ep->addr, conn, census);
		ep->port = conn->local_port;
	} else {
		ep->addr = conn->remote;
		ep->port = conn->remote_port;
	}
	ep->ifindex = tcpc_addr_scoped(&ep->addr) ? conn->ifindex : 0;
}

/* How old is the oldest, and whose? Not of another key, if the row is fresh. */
static void tcpc_close_wait_age(struct tcpc_close_wait_row *row,
				const struct tcpc_conn *conn, bool fresh)
{
	if (fresh || row->data_idle_s < conn->data_idle_s)
		row->data_idle_s = conn->data_idle_s;
	if (!fresh && row->idle_s >= conn->idle_s)
		return;
	row->idle_s = conn->idle_s;
	row->uid = conn->uid;
	/* Not read of all: it is in two more cache lines, and few get here. */
	rcu_read_lock();
	row->inode = tcpc_sock_inode(conn->sk);
	rcu_read_unlock();
	row->queued = conn->cause == TCPC_CAUSE_UNACCEPTED;
}

static void tcpc_tally_close_wait(struct tcpc_top *top, struct tcpc_conn *conn,
				  const struct tcpc_endpoint *ep)
{
	struct tcpc_close_wait_key key = { .ep = *ep, .cgroup = conn->cgroup };
	struct tcpc_close_wait_row *row;
	bool fresh;

	row = tcpc_top_hit(top, conn->slot, &key, &fresh);
	if (!row)
		return;
	/* The row takes over the reference, unless it has one. */
	if (fresh)
		conn->cgroup = NULL;
	row->cause[conn->cause]++;
	if (conn->cause == TCPC_CAUSE_UNREAD &&
	    conn->unread_bytes <= TCPC_UNREAD_SMALL)
		row->unread_small++;
	row->keepalive += conn->keepalive;
	row->unread_bytes += conn->unread_bytes;
	row->mem_bytes += conn->mem_bytes;
	tcpc_close_wait_age(row, conn, fresh);
}

/**
 * tcpc_tally_add() - count a connection, or a listener
 * @tally: the tally
 * @census: of which it is a part; its listeners are known
 * @conn: the connection; let go of, in CLOSE_WAIT with the @sk it was read from
 *
 * Context: process, may sleep.
 */
void tcpc_tally_add(struct tcpc_tally *tally, const struct tcpc_census *census,
		    struct tcpc_conn *conn)
{
	struct tcpc_ports_key key;
	struct tcpc_endpoint_row *row;
	struct tcpc_endpoint ep;
	bool fresh;

	tcpc_tally_endpoint(&ep, conn, census);
	row = tcpc_top_hit(&tally->endpoints, conn->slot, &ep, &fresh);
	if (row) {
		row->state[conn->state]++;
		row->silent += conn->silent;
		row->silent_no_keepalive += conn->silent && !conn->keepalive;
	}
	if (conn->state == TCP_CLOSE_WAIT)
		tcpc_tally_close_wait(&tally->close_wait, conn, &ep);
	tcpc_conn_release(conn);
	if (conn->ephemeral) {
		key.ep = ep;
		key.source = conn->local;
		tcpc_top_hit(&tally->ports, conn->slot, &key, &fresh);
	}
}

/**
 * tcpc_tally_finish() - all connections are counted
 * @tally: the tally; its rows are put in order
 * @census: of which it is a part; its listeners are known
 *
 * Context: process, may sleep.
 */
void tcpc_tally_finish(struct tcpc_tally *tally, const struct tcpc_census *census)
{
	const struct tcpc_listener *l;
	struct tcpc_close_wait_row *row;
	u32 i;

	for (i = 0; i < tally->close_wait.nr; i++) {
		row = tcpc_top_at(&tally->close_wait, i);
		if (!row->queued || row->key.ep.role != TCPC_SERVER)
			continue;
		l = tcpc_census_listener_at(census, row->top.slot, AF_UNSPEC,
					    &row->key.ep.addr, row->key.ep.port,
					    row->key.cgroup);
		if (l) {
			row->uid = l->uid;
			row->inode = l->inode;
		}
		tcpc_resched();
	}
	tcpc_top_sort(&tally->close_wait);
	tcpc_top_sort(&tally->endpoints);
	tcpc_top_sort(&tally->ports);
}

/**
 * tcpc_tally_free() - free a tally
 * @tally: from tcpc_tally_init(), or all zero
 *
 * Context: process, may sleep.
 */
void tcpc_tally_free(struct tcpc_tally *tally)
{
	tcpc_top_free(&tally->close_wait);
	tcpc_top_free(&tally->endpoints);
	tcpc_top_free(&tally->ports);
}
