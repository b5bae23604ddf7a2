// SPDX-License-Identifier: GPL-2.0
/* The lines of metrics of listeners and endpoints. */

#include <linux/kernel.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include "events.h"
#include "format.h"
#include "metrics.h"

/* By value of a listener. */
static const struct tcpc_metrics_name {
	const char *name;
	const char *help;
} tcpc_metrics_gauges[TCPC_QUEUE_VALUES] = {
	[TCPC_QUEUE_LENGTH] = { "accept_queue_length",
		"Connections that wait for accept()." },
	[TCPC_QUEUE_LENGTH_MAX] = { "accept_queue_length_max",
		"Those that wait at the listener that has most of them." },
	[TCPC_QUEUE_LIMIT] = { "accept_queue_limit",
		"A listener's queue is full when it holds more; the highest." },
	[TCPC_QUEUE_PEAK] = { "accept_queue_peak",
		"Most connections that ever waited at one of the listeners that are there." },
	[TCPC_QUEUE_PEAK_RECENT] = { "accept_queue_peak_recent",
		"Most connections that waited at a listener in this minute and the last." },
};

static const struct tcpc_metrics_counter {
	struct tcpc_metrics_name of;
	size_t offset;
} tcpc_metrics_counters[] = {
	{ { "accept_queue_queued_total", "Connections that were queued for accept()." },
	  offsetof(struct tcpc_queue_counts, queued) },
	{ { "accept_queue_filled_total", "How often a queue became full." },
	  offsetof(struct tcpc_queue_counts, filled) },
	{ { "accept_queue_drops_total",
	    "SYNs and final ACKs that listeners refused, for any reason." },
	  offsetof(struct tcpc_queue_counts, drops) },
};

static const struct tcpc_metrics_name tcpc_metrics_close_wait = {
	"close_wait_sockets", "Sockets in CLOSE_WAIT, by cause."
};

static const struct tcpc_metrics_name tcpc_metrics_idle = {
	"close_wait_oldest_idle_seconds",
	"How long the peer of the one that is idle for longest has not been heard."
};

/* Of a value: the name, its head and braces, spaces, 20 digits and a newline. */
#define TCPC_METRICS_LINE (strlen("tcp_census_{} ") + 21)

/* Without events nobody knows peaks, which come last. */
static unsigned int tcpc_metrics_gauges_nr(void)
{
	return tcpc_events_on() ? TCPC_QUEUE_VALUES : TCPC_QUEUE_PEAK;
}

/**
 * tcpc_metrics_counted() - how many series of a listener are counters
 *
 * Context: any.
 * Return: so many; 0 without events.
 */
unsigned int tcpc_metrics_counted(void)
{
	return tcpc_events_on() ? ARRAY_SIZE(tcpc_metrics_counters) : 0;
}

static size_t tcpc_metrics_size_queue(size_t labels)
{
	size_t size = 0;
	unsigned int i;

	for (i = 0; i < tcpc_metrics_gauges_nr(); i++)
		size += TCPC_METRICS_LINE + strlen(tcpc_metrics_gauges[i].name) + labels;
	for (i = 0; i < tcpc_metrics_counted(); i++)
		size += TCPC_METRICS_LINE + strlen(tcpc_metrics_counters[i].of.name) + labels;
	return size;
}

static unsigned int tcpc_metrics_causes(const struct tcpc_group *group)
{
	unsigned int cause, n = 0;

	for (cause = 0; cause < TCPC_CAUSES; cause++)
		n += group->value[cause] != 0;
	return n;
}

static size_t tcpc_metrics_size_close_wait(const struct tcpc_group *group, size_t labels)
{
	size_t line = TCPC_METRICS_LINE + strlen(tcpc_metrics_close_wait.name) + labels +
		      strlen(",cause=\"fin_pending\"");

	return TCPC_METRICS_LINE + strlen(tcpc_metrics_idle.name) + labels +
	       line * tcpc_metrics_causes(group);
}

/**
 * tcpc_metrics_series() - how many series a listener or an endpoint has
 * @group: it
 * @queue: a listener
 *
 * Context: any.
 * Return: so many.
 */
unsigned int tcpc_metrics_series(const struct tcpc_group *group, bool queue)
{
	return queue ? tcpc_metrics_gauges_nr() + tcpc_metrics_counted() :
		       tcpc_metrics_causes(group) + 1;
}

/**
 * tcpc_metrics_size() - how long the lines of one of them may be
 * @group: it
 * @queue: a listener
 * @labels: length of its labels
 *
 * Context: any.
 * Return: at most so many bytes.
 */
