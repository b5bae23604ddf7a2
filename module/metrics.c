// SPDX-License-Identifier: GPL-2.0
/*
 * The metrics of which there are many: of listeners and endpoints.
 *
 * There may be thousands, and collectors take only so much. Those that matter most are
 * shown, as many as there is room for; of the others the sums of what is there now.
 * What is counted over time is not added up for them: the sum fell whenever one came
 * to be shown.
 */

#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include "events.h"
#include "format.h"
#include "metrics.h"
#include "net.h"

/* Module parameter metrics_cgroup_depth: components of a cgroup's path in a label. */
unsigned int tcpc_metrics_depth = 2;

/* More than what is written besides the rows: heads, and the others. */
#define TCPC_METRICS_REST 5120

/* A row that needs more is not shown: names others chose must not push out the rest. */
#define TCPC_METRICS_ROW_MAX 4096

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

static_assert(TCPC_QUEUE_VALUES <= TCPC_GROUP_VALUES);
static_assert(TCPC_CLOSE_WAIT_VALUES <= TCPC_GROUP_VALUES);

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

static u64 tcpc_metrics_rank_queue(const struct tcpc_group *group)
{
	return group->value[TCPC_QUEUE_PEAK_RECENT] << 32 | group->value[TCPC_QUEUE_PEAK];
}

static u64 tcpc_metrics_rank_close_wait(const struct tcpc_group *group)
{
	unsigned int cause;
	u64 sockets = 0;

	for (cause = 0; cause < TCPC_CAUSES; cause++)
		sockets += group->value[cause];
	return sockets;
}

static void tcpc_metrics_add_queue(struct tcpc_groups *g, const struct tcpc_listener *l,
				   u32 from)
{
	struct tcpc_group_row *row = tcpc_groups_add(g, l->cgroup);

	row->from = from;
	row->key.addr = l->addr;
	row->key.port = l->port;
	if (tcpc_addr_scoped(&l->addr))
		row->key.ifindex = l->ifindex;
	row->value[TCPC_QUEUE_LENGTH] = l->depth;
	row->value[TCPC_QUEUE_LENGTH_MAX] = l->depth;
	row->value[TCPC_QUEUE_LIMIT] = l->limit;
	row->value[TCPC_QUEUE_PEAK] = l->peaks.peak;
	row->value[TCPC_QUEUE_PEAK_RECENT] = l->peaks.recent;
}

static void tcpc_metrics_add_close_wait(struct tcpc_groups *g,
					const struct tcpc_close_wait_row *of)
{
	struct tcpc_group_row *row = tcpc_groups_add(g, of->key.cgroup);

	row->key.addr = of->key.ep.addr;
	row->key.port = of->key.ep.port;
	row->key.ifindex = of->key.ep.ifindex;
	row->key.role = of->key.ep.role;
	memcpy(row->value, of->cause, sizeof(of->cause));
	row->value[TCPC_CLOSE_WAIT_IDLE] = of->idle_s;
}

/* All rows of the view. Process context. Returns 0 or -ENOMEM. */
static int tcpc_metrics_collect(struct tcpc_metrics *m)
{
	const struct tcpc_census *census = m->view->census;
	const struct tcpc_top *top = &census->tally.close_wait;
	u32 first = 0, nr = census->nr_listeners, i;
	u32 first_row = 0, rows = top->nr;
	const struct tcpc_top_net *tn;
	int err;

	if (m->view->cn) {
		tn = &top->nets[m->view->cn - census->nets];
		first = m->view->cn->first;
		nr = m->view->cn->listeners;
		first_row = tn->first;
		rows = tn->rows;
	}
	err = tcpc_groups_room(&m->queues.groups, nr) ?:
	      tcpc_groups_room(&m->close_wait.groups, rows);
	if (err)
		return err;
	for (i = first; i < first + nr; i++) {
		tcpc_metrics_add_queue(&m->queues.groups, &census->listeners[i], i);
		cond_resched();
	}
	for (i = first_row; i < first_row + rows; i++) {
		tcpc_metrics_add_close_wait(&m->close_wait.groups, tcpc_top_at(top, i));
		cond_resched();
	}
	/* The names of both stay where they are from here on. */
	return tcpc_groups_make(&m->queues.groups) ?:
	       tcpc_groups_make(&m->close_wait.groups);
}

