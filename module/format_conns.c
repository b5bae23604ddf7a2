// SPDX-License-Identifier: GPL-2.0
/* The formats of what is tallied by endpoint, and of single connections. */

#include <linux/kernel.h>
#include <linux/stddef.h>

#include "format.h"

/* The rows of a table of the tally, the largest first. */
static void tcpc_top_render(struct tcpc_table *table, const struct tcpc_view *view,
			    const struct tcpc_top *top)
{
	const struct tcpc_top_net *tn = &top->nets[view->cn - view->census->nets];
	u32 i;

	for (i = 0; i < tn->rows; i++)
		tcpc_table_row(table, view, tcpc_top_at(top, tn->first + i));
}

static void tcpc_endpoint_role(struct tcpc_text *t, const struct tcpc_column *col,
			       const void *view, const void *row)
{
	const struct tcpc_endpoint *ep = row + col->offset;

	tcpc_text_word(t, tcpc_role_names[ep->role]);
}

/* "~" before it: the row has taken over the counts of another. */
static void tcpc_endpoint_name(struct tcpc_text *t, const struct tcpc_column *col,
			       const void *view, const void *row)
{
	const struct tcpc_endpoint *ep = row + col->offset;
	const struct tcpc_top_row *top = row;

	if (top->approx)
		tcpc_text_printf(t, "~");
	tcpc_text_addr_port(t, view, &ep->addr, ep->ifindex, ep->port);
}

/* close_wait */

/* A column that shows a member of struct tcpc_close_wait_row. */
#define TCPC_C(column, member, how) \
	.name = column, .cell = how, \
	.offset = offsetof(struct tcpc_close_wait_row, member)

/* And the sockets of a cause. */
#define TCPC_CAUSE(column, cause_) { TCPC_C(column, cause[cause_], tcpc_cell_u32) }

static const struct tcpc_column tcpc_close_wait_columns[] = {
	{ .name = "netns", .cell = tcpc_cell_netns },
	{ TCPC_C("role", key.ep, tcpc_endpoint_role), .text = true },
	{ TCPC_C("endpoint", key.ep, tcpc_endpoint_name), .text = true },
	{ TCPC_C("cgroup", key.cgroup, tcpc_cell_cgroup), .text = true },
	{ TCPC_C("uid", uid, tcpc_cell_uid), .text = true },
	{ TCPC_C("inode", inode, tcpc_cell_u64) },
	{ TCPC_C("sockets", top.count, tcpc_cell_u32) },
	TCPC_CAUSE("unaccepted", TCPC_CAUSE_UNACCEPTED),
	TCPC_CAUSE("sending", TCPC_CAUSE_SENDING),
	TCPC_CAUSE("unread", TCPC_CAUSE_UNREAD),
	{ TCPC_C("unread_small", unread_small, tcpc_cell_u32) },
	TCPC_CAUSE("fin_pending", TCPC_CAUSE_FIN_PENDING),
	TCPC_CAUSE("drained", TCPC_CAUSE_DRAINED),
	TCPC_CAUSE("exempt", TCPC_CAUSE_EXEMPT),
	{ TCPC_C("keepalive", keepalive, tcpc_cell_u32) },
	{ TCPC_C("unread_bytes", unread_bytes, tcpc_cell_u64) },
	{ TCPC_C("mem_bytes", mem_bytes, tcpc_cell_u64) },
	{ TCPC_C("oldest_idle_s", idle_s, tcpc_cell_u32) },
	{ TCPC_C("oldest_data_idle_s", data_idle_s, tcpc_cell_u32) },
};

static void tcpc_close_wait_rows(struct tcpc_table *table, const struct tcpc_view *view)
{
	tcpc_top_render(table, view, &view->census->tally.close_wait);
}

const struct tcpc_format tcpc_format_close_wait = {
	.name = "close_wait",
	.depth = TCPC_DEPTH_FULL,
	.columns = tcpc_close_wait_columns,
	.nr_columns = ARRAY_SIZE(tcpc_close_wait_columns),
	.rows = tcpc_close_wait_rows,
};

