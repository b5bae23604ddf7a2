/* SPDX-License-Identifier: GPL-2.0 */
/* What follows from the depth of an accept queue at the moments it was seen. */
#ifndef TCPC_PEAK_H
#define TCPC_PEAK_H

#include <linux/types.h>

/*
 * The highest depth of a minute and of the one before it, in one word, so that
 * it is changed as a whole: minute << 44 | before << 22 | now.
 *
 * A queue of more than four million connections shows as one of four million.
 * The minute comes round after two years; a value that was not touched for that
 * long may pass for a recent one.
 */
#define TCPC_RECENT_DEPTH_BITS 22
#define TCPC_RECENT_DEPTH_MAX ((1U << TCPC_RECENT_DEPTH_BITS) - 1)
#define TCPC_RECENT_MINUTE_BITS 20
#define TCPC_RECENT_MINUTE_MAX ((1U << TCPC_RECENT_MINUTE_BITS) - 1)

static inline u32 tcpc_recent_minute(u64 recent)
{
	return recent >> (2 * TCPC_RECENT_DEPTH_BITS);
}

static inline u32 tcpc_recent_before(u64 recent)
{
	return recent >> TCPC_RECENT_DEPTH_BITS & TCPC_RECENT_DEPTH_MAX;
}

static inline u32 tcpc_recent_now(u64 recent)
{
	return recent & TCPC_RECENT_DEPTH_MAX;
}

/**
 * tcpc_recent_add() - a depth was seen
 * @recent: highest depths so far; 0 at first
 * @minute: the present one, counted from any; only its low bits matter
 * @depth: the depth
 *
 * Context: any.
 * Return: the new @recent; the same if nothing changes.
 */
static inline u64 tcpc_recent_add(u64 recent, u32 minute, u32 depth)
{
	u32 before = tcpc_recent_before(recent), now = tcpc_recent_now(recent);
	u32 since;

	minute &= TCPC_RECENT_MINUTE_MAX;
	since = (minute - tcpc_recent_minute(recent)) & TCPC_RECENT_MINUTE_MAX;
	/* Another CPU may have been the first in the new minute, and we be late. */
	if (since == TCPC_RECENT_MINUTE_MAX) {
		minute = tcpc_recent_minute(recent);
	} else if (since) {
		before = since == 1 ? now : 0;
		now = 0;
	}
	if (depth > TCPC_RECENT_DEPTH_MAX)
		depth = TCPC_RECENT_DEPTH_MAX;
	if (depth > now)
		now = depth;
	return (u64)minute << (2 * TCPC_RECENT_DEPTH_BITS) |
	       (u64)before << TCPC_RECENT_DEPTH_BITS | now;
}

/**
 * tcpc_recent_peak() - highest depth seen in this minute and the last
 * @recent: from tcpc_recent_add()
 * @minute: the present one
 *
 * Context: any.
 * Return: the depth, 0 if none was seen.
 */
static inline u32 tcpc_recent_peak(u64 recent, u32 minute)
{
	u64 r = tcpc_recent_add(recent, minute, 0);
	u32 before = tcpc_recent_before(r), now = tcpc_recent_now(r);

	return before > now ? before : now;
}

/**
 * tcpc_queue_rose() - did an enqueue take the depth above the limit?
 * @depth: of the queue, seen right after it
 * @limit: the queue is full when its depth is greater
 * @was_full: it was last seen full
 *
 * One enqueue adds one. Two that were quicker than being seen leave a depth two
 * above the limit; the first to see it counts.
 *
 * Context: any.
 * Return: 1 or 0.
 */
static inline int tcpc_queue_rose(u32 depth, u32 limit, int was_full)
{
	return depth > limit && (!was_full || depth - 1 == limit);
}

#endif /* TCPC_PEAK_H */
