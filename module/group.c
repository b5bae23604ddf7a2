// SPDX-License-Identifier: GPL-2.0
/* Rows of a census, grouped into the series of metrics. */

#include <linux/bitops.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "cgroup.h"
#include "gfp.h"
#include "group.h"
#include "resched.h"

/* Length of the part of a path that counts: "/a/b" of "/a/b/c" if that is two. */
static unsigned int tcpc_groups_cut(const char *path, unsigned int depth)
{
	const char *end = path;

	do {
		end = strchrnul(end + 1, '/');
	} while (*end && (!depth || --depth));
	return end - path;
}

/**
 * tcpc_group_names_init() - no names yet
 * @names: them; all zero; to be freed with tcpc_group_names_free(), on failure too
 * @ns: the reader's namespace
 * @depth: components of a path that count; 0: all
 *
 * Context: process, may sleep. The memory is charged to the caller.
 * Return: 0 or -ENOMEM.
 */
int tcpc_group_names_init(struct tcpc_group_names *names,
			  const struct cgroup_namespace *ns, unsigned int depth)
{
	names->depth = depth;
	names->top = kmalloc(PATH_MAX, TCPC_GFP_ACCOUNT);
	if (!names->top)
		return -ENOMEM;
	tcpc_cgroup_top(ns, names->top, PATH_MAX);
	names->len = strlen(names->top);
	names->cut = names->len ? tcpc_groups_cut(names->top, depth) : 0;
	return 0;
}

/**
 * tcpc_group_names_free() - free them
 * @names: from tcpc_group_names_init()
 *
 * Context: process.
 */
void tcpc_group_names_free(struct tcpc_group_names *names)
{
	tcpc_cgroup_names_free(&names->all);
	kfree(names->top);
}

/**
 * tcpc_group_label() - what a reader sees of a cgroup
 * @names: of the reader
 * @key: with the name of the cgroup as far as it counts; set to what he sees of that
 *
 * It follows from that name alone, so that it is the same for all that are counted
 * together.
 *
 * Context: any.
 */
void tcpc_group_label(const struct tcpc_group_names *names, struct tcpc_series_key *key)
{
	if (key->len > names->len && !memcmp(key->group, names->top, names->len) &&
	    key->group[names->len] == '/') {
		key->group += names->len;
		key->len -= names->len;
	} else if (key->len && key->len == names->cut &&
		   !memcmp(key->group, names->top, names->cut)) {
		/* The reader's own root, or what is left of it. */
		key->group = "/";
		key->len = 1;
	} else {
		key->group = NULL;
		key->len = 0;
	}
}

/**
 * tcpc_groups_room() - get room for rows
 * @g: the groups
 * @rows: how many there will be at most
 *
 * Context: process, may sleep. The memory is charged to the caller.
 * Return: 0 or -ENOMEM.
 */
int tcpc_groups_room(struct tcpc_groups *g, u32 rows)
{
	if (!rows)
		return 0;
	g->rows = kvmalloc_array(rows, sizeof(*g->rows), TCPC_GFP_ACCOUNT);
	if (!g->rows)
		return -ENOMEM;
	g->cap = rows;
	return 0;
}

/**
 * tcpc_groups_add() - add a row
 * @g: the groups; there is room
 * @cgrp: of the row
 *
 * Context: process, sleeps: takes the cgroup mutex.
 * Return: the row, to be filled but for what is of the cgroup; all zero.
 */
struct tcpc_group_row *tcpc_groups_add(struct tcpc_groups *g, struct cgroup *cgrp)
{
	struct tcpc_group_row *row = &g->rows[g->nr_rows++];
	struct tcpc_cgroup_names *all = &g->names->all;
	const char *path = tcpc_cgroup_name(all, cgrp);

	memset(row, 0, sizeof(*row));
	row->cgroup = path ? path - all->text.buf + 1 : 0;
	return row;
}

/* Enter the name of a row's cgroup: what counts of it, and what the reader sees. */
static void tcpc_groups_name(const struct tcpc_group_names *names,
			     struct tcpc_group_row *row)
{
	if (!row->cgroup)
		return;
	row->group = names->all.text.buf + row->cgroup - 1;
	row->len = tcpc_groups_cut(row->group, names->depth);
	row->key.group = row->group;
	row->key.len = row->len;
	tcpc_group_label(names, &row->key);
}

/* Process context. */
static int tcpc_groups_cmp_rows(const void *pa, const void *pb)
{
	const struct tcpc_group_row *a = pa, *b = pb;
	int cmp = tcpc_series_cmp(&a->key, &b->key);

	tcpc_resched();
	if (cmp)
		return cmp;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return a->len && a->group != b->group ? memcmp(a->group, b->group, a->len) : 0;
}

/* Process context. Those that matter most first; else in order. */
static int tcpc_groups_cmp(const void *pa, const void *pb)
{
	const struct tcpc_group *a = pa, *b = pb;

	tcpc_resched();
	if (a->rank != b->rank)
		return a->rank > b->rank ? -1 : 1;
	return a->first < b->first ? -1 : a->first > b->first;
}

static void tcpc_groups_sum(const struct tcpc_groups *g, struct tcpc_group *group,
			    const struct tcpc_group_row *row)
{
	unsigned int i;

	for (i = 0; i < TCPC_GROUP_VALUES; i++) {
		if (g->sums & BIT(i))
			group->value[i] += row->value[i];
		else
			group->value[i] = max_t(u64, group->value[i], row->value[i]);
	}
	group->rows++;
}

/**
 * tcpc_groups_make() - group the rows
 * @g: the groups; all rows are there
 *
 * Context: process, may sleep. The memory is charged to the caller.
 * Return: 0 or -ENOMEM.
 */
int tcpc_groups_make(struct tcpc_groups *g)
{
	struct tcpc_group *group = NULL;
	u32 i, nr = 0;

	if (g->names->all.text.err)
		return -ENOMEM;
	if (!g->nr_rows)
		return 0;
	for (i = 0; i < g->nr_rows; i++) {
		tcpc_groups_name(g->names, &g->rows[i]);
		tcpc_resched();
	}
	sort(g->rows, g->nr_rows, sizeof(*g->rows), tcpc_groups_cmp_rows, NULL);

	for (i = 0; i < g->nr_rows; i++)
		nr += !i || tcpc_series_cmp(&g->rows[i].key, &g->rows[i - 1].key);
	g->groups = kvcalloc(nr, sizeof(*g->groups), TCPC_GFP_ACCOUNT);
	if (!g->groups)
		return -ENOMEM;
	for (i = 0; i < g->nr_rows; i++) {
		if (!group || tcpc_series_cmp(&g->rows[i].key, &g->rows[i - 1].key)) {
			group = &g->groups[g->nr++];
			group->first = i;
		}
		tcpc_groups_sum(g, group, &g->rows[i]);
		tcpc_resched();
	}
	for (i = 0; i < g->nr; i++)
		g->groups[i].rank = g->rank(&g->groups[i]);
	sort(g->groups, g->nr, sizeof(*g->groups), tcpc_groups_cmp, NULL);
	return 0;
}

/**
 * tcpc_groups_free() - free what it has
 * @g: the groups
 *
 * Context: process.
 */
void tcpc_groups_free(struct tcpc_groups *g)
{
	kvfree(g->rows);
	kvfree(g->groups);
}