/* A label, but for the brace or comma after it; its value is in @m->word. */
static void tcpc_metrics_label(struct tcpc_metrics *m, const char *name)
{
	tcpc_text_printf(&m->labels, "%s=\"", name);
	tcpc_text_quote(&m->labels, &m->word);
	tcpc_text_printf(&m->labels, "\"");
	m->word.len = 0;
}

/* The labels that say which it is, ended by NUL. */
static void tcpc_metrics_labels(struct tcpc_metrics *m, const struct tcpc_series_key *key,
				const char *address, bool role)
{
	if (role)
		tcpc_text_printf(&m->labels, "role=\"%s\",", tcpc_role_names[key->role]);
	tcpc_text_addr_port(&m->word, m->view, &key->addr, key->ifindex, key->port);
	tcpc_metrics_label(m, address);
	tcpc_text_printf(&m->labels, ",");
	if (key->len)
		tcpc_text_bytes(&m->word, key->group, key->len);
	else
		tcpc_text_printf(&m->word, "-");
	tcpc_metrics_label(m, "cgroup");
	tcpc_text_printf(&m->labels, "%c", 0);
	if (m->word.err)
		m->labels.err = m->word.err;
}

static size_t tcpc_metrics_size_queue(const struct tcpc_group *group, size_t labels)
{
	size_t size = 0;
	unsigned int i;

	for (i = 0; i < TCPC_QUEUE_VALUES; i++)
		size += TCPC_METRICS_LINE + strlen(tcpc_metrics_gauges[i].name) + labels;
	for (i = 0; i < ARRAY_SIZE(tcpc_metrics_counters) && tcpc_events_on(); i++)
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
		      strlen(",cause=\"unaccepted\"");

	return TCPC_METRICS_LINE + strlen(tcpc_metrics_idle.name) + labels +
	       line * tcpc_metrics_causes(group);
}

/*
 * Show a group if there is room for it. Process context. Returns false if not, or if
 * there is no such group.
 */
static bool tcpc_metrics_show(struct tcpc_metrics *m, struct tcpc_metrics_table *table,
			      u32 i, size_t *room)
{
	bool queue = table == &m->queues;
	const struct tcpc_group *group;
	struct tcpc_metrics_row *row;
	size_t at = m->labels.len;
	size_t size, labels;

	if (i >= table->groups.nr)
		return false;
	group = &table->groups.groups[i];
	tcpc_metrics_labels(m, &table->groups.rows[group->first].key,
			    queue ? "local" : "endpoint", !queue);
	labels = m->labels.len - at;
	size = queue ? tcpc_metrics_size_queue(group, labels) :
		       tcpc_metrics_size_close_wait(group, labels);
	if (m->labels.err || size > TCPC_METRICS_ROW_MAX || size > *room) {
		m->labels.len = at;
		return false;
	}
	*room -= size;
	row = &table->rows[table->nr++];
	row->group = group;
	row->labels = at;
	return true;
}

/* One that is not shown. */
static void tcpc_metrics_leave(struct tcpc_metrics *m, struct tcpc_metrics_table *table,
			       u32 i)
{
	const struct tcpc_group *group;
	unsigned int k;

	if (i >= table->groups.nr)
		return;
	group = &table->groups.groups[i];
	for (k = 0; k < TCPC_GROUP_VALUES; k++) {
		if (table->groups.sums & BIT(k))
			table->other[k] += group->value[k];
		else
			table->other[k] = max(table->other[k], group->value[k]);
	}
	table->others = true;
	if (table == &m->close_wait)
		table->omitted += tcpc_metrics_causes(group) + 1;
	else
		table->omitted += TCPC_QUEUE_VALUES +
			(tcpc_events_on() ? ARRAY_SIZE(tcpc_metrics_counters) : 0);
}

/*
 * What is counted of the listeners that are shown. Process context; the mutex may wait
 * for others who are at the same. Returns 0, or -EINTR if the caller was killed.
 */
