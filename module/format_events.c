// SPDX-License-Identifier: GPL-2.0
/* The formats of what events tell: transitions and ended. */

#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/stddef.h>

#include "ended.h"
#include "events.h"
#include "format.h"
#include "gfp.h"
#include "net.h"
#include "resched.h"

/* transitions */

struct tcpc_transition {
	unsigned int state;
	u64 entered;
	u64 left;
};

static void tcpc_transition_state(struct tcpc_text *t, const struct tcpc_column *col,
				  const void *view, const void *row)
{
	const struct tcpc_transition *tr = row;

	tcpc_text_word(t, tcpc_state_names[tr->state]);
}

static const struct tcpc_column tcpc_transitions_columns[] = {
	{ .name = "netns", .cell = tcpc_cell_netns },
	{ .name = "state", .cell = tcpc_transition_state, .text = true },
	{ .name = "entered", .cell = tcpc_cell_u64,
	  .offset = offsetof(struct tcpc_transition, entered) },
	{ .name = "left", .cell = tcpc_cell_u64,
	  .offset = offsetof(struct tcpc_transition, left) },
};

static void tcpc_transitions_of(struct tcpc_table *table, const struct tcpc_view *view,
				const struct tcpc_changes *changes)
{
	struct tcpc_transition row;

	for (row.state = 0; row.state < TCPC_STATES; row.state++) {
		if (!tcpc_state_traced(row.state))
			continue;
		row.entered = changes->entered[row.state];
		row.left = changes->left[row.state];
		tcpc_table_row(table, view, &row);
	}
}

/* Of one namespace, or of all if the view is of none. */
static void tcpc_transitions_rows(struct tcpc_table *table, const struct tcpc_view *view)
{
	struct tcpc_changes changes = {};
	struct tcpc_view each = *view;
	struct tcpc_changes_of *all;
	unsigned int i, nr;

	if (view->tn) {
		tcpc_changes_add(&changes, view->tn);
		tcpc_transitions_of(table, view, &changes);
		return;
	}
	all = tcpc_changes_all(&nr);
	if (IS_ERR(all)) {
		table->text->err = PTR_ERR(all);
		return;
	}
	for (i = 0; i < nr; i++) {
		each.inum = all[i].inum;
		tcpc_transitions_of(table, &each, &all[i].changes);
		tcpc_resched();
	}
	kvfree(all);
}

const struct tcpc_format tcpc_format_transitions = {
	.name = "transitions",
	.depth = TCPC_DEPTH_NONE,
	.columns = tcpc_transitions_columns,
	.nr_columns = ARRAY_SIZE(tcpc_transitions_columns),
	.all = true,
	.rows = tcpc_transitions_rows,
};

/* ended */

static void tcpc_ended_time(struct tcpc_text *t, const struct tcpc_column *col,
			    const void *view, const void *row)
{
	const struct tcpc_ended *e = row;

	tcpc_text_time(t, e->time);
}

static void tcpc_ended_local(struct tcpc_text *t, const struct tcpc_column *col,
			     const void *view, const void *row)
{
	const struct tcpc_ended *e = row;

	tcpc_text_addr_port(t, view, &e->addr, e->ifindex, e->port);
}

/* A column that shows a member of struct tcpc_ended. */
#define TCPC_E(member, how) \
	.name = #member, .cell = how, .offset = offsetof(struct tcpc_ended, member)

static const struct tcpc_column tcpc_ended_columns[] = {
	{ .name = "netns", .cell = tcpc_cell_u32,
	  .offset = offsetof(struct tcpc_ended, inum) },
	{ .name = "time", .cell = tcpc_ended_time, .text = true },
	{ .name = "local", .cell = tcpc_ended_local, .text = true },
	{ TCPC_E(cgroup, tcpc_cell_cgroup), .text = true },
	{ TCPC_E(uid, tcpc_cell_uid), .text = true },
	{ TCPC_E(peak, tcpc_cell_u32) },
	{ TCPC_E(limit, tcpc_cell_u32) },
	{ TCPC_E(filled, tcpc_cell_u64) },
	{ TCPC_E(drops, tcpc_cell_u32) },
	{ TCPC_E(lifetime_s, tcpc_cell_u64) },
};

/* Of one namespace, or of all if the view is of none. */
static void tcpc_ended_rows(struct tcpc_table *table, const struct tcpc_view *view)
{
	struct tcpc_ended_rows rows = {};
	unsigned int i;
	int err;

	if (view->tn)
		err = tcpc_ended_copy(&rows, &view->tn->ended, TCPC_GFP_ACCOUNT);
	else
		err = tcpc_ended_copy_all(&rows);
	if (err)
		table->text->err = err;
	for (i = 0; i < rows.nr; i++)
		tcpc_table_row(table, view, &rows.rows[i]);
	tcpc_ended_rows_free(&rows);
}

const struct tcpc_format tcpc_format_ended = {
	.name = "ended",
	.depth = TCPC_DEPTH_NONE,
	.columns = tcpc_ended_columns,
	.nr_columns = ARRAY_SIZE(tcpc_ended_columns),
	.all = true,
	.rows = tcpc_ended_rows,
};
