// SPDX-License-Identifier: GPL-2.0
/* The format of stat: a key and a value on each line. */

#include <linux/kernel.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

#include "events.h"
#include "format.h"
#include "gfp.h"
#include "net.h"
#include "resched.h"
#include "totals.h"

/* What becomes of the values of all namespaces. */
enum tcpc_stat_of {
	TCPC_STAT_SUM, /* their sum */
	TCPC_STAT_WORST, /* the highest */
	TCPC_STAT_LIVE, /* the sum, but it is not of the census */
	TCPC_STAT_INITIAL, /* that of the initial namespace: it is a setting */
	TCPC_STAT_HOST, /* it is of the host; shown in the initial namespace alone */
};

/**
 * struct tcpc_stat_key - a line
 * @name: the key
 * @of: what it is of all namespaces
 * @value: gives the value; all are whole numbers, so that collectors can take
 *	any of them
 * @offset: for @value
 */
struct tcpc_stat_key {
	const char *name;
	enum tcpc_stat_of of;
	u64 (*value)(const struct tcpc_view *view, const struct tcpc_stat_key *key);
	size_t offset;
};

static u64 tcpc_stat_snapshot_age_ms(const struct tcpc_view *view,
				     const struct tcpc_stat_key *key)
{
	return ktime_ms_delta(ktime_get(), view->census->start);
}

static u64 tcpc_stat_walk_us(const struct tcpc_view *view,
			     const struct tcpc_stat_key *key)
{
	return div_u64(view->census->walk_ns, NSEC_PER_USEC);
}

static u64 tcpc_stat_walk_restarts(const struct tcpc_view *view,
				   const struct tcpc_stat_key *key)
{
	return view->census->walk.restarts;
}

static u64 tcpc_stat_walk_locked(const struct tcpc_view *view,
				 const struct tcpc_stat_key *key)
{
	return view->census->walk.locked;
}

static u64 tcpc_stat_sockets(const struct tcpc_view *view,
			     const struct tcpc_stat_key *key)
{
	unsigned int state, family;
	u64 sum = 0;

	for (state = 0; state < TCPC_STATES; state++)
		for (family = 0; family < TCPC_FAMILIES; family++)
			sum += view->cn->counts.state[state][family];
	return sum;
}

static u64 tcpc_stat_queue_percent(const struct tcpc_view *view,
				   const struct tcpc_stat_key *key)
{
	const struct tcpc_listener *l = view->census->listeners + view->cn->first;
	u32 i, worst = 0;

	/* At 100 it is full: it holds one more than its limit. */
	for (i = 0; i < view->cn->listeners; i++)
		if (l[i].limit != U32_MAX)
			worst = max(worst, tcpc_percent(l[i].depth, l[i].limit + 1));
	return worst;
}

static u64 tcpc_stat_listeners_missed(const struct tcpc_view *view,
				      const struct tcpc_stat_key *key)
{
	return view->cn->listeners_missed + view->cn->listeners -
	       tcpc_census_listed(view->census, view->cn, !view->tn);
}

static const struct tcpc_top_net *tcpc_stat_top(const struct tcpc_view *view,
						const struct tcpc_top *top)
{
	return &top->nets[view->cn - view->census->nets];
}

/**
 * tcpc_ports_worst() - how many local ports are used up
 * @view: in the namespace whose part of the census it has
 *
 * Context: process.
 * Return: those one client uses to one destination, or all of them to anywhere,
 * whichever is more.
 */
u32 tcpc_ports_worst(const struct tcpc_view *view)
{
	const struct tcpc_top *ports = &view->census->tally.ports;
	const struct tcpc_top_net *tn = tcpc_stat_top(view, ports);
	u32 i, worst = view->cn->counts.bound;
	const struct tcpc_ports_row *row;

	/* The first that did not take over what others counted has the most. */
	for (i = 0; i < tn->rows; i++) {
		row = tcpc_top_at(ports, tn->first + i);
		if (row->top.approx)
			continue;
		worst = max(worst, row->top.count);
		break;
	}
	return worst;
}

static u64 tcpc_stat_ports_percent(const struct tcpc_view *view,
				   const struct tcpc_stat_key *key)
{
	return tcpc_percent(tcpc_ports_worst(view), view->cn->ports);
}

static u64 tcpc_stat_somaxconn(const struct tcpc_view *view,
			       const struct tcpc_stat_key *key)
{
	return READ_ONCE(view->net->core.sysctl_somaxconn);
}

