/* SPDX-License-Identifier: GPL-2.0 */
/* The metrics of which there are many: of listeners and endpoints. */
#ifndef TCPC_METRICS_H
#define TCPC_METRICS_H

#include <linux/types.h>

#include "cause.h"
#include "group.h"

struct tcpc_view;

/* Bytes of the whole text; collectors drop larger ones. */
#define TCPC_METRICS_MAX (60 * 1024)

/* Listeners, and endpoints, that are shown at most. */
#define TCPC_METRICS_ROWS 64

/* Values of a listener, in struct tcpc_group. */
enum {
	TCPC_QUEUE_LENGTH,
	TCPC_QUEUE_LENGTH_MAX,
	TCPC_QUEUE_LIMIT,
	TCPC_QUEUE_PEAK,
	TCPC_QUEUE_PEAK_RECENT,
	TCPC_QUEUE_VALUES,
};

/* And of an endpoint: first the sockets by cause. */
enum {
	TCPC_CLOSE_WAIT_IDLE = TCPC_CAUSES,
	TCPC_CLOSE_WAIT_VALUES,
};

extern unsigned int tcpc_metrics_depth;

/**
 * struct tcpc_metrics_row - a listener or an endpoint that is shown
 * @group: it
 * @labels: place of its labels
 * @counts: what is counted of a listener
 * @counted: that is known
 */
struct tcpc_metrics_row {
	const struct tcpc_group *group;
	size_t labels;
	struct tcpc_queue_counts counts;
	bool counted;
};

/**
 * struct tcpc_metrics_table - those of one kind
 * @groups: all of them
 * @rows: those that are shown
 * @nr: how many
 * @other: what the others add up to
 * @others: there are others
 * @omitted: series that are not shown
 */
struct tcpc_metrics_table {
	struct tcpc_groups groups;
	struct tcpc_metrics_row rows[TCPC_METRICS_ROWS];
	unsigned int nr;
	u64 other[TCPC_GROUP_VALUES];
	bool others;
	u64 omitted;
};

/**
 * struct tcpc_metrics - them
 * @view: of whom
 * @names: of the cgroups
 * @labels: of all rows that are shown, each ended by NUL
 * @word: the value of a label
 * @queues: the listeners
 * @close_wait: the endpoints
 */
struct tcpc_metrics {
	const struct tcpc_view *view;
	struct tcpc_group_names names;
	struct tcpc_text labels;
	struct tcpc_text word;
	struct tcpc_metrics_table queues;
	struct tcpc_metrics_table close_wait;
};

unsigned int tcpc_metrics_series(const struct tcpc_group *group, bool queue);
unsigned int tcpc_metrics_counted(void);
size_t tcpc_metrics_size(const struct tcpc_group *group, bool queue, size_t labels);
void tcpc_metrics_head(struct tcpc_text *t, const char *name, const char *type,
		       const char *help);

struct tcpc_metrics *tcpc_metrics_alloc(const struct tcpc_view *view);
int tcpc_metrics_choose(struct tcpc_metrics *m, size_t room);
void tcpc_metrics_write(const struct tcpc_metrics *m, struct tcpc_text *t);
void tcpc_metrics_free(struct tcpc_metrics *m);

#endif /* TCPC_METRICS_H */
