// SPDX-License-Identifier: GPL-2.0
/*
 * Listeners that ended badly: the last of each namespace.
 *
 * Nothing is allocated for them: a listener's record, when it ends, becomes its
 * line here. Those of a namespace that is destroyed go to a list for all that
 * are gone.
 */

#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/spinlock.h>

#include "cgroup.h"
#include "ended.h"
#include "gfp.h"
#include "net.h"
#include "record.h"
#include "resched.h"

/*
 * Lines kept of the whole host, 8 MiB of records or, on PREEMPT_RT, 16, but for so many
 * of each namespace that no other can take.
 */
#define TCPC_ENDED_HOST 16384
#define TCPC_ENDED_FLOOR 16

/*
 * Protects the lists and the two below. Raw, and with interrupts off: it is taken
 * where a tracepoint has turned preemption off, on PREEMPT_RT too.
 */
static DEFINE_RAW_SPINLOCK(tcpc_ended_lock);
static struct tcpc_ended_list tcpc_ended_gone = {
	.all = LIST_HEAD_INIT(tcpc_ended_gone.all),
};

static unsigned int tcpc_ended_nr; /* in all lists */
static u64 tcpc_ended_order;

/**
 * tcpc_ended_list_init() - an empty list
 * @list: it
 *
 * Context: any.
 */
void tcpc_ended_list_init(struct tcpc_ended_list *list)
{
	INIT_LIST_HEAD(&list->all);
	list->nr = 0;
}

/* Readers may still be at the record it is part of. Any context. */
static void tcpc_ended_free(struct tcpc_ended *e)
{
	tcpc_cgroup_put(e->cgroup);
	tcpc_record_free(container_of(e, struct tcpc_record, ended));
}

/* Take the oldest away, to be freed. Under the lock. */
static struct tcpc_ended *tcpc_ended_shift(struct tcpc_ended_list *list)
{
	struct tcpc_ended *e;

	e = list_first_entry_or_null(&list->all, struct tcpc_ended, node);
	if (e) {
		list_del(&e->node);
		list->nr--;
		tcpc_ended_nr--;
	}
	return e;
}

/**
 * tcpc_ended_add() - a listener has ended badly
 * @list: of its namespace
 * @e: it, part of a struct tcpc_record that nobody finds any more; filled but
 *	for @node and @order; belongs to the list
 *
 * If the list is full, or the host has enough and this list more than the least,
 * its oldest goes.
 *
 * Context: any.
 */
void tcpc_ended_add(struct tcpc_ended_list *list, struct tcpc_ended *e)
{
	struct tcpc_ended *old = NULL;
	unsigned long flags;

	raw_spin_lock_irqsave(&tcpc_ended_lock, flags);
	if (list->nr >= TCPC_ENDED_MAX ||
	    (list->nr >= TCPC_ENDED_FLOOR && tcpc_ended_nr >= TCPC_ENDED_HOST))
		old = tcpc_ended_shift(list);
	e->order = tcpc_ended_order++;
	list_add_tail(&e->node, &list->all);
	list->nr++;
	tcpc_ended_nr++;
	raw_spin_unlock_irqrestore(&tcpc_ended_lock, flags);
	if (old)
		tcpc_ended_free(old);
}

/**
 * tcpc_ended_bury() - a namespace is destroyed: keep its lines for the host
 * @list: of the namespace; empty afterwards
 *
 * Context: process.
 */
void tcpc_ended_bury(struct tcpc_ended_list *list)
{
	struct tcpc_ended_list *gone = &tcpc_ended_gone;
	struct tcpc_ended *old, *next;
	LIST_HEAD(olds);

	/* At most twice TCPC_ENDED_MAX are there, and half of them go. */
	raw_spin_lock_irq(&tcpc_ended_lock);
	list_splice_tail_init(&list->all, &gone->all);
	gone->nr += list->nr;
	list->nr = 0;
	while (gone->nr > TCPC_ENDED_MAX) {
		old = tcpc_ended_shift(gone);
		list_add(&old->node, &olds);
	}
	raw_spin_unlock_irq(&tcpc_ended_lock);
	list_for_each_entry_safe(old, next, &olds, node)
		tcpc_ended_free(old);
}