static u64 tcpc_stat_max_tw_buckets(const struct tcpc_view *view,
				    const struct tcpc_stat_key *key)
{
	return READ_ONCE(view->net->ipv4.tcp_death_row.sysctl_max_tw_buckets);
}

static u64 tcpc_stat_closed_unreleased(const struct tcpc_view *view,
				       const struct tcpc_stat_key *key)
{
	return view->census->closed_unreleased;
}

static u64 tcpc_stat_netns_without_files(const struct tcpc_view *view,
					 const struct tcpc_stat_key *key)
{
	return tcpc_net_without_files();
}

static u64 tcpc_stat_events(const struct tcpc_view *view,
			    const struct tcpc_stat_key *key)
{
	return tcpc_events_on();
}

static u64 tcpc_stat_uncounted(const struct tcpc_view *view,
			       const struct tcpc_stat_key *key)
{
	return tcpc_events_on() && !tcpc_changes_counted(view->tn);
}

static u64 tcpc_stat_records(const struct tcpc_view *view,
			     const struct tcpc_stat_key *key)
{
	return READ_ONCE(view->tn->records.nr);
}

static u64 tcpc_stat_records_host(const struct tcpc_view *view,
				  const struct tcpc_stat_key *key)
{
	return tcpc_record_total();
}

static u64 tcpc_stat_reaper_walk_us(const struct tcpc_view *view,
				    const struct tcpc_stat_key *key)
{
	return tcpc_reaper_walk_us();
}

static u64 tcpc_stat_reaper_starved(const struct tcpc_view *view,
				    const struct tcpc_stat_key *key)
{
	return tcpc_reaper_starved();
}

/* A number of struct tcpc_census_net as it stands there. */
static u64 tcpc_stat_net(const struct tcpc_view *view,
			 const struct tcpc_stat_key *key)
{
	return *(const u32 *)((const void *)view->cn + key->offset);
}

/* Rows of a table of the tally that were taken over. */
static u64 tcpc_stat_replaced(const struct tcpc_view *view,
			      const struct tcpc_stat_key *key)
{
	return tcpc_stat_top(view, (const void *)&view->census->tally +
					   key->offset)->replaced;
}

/* And hits that are in no row. */
static u64 tcpc_stat_missed(const struct tcpc_view *view,
			    const struct tcpc_stat_key *key)
{
	return tcpc_stat_top(view, (const void *)&view->census->tally +
					   key->offset)->missed;
}

#define TCPC_NET(member) \
	.value = tcpc_stat_net, .offset = offsetof(struct tcpc_census_net, member)
#define TCPC_REPLACED(table) \
	.value = tcpc_stat_replaced, .offset = offsetof(struct tcpc_tally, table)
#define TCPC_MISSED(table) \
	.value = tcpc_stat_missed, .offset = offsetof(struct tcpc_tally, table)

static const struct tcpc_stat_key tcpc_stat_keys[] = {
	{ .name = "snapshot_age_ms", .of = TCPC_STAT_WORST,
	  .value = tcpc_stat_snapshot_age_ms },
	{ .name = "walk_us", .of = TCPC_STAT_WORST,
	  .value = tcpc_stat_walk_us },
	{ .name = "walk_restarts", .of = TCPC_STAT_WORST,
	  .value = tcpc_stat_walk_restarts },
	{ .name = "walk_locked_buckets", .of = TCPC_STAT_WORST,
	  .value = tcpc_stat_walk_locked },
	{ .name = "sockets", .value = tcpc_stat_sockets },
	{ .name = "accept_queue_worst_percent", .of = TCPC_STAT_WORST,
	  .value = tcpc_stat_queue_percent },
	{ .name = "ports_worst_percent", .of = TCPC_STAT_WORST,
	  .value = tcpc_stat_ports_percent },
	{ .name = "orphans", TCPC_NET(counts.orphans) },
	{ .name = "closed_unreleased", .value = tcpc_stat_closed_unreleased, .of = TCPC_STAT_HOST },
	{ .name = "somaxconn", .of = TCPC_STAT_INITIAL,
	  .value = tcpc_stat_somaxconn },
	{ .name = "port_range_low", .of = TCPC_STAT_INITIAL,
	  TCPC_NET(port_low) },
	{ .name = "port_range_high", .of = TCPC_STAT_INITIAL,
	  TCPC_NET(port_high) },
	{ .name = "tcp_max_tw_buckets", .of = TCPC_STAT_INITIAL,
	  .value = tcpc_stat_max_tw_buckets },
	{ .name = "listeners_missed", .value = tcpc_stat_listeners_missed },
	{ .name = "queues_missed", TCPC_NET(queues_missed) },
	{ .name = "conns_missed", TCPC_NET(counts.conns_missed) },
	{ .name = "served_missed", TCPC_NET(counts.served_missed) },
	{ .name = "close_wait_replaced", TCPC_REPLACED(close_wait) },
	{ .name = "close_wait_missed", TCPC_MISSED(close_wait) },
	{ .name = "endpoints_replaced", TCPC_REPLACED(endpoints) },
	{ .name = "endpoints_missed", TCPC_MISSED(endpoints) },
	{ .name = "ports_replaced", TCPC_REPLACED(ports) },
	{ .name = "ports_missed", TCPC_MISSED(ports) },
	{ .name = "events", .of = TCPC_STAT_WORST, .value = tcpc_stat_events },
	{ .name = "transitions_uncounted", .of = TCPC_STAT_LIVE,
	  .value = tcpc_stat_uncounted },
	{ .name = "listener_records", .of = TCPC_STAT_LIVE, .value = tcpc_stat_records },
	{ .name = "listener_records_host", .of = TCPC_STAT_HOST,
	  .value = tcpc_stat_records_host },
	{ .name = "netns_without_files", .of = TCPC_STAT_HOST,
	  .value = tcpc_stat_netns_without_files },
	{ .name = "reaper_walk_us", .of = TCPC_STAT_HOST,
	  .value = tcpc_stat_reaper_walk_us },
	{ .name = "reaper_passes_starved", .of = TCPC_STAT_HOST,
	  .value = tcpc_stat_reaper_starved },
};

