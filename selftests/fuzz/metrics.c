// SPDX-License-Identifier: GPL-2.0
/*
 * The metrics of any census, of any names:
 * - they are Prometheus text by a parser that knows nothing of the module, each series
 *   once, and never longer than promised;
 * - gauges that are added up are complete, shown one by one or as others;
 * - what is shown of counters never falls, though listeners end.
 */

#include <stdlib.h>
#include <string.h>

#include <linux/cgroup.h>
#include <linux/slab.h>

#include "base.h"
#include "census.h"
#include "metrics.h"
#include "shim.h"

#include "../../module/metrics.h"

/* Of those that the reader sees: sums, and the longest time. */
struct truth {
	double depth;
	double sockets;
	double idle;
	unsigned int rows;
};

static struct truth truth_of(const struct world *w)
{
	const struct tcpc_census_net *cn = w->view.cn;
	unsigned int first = cn ? cn->first : 0, cause, i;
	struct truth t = {};

	t.rows = cn ? cn->listeners : w->census.nr_listeners;
	for (i = first; i < first + t.rows; i++) {
		t.depth += w->listeners[i].depth;
		for (cause = 0; cause < TCPC_CAUSES; cause++)
			t.sockets += w->rows.close_wait[i].cause[cause];
		if (w->rows.close_wait[i].idle_s > t.idle)
			t.idle = w->rows.close_wait[i].idle_s;
	}
	return t;
}

static bool series_is(const struct sample *s, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(s->series, name, len) && s->series[len] == '{';
}

static void check(const struct world *w, const struct metrics *m)
{
	struct truth t = truth_of(w);
	double idle = 0;
	size_t i;

	for (i = 0; i < m->nr; i++)
		if (series_is(&m->samples[i], "close_wait_oldest_idle_seconds") &&
		    m->samples[i].value > idle)
			idle = m->samples[i].value;
	must(idle == t.idle);
	must(metrics_sum(m, "accept_queue_length") == t.depth);
	must(metrics_sum(m, "close_wait_sockets") == t.sockets);
	must(metrics_count(m, "accept_queue_limit") <= TCPC_METRICS_ROWS);
	must(metrics_count(m, "accept_queue_length") <= TCPC_METRICS_ROWS + 1);
	must(metrics_count(m, "close_wait_oldest_idle_seconds") <= TCPC_METRICS_ROWS + 1);
	must(metrics_count(m, "accept_queue_queued_total") <= TCPC_METRICS_ROWS);
	must(metrics_value(m, "series_omitted{table=\"close_wait\"}") >= 0);
	if (!metrics_sum(m, "series_omitted") && world_events)
		must(metrics_count(m, "accept_queue_limit") ==
		     metrics_count(m, "accept_queue_queued_total"));
}

/* Read them as a reader does; false without memory. */
static bool read(struct world *w, struct metrics *m)
{
	struct tcpc_text t = {};
	bool good;
	char *text;

	shim_memory.failed = 0;
	tcpc_format_render(&tcpc_format_metrics, &t, &w->view);
	must(!t.err || (t.err == -ENOMEM && shim_memory.failed));
	good = !t.err;
	if (good) {
		must(t.len && t.len <= t.cap && t.len <= TCPC_METRICS_MAX);
		text = strndup(t.buf, t.len);
		must(text);
		metrics_parse(m, text, t.len);
		check(w, m);
	}
	kvfree(t.buf);
	return good;
}

/* Listeners end, and others count on. */
static void time_passes(struct world *w, struct input *in)
{
	unsigned int i, which = in_below(in, 0x100);
	struct tcpc_record *rec;

	for (i = 0; i < w->census.nr_listeners; i++) {
		rec = &w->records[i];
		rec->queued.counter += in_below(in, 3);
		w->socks[i].sk_drops += in_below(in, 3);
		if ((i ^ which) % 5 || !rec->id)
			continue;
		/* It is still in the census, which is older. */
		tcpc_record_keep(rec);
		*rec = (struct tcpc_record){ .sk = rec->sk, .id = 10000 + i };
		if (which & 1)
			w->listeners[i].peaks.id = rec->id;
	}
}

int fuzz_one(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned int bad = in_below(&in, 0x100);
	struct metrics before, now;
	struct world *w;
	bool good;

	tcpc_metrics_depth = in_below(&in, 4);
	w = world_make(&in);
	shim_memory = (struct shim_memory){ .bad = bad < 32 ? bad : 0, .bad_to_end = bad & 1 };
	good = read(w, &before);
	shim_memory.bad = 0;
	time_passes(w, &in);
	must(read(w, &now));
	if (good) {
		must(!metrics_fallen(&before, &now));
		metrics_free(&before);
	}
	metrics_free(&now);
	world_free(w);
	must(!shim_memory.blocks);
	return 0;
}