size_t tcpc_metrics_size(const struct tcpc_group *group, bool queue, size_t labels)
{
	return queue ? tcpc_metrics_size_queue(labels) :
		       tcpc_metrics_size_close_wait(group, labels);
}

/**
 * tcpc_metrics_head() - append what stands before the samples of a metric
 * @t: the text
 * @name: of the metric, without tcp_census_
 * @type: counter, gauge or histogram
 * @help: what it is
 *
 * Context: process, may sleep.
 */
void tcpc_metrics_head(struct tcpc_text *t, const char *name, const char *type,
		       const char *help)
{
	tcpc_text_printf(t, "# HELP tcp_census_%s %s\n# TYPE tcp_census_%s %s\n", name, help,
			 name, type);
}

static void tcpc_metrics_write_close_wait(const struct tcpc_metrics *m, struct tcpc_text *t)
{
	const struct tcpc_metrics_table *table = &m->close_wait;
	const struct tcpc_metrics_row *row;
	unsigned int i, cause;

	tcpc_metrics_head(t, tcpc_metrics_close_wait.name, "gauge",
			  tcpc_metrics_close_wait.help);
	for (i = 0; i < table->nr; i++) {
		row = &table->rows[i];
		for (cause = 0; cause < TCPC_CAUSES; cause++)
			if (row->group->value[cause])
				tcpc_text_printf(t, "tcp_census_%s{%s,cause=\"%s\"} %llu\n",
						 tcpc_metrics_close_wait.name,
						 m->labels.buf + row->labels,
						 tcpc_cause_names[cause],
						 row->group->value[cause]);
	}
	for (cause = 0; cause < TCPC_CAUSES && table->others; cause++)
		tcpc_text_printf(t,
				 "tcp_census_%s{role=\"other\",endpoint=\"other\",cgroup=\"other\",cause=\"%s\"} %llu\n",
				 tcpc_metrics_close_wait.name, tcpc_cause_names[cause],
				 table->other[cause]);

	tcpc_metrics_head(t, tcpc_metrics_idle.name, "gauge", tcpc_metrics_idle.help);
	for (i = 0; i < table->nr; i++)
		tcpc_text_printf(t, "tcp_census_%s{%s} %llu\n", tcpc_metrics_idle.name,
				 m->labels.buf + table->rows[i].labels,
				 table->rows[i].group->value[TCPC_CLOSE_WAIT_IDLE]);
	if (table->others)
		tcpc_text_printf(t,
				 "tcp_census_%s{role=\"other\",endpoint=\"other\",cgroup=\"other\"} %llu\n",
				 tcpc_metrics_idle.name, table->other[TCPC_CLOSE_WAIT_IDLE]);
}

static void tcpc_metrics_write_queues(const struct tcpc_metrics *m, struct tcpc_text *t)
{
	const struct tcpc_metrics_table *table = &m->queues;
	const struct tcpc_metrics_counter *counter;
	const struct tcpc_metrics_name *gauge;
	unsigned int i, k;

	for (k = 0; k < tcpc_metrics_gauges_nr(); k++) {
		gauge = &tcpc_metrics_gauges[k];
		tcpc_metrics_head(t, gauge->name, "gauge", gauge->help);
		for (i = 0; i < table->nr; i++)
			tcpc_text_printf(t, "tcp_census_%s{%s} %llu\n", gauge->name,
					 m->labels.buf + table->rows[i].labels,
					 table->rows[i].group->value[k]);
		/* The limit of one says nothing of the queue of another. */
		if (table->others && k != TCPC_QUEUE_LIMIT)
			tcpc_text_printf(t,
					 "tcp_census_%s{local=\"other\",cgroup=\"other\"} %llu\n",
					 gauge->name, table->other[k]);
	}
	for (k = 0; k < tcpc_metrics_counted(); k++) {
		counter = &tcpc_metrics_counters[k];
		tcpc_metrics_head(t, counter->of.name, "counter", counter->of.help);
		for (i = 0; i < table->nr; i++)
			if (table->rows[i].counted)
				tcpc_text_printf(t, "tcp_census_%s{%s} %llu\n",
						 counter->of.name,
						 m->labels.buf + table->rows[i].labels,
						 *(const u64 *)((const void *)
						 &table->rows[i].counts + counter->offset));
	}
}

/**
 * tcpc_metrics_write() - append those that were chosen
 * @m: the metrics
 * @t: the text
 *
 * Context: process, may sleep.
 */
void tcpc_metrics_write(const struct tcpc_metrics *m, struct tcpc_text *t)
{
	tcpc_metrics_write_close_wait(m, t);
	tcpc_metrics_write_queues(m, t);
}