/**
 * struct tcpc_stat_sums - what is to be shown, of one namespace or of all
 * @key: by key
 * @cause: sockets in CLOSE_WAIT, by cause
 * @candidates: of the reaper's last pass, as is the next
 * @skipped: what it left alone, and why
 * @totals: what only grows
 */
struct tcpc_stat_sums {
	u64 key[ARRAY_SIZE(tcpc_stat_keys)];
	u64 cause[TCPC_CAUSES];
	u64 candidates;
	u64 skipped[TCPC_SKIPS];
	struct tcpc_totals totals;
};

/* Those of the census of a namespace. Process context. */
static void tcpc_stat_add_census(struct tcpc_stat_sums *sums, const struct tcpc_view *view)
{
	const struct tcpc_top *top = &view->census->tally.close_wait;
	const struct tcpc_top_net *tn = tcpc_stat_top(view, top);
	const struct tcpc_close_wait_row *row;
	const struct tcpc_stat_key *key;
	unsigned int i, cause;

	for (i = 0; i < ARRAY_SIZE(tcpc_stat_keys); i++) {
		key = &tcpc_stat_keys[i];
		if (key->of == TCPC_STAT_SUM)
			sums->key[i] += key->value(view, key);
		else if (key->of == TCPC_STAT_WORST)
			sums->key[i] = max(sums->key[i], key->value(view, key));
	}
	for (i = 0; i < tn->rows; i++) {
		row = tcpc_top_at(top, tn->first + i);
		for (cause = 0; cause < TCPC_CAUSES; cause++)
			sums->cause[cause] += row->cause[cause];
	}
}

/* And those of a namespace that is there, perhaps the @only one. Process context. */
static void tcpc_stat_add_live(struct tcpc_stat_sums *sums, const struct tcpc_view *view,
			       bool only)
{
	const struct tcpc_reap *reap = &view->tn->reap;
	bool initial = net_eq(view->net, &init_net);
	const struct tcpc_stat_key *key;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tcpc_stat_keys); i++) {
		key = &tcpc_stat_keys[i];
		if (key->of == TCPC_STAT_LIVE)
			sums->key[i] += key->value(view, key);
		else if ((key->of == TCPC_STAT_HOST && initial) ||
			 (key->of == TCPC_STAT_INITIAL && (initial || only)))
			sums->key[i] = key->value(view, key);
	}
	sums->candidates += atomic64_read(&reap->candidates);
	for (i = 0; i < TCPC_SKIPS; i++)
		sums->skipped[i] += atomic64_read(&reap->skipped[i]);
	tcpc_totals_add(&sums->totals, view->tn);
}

