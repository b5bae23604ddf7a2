// SPDX-License-Identifier: GPL-2.0
/* Peaks of accept queues: what a record knows of its listener's. */

#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/string.h>
#include <net/sock.h>

#include "events.h"
#include "peak.h"
#include "record.h"

/* The present minute. Jiffies will do, and to read them is no function call. */
static u32 tcpc_record_minute(void)
{
	return div_u64(get_jiffies_64(), 60 * HZ);
}

/**
 * tcpc_record_see() - a depth was seen
 * @rec: of the listener
 * @depth: of its queue
 *
 * Writes only what changes.
 *
 * Context: under RCU.
 */
void tcpc_record_see(struct tcpc_record *rec, u32 depth)
{
	u32 minute = tcpc_record_minute();
	s64 old = atomic64_read(&rec->recent), new;
	int peak = atomic_read(&rec->peak);

	if (depth > READ_ONCE(rec->sk->sk_max_ack_backlog) && !READ_ONCE(rec->over))
		WRITE_ONCE(rec->over, true);

	/* Each fails only if another CPU was quicker, and soon there is nothing to do. */
	while (depth > (u32)peak && !atomic_try_cmpxchg(&rec->peak, &peak, depth))
		;
	do {
		new = tcpc_recent_add(old, minute, depth);
	} while (new != old && !atomic64_try_cmpxchg(&rec->recent, &old, new));
}

/**
 * tcpc_record_read() - what is known of a listener's queue
 * @peaks: filled; zeroes if nothing is known
 * @sk: the listener
 * @depth: of its queue now
 *
 * Context: under RCU.
 */
void tcpc_record_read(struct tcpc_peaks *peaks, const struct sock *sk, u32 depth)
{
	struct tcpc_record *rec;

	memset(peaks, 0, sizeof(*peaks));
	rec = tcpc_events_on() ? tcpc_record_of(sk) : NULL;
	if (!rec)
		return;
	if (!READ_ONCE(rec->port))
		tcpc_record_settle(rec);
	tcpc_record_see(rec, depth);
	peaks->id = rec->id;
	peaks->peak = atomic_read(&rec->peak);
	peaks->recent = tcpc_recent_peak(atomic64_read(&rec->recent),
					 tcpc_record_minute());
	peaks->filled = atomic64_read(&rec->filled);
	peaks->queued = atomic64_read(&rec->queued);
}
