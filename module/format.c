// SPDX-License-Identifier: GPL-2.0
/* The formats: one table for each file drives its header and its rows. */

#include <linux/kernel.h>
#include <linux/stddef.h>

#include "format.h"
#include "resched.h"

/* states */

/* A row is a line of struct tcpc_counts.state; its place there is the state. */
static void tcpc_state_name(struct tcpc_text *t, const struct tcpc_column *col,
			    const void *view, const void *row)
{
	const struct tcpc_view *v = view;
	const u32 (*state)[TCPC_FAMILIES] = row;

	tcpc_text_word(t, tcpc_state_names[state - v->cn->counts.state]);
}

static const struct tcpc_column tcpc_states_columns[] = {
	{ .name = "netns", .cell = tcpc_cell_netns },
	{ .name = "state", .cell = tcpc_state_name, .text = true },
	{ .name = "ipv4", .cell = tcpc_cell_u32,
	  .offset = TCPC_IPV4 * sizeof(u32) },
	{ .name = "ipv6", .cell = tcpc_cell_u32,
	  .offset = TCPC_IPV6 * sizeof(u32) },
};

static void tcpc_states_rows(struct tcpc_table *table, const struct tcpc_view *view)
{
	unsigned int state;

	for (state = TCP_ESTABLISHED; state < TCPC_STATES; state++)
		tcpc_table_row(table, view, &view->cn->counts.state[state]);
}

const struct tcpc_format tcpc_format_states = {
	.name = "states",
	.depth = TCPC_DEPTH_STATES,
	.columns = tcpc_states_columns,
	.nr_columns = ARRAY_SIZE(tcpc_states_columns),
	.rows = tcpc_states_rows,
};

/* listeners */

static void tcpc_listener_local(struct tcpc_text *t, const struct tcpc_column *col,
				const void *view, const void *row)
{
	const struct tcpc_listener *l = row;

	tcpc_text_addr_port(t, view, &l->addr, l->ifindex, l->port);
}

/* A column that shows a member of struct tcpc_listener, by its name or another. */
#define TCPC_L_AS(as, member, how) \
	.name = as, .cell = how, .offset = offsetof(struct tcpc_listener, member)
#define TCPC_L(member, how) TCPC_L_AS(#member, member, how)

static const struct tcpc_column tcpc_listeners_columns[] = {
	{ .name = "netns", .cell = tcpc_cell_netns },
	{ .name = "local", .cell = tcpc_listener_local, .text = true },
	{ TCPC_L(cgroup, tcpc_cell_cgroup), .text = true },
	{ TCPC_L(uid, tcpc_cell_uid), .text = true },
	{ TCPC_L(inode, tcpc_cell_u64) },
	{ TCPC_L(depth, tcpc_cell_u32) },
	{ TCPC_L(limit, tcpc_cell_u32) },
	{ TCPC_L_AS("peak", peaks.peak, tcpc_cell_u32) },
	{ TCPC_L_AS("peak_recent", peaks.recent, tcpc_cell_u32) },
	{ TCPC_L_AS("filled", peaks.filled, tcpc_cell_u64) },
	{ TCPC_L_AS("queued", peaks.queued, tcpc_cell_u64) },
	{ TCPC_L(drops, tcpc_cell_u32) },
	{ TCPC_L(syn_queue, tcpc_cell_u32) },
	{ TCPC_L(unaccepted_close_wait, tcpc_cell_u32) },
	{ TCPC_L(unaccepted_reset, tcpc_cell_u32) },
	{ TCPC_L(oldest_wait_ms, tcpc_cell_u64) },
	{ TCPC_L(reuseport, tcpc_cell_u32) },
};

static void tcpc_listeners_rows(struct tcpc_table *table, const struct tcpc_view *view)
{
	const struct tcpc_listener *l = view->census->listeners;
	u32 i, nr = tcpc_census_listed(view->census, view->cn, !view->tn);

	for (i = 0; i < nr; i++)
		tcpc_table_row(table, view, &l[view->cn->first + i]);
}

const struct tcpc_format tcpc_format_listeners = {
	.name = "listeners",
	.depth = TCPC_DEPTH_FULL,
	.columns = tcpc_listeners_columns,
	.nr_columns = ARRAY_SIZE(tcpc_listeners_columns),
	.rows = tcpc_listeners_rows,
};

/* The rows of all namespaces of a census. Process context. */
static void tcpc_format_census(const struct tcpc_format *format, struct tcpc_table *table,
			       struct tcpc_view *view)
{
	const struct tcpc_census *census = view->census;
	unsigned int i;

	for (i = 0; i < census->nr_nets; i++) {
		view->cn = &census->nets[i];
		view->inum = view->cn->inum;
		format->rows(table, view);
		tcpc_resched();
	}
}

/**
 * tcpc_format_render() - write the text of a file
 * @format: the file
 * @t: the text; its error is set if something does not fit or could not be had
 * @view: of whom: of one namespace, or of all
 *
 * Context: process, may sleep.
 */
void tcpc_format_render(const struct tcpc_format *format, struct tcpc_text *t,
			const struct tcpc_view *view)
{
	struct tcpc_view each = *view;
	struct tcpc_table table;

	if (!format->columns) {
		format->render(t, view);
		return;
	}
	tcpc_table_begin(&table, t, format->columns, format->nr_columns);
	if (view->tn || format->all)
		format->rows(&table, view);
	else
		tcpc_format_census(format, &table, &each);
	tcpc_table_end(&table);
}