/* endpoints */

/* A column that shows a member of struct tcpc_endpoint_row. */
#define TCPC_E(column, member, how) \
	.name = column, .cell = how, \
	.offset = offsetof(struct tcpc_endpoint_row, member)

static const struct tcpc_column tcpc_endpoints_columns[] = {
	{ .name = "netns", .cell = tcpc_cell_netns },
	{ TCPC_E("role", ep, tcpc_endpoint_role), .text = true },
	{ TCPC_E("endpoint", ep, tcpc_endpoint_name), .text = true },
	{ TCPC_E("established", state[TCP_ESTABLISHED], tcpc_cell_u32) },
	{ TCPC_E("syn_sent", state[TCP_SYN_SENT], tcpc_cell_u32) },
	{ TCPC_E("syn_recv", state[TCP_SYN_RECV], tcpc_cell_u32) },
	{ TCPC_E("fin_wait1", state[TCP_FIN_WAIT1], tcpc_cell_u32) },
	{ TCPC_E("fin_wait2", state[TCP_FIN_WAIT2], tcpc_cell_u32) },
	{ TCPC_E("time_wait", state[TCP_TIME_WAIT], tcpc_cell_u32) },
	{ TCPC_E("close", state[TCP_CLOSE], tcpc_cell_u32) },
	{ TCPC_E("close_wait", state[TCP_CLOSE_WAIT], tcpc_cell_u32) },
	{ TCPC_E("last_ack", state[TCP_LAST_ACK], tcpc_cell_u32) },
	{ TCPC_E("listen", state[TCP_LISTEN], tcpc_cell_u32) },
	{ TCPC_E("closing", state[TCP_CLOSING], tcpc_cell_u32) },
	{ TCPC_E("silent_1h", silent, tcpc_cell_u32) },
	{ TCPC_E("silent_no_keepalive", silent_no_keepalive, tcpc_cell_u32) },
};

static void tcpc_endpoints_rows(struct tcpc_table *table, const struct tcpc_view *view)
{
	tcpc_top_render(table, view, &view->census->tally.endpoints);
}

const struct tcpc_format tcpc_format_endpoints = {
	.name = "endpoints",
	.depth = TCPC_DEPTH_FULL,
	.columns = tcpc_endpoints_columns,
	.nr_columns = ARRAY_SIZE(tcpc_endpoints_columns),
	.rows = tcpc_endpoints_rows,
};

/* ports; the row is NULL for ports in use to anywhere */

static void tcpc_ports_source(struct tcpc_text *t, const struct tcpc_column *col,
			      const void *view, const void *p)
{
	const struct tcpc_ports_row *row = p;

	if (row)
		tcpc_text_addr(t, view, &row->key.source, row->key.ep.ifindex);
	else
		tcpc_text_word(t, "any");
}

static void tcpc_ports_endpoint(struct tcpc_text *t, const struct tcpc_column *col,
				const void *view, const void *row)
{
	if (row)
		tcpc_endpoint_name(t, col, view, row);
	else
		tcpc_text_word(t, "any");
}

static u32 tcpc_ports_count(const struct tcpc_view *view,
			    const struct tcpc_ports_row *row)
{
	return row ? row->top.count : view->cn->counts.bound;
}

static void tcpc_ports_used(struct tcpc_text *t, const struct tcpc_column *col,
			    const void *view, const void *row)
{
	tcpc_text_printf(t, "%u", tcpc_ports_count(view, row));
}

static void tcpc_ports_of(struct tcpc_text *t, const struct tcpc_column *col,
			  const void *view, const void *row)
{
	tcpc_text_printf(t, "%u", ((const struct tcpc_view *)view)->cn->ports);
}

static void tcpc_ports_percent(struct tcpc_text *t, const struct tcpc_column *col,
			       const void *view, const void *row)
{
	tcpc_text_printf(t, "%u",
			 tcpc_percent(tcpc_ports_count(view, row),
				      ((const struct tcpc_view *)view)->cn->ports));
}

