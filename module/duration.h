/* SPDX-License-Identifier: GPL-2.0 */
/* A histogram of durations: how long applications take to close. */
#ifndef TCPC_DURATION_H
#define TCPC_DURATION_H

#include <linux/types.h>

/* Buckets: up to 8 ms, up to 16 ms, ..., up to 70 minutes, and longer. */
#define TCPC_DURATION_MIN_MS 8
#define TCPC_DURATION_BUCKETS 21

/**
 * tcpc_duration_ms() - upper bound of a bucket
 * @bucket: 0 to TCPC_DURATION_BUCKETS - 1
 *
 * Context: any.
 * Return: the longest duration in it, in ms; of the last, which has none, one
 * more than that of the one before it.
 */
static inline u32 tcpc_duration_ms(unsigned int bucket)
{
	if (bucket == TCPC_DURATION_BUCKETS - 1)
		return (TCPC_DURATION_MIN_MS << (bucket - 1)) + 1;
	return TCPC_DURATION_MIN_MS << bucket;
}

/**
 * tcpc_duration_bucket() - the bucket of a duration
 * @ms: it, in ms
 *
 * Context: any.
 * Return: 0 to TCPC_DURATION_BUCKETS - 1.
 */
static inline unsigned int tcpc_duration_bucket(u64 ms)
{
	unsigned int bucket = 0;

	while (bucket < TCPC_DURATION_BUCKETS - 1 && ms > tcpc_duration_ms(bucket))
		bucket++;
	return bucket;
}

/**
 * tcpc_duration_percentile() - a duration that so many of a hundred do not exceed
 * @count: durations in each bucket
 * @percent: how many, 1 to 100
 *
 * Context: any.
 * Return: the upper bound of the bucket the percentile is in, in ms; 0 if there
 * are no durations.
 */
static inline u32 tcpc_duration_percentile(const u64 count[TCPC_DURATION_BUCKETS],
					   unsigned int percent)
{
	u64 sum = 0, seen = 0;
	unsigned int i;

	for (i = 0; i < TCPC_DURATION_BUCKETS; i++)
		sum += count[i];
	for (i = 0; i < TCPC_DURATION_BUCKETS; i++) {
		seen += count[i];
		/* Without a division: 100 times a count does not overflow. */
		if (seen && seen * 100 >= sum * percent)
			return tcpc_duration_ms(i);
	}
	return 0;
}

#endif /* TCPC_DURATION_H */