static int tcpc_metrics_count(struct tcpc_metrics *m)
{
	enum tcpc_series_of of = m->view->tn ? TCPC_SERIES_NET : TCPC_SERIES_HOST;
	const struct tcpc_listener *all = m->view->census->listeners, *l;
	struct tcpc_series_set *set;
	struct tcpc_metrics_row *row;
	struct tcpc_series *s;
	u32 i, k;

	if (!tcpc_events_on())
		return 0;
	set = m->view->tn ? &m->view->tn->series : &tcpc_series_host;
	if (mutex_lock_killable(&set->lock))
		return -EINTR;
	for (i = 0; i < m->queues.nr; i++) {
		row = &m->queues.rows[i];
		s = tcpc_series_get(set, &m->queues.groups.rows[row->group->first].key);
		if (s)
			tcpc_record_counted(&row->counts, s);
		for (k = 0; s && k < row->group->rows; k++) {
			l = &all[m->queues.groups.rows[row->group->first + k].from];
			row->counted |= l->peaks.id &&
				tcpc_record_count(&row->counts, l->ptr, l->peaks.id, s, of);
			cond_resched();
		}
		if (row->counted)
			tcpc_series_show(s, &row->counts);
		else
			m->queues.omitted += ARRAY_SIZE(tcpc_metrics_counters);
	}
	mutex_unlock(&set->lock);
	return 0;
}

/**
 * tcpc_metrics_alloc() - begin with the metrics of a view
 * @view: the view; its census is a full one
 *
 * Context: process, may sleep. The memory is charged to the caller.
 * Return: them, to be freed with tcpc_metrics_free(), or NULL without memory.
 */
struct tcpc_metrics *tcpc_metrics_alloc(const struct tcpc_view *view)
{
	struct tcpc_metrics *m = kzalloc(sizeof(*m), GFP_KERNEL_ACCOUNT);
	struct tcpc_groups *g;

	if (!m)
		return NULL;
	m->view = view;
	g = &m->queues.groups;
	g->names = view->cgroups;
	g->depth = tcpc_metrics_depth;
	g->sums = BIT(TCPC_QUEUE_LENGTH);
	g->rank = tcpc_metrics_rank_queue;
	g = &m->close_wait.groups;
	g->names = view->cgroups;
	g->depth = tcpc_metrics_depth;
	g->sums = GENMASK(TCPC_CAUSES - 1, 0);
	g->rank = tcpc_metrics_rank_close_wait;
	return m;
}

/**
 * tcpc_metrics_choose() - find what there is, and choose what is shown
 * @m: the metrics
 * @room: bytes there are for it
 *
 * Of both kinds by turns, so that neither has it all.
 *
 * Context: process, may sleep.
 * Return: 0, -ENOMEM, or -EINTR if the caller was killed.
 */
int tcpc_metrics_choose(struct tcpc_metrics *m, size_t room)
{
	struct tcpc_metrics_table *tables[] = { &m->close_wait, &m->queues };
	u32 i, k, nr;
	int err;

	err = tcpc_metrics_collect(m);
	if (err)
		return err;
	room -= min_t(size_t, room, TCPC_METRICS_REST);
	nr = max(m->queues.groups.nr, m->close_wait.groups.nr);
	for (i = 0; i < nr; i++) {
		for (k = 0; k < ARRAY_SIZE(tables); k++)
			if (i >= TCPC_METRICS_ROWS ||
			    !tcpc_metrics_show(m, tables[k], i, &room))
				tcpc_metrics_leave(m, tables[k], i);
		cond_resched();
	}
	return m->labels.err ?: tcpc_metrics_count(m);
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

	for (k = 0; k < TCPC_QUEUE_VALUES; k++) {
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
	for (k = 0; k < ARRAY_SIZE(tcpc_metrics_counters) && tcpc_events_on(); k++) {
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

/**
 * tcpc_metrics_free() - free them
 * @m: them, or NULL
 *
 * Context: process.
 */
void tcpc_metrics_free(struct tcpc_metrics *m)
{
	if (!m)
		return;
	tcpc_groups_free(&m->queues.groups);
	tcpc_groups_free(&m->close_wait.groups);
	kvfree(m->labels.buf);
	kvfree(m->word.buf);
	kfree(m);
}
