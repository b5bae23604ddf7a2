/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much each may have when all want more than there is. Needs nothing but u32 and
 * u64, so that a test can try it in user space.
 */
#ifndef TCPC_SHARE_H
#define TCPC_SHARE_H

/* What all get together if none gets more than @each. */
static inline u64 tcpc_share_sum(const u32 *wants, u32 nr, u32 each)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < nr; i++)
		sum += wants[i] < each ? wants[i] : each;
	return sum;
}

/**
 * tcpc_share_each() - the most that one may have
 * @wants: what each wants
 * @nr: how many there are
 * @total: what there is for all
 * @sure: what each may have in any case
 * @most: nobody wants more than that
 *
 * Who wants no more than an even share gets it all; the rest is for the others.
 *
 * Context: any.
 * Return: the largest number with which @total is enough, up to @most; at least @sure.
 */
static inline u32 tcpc_share_each(const u32 *wants, u32 nr, u64 total, u32 sure, u32 most)
{
	u32 low = sure, high = most, mid;

	while (low < high) {
		mid = high - (high - low) / 2;
		if (tcpc_share_sum(wants, nr, mid) <= total)
			low = mid;
		else
			high = mid - 1;
	}
	return low;
}

#endif /* TCPC_SHARE_H */
