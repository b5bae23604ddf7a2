// SPDX-License-Identifier: GPL-2.0
/*
 * How what there is for all is shared out, the module's own function, against handing
 * it out one by one. Needs no module.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "kselftest_harness.h"

typedef uint32_t u32;
typedef uint64_t u64;

#include "../module/share.h"

enum { MANY = 40, MOST = 50 };

/* By turns, to each who wants more, until there is nothing left for a whole turn. */
static u32 one_by_one(const u32 *wants, u32 nr, u64 total, u32 sure)
{
	u32 each, i, asking;
	u64 given = 0;

	for (each = 0; each < MOST; each++) {
		asking = 0;
		for (i = 0; i < nr; i++)
			asking += wants[i] > each;
		if (each >= sure && given + asking > total)
			break;
		given += asking;
	}
	return each;
}

TEST(as_one_by_one)
{
	u32 wants[MANY], nr, i, sure, each;
	unsigned int round;
	u64 total;

	srand(1);
	for (round = 0; round < 20000; round++) {
		nr = rand() % (MANY + 1);
		sure = rand() % 17;
		total = rand() % (MANY * MOST);
		for (i = 0; i < nr; i++)
			wants[i] = rand() % (rand() % 2 ? MOST + 1 : 4);
		each = tcpc_share_each(wants, nr, total, sure, MOST);
		ASSERT_EQ(one_by_one(wants, nr, total, sure), each)
			TH_LOG("round %u: %u with %llu", round, nr, (unsigned long long)total);
	}
}

/* Numbers as they are: the sum of all is more than 32 bits hold. */
TEST(large)
{
	enum { NR = 200000 };
	u32 *wants = calloc(NR, sizeof(*wants)), i;

	ASSERT_NE(NULL, wants);
	for (i = 0; i < NR; i++)
		wants[i] = 32768;
	EXPECT_EQ(16, tcpc_share_each(wants, NR, 131072, 16, 32768));
	EXPECT_EQ(32768, tcpc_share_each(wants, 4, 131072, 16, 32768));
	EXPECT_EQ(26214, tcpc_share_each(wants, 5, 131072, 16, 32768));
	/* Who wants little gets it, and leaves the rest to others. */
	for (i = 0; i < 1000; i++)
		wants[i] = 10;
	EXPECT_EQ(30268, tcpc_share_each(wants, 1004, 131072, 16, 32768));
	free(wants);
}

TEST_HARNESS_MAIN