/* Room for all lines of one more list. Process context. */
static int tcpc_ended_room(struct tcpc_ended_rows *rows, gfp_t gfp)
{
	struct tcpc_ended *more;
	unsigned int cap;

	if (rows->cap - rows->nr >= TCPC_ENDED_MAX)
		return 0;
	cap = 2 * rows->cap + TCPC_ENDED_MAX;
	more = kvmalloc_array(cap, sizeof(*more), gfp);
	if (!more)
		return -ENOMEM;
	if (rows->nr)
		memcpy(more, rows->rows, rows->nr * sizeof(*more));
	kvfree(rows->rows);
	rows->rows = more;
	rows->cap = cap;
	return 0;
}

/**
 * tcpc_ended_copy() - copy the lines of a namespace
 * @rows: appended to; to be freed with tcpc_ended_rows_free(), on failure too
 * @list: of the namespace
 * @gfp: for memory; not TCPC_GFP_ACCOUNT if others wait for what the caller holds
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpc_ended_copy(struct tcpc_ended_rows *rows, struct tcpc_ended_list *list,
		    gfp_t gfp)
{
	struct tcpc_ended *e;
	int err;

	err = tcpc_ended_room(rows, gfp);
	if (err)
		return err;
	/* At most TCPC_ENDED_MAX: some 30 KiB are copied. */
	raw_spin_lock_irq(&tcpc_ended_lock);
	list_for_each_entry(e, &list->all, node) {
		rows->rows[rows->nr] = *e;
		tcpc_cgroup_hold(e->cgroup);
		rows->nr++;
	}
	raw_spin_unlock_irq(&tcpc_ended_lock);
	return 0;
}

static int tcpc_ended_cmp(const void *pa, const void *pb)
{
	const struct tcpc_ended *a = pa, *b = pb;

	tcpc_resched();
	return a->order < b->order ? -1 : a->order > b->order;
}

/* Put them in order, each once. Process context. */
static void tcpc_ended_once(struct tcpc_ended_rows *rows)
{
	struct tcpc_ended *row = rows->rows;
	unsigned int i, nr = rows->nr;

	if (!nr)
		return;
	sort(row, nr, sizeof(*row), tcpc_ended_cmp, NULL);
	rows->nr = 1;
	for (i = 1; i < nr; i++) {
		if (row[i].order == row[rows->nr - 1].order)
			tcpc_cgroup_put(row[i].cgroup);
		else
			row[rows->nr++] = row[i];
		tcpc_resched();
	}
}

/**
 * tcpc_ended_copy_all() - copy the lines of all namespaces, and of those gone
 * @rows: empty; to be freed with tcpc_ended_rows_free(), on failure too
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpc_ended_copy_all(struct tcpc_ended_rows *rows)
{
	struct tcpc_netset nets;
	unsigned int i;
	int err;

	err = tcpc_netset_get(&nets);
	for (i = 0; i < nets.nr && !err; i++) {
		err = tcpc_ended_copy(rows, &nets.refs[i].tn->ended, TCPC_GFP);
		tcpc_resched();
	}
	/* After the others: so those of a namespace that goes meanwhile are there. */
	if (!err)
		err = tcpc_ended_copy(rows, &tcpc_ended_gone, TCPC_GFP);
	tcpc_netset_put(&nets);
	tcpc_ended_once(rows);
	return err;
}

/**
 * tcpc_ended_rows_free() - free copies
 * @rows: from tcpc_ended_copy() or tcpc_ended_copy_all()
 *
 * Context: process.
 */
void tcpc_ended_rows_free(struct tcpc_ended_rows *rows)
{
	unsigned int i;

	for (i = 0; i < rows->nr; i++)
		tcpc_cgroup_put(rows->rows[i].cgroup);
	kvfree(rows->rows);
}

/**
 * tcpc_ended_exit() - free the lines of namespaces that are gone
 *
 * All are gone by now, as far as this module knows.
 *
 * Context: process.
 */
void tcpc_ended_exit(void)
{
	struct tcpc_ended *e;

	/* Nobody else is there any more. */
	while ((e = tcpc_ended_shift(&tcpc_ended_gone)))
		tcpc_ended_free(e);
}