static const struct tcpc_column tcpc_ports_columns[] = {
	{ .name = "netns", .cell = tcpc_cell_netns },
	{ .name = "source", .cell = tcpc_ports_source, .text = true },
	{ .name = "endpoint", .cell = tcpc_ports_endpoint, .text = true,
	  .offset = offsetof(struct tcpc_ports_row, key.ep) },
	{ .name = "used", .cell = tcpc_ports_used },
	{ .name = "of", .cell = tcpc_ports_of },
	{ .name = "percent", .cell = tcpc_ports_percent },
};

static void tcpc_ports_rows(struct tcpc_table *table, const struct tcpc_view *view)
{
	tcpc_table_row(table, view, NULL);
	tcpc_top_render(table, view, &view->census->tally.ports);
}

const struct tcpc_format tcpc_format_ports = {
	.name = "ports",
	.depth = TCPC_DEPTH_FULL,
	.columns = tcpc_ports_columns,
	.nr_columns = ARRAY_SIZE(tcpc_ports_columns),
	.rows = tcpc_ports_rows,
};

/* sockets */

static void tcpc_conn_local(struct tcpc_text *t, const struct tcpc_column *col,
			    const void *view, const void *row)
{
	const struct tcpc_conn *conn = row;

	tcpc_text_addr_port(t, view, &conn->local, conn->ifindex, conn->local_port);
}

static void tcpc_conn_remote(struct tcpc_text *t, const struct tcpc_column *col,
			     const void *view, const void *row)
{
	const struct tcpc_conn *conn = row;

	tcpc_text_addr_port(t, view, &conn->remote, conn->ifindex, conn->remote_port);
}

static void tcpc_conn_role(struct tcpc_text *t, const struct tcpc_column *col,
			   const void *view, const void *row)
{
	tcpc_text_word(t, tcpc_role_names[((const struct tcpc_conn *)row)->role]);
}

static void tcpc_conn_cause(struct tcpc_text *t, const struct tcpc_column *col,
			    const void *view, const void *row)
{
	tcpc_text_word(t, tcpc_cause_names[((const struct tcpc_conn *)row)->cause]);
}

static void tcpc_conn_keepalive(struct tcpc_text *t, const struct tcpc_column *col,
				const void *view, const void *row)
{
	tcpc_text_printf(t, "%u", ((const struct tcpc_conn *)row)->keepalive);
}

/* A column that shows a member of struct tcpc_conn. */
#define TCPC_S(member, how) \
	.name = #member, .cell = how, .offset = offsetof(struct tcpc_conn, member)

/* Written in pieces, so its columns have widths that most cells fit into. */
const struct tcpc_column tcpc_sockets_columns[] = {
	{ .name = "netns", .cell = tcpc_cell_netns, .width = 10 },
	{ .name = "local", .cell = tcpc_conn_local, .text = true, .width = 21 },
	{ .name = "remote", .cell = tcpc_conn_remote, .text = true, .width = 21 },
	{ .name = "role", .cell = tcpc_conn_role, .text = true, .width = 6 },
	{ .name = "cause", .cell = tcpc_conn_cause, .text = true, .width = 11 },
	{ TCPC_S(idle_s, tcpc_cell_u32) },
	{ TCPC_S(data_idle_s, tcpc_cell_u32) },
	{ .name = "keepalive", .cell = tcpc_conn_keepalive },
	{ TCPC_S(unread_bytes, tcpc_cell_u32) },
	{ TCPC_S(uid, tcpc_cell_uid), .text = true, .width = 5 },
	{ TCPC_S(inode, tcpc_cell_u64), .width = 8 },
	{ TCPC_S(cookie, tcpc_cell_u64), .width = 8 },
	{ TCPC_S(cgroup, tcpc_cell_cgroup), .text = true },
};

const unsigned int tcpc_sockets_columns_nr = ARRAY_SIZE(tcpc_sockets_columns);
