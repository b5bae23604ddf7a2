// SPDX-License-Identifier: GPL-2.0
/* The format of metrics: Prometheus text 0.0.4. */

#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

#include "events.h"
#include "format.h"
#include "gfp.h"
#include "metrics.h"
#include "net.h"
#include "resched.h"
#include "totals.h"

/**
 * struct tcpc_metrics_sums - what is of a namespace, or of all
 * @state: sockets by TCP state and family
 * @ports_used: local ports one client uses to one destination, or all of them to
 *	anywhere, where that is the largest part
 * @ports: and so many there are
 * @candidates: of the reaper
 * @totals: what only grows
 */
struct tcpc_metrics_sums {
	u64 state[TCPC_STATES][TCPC_FAMILIES];
	u64 ports_used;
	u64 ports;
	u64 candidates;
	struct tcpc_totals totals;
};

/* Those of the census of a namespace. Process context. */
static void tcpc_metrics_add_census(struct tcpc_metrics_sums *sums,
				    const struct tcpc_view *view)
{
	u32 used = tcpc_ports_worst(view), ports = view->cn->ports;
	unsigned int state, family;

	for (state = 0; state < TCPC_STATES; state++)
		for (family = 0; family < TCPC_FAMILIES; family++)
			sums->state[state][family] += view->cn->counts.state[state][family];
	/* Without a division; the first, used or not, says what there is. */
	if (!sums->ports || used * sums->ports > sums->ports_used * ports) {
		sums->ports_used = used;
		sums->ports = ports;
	}
}

static void tcpc_metrics_add_live(struct tcpc_metrics_sums *sums, struct tcpc_net *tn)
{
	sums->candidates += atomic64_read(&tn->reap.candidates);
	tcpc_totals_add(&sums->totals, tn);
}

/* Process context. Returns 0 or -ENOMEM. */
static int tcpc_metrics_add_all(struct tcpc_metrics_sums *sums, const struct tcpc_view *view)
{
	struct tcpc_view each = *view;
	struct tcpc_netset nets;
	unsigned int i;
	int err;

	if (view->tn) {
		tcpc_metrics_add_census(sums, view);
		tcpc_metrics_add_live(sums, view->tn);
		return 0;
	}
	for (i = 0; i < view->census->nr_nets; i++) {
		each.cn = &view->census->nets[i];
		tcpc_metrics_add_census(sums, &each);
		tcpc_resched();
	}
	err = tcpc_netset_get_totals(&nets, &sums->totals);
	for (i = 0; i < nets.nr && !err; i++) {
		tcpc_metrics_add_live(sums, nets.refs[i].tn);
		tcpc_resched();
	}
	tcpc_netset_put(&nets);
	return err;
}

static void tcpc_metrics_states(struct tcpc_text *t, const struct tcpc_metrics_sums *sums)
{
	static const char *const families[TCPC_FAMILIES] = {
		[TCPC_IPV4] = "ipv4",
		[TCPC_IPV6] = "ipv6",
	};
	unsigned int state, family;

	tcpc_metrics_head(t, "sockets", "gauge", "TCP sockets, by state and socket family.");
	for (state = TCP_ESTABLISHED; state < TCPC_STATES; state++)
		for (family = 0; family < TCPC_FAMILIES; family++)
			tcpc_text_printf(t,
					 "tcp_census_sockets{state=\"%s\",family=\"%s\"} %llu\n",
					 tcpc_state_names[state], families[family],
					 sums->state[state][family]);
}

/* "1.024", of ms. */
static void tcpc_metrics_seconds(struct tcpc_text *t, u64 ms)
{
	u32 rest;

	ms = div_u64_rem(ms, MSEC_PER_SEC, &rest);
	tcpc_text_printf(t, "%llu.%03u", ms, rest);
}

/* What events tell. */
static void tcpc_metrics_changes(struct tcpc_text *t, const struct tcpc_changes *changes)
{
	static const char name[] = "close_wait_duration_seconds";
	unsigned int i;
	u64 sum = 0;

	tcpc_metrics_head(t, "state_entered_total", "counter",
			  "TCP sockets that have come into a state.");
	for (i = 0; i < TCPC_STATES; i++)
		if (tcpc_state_traced(i))
			tcpc_text_printf(t,
					 "tcp_census_state_entered_total{state=\"%s\"} %llu\n",
					 tcpc_state_names[i], changes->entered[i]);

	tcpc_metrics_head(t, name, "histogram",
			  "How long applications took to close a socket whose peer had closed.");
	for (i = 0; i < TCPC_DURATION_BUCKETS - 1; i++) {
		sum += changes->closed[i];
		tcpc_text_printf(t, "tcp_census_%s_bucket{le=\"", name);
		tcpc_metrics_seconds(t, tcpc_duration_ms(i));
		tcpc_text_printf(t, "\"} %llu\n", sum);
	}
	sum += changes->closed[i];
	tcpc_text_printf(t, "tcp_census_%s_bucket{le=\"+Inf\"} %llu\n", name, sum);
	tcpc_text_printf(t, "tcp_census_%s_sum ", name);
	tcpc_metrics_seconds(t, changes->closed_ms);
	tcpc_text_printf(t, "\ntcp_census_%s_count %llu\n", name, sum);
}

