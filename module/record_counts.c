// SPDX-License-Identifier: GPL-2.0
/* What is counted of listeners, and where it goes when they end. */

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/spinlock.h>
#include <net/sock.h>

#include "compat.h"
#include "events.h"
#include "record.h"
#include "series.h"

/*
 * Nobody tells of a listener's end any more. Set under the lock of all records, under
 * which all here is but for tcpc_record_id().
 */
static bool tcpc_record_stopped;

/* Add what has been counted of a listener that is there. Under the lock. */
static void tcpc_record_add_counts(struct tcpc_queue_counts *sum,
				   struct tcpc_record *rec)
{
	u32 drops = sk_drops_read(rec->sk);

	/* The listener's own goes round. */
	rec->dropped += drops - rec->drops_seen;
	rec->drops_seen = drops;
	sum->queued += atomic64_read(&rec->queued);
	sum->filled += atomic64_read(&rec->filled);
	sum->drops += rec->dropped;
}

/**
 * tcpc_record_keep() - leave the counts of a record to the series it is part of
 * @rec: the record, which is being removed
 *
 * Context: any; under the lock of all records.
 */
void tcpc_record_keep(struct tcpc_record *rec)
{
	struct tcpc_series *s;
	unsigned int i;

	for (i = 0; i < TCPC_SERIES_OF; i++) {
		s = rec->series[i];
		if (!s)
			continue;
		/* When ends are not heard of any more it may be gone. */
		if (!tcpc_record_stopped)
			tcpc_record_add_counts(&s->ended, rec);
		s->members--;
		if (!s->members)
			s->set->manned--;
	}
}

/**
 * tcpc_record_count() - add the counts of a listener that is there
 * @sum: what they are added to
 * @sk: it, only compared: it may be another by now
 * @id: of its record
 * @s: from tcpc_series_get(): when it ends it adds them to this; unless it adds them to
 *	another one of the kind, because its cgroup had another name then
 * @of: the kind of @s
 *
 * Context: process.
 * Return: false if it has ended.
 */
bool tcpc_record_count(struct tcpc_queue_counts *sum, const struct sock *sk, u64 id,
		       struct tcpc_series *s, enum tcpc_series_of of)
{
	struct tcpc_record *rec;
	bool there;

	/* As tcpc_record_end() takes the lock: an end is before this, or after. */
	raw_spin_lock_irq(&tcpc_record_lock);
	rec = tcpc_record_of(sk);
	there = rec && rec->id == id;
	if (there) {
		if (!rec->series[of]) {
			rec->series[of] = s;
			s->set->manned += !s->members++;
		}
		tcpc_record_add_counts(sum, rec);
	}
	raw_spin_unlock_irq(&tcpc_record_lock);
	return there;
}

/**
 * tcpc_record_counted() - add the counts of those that have ended
 * @sum: what they are added to
 * @s: the series they were part of
 *
 * Context: process.
 */
void tcpc_record_counted(struct tcpc_queue_counts *sum, const struct tcpc_series *s)
{
	raw_spin_lock_irq(&tcpc_record_lock);
	sum->queued += s->ended.queued;
	sum->filled += s->ended.filled;
	sum->drops += s->ended.drops;
	raw_spin_unlock_irq(&tcpc_record_lock);
}

/**
 * tcpc_record_members() - will any listener add to a series?
 * @s: the series, which nobody is counting
 *
 * Context: process; under the lock of its set.
 * Return: true if so. If not, nobody is just adding either.
 */
bool tcpc_record_members(const struct tcpc_series *s)
{
	bool members;

	raw_spin_lock_irq(&tcpc_record_lock);
	members = s->members;
	raw_spin_unlock_irq(&tcpc_record_lock);
	return members;
}

/**
 * tcpc_record_manned() - to how many series listeners will add
 * @set: the series
 *
 * Context: process.
 * Return: so many.
 */
unsigned int tcpc_record_manned(const struct tcpc_series_set *set)
{
	unsigned int manned;

	raw_spin_lock_irq(&tcpc_record_lock);
	manned = set->manned;
	raw_spin_unlock_irq(&tcpc_record_lock);
	return manned;
}

/**
 * tcpc_record_stop() - the ends of listeners will not be heard of any more
 *
 * Records may outlive their listeners then.
 *
 * Context: process.
 */
void tcpc_record_stop(void)
{
	raw_spin_lock_irq(&tcpc_record_lock);
	WRITE_ONCE(tcpc_record_stopped, true);
	raw_spin_unlock_irq(&tcpc_record_lock);
}

/**
 * tcpc_record_id() - the number of a listener's record
 * @sk: the listener
 *
 * The same number twice: it has listened all the time. Where events are not followed, and
 * from tcpc_record_stop() on, that cannot be said, and there is no number.
 *
 * Context: under RCU.
 * Return: it, or 0.
 */
u64 tcpc_record_id(const struct sock *sk)
{
	const struct tcpc_record *rec;

	/* There are no tables, or ends are not heard of. */
	if (!tcpc_events_on() || READ_ONCE(tcpc_record_stopped))
		return 0;
	rec = tcpc_record_of(sk);
	return rec ? rec->id : 0;
}
