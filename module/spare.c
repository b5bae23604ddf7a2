// SPDX-License-Identifier: GPL-2.0
/*
 * Spares: memory for where none can be allocated.
 *
 * A listener needs its record at once, or what its queue does first is not seen. Its
 * event comes with preemption off, where PREEMPT_RT cannot allocate. So there some
 * memory is allocated beforehand, and more soon after it was taken. Other kernels
 * have none of this.
 */

#include <linux/bug.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "gfp.h"
#include "spare.h"

/* What may be taken before a worker runs: 256 KiB, as kmalloc() has it. */
#define TCPC_SPARES 256

/* One that is there for whoever needs it; all else in it is 0. */
struct tcpc_spare {
	struct tcpc_spare *next;
};

/* Raw: it is taken with preemption off. Held to take or add one. */
static DEFINE_RAW_SPINLOCK(tcpc_spare_lock);
static struct tcpc_spare *tcpc_spares;
static unsigned int tcpc_spares_nr;

static void tcpc_spare_fill(struct work_struct *work);
static DECLARE_WORK(tcpc_spare_work, tcpc_spare_fill);

/* Any context. */
static void tcpc_spare_add(struct tcpc_spare *spare)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&tcpc_spare_lock, flags);
	spare->next = tcpc_spares;
	tcpc_spares = spare;
	WRITE_ONCE(tcpc_spares_nr, tcpc_spares_nr + 1);
	raw_spin_unlock_irqrestore(&tcpc_spare_lock, flags);
}

/* Any context. Return: it, or NULL. */
static struct tcpc_spare *tcpc_spare_take(void)
{
	struct tcpc_spare *spare;
	unsigned long flags;

	raw_spin_lock_irqsave(&tcpc_spare_lock, flags);
	spare = tcpc_spares;
	if (spare) {
		tcpc_spares = spare->next;
		WRITE_ONCE(tcpc_spares_nr, tcpc_spares_nr - 1);
	}
	raw_spin_unlock_irqrestore(&tcpc_spare_lock, flags);
	if (spare)
		spare->next = NULL;
	return spare;
}

/* Process context. Where there is no memory whoever takes the next one tries again. */
static void tcpc_spare_fill(struct work_struct *work)
{
	struct tcpc_spare *spare;

	while (READ_ONCE(tcpc_spares_nr) < TCPC_SPARES) {
		spare = kzalloc(TCPC_SPARE_SIZE, TCPC_GFP);
		if (!spare)
			return;
		tcpc_spare_add(spare);
	}
}

/**
 * tcpc_spare_get() - memory, wherever we are
 * @size: bytes, at most TCPC_SPARE_SIZE
 * @gfp: __GFP_ACCOUNT to charge it to the caller's cgroup; a spare is not charged
 *
 * Context: any.
 * Return: it, zeroed, to be freed with kfree(), kfree_rcu() or tcpc_spare_put(); or
 * NULL.
 */
void *tcpc_spare_get(size_t size, gfp_t gfp)
{
	void *spare;

	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		return kzalloc(size, GFP_ATOMIC | __GFP_NOWARN | gfp);
	if (WARN_ON_ONCE(size > TCPC_SPARE_SIZE))
		return NULL;
	spare = tcpc_spare_take();
	schedule_work(&tcpc_spare_work);
	return spare;
}

/**
 * tcpc_spare_put() - give back what nobody has written to
 * @spare: from tcpc_spare_get()
 *
 * Context: any.
 */
void tcpc_spare_put(void *spare)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		tcpc_spare_add(spare);
	else
		kfree(spare);
}

/**
 * tcpc_spare_init() - have spares, where they are needed
 *
 * Context: process, may sleep.
 */
void tcpc_spare_init(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		tcpc_spare_fill(NULL);
}

/**
 * tcpc_spare_exit() - free what was not taken
 *
 * When nobody takes one any more.
 *
 * Context: process, may sleep.
 */
void tcpc_spare_exit(void)
{
	struct tcpc_spare *spare;

	cancel_work_sync(&tcpc_spare_work);
	while ((spare = tcpc_spare_take()))
		kfree(spare);
}