/* What the reaper may act on by itself, and may do. */
static bool tcpc_metrics_expected(unsigned int cause, unsigned int action,
				  unsigned int result)
{
	if (cause != TCPC_CAUSE_UNACCEPTED && cause != TCPC_CAUSE_DRAINED)
		return false;
	return (action == TCPC_ACTION_PROBE && result == TCPC_RESULT_PROBING) ||
	       (action == TCPC_ACTION_ABORT &&
		result == (cause == TCPC_CAUSE_UNACCEPTED ? TCPC_RESULT_EVICTED :
							    TCPC_RESULT_RESET));
}

static void tcpc_metrics_reaper(struct tcpc_text *t, const struct tcpc_metrics_sums *sums)
{
	unsigned int cause, action, result;
	u64 n;

	tcpc_metrics_head(t, "reaper_candidates", "gauge",
			  "Sockets in CLOSE_WAIT that the last pass of the reaper found idle for long enough.");
	tcpc_text_printf(t, "tcp_census_reaper_candidates %llu\n", sums->candidates);
	tcpc_metrics_head(t, "reaper_actions_total", "counter", "What the reaper has done.");
	for (cause = 0; cause < TCPC_CAUSES; cause++) {
		for (action = 0; action < TCPC_ACTIONS; action++) {
			for (result = 0; result < TCPC_RESULTS; result++) {
				n = sums->totals.actions[cause][action][result];
				if (n || tcpc_metrics_expected(cause, action, result))
					tcpc_text_printf(t,
							 "tcp_census_reaper_actions_total{cause=\"%s\",action=\"%s\",result=\"%s\"} %llu\n",
							 tcpc_cause_names[cause],
							 tcpc_action_names[action],
							 tcpc_result_names[result], n);
			}
		}
	}
}

static void tcpc_metrics_single(struct tcpc_text *t, const struct tcpc_view *view,
				const struct tcpc_metrics_sums *sums)
{
	u32 ns;
	u64 s;

	tcpc_metrics_head(t, "info", "gauge", "The version of the module.");
	tcpc_text_printf(t, "tcp_census_info{version=\"%s\"} 1\n", TCPC_VERSION);
	tcpc_metrics_head(t, "ports_used", "gauge",
			  "Local ports that one client uses to one destination, or all to anywhere, whichever is more.");
	tcpc_text_printf(t, "tcp_census_ports_used %llu\n", sums->ports_used);
	tcpc_metrics_head(t, "ports_available", "gauge",
			  "Local ports there are for that, used or not.");
	tcpc_text_printf(t, "tcp_census_ports_available %llu\n", sums->ports);
	if (!view->tn || net_eq(view->net, &init_net)) {
		tcpc_metrics_head(t, "closed_unreleased_sockets", "gauge",
				  "TCP sockets of the host that are over, but whose descriptors are still open.");
		tcpc_text_printf(t, "tcp_census_closed_unreleased_sockets %llu\n",
				 view->census->closed_unreleased);
	}
	s = div_u64_rem(view->census->walk_ns, NSEC_PER_SEC, &ns);
	tcpc_metrics_head(t, "walk_seconds", "gauge", "How long the last count of all took.");
	tcpc_text_printf(t, "tcp_census_walk_seconds %llu.%09u\n", s, ns);
}

static void tcpc_metrics_omitted(struct tcpc_text *t, const struct tcpc_metrics *m)
{
	tcpc_metrics_head(t, "series_omitted", "gauge",
			  "Series of listeners and endpoints for which there was no room.");
	tcpc_text_printf(t, "tcp_census_series_omitted{table=\"accept_queue\"} %llu\n",
			 m->queues.omitted);
	tcpc_text_printf(t, "tcp_census_series_omitted{table=\"close_wait\"} %llu\n",
			 m->close_wait.omitted);
}

static void tcpc_metrics_render(struct tcpc_text *t, const struct tcpc_view *view)
{
	struct tcpc_metrics_sums *sums = kzalloc(sizeof(*sums), TCPC_GFP_ACCOUNT);
	struct tcpc_metrics *m = tcpc_metrics_alloc(view);
	int err = -ENOMEM;

	if (sums && m)
		err = tcpc_metrics_add_all(sums, view);
	if (err)
		goto out;
	tcpc_metrics_single(t, view, sums);
	tcpc_metrics_states(t, sums);
	if (tcpc_events_on())
		tcpc_metrics_changes(t, &sums->totals.changes);
	tcpc_metrics_reaper(t, sums);
	err = tcpc_metrics_choose(m, TCPC_METRICS_MAX - t->len);
	if (err)
		goto out;
	tcpc_metrics_write(m, t);
	tcpc_metrics_omitted(t, m);
out:
	if (err)
		t->err = err;
	tcpc_metrics_free(m);
	kfree(sums);
}

const struct tcpc_format tcpc_format_metrics = {
	.name = "metrics",
	.depth = TCPC_DEPTH_FULL,
	.render = tcpc_metrics_render,
};
