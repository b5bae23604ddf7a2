// SPDX-License-Identifier: GPL-2.0
/* The format of actions. */

#include <linux/kernel.h>
#include <linux/stddef.h>

#include "action.h"
#include "format.h"
#include "gfp.h"
#include "net.h"

static void tcpc_action_time(struct tcpc_text *t, const struct tcpc_column *col,
			     const void *view, const void *row)
{
	const struct tcpc_log_entry *e = row;

	tcpc_text_time(t, e->time);
}

static void tcpc_action_cause(struct tcpc_text *t, const struct tcpc_column *col,
			      const void *view, const void *row)
{
	const struct tcpc_log_entry *e = row;

	tcpc_text_word(t, tcpc_cause_names[e->cause]);
}

static void tcpc_action_action(struct tcpc_text *t, const struct tcpc_column *col,
			       const void *view, const void *row)
{
	const struct tcpc_log_entry *e = row;

	tcpc_text_word(t, tcpc_action_names[e->action]);
}

static void tcpc_action_result(struct tcpc_text *t, const struct tcpc_column *col,
			       const void *view, const void *row)
{
	const struct tcpc_log_entry *e = row;

	tcpc_text_word(t, tcpc_result_names[e->result]);
}

static void tcpc_action_role(struct tcpc_text *t, const struct tcpc_column *col,
			     const void *view, const void *row)
{
	const struct tcpc_log_entry *e = row;

	tcpc_text_word(t, tcpc_role_names[e->role]);
}

static void tcpc_action_local(struct tcpc_text *t, const struct tcpc_column *col,
			      const void *view, const void *row)
{
	const struct tcpc_log_entry *e = row;

	tcpc_text_addr_port(t, view, &e->local, e->ifindex, e->local_port);
}

static void tcpc_action_remote(struct tcpc_text *t, const struct tcpc_column *col,
			       const void *view, const void *row)
{
	const struct tcpc_log_entry *e = row;

	tcpc_text_addr_port(t, view, &e->remote, e->ifindex, e->remote_port);
}

static const struct tcpc_column tcpc_actions_columns[] = {
	{ .name = "netns", .cell = tcpc_cell_u32,
	  .offset = offsetof(struct tcpc_log_entry, inum) },
	{ .name = "time", .cell = tcpc_action_time, .text = true },
	{ .name = "cause", .cell = tcpc_action_cause, .text = true },
	{ .name = "action", .cell = tcpc_action_action, .text = true },
	{ .name = "result", .cell = tcpc_action_result, .text = true },
	{ .name = "role", .cell = tcpc_action_role, .text = true },
	{ .name = "local", .cell = tcpc_action_local, .text = true },
	{ .name = "remote", .cell = tcpc_action_remote, .text = true },
	{ .name = "cgroup", .cell = tcpc_cell_cgroup, .text = true,
	  .offset = offsetof(struct tcpc_log_entry, cgroup) },
	{ .name = "uid", .cell = tcpc_cell_uid, .text = true,
	  .offset = offsetof(struct tcpc_log_entry, uid) },
	{ .name = "idle_s", .cell = tcpc_cell_u32,
	  .offset = offsetof(struct tcpc_log_entry, idle_s) },
};

/* Of one namespace, or of all if the view is of none. */
static void tcpc_actions_rows(struct tcpc_table *table, const struct tcpc_view *view)
{
	struct tcpc_log_rows rows = {};
	unsigned int i;
	int err;

	if (view->tn)
		err = tcpc_log_copy(&rows, &view->tn->reap.log, TCPC_GFP_ACCOUNT);
	else
		err = tcpc_log_copy_all(&rows);
	if (err)
		table->text->err = err;
	for (i = 0; i < rows.nr; i++)
		tcpc_table_row(table, view, &rows.rows[i]);
	tcpc_log_rows_free(&rows);
}

const struct tcpc_format tcpc_format_actions = {
	.name = "actions",
	.depth = TCPC_DEPTH_NONE,
	.columns = tcpc_actions_columns,
	.nr_columns = ARRAY_SIZE(tcpc_actions_columns),
	.all = true,
	.rows = tcpc_actions_rows,
};
