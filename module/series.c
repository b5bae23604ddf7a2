// SPDX-License-Identifier: GPL-2.0
/*
 * Series of metrics that count on when a listener ends.
 *
 * To whoever collects it a series is an address and the name of a cgroup, and what it
 * counts must not fall, though the listeners behind it come and go, as when a service
 * is restarted. So what is shown once is kept: a listener that was counted leaves its
 * counts behind when it ends. Nothing is kept for those who do not collect.
 *
 * What has ended is read first and what listens after it. So a listener that ends
 * meanwhile is missed, but none is counted twice; and as less than before is never
 * shown, nobody sees that it was missed.
 */

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/ipv6.h>

#include "record.h"
#include "series.h"

#define TCPC_SERIES_HOST_MAX 2048

struct tcpc_series_set tcpc_series_host = {
	.lock = __MUTEX_INITIALIZER(tcpc_series_host.lock),
	.used = LIST_HEAD_INIT(tcpc_series_host.used),
	.max = TCPC_SERIES_HOST_MAX,
};

/**
 * tcpc_series_cmp() - compare keys
 * @a: one
 * @b: another
 *
 * Context: any.
 * Return: less than, equal to or greater than 0, as the order of @a and @b is.
 */
int tcpc_series_cmp(const struct tcpc_series_key *a, const struct tcpc_series_key *b)
{
	int cmp;

	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	cmp = memcmp(&a->addr, &b->addr, sizeof(a->addr));
	if (cmp)
		return cmp;
	if (a->ifindex != b->ifindex)
		return a->ifindex < b->ifindex ? -1 : 1;
	if (a->role != b->role)
		return a->role < b->role ? -1 : 1;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	/* Nobody says that there is a name of length 0. */
	return a->len && a->group != b->group ? memcmp(a->group, b->group, a->len) : 0;
}

/**
 * tcpc_series_init() - no series yet
 * @set: of a namespace
 *
 * Context: process.
 */
void tcpc_series_init(struct tcpc_series_set *set)
{
	mutex_init(&set->lock);
	INIT_LIST_HEAD(&set->used);
	set->max = TCPC_SERIES_MAX;
}

static void tcpc_series_remove(struct tcpc_series_set *set, struct tcpc_series *s)
{
	hlist_del(&s->node);
	list_del(&s->used);
	set->nr--;
	kfree(s);
}

/**
 * tcpc_series_free() - free them
 * @set: them; nobody shows them, and no listener adds to them
 *
 * Context: process.
 */
void tcpc_series_free(struct tcpc_series_set *set)
{
	struct tcpc_series *s, *next;

	list_for_each_entry_safe(s, next, &set->used, used)
		tcpc_series_remove(set, s);
}

/*
 * Room for one more: of those to which no listener adds the one that was not shown for
 * longest goes. If it comes back it begins anew. Under the mutex, which members are
 * added under as well.
 */
static bool tcpc_series_room(struct tcpc_series_set *set)
{
	struct tcpc_series *s;

	if (set->nr < set->max)
		return true;
	list_for_each_entry(s, &set->used, used) {
		if (READ_ONCE(s->members) || tcpc_record_members(s))
			continue;
		tcpc_series_remove(set, s);
		return true;
	}
	return false;
}

/**
 * tcpc_series_get() - a series that is to be shown
 * @set: of whoever shows it; its mutex is held
 * @key: which
 *
 * Context: process, may sleep. The memory is charged to the caller.
 * Return: it, until the mutex is released; or NULL if there is no room, or no memory.
 */
struct tcpc_series *tcpc_series_get(struct tcpc_series_set *set,
				    const struct tcpc_series_key *key)
{
	struct hlist_head *head = &set->heads[key->port % TCPC_SERIES_HEADS];
	struct tcpc_series *s;
	char *group;

	hlist_for_each_entry(s, head, node) {
		if (tcpc_series_cmp(&s->key, key))
			continue;
		list_move_tail(&s->used, &set->used);
		return s;
	}
	if (!tcpc_series_room(set))
		return NULL;
	s = kzalloc(sizeof(*s) + key->len, GFP_KERNEL_ACCOUNT);
	if (!s)
		return NULL;
	group = (char *)(s + 1);
	if (key->len)
		memcpy(group, key->group, key->len);
	s->key = *key;
	s->key.group = group;
	hlist_add_head(&s->node, head);
	list_add_tail(&s->used, &set->used);
	set->nr++;
	return s;
}

/**
 * tcpc_series_show() - show counts that do not fall
 * @s: the series; the mutex of its set is held
 * @counts: as they were found; raised to what was shown before
 *
 * Context: process.
 */
void tcpc_series_show(struct tcpc_series *s, struct tcpc_queue_counts *counts)
{
	counts->queued = max(counts->queued, s->shown.queued);
	counts->filled = max(counts->filled, s->shown.filled);
	counts->drops = max(counts->drops, s->shown.drops);
	s->shown = *counts;
}
