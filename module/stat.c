// SPDX-License-Identifier: GPL-2.0
/* The format of stat: a key and a value on each line. */

#include <linux/kernel.h>
#include <net/net_namespace.h>

#include "format.h"
#include "net.h"

static u64 tcpc_stat_snapshot_age_ms(const struct tcpc_view *view)
{
	return ktime_ms_delta(ktime_get(), view->census->start);
}

static u64 tcpc_stat_walk_us(const struct tcpc_view *view)
{
	return div_u64(view->census->walk_ns, NSEC_PER_USEC);
}

static u64 tcpc_stat_walk_restarts(const struct tcpc_view *view)
{
	return view->census->walk.restarts;
}

static u64 tcpc_stat_walk_locked(const struct tcpc_view *view)
{
	return view->census->walk.locked;
}

static u64 tcpc_stat_sockets(const struct tcpc_view *view)
{
	unsigned int state, family;
	u64 sum = 0;

	for (state = 0; state < TCPC_STATES; state++)
		for (family = 0; family < TCPC_FAMILIES; family++)
			sum += view->cn->counts.state[state][family];
	return sum;
}

static u64 tcpc_stat_queue_percent(const struct tcpc_view *view)
{
	const struct tcpc_listener *l = view->census->listeners + view->cn->first;
	u32 i, worst = 0;

	/* At 100 it is full: it holds one more than its limit. */
	for (i = 0; i < view->cn->listeners; i++)
		if (l[i].limit != U32_MAX)
			worst = max(worst, tcpc_percent(l[i].depth, l[i].limit + 1));
	return worst;
}

static const struct tcpc_top_net *tcpc_stat_top(const struct tcpc_view *view,
						const struct tcpc_top *top)
{
	return &top->nets[view->cn - view->census->nets];
}

static u64 tcpc_stat_ports_percent(const struct tcpc_view *view)
{
	const struct tcpc_top *ports = &view->census->tally.ports;
	const struct tcpc_top_net *tn = tcpc_stat_top(view, ports);
	const struct tcpc_ports_row *row;
	u32 worst = view->cn->counts.bound;

	/* The first has the most. */
	if (tn->rows) {
		row = tcpc_top_at(ports, tn->first);
		worst = max(worst, row->top.count);
	}
	return tcpc_percent(worst, view->cn->ports);
}

static u64 tcpc_stat_somaxconn(const struct tcpc_view *view)
{
	return READ_ONCE(view->net->core.sysctl_somaxconn);
}

static u64 tcpc_stat_max_tw_buckets(const struct tcpc_view *view)
{
	return READ_ONCE(view->net->ipv4.tcp_death_row.sysctl_max_tw_buckets);
}

static u64 tcpc_stat_closed_unreleased(const struct tcpc_view *view)
{
	return view->census->closed_unreleased;
}

static u64 tcpc_stat_netns_without_files(const struct tcpc_view *view)
{
	return tcpc_net_without_files();
}

/* A number of struct tcpc_census_net as it stands there. */
#define TCPC_STAT_NET(name, member)						\
	static u64 tcpc_stat_##name(const struct tcpc_view *view)		\
	{									\
		return view->cn->member;					\
	}

TCPC_STAT_NET(orphans, counts.orphans)
TCPC_STAT_NET(port_range_low, port_low)
TCPC_STAT_NET(port_range_high, port_high)
TCPC_STAT_NET(listeners_missed, listeners_missed)
TCPC_STAT_NET(queues_missed, queues_missed)
TCPC_STAT_NET(conns_missed, conns_missed)
TCPC_STAT_NET(served_missed, served_missed)

/* What became of the rows of one table of the tally. */
#define TCPC_STAT_TOP(table)							\
	static u64 tcpc_stat_##table##_replaced(const struct tcpc_view *view)	\
	{									\
		return tcpc_stat_top(view, &view->census->tally.table)->replaced; \
	}									\
	static u64 tcpc_stat_##table##_missed(const struct tcpc_view *view)	\
	{									\
		return tcpc_stat_top(view, &view->census->tally.table)->missed;	\
	}