/* Those of all namespaces. Process context. */
static int tcpc_stat_add_all(struct tcpc_stat_sums *sums, const struct tcpc_view *view)
{
	const struct tcpc_census *census = view->census;
	struct tcpc_view each = *view;
	struct tcpc_netset nets;
	unsigned int i;
	int err;

	for (i = 0; i < census->nr_nets; i++) {
		each.cn = &census->nets[i];
		tcpc_stat_add_census(sums, &each);
		tcpc_resched();
	}
	err = tcpc_netset_get_totals(&nets, &sums->totals);
	for (i = 0; i < nets.nr && !err; i++) {
		each.tn = nets.refs[i].tn;
		each.net = nets.refs[i].net;
		each.cn = tcpc_census_net(census, nets.refs[i].id);
		tcpc_stat_add_live(sums, &each, false);
		tcpc_resched();
	}
	tcpc_netset_put(&nets);
	return err;
}

/* What the reaper does, and what it does not. Process context. */
static void tcpc_stat_reaper(struct tcpc_text *t, const struct tcpc_stat_sums *sums)
{
	unsigned int cause, action, result, i;
	u64 n;

	tcpc_text_printf(t, "reaper_candidates %llu\n", sums->candidates);
	for (i = 0; i < TCPC_SKIPS; i++)
		tcpc_text_printf(t, "skipped_%s %llu\n", tcpc_skip_names[i],
				 sums->skipped[i]);
	tcpc_text_printf(t, "actions_missed %llu\n", sums->totals.actions_missed);
	/* What may be done, and what was done anyhow: of the rest there is none. */
	for (cause = 0; cause < TCPC_CAUSES; cause++) {
		for (action = 0; action < TCPC_ACTIONS; action++) {
			for (result = 0; result < TCPC_RESULTS; result++) {
				n = sums->totals.actions[cause][action][result];
				if (n)
					tcpc_text_printf(t, "actions_%s_%s_%s %llu\n",
							 tcpc_cause_names[cause],
							 tcpc_action_names[action],
							 tcpc_result_names[result], n);
			}
		}
	}
}

/* How long applications take to close. Process context. */
static void tcpc_stat_durations(struct tcpc_text *t, const struct tcpc_changes *changes)
{
	static const unsigned int percents[] = { 50, 90, 99 };
	unsigned int i;
	u64 sum = 0;

	for (i = 0; i < TCPC_DURATION_BUCKETS; i++)
		sum += changes->closed[i];
	tcpc_text_printf(t, "close_wait_duration_count %llu\n", sum);
	for (i = 0; i < ARRAY_SIZE(percents); i++)
		tcpc_text_printf(t, "close_wait_duration_p%u_ms %u\n", percents[i],
				 tcpc_duration_percentile(changes->closed, percents[i]));
	tcpc_text_printf(t, "close_wait_duration_unknown %llu\n", changes->unknown);
	tcpc_text_printf(t, "close_wait_ended_otherwise %llu\n",
			 changes->ended_otherwise);
}

static void tcpc_stat_show(struct tcpc_text *t, const struct tcpc_stat_sums *sums, bool host)
{
	const struct tcpc_stat_key *key;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tcpc_stat_keys); i++) {
		key = &tcpc_stat_keys[i];
		if (key->of != TCPC_STAT_HOST || host)
			tcpc_text_printf(t, "%s %llu\n", key->name, sums->key[i]);
	}
	tcpc_text_printf(t, "listener_records_missed %llu\n", sums->totals.records_missed);
	tcpc_text_printf(t, "accepts_unmatched %llu\n", sums->totals.accepts_unmatched);
	for (i = 0; i < TCPC_CAUSES; i++)
		tcpc_text_printf(t, "close_wait_%s %llu\n", tcpc_cause_names[i],
				 sums->cause[i]);
	tcpc_stat_durations(t, &sums->totals.changes);
	tcpc_stat_reaper(t, sums);
}

static void tcpc_stat_render(struct tcpc_text *t, const struct tcpc_view *view)
{
	struct tcpc_stat_sums *sums = kzalloc(sizeof(*sums), TCPC_GFP);
	int err = 0;

	if (!sums) {
		t->err = -ENOMEM;
		return;
	}
	if (view->tn) {
		tcpc_stat_add_census(sums, view);
		tcpc_stat_add_live(sums, view, true);
	} else {
		err = tcpc_stat_add_all(sums, view);
	}
	if (err)
		t->err = err;
	tcpc_stat_show(t, sums, !view->tn || net_eq(view->net, &init_net));
	kfree(sums);
}

const struct tcpc_format tcpc_format_stat = {
	.name = "stat",
	.depth = TCPC_DEPTH_FULL,
	.render = tcpc_stat_render,
};
