// SPDX-License-Identifier: GPL-2.0
/*
 * The module's own arithmetic of accept-queue peaks and of durations. Needs no
 * module: the kernel's types are those of lib/shim.
 */

#include <string.h>

#include "kselftest_harness.h"

#include "../module/duration.h"
#include "../module/peak.h"

#include "shim.h"

#define DEPTH TCPC_RECENT_DEPTH_MAX
#define MINUTE TCPC_RECENT_MINUTE_MAX

/* The word as it is laid out. */
static u64 word(u64 minute, u64 before, u64 now)
{
	return minute << 44 | before << 22 | now;
}

/* What is known, what is seen in which minute, and what is known then. */
static const struct seen {
	const char *what;
	u32 minute, before, now;
	u32 at, depth;
	u32 want_minute, want_before, want_now;
} seens[] = {
	{ "the first of all",		0, 0, 0,	7, 5,	7, 0, 5 },
	{ "in minute 1 as well",	0, 0, 0,	1, 5,	1, 0, 5 },
	{ "a higher one",		7, 3, 5,	7, 6,	7, 3, 6 },
	{ "the same",			7, 3, 5,	7, 5,	7, 3, 5 },
	{ "a lower one",		7, 3, 5,	7, 4,	7, 3, 5 },
	{ "a new minute",		7, 3, 5,	8, 2,	8, 5, 2 },
	{ "and a higher one",		7, 3, 5,	8, 9,	8, 5, 9 },
	{ "none in it",			7, 3, 5,	8, 0,	8, 5, 0 },
	{ "a minute without any",	7, 3, 5,	9, 2,	9, 0, 2 },
	{ "long after",			7, 3, 5,	5007, 2, 5007, 0, 2 },
	{ "late, of last minute",	7, 3, 5,	6, 4,	7, 3, 5 },
	{ "late, and higher",		7, 3, 5,	6, 8,	7, 3, 8 },
	{ "the minute comes round",	MINUTE, 3, 5,	MINUTE + 1, 2,	0, 5, 2 },
	{ "so it does while late",	0, 3, 5,	MINUTE, 8,	0, 3, 8 },
	{ "it did long ago",		0xbcdef, 3, 5,	0xabcbcdf0, 2,	0xbcdf0, 5, 2 },
	{ "the longest",		7, 3, 5,	7, DEPTH, 7, 3, DEPTH },
	{ "too long a one",		7, 3, 5,	7, DEPTH + 1, 7, 3, DEPTH },
	{ "much too long a one",	7, 3, 5,	8, UINT32_MAX, 8, 5, DEPTH },
	{ "all bits set",	MINUTE, DEPTH, DEPTH, MINUTE, DEPTH, MINUTE, DEPTH, DEPTH },
};

TEST(recent_add)
{
	const struct seen *s;
	u64 recent;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(seens); i++) {
		s = &seens[i];
		recent = tcpc_recent_add(word(s->minute, s->before, s->now), s->at,
					 s->depth);
		EXPECT_EQ(s->want_minute, tcpc_recent_minute(recent))
			TH_LOG("%s", s->what);
		EXPECT_EQ(s->want_before, tcpc_recent_before(recent))
			TH_LOG("%s", s->what);
		EXPECT_EQ(s->want_now, tcpc_recent_now(recent)) TH_LOG("%s", s->what);
		EXPECT_EQ(word(s->want_minute, s->want_before, s->want_now), recent)
			TH_LOG("%s", s->what);
		/* Once more changes nothing: then nobody has to write. */
		EXPECT_EQ(recent, tcpc_recent_add(recent, s->at, s->depth))
			TH_LOG("%s", s->what);
	}
}

