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

#include <linux/jhash.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/ipv6.h>

#include "gfp.h"
#include "record.h"
#include "series.h"

/* Series without listeners that are kept: of a namespace, and of the host. */
#define TCPC_SERIES_MAX 256
#define TCPC_SERIES_HOST_MAX 2048

/*
 * Of one address and port, which are in one chain: as many with listeners as are kept
 * without, at least, before one more is not counted.
 */
#define TCPC_SERIES_SAME (2 * TCPC_SERIES_HOST_MAX)

/* How far to look for one that can go. */
#define TCPC_SERIES_LOOK 256

struct tcpc_series_set tcpc_series_host = {
	.lock = __SPIN_LOCK_UNLOCKED(tcpc_series_host.lock),
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
 * tcpc_series_head() - where a series is
 * @set: its set
 * @key: which
 *
 * It is found by address and port, whatever its cgroup.
 *
 * Context: any.
 * Return: the chain of the hash table.
 */
struct hlist_head *tcpc_series_head(struct tcpc_series_set *set,
				    const struct tcpc_series_key *key)
{
	u32 hash = jhash2((const u32 *)key->addr.s6_addr32, 4, key->port ^ set->salt);

	return &set->heads[hash % TCPC_SERIES_HEADS];
}

/**
 * tcpc_series_init() - no series yet
 * @set: of a namespace
 *
 * Context: process.
 */
void tcpc_series_init(struct tcpc_series_set *set)
{
	spin_lock_init(&set->lock);
	INIT_LIST_HEAD(&set->used);
	set->max = TCPC_SERIES_MAX;
	set->salt = get_random_u32();
}

/**
 * tcpc_series_host_init() - nor of the host
 *
 * Context: process.
 */
void tcpc_series_host_init(void)
{
	tcpc_series_host.salt = get_random_u32();
}

/* Under the lock, or when nobody else is there. */
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

/* Under the lock. @same: how many have its address and port. */
static struct tcpc_series *tcpc_series_find(struct tcpc_series_set *set,
					    const struct tcpc_series_key *key,
					    unsigned int *same)
{
	struct tcpc_series *s;

	*same = 0;
	hlist_for_each_entry(s, tcpc_series_head(set, key), node) {
		if (!tcpc_series_cmp(&s->key, key))
			return s;
		*same += s->key.port == key->port &&
			ipv6_addr_equal(&s->key.addr, &key->addr);
	}
	return NULL;
}

/*
 * If more than enough are kept of which no listener is left, those of them go that were
 * not shown for longest; one that comes back begins anew. Those with listeners are as
 * many as there are listeners, at most; who meets them on the way puts them behind the
 * others, so that the way is short in the long run. Under the lock.
 */
static void tcpc_series_shrink(struct tcpc_series_set *set)
{
	unsigned int kept = set->nr - tcpc_record_manned(set);
	unsigned int look = TCPC_SERIES_LOOK;
	struct tcpc_series *s, *next;

	list_for_each_entry_safe(s, next, &set->used, used) {
		if (kept < set->max || !look--)
			return;
		if (s->users || tcpc_record_members(s)) {
			list_move_tail(&s->used, &set->used);
			continue;
		}
		tcpc_series_remove(set, s);
		kept--;
	}
}

/* Process context. */
static struct tcpc_series *tcpc_series_alloc(struct tcpc_series_set *set,
					     const struct tcpc_series_key *key)
{
	struct tcpc_series *s = kzalloc(sizeof(*s) + key->len, TCPC_GFP_ACCOUNT);

	if (!s)
		return NULL;
	s->set = set;
	s->key = *key;
	s->key.group = memcpy(s + 1, key->len ? key->group : "", key->len);
	return s;
}

/**
 * tcpc_series_get() - a series that is to be counted
 * @set: of whoever shows it
 * @key: which
 *
 * Context: process, may sleep. The memory is charged to the caller.
 * Return: it, to be given back with tcpc_series_put(); or NULL without memory, or where
 * TCPC_SERIES_SAME others have its address and port.
 */
struct tcpc_series *tcpc_series_get(struct tcpc_series_set *set,
				    const struct tcpc_series_key *key)
{
	struct tcpc_series *s, *new = NULL;
	unsigned int same;

	spin_lock(&set->lock);
	s = tcpc_series_find(set, key, &same);
	if (!s) {
		/* Who is short of memory holds up nobody else. */
		spin_unlock(&set->lock);
		new = tcpc_series_alloc(set, key);
		if (!new)
			return NULL;
		spin_lock(&set->lock);
		s = tcpc_series_find(set, key, &same);
	}
	if (!s && same < TCPC_SERIES_SAME) {
		tcpc_series_shrink(set);
		s = new;
		new = NULL;
		hlist_add_head(&s->node, tcpc_series_head(set, key));
		list_add(&s->used, &set->used);
		set->nr++;
	}
	if (s) {
		list_move_tail(&s->used, &set->used);
		s->users++;
	}
	spin_unlock(&set->lock);
	kfree(new);
	return s;
}

/**
 * tcpc_series_put() - show counts that do not fall
 * @s: from tcpc_series_get()
 * @counts: as they were found; raised to what was shown before
 *
 * Context: process.
 */
void tcpc_series_put(struct tcpc_series *s, struct tcpc_queue_counts *counts)
{
	struct tcpc_series_set *set = s->set;

	spin_lock(&set->lock);
	counts->queued = max(counts->queued, s->shown.queued);
	counts->filled = max(counts->filled, s->shown.filled);
	counts->drops = max(counts->drops, s->shown.drops);
	s->shown = *counts;
	s->users--;
	spin_unlock(&set->lock);
}
