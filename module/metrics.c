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
#include <linux/slab.h>
#include <linux/string.h>

#include "events.h"
#include "format.h"
#include "gfp.h"
#include "metrics.h"
#include "net.h"
#include "resched.h"

/* Module parameter metrics_cgroup_depth: components of a cgroup's path in a label. */
unsigned int tcpc_metrics_depth = 2;

/* More than what is written besides the rows: heads, and the others. */
#define TCPC_METRICS_REST 5120

/*
 * A row that needs more is not shown: names that others chose leave room for some 18. It
 * is enough for any path of printable characters that is not cut.
 */
#define TCPC_METRICS_ROW_MAX 2816

static_assert(TCPC_QUEUE_VALUES <= TCPC_GROUP_VALUES);
static_assert(TCPC_CLOSE_WAIT_VALUES <= TCPC_GROUP_VALUES);

static u64 tcpc_metrics_rank_queue(const struct tcpc_group *group)
{
	u64 recent = max(group->value[TCPC_QUEUE_PEAK_RECENT],
			 group->value[TCPC_QUEUE_LENGTH_MAX]);

	return recent << 32 | group->value[TCPC_QUEUE_PEAK];
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
		tcpc_resched();
	}
	for (i = first_row; i < first_row + rows; i++) {
		tcpc_metrics_add_close_wait(&m->close_wait.groups, tcpc_top_at(top, i));
		tcpc_resched();
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
	/* By number: interfaces' names change, and may look like one. */
	const struct tcpc_view anywhere = {};

	if (role)
		tcpc_text_printf(&m->labels, "role=\"%s\",", tcpc_role_names[key->role]);
	tcpc_text_addr_port(&m->word, &anywhere, &key->addr, key->ifindex, key->port);
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
	size = tcpc_metrics_size(group, queue, labels);
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
	table->omitted += tcpc_metrics_series(group, table == &m->queues);
}

/*
 * All series that look to this reader as the row does: also those nobody listens to just
 * now, or the sum fell when one of them ends. Process context.
 */
static void tcpc_metrics_add_up(struct tcpc_metrics *m, struct tcpc_metrics_row *row,
				struct tcpc_series_set *set)
{
	const struct tcpc_series_key *key;
	struct tcpc_series_key seen;
	struct tcpc_series *s;

	key = &m->queues.groups.rows[row->group->first].key;
	spin_lock(&set->lock);
	hlist_for_each_entry(s, tcpc_series_head(set, key), node) {
		seen = s->key;
		tcpc_group_label(&m->names, &seen);
		if (tcpc_series_cmp(&seen, key))
			continue;
		row->counts.queued += s->shown.queued;
		row->counts.filled += s->shown.filled;
		row->counts.drops += s->shown.drops;
	}
	spin_unlock(&set->lock);
}

/*
 * What is counted of the listeners that are shown. To a reader in a container several
 * series may look the same. Process context.
 */
static void tcpc_metrics_count_row(struct tcpc_metrics *m, struct tcpc_metrics_row *row)
{
	enum tcpc_series_of of = m->view->tn ? TCPC_SERIES_NET : TCPC_SERIES_HOST;
	const struct tcpc_listener *all = m->view->census->listeners, *l;
	struct tcpc_series_set *set = m->view->tn ? &m->view->tn->series : &tcpc_series_host;
	const struct tcpc_group_row *at = &m->queues.groups.rows[row->group->first];
	const struct tcpc_group_row *end = at + row->group->rows;
	struct tcpc_queue_counts counts;
	struct tcpc_series_key key;
	struct tcpc_series *s;
	bool counted = false;

	while (at < end) {
		key = at->key;
		key.group = at->group;
		key.len = at->len;
		s = tcpc_series_get(set, &key);
		if (!s)
			return;
		memset(&counts, 0, sizeof(counts));
		tcpc_record_counted(&counts, s);
		for (; at < end && at->len == key.len &&
		     !memcmp(at->group ?: "", key.group ?: "", key.len); at++) {
			l = &all[at->from];
			counted |= l->peaks.id &&
				tcpc_record_count(&counts, l->ptr, l->peaks.id, s, of);
			tcpc_resched();
		}
		tcpc_series_put(s, &counts);
	}
	row->counted = counted;
	if (counted)
		tcpc_metrics_add_up(m, row, set);
}

/* Process context. */
static void tcpc_metrics_count(struct tcpc_metrics *m)
{
	struct tcpc_metrics_row *row;
	u32 i;

	for (i = 0; i < m->queues.nr && tcpc_events_on(); i++) {
		row = &m->queues.rows[i];
		tcpc_metrics_count_row(m, row);
		if (!row->counted)
			m->queues.omitted += tcpc_metrics_counted();
	}
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
	struct tcpc_metrics *m = kzalloc(sizeof(*m), TCPC_GFP_ACCOUNT);
	struct tcpc_groups *g;

	if (!m)
		return NULL;
	m->view = view;
	if (tcpc_group_names_init(&m->names, view->cgroups->ns, tcpc_metrics_depth)) {
		tcpc_metrics_free(m);
		return NULL;
	}
	g = &m->queues.groups;
	g->names = &m->names;
	g->sums = BIT(TCPC_QUEUE_LENGTH);
	g->rank = tcpc_metrics_rank_queue;
	g = &m->close_wait.groups;
	g->names = &m->names;
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
 * Return: 0 or -ENOMEM.
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
		tcpc_resched();
	}
	if (!m->labels.err)
		tcpc_metrics_count(m);
	return m->labels.err;
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
	tcpc_group_names_free(&m->names);
	kvfree(m->labels.buf);
	kvfree(m->word.buf);
	kfree(m);
}