TEST(recent_peak)
{
	static const struct {
		u32 minute, before, now, at, want;
	} rows[] = {
		{ 0, 0, 0, 0, 0 },
		{ 0, 0, 0, 77, 0 },
		/* In its minute and the next, no longer. */
		{ 7, 0, 5, 7, 5 },
		{ 7, 0, 5, 8, 5 },
		{ 7, 0, 5, 9, 0 },
		{ 7, 0, 5, 100000, 0 },
		/* The highest of the two. */
		{ 7, 3, 5, 7, 5 },
		{ 7, 9, 5, 7, 9 },
		{ 7, 9, 5, 8, 5 },
		{ 7, 9, 0, 8, 0 },
		/* Another CPU was the first in the new minute. */
		{ 7, 9, 5, 6, 9 },
		{ MINUTE, 3, 5, MINUTE + 1, 5 },
		{ MINUTE, 3, 5, MINUTE + 2, 0 },
		{ 7, DEPTH, 1, 7, DEPTH },
		{ 7, 1, DEPTH, 8, DEPTH },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		EXPECT_EQ(rows[i].want,
			  tcpc_recent_peak(word(rows[i].minute, rows[i].before,
						rows[i].now), rows[i].at))
			TH_LOG("row %zu", i);
}

/* Hours of it, against all that was seen in each minute. */
TEST(recent_over_hours)
{
	u32 highest[2000] = {}, minute, depth, want, first = MINUTE - 500;
	u64 recent = 0;
	unsigned int i;

	for (minute = 1; minute < ARRAY_SIZE(highest); minute += 1 + !shim_below(4)) {
		for (i = shim_below(4); i--;) {
			depth = shim_below(1 + shim_below(1000));
			recent = tcpc_recent_add(recent, first + minute, depth);
			if (depth > highest[minute])
				highest[minute] = depth;
		}
		want = highest[minute];
		if (highest[minute - 1] > want)
			want = highest[minute - 1];
		ASSERT_EQ(want, tcpc_recent_peak(recent, first + minute))
			TH_LOG("minute %u", minute);
	}
}

TEST(queue_rose)
{
	static const struct {
		u32 depth, limit;
		int was_full, want;
	} rows[] = {
		{ 0, 16, 0, 0 },
		{ 16, 16, 0, 0 },
		{ 16, 16, 1, 0 },
		{ 17, 16, 0, 1 },
		/* It was seen full, but to be here now it has been less since. */
		{ 17, 16, 1, 1 },
		/* Another enqueue came between: the first to see it counts. */
		{ 18, 16, 0, 1 },
		{ 18, 16, 1, 0 },
		/* The limit was lowered. */
		{ 40, 16, 0, 1 },
		{ 40, 16, 1, 0 },
		/* listen(fd, 0) has room for one. */
		{ 0, 0, 0, 0 },
		{ 1, 0, 0, 1 },
		{ 1, 0, 1, 1 },
		{ 2, 0, 1, 0 },
		{ 0, UINT32_MAX, 0, 0 },
		{ 0, UINT32_MAX, 1, 0 },
		{ UINT32_MAX, UINT32_MAX, 0, 0 },
		{ UINT32_MAX, UINT32_MAX - 1, 1, 1 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		EXPECT_EQ(rows[i].want, tcpc_queue_rose(rows[i].depth, rows[i].limit,
							rows[i].was_full))
			TH_LOG("row %zu", i);
}

TEST(duration_buckets)
{
	static const struct {
		u64 ms;
		unsigned int want;
	} rows[] = {
		{ 0, 0 }, { 1, 0 }, { 8, 0 }, { 9, 1 }, { 16, 1 }, { 17, 2 },
		{ 1000, 7 }, { 1024, 7 }, { 1025, 8 }, { 60000, 13 }, { 3600000, 19 },
		{ 4194304, 19 }, { 4194305, 20 }, { UINT32_MAX, 20 },
		{ 1ULL << 32, 20 }, { UINT64_MAX, 20 },
	};
	unsigned int i;

	ASSERT_EQ(21, TCPC_DURATION_BUCKETS);
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		EXPECT_EQ(rows[i].want, tcpc_duration_bucket(rows[i].ms))
			TH_LOG("%llu ms", (unsigned long long)rows[i].ms);
	/* Each holds its own bound, and nothing of the next. */
	for (i = 0; i < TCPC_DURATION_BUCKETS - 1; i++) {
		EXPECT_EQ(8U << i, tcpc_duration_ms(i));
		EXPECT_EQ(i, tcpc_duration_bucket(8U << i));
		EXPECT_EQ(i + 1, tcpc_duration_bucket((8U << i) + 1));
	}
	EXPECT_EQ(4194305, tcpc_duration_ms(TCPC_DURATION_BUCKETS - 1));
}

TEST(duration_percentiles)
{
	static const struct {
		u64 count[TCPC_DURATION_BUCKETS];
		unsigned int percent;
		u32 want;
	} rows[] = {
		{ { 0 }, 50, 0 },
		{ { 0 }, 100, 0 },
		{ { 1 }, 1, 8 },
		{ { 1 }, 50, 8 },
		{ { 1 }, 99, 8 },
		{ { [5] = 3 }, 99, 256 },
		{ { [19] = 3 }, 50, 4194304 },
		{ { [20] = 3 }, 50, 4194305 },
		/* So many of a hundred, that one included. */
		{ { 50, 50 }, 50, 8 },
		{ { 50, 50 }, 51, 16 },
		{ { 99, 0, 0, 1 }, 99, 8 },
		{ { 98, 0, 0, 2 }, 99, 64 },
		{ { 9, [20] = 1 }, 90, 8 },
		{ { 9, [20] = 1 }, 91, 4194305 },
		{ { 1, 1 }, 50, 8 },
		{ { 1, 1 }, 51, 16 },
		{ { 1, 1, 1 }, 33, 8 },
		{ { 1, 1, 1 }, 34, 16 },
		/* One a microsecond for 3,000 years. */
		{ { [2] = 99ULL << 50, [3] = 1ULL << 50 }, 99, 32 },
		{ { [2] = 98ULL << 50, [3] = 2ULL << 50 }, 99, 64 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		EXPECT_EQ(rows[i].want,
			  tcpc_duration_percentile(rows[i].count, rows[i].percent))
			TH_LOG("row %zu", i);
}

/* The same as by rank in the list of all of them. */
TEST(duration_ranks)
{
	unsigned int percent, n, i, round, rank;
	u64 count[TCPC_DURATION_BUCKETS];

	for (round = 0; round < 500; round++) {
		memset(count, 0, sizeof(count));
		n = 1 + shim_below(300);
		for (i = 0; i < n; i++)
			count[shim_below(1 + shim_below(TCPC_DURATION_BUCKETS))]++;
		percent = 1 + shim_below(100);
		rank = (n * percent + 99) / 100;
		for (i = 0; rank > count[i]; i++)
			rank -= count[i];
		ASSERT_EQ(tcpc_duration_ms(i), tcpc_duration_percentile(count, percent))
			TH_LOG("round %u", round);
	}
}

TEST_HARNESS_MAIN