TCPC_STAT_TOP(close_wait)
TCPC_STAT_TOP(endpoints)
TCPC_STAT_TOP(ports)

/* All values are whole numbers, so that collectors can take any of them. */
static const struct tcpc_stat_key {
	const char *name;
	bool host; /* says something of other namespaces: for the initial one */
	u64 (*value)(const struct tcpc_view *view);
} tcpc_stat_keys[] = {
	{ "snapshot_age_ms", false, tcpc_stat_snapshot_age_ms },
	{ "walk_us", false, tcpc_stat_walk_us },
	{ "walk_restarts", false, tcpc_stat_walk_restarts },
	{ "walk_locked_buckets", false, tcpc_stat_walk_locked },
	{ "sockets", false, tcpc_stat_sockets },
	{ "accept_queue_worst_percent", false, tcpc_stat_queue_percent },
	{ "ports_worst_percent", false, tcpc_stat_ports_percent },
	{ "orphans", false, tcpc_stat_orphans },
	{ "closed_unreleased", true, tcpc_stat_closed_unreleased },
	{ "somaxconn", false, tcpc_stat_somaxconn },
	{ "port_range_low", false, tcpc_stat_port_range_low },
	{ "port_range_high", false, tcpc_stat_port_range_high },
	{ "tcp_max_tw_buckets", false, tcpc_stat_max_tw_buckets },
	{ "listeners_missed", false, tcpc_stat_listeners_missed },
	{ "queues_missed", false, tcpc_stat_queues_missed },
	{ "conns_missed", false, tcpc_stat_conns_missed },
	{ "served_missed", false, tcpc_stat_served_missed },
	{ "close_wait_replaced", false, tcpc_stat_close_wait_replaced },
	{ "close_wait_missed", false, tcpc_stat_close_wait_missed },
	{ "endpoints_replaced", false, tcpc_stat_endpoints_replaced },
	{ "endpoints_missed", false, tcpc_stat_endpoints_missed },
	{ "ports_replaced", false, tcpc_stat_ports_replaced },
	{ "ports_missed", false, tcpc_stat_ports_missed },
	{ "netns_without_files", true, tcpc_stat_netns_without_files },
};

/* close_wait_CAUSE: sockets in CLOSE_WAIT, by cause. Process context. */
static void tcpc_stat_causes(struct tcpc_text *t, const struct tcpc_view *view)
{
	const struct tcpc_top *top = &view->census->tally.close_wait;
	const struct tcpc_top_net *tn = tcpc_stat_top(view, top);
	u64 sum[TCPC_CAUSES] = {};
	const struct tcpc_close_wait_row *row;
	unsigned int cause;
	u32 i;

	for (i = 0; i < tn->rows; i++) {
		row = tcpc_top_at(top, tn->first + i);
		for (cause = 0; cause < TCPC_CAUSES; cause++)
			sum[cause] += row->cause[cause];
	}
	for (cause = 0; cause < TCPC_CAUSES; cause++)
		tcpc_text_printf(t, "close_wait_%s %llu\n", tcpc_cause_names[cause],
				 sum[cause]);
}

static void tcpc_stat_render(struct tcpc_text *t, const struct tcpc_view *view)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tcpc_stat_keys); i++)
		if (!tcpc_stat_keys[i].host || net_eq(view->net, &init_net))
			tcpc_text_printf(t, "%s %llu\n", tcpc_stat_keys[i].name,
					 tcpc_stat_keys[i].value(view));
	tcpc_stat_causes(t, view);
}

const struct tcpc_format tcpc_format_stat = {
	.name = "stat",
	.depth = TCPC_DEPTH_FULL,
	.render = tcpc_stat_render,
};
