// SPDX-License-Identifier: GPL-2.0
/*
 * tcpc_cause(), the module's own function, over every combination of what decides
 * the cause of a CLOSE_WAIT socket. Needs no module.
 */

#include <stdbool.h>
#include <stdint.h>

#include "kselftest_harness.h"

typedef uint32_t u32;

#include "../module/cause.h"

/* Columns of the table below. */
enum fact {
	MPTCP, REPAIR, KERNEL, QUEUED, SOCKMAP, KERNEL_LISTENER, UNACKED, UNREAD,
	FACTS,
};

/*
 * What becomes of a socket: 0, 1, or either (.); @UNACKED is 1 for any bytes;
 * @UNREAD is 1 for the FIN alone and 2 for more. Every combination is in exactly
 * one row.
 */
static const struct row {
	const char *facts;
	enum tcpc_cause want;
} rows[] = {
	/* None of our business, whatever else it is. */
	{ "1.......", TCPC_CAUSE_EXEMPT },
	{ "01......", TCPC_CAUSE_EXEMPT },
	/* The kernel's own: a connection it made or accepted. */
	{ "0010....", TCPC_CAUSE_EXEMPT },
	/* In the queue of a listener of the kernel's. */
	{ "001101..", TCPC_CAUSE_EXEMPT },
	/* A BPF program takes its data. */
	{ "00.11...", TCPC_CAUSE_EXEMPT },
	/* In anybody else's queue, with or without data. */
	{ "00010...", TCPC_CAUSE_UNACCEPTED },
	/* In that of an MPTCP listener, which is why it looks like the kernel's. */
	{ "001100..", TCPC_CAUSE_UNACCEPTED },
	/* Accepted: at work before anything else. */
	{ "0000..1.", TCPC_CAUSE_SENDING },
	{ "0000..02", TCPC_CAUSE_UNREAD },
	{ "0000..01", TCPC_CAUSE_FIN_PENDING },
	{ "0000..00", TCPC_CAUSE_DRAINED },
};

static bool row_has(const struct row *row, const unsigned int *value)
{
	int i;

	for (i = 0; i < FACTS; i++)
		if (row->facts[i] != '.' &&
		    row->facts[i] != (char)('0' + value[i]))
			return false;
	return true;
}

/* The next combination; false after the last. */
static bool next(unsigned int *value)
{
	int i;

	for (i = 0; i < FACTS; i++) {
		if (value[i] < (i == UNREAD ? 2 : 1)) {
			value[i]++;
			return true;
		}
		value[i] = 0;
	}
	return false;
}

static enum tcpc_cause cause_of(const unsigned int *value, u32 unacked, u32 unread)
{
	const struct tcpc_facts facts = {
		.mptcp = value[MPTCP],
		.repair = value[REPAIR],
		.kernel = value[KERNEL],
		.queued = value[QUEUED],
		.sockmap = value[SOCKMAP],
		.kernel_listener = value[KERNEL_LISTENER],
		.unacked = unacked,
		.unread = unread,
	};

	return tcpc_cause(&facts);
}

TEST(every_combination)
{
	unsigned int value[FACTS] = {}, combinations = 0, i, rows_with_it;
	unsigned int used[ARRAY_SIZE(rows)] = {};
	enum tcpc_cause want = TCPC_CAUSES;

	do {
		combinations++;
		rows_with_it = 0;
		for (i = 0; i < ARRAY_SIZE(rows); i++) {
			if (!row_has(&rows[i], value))
				continue;
			rows_with_it++;
			used[i]++;
			want = rows[i].want;
		}
		ASSERT_EQ(1, rows_with_it);
		EXPECT_EQ(want, cause_of(value, value[UNACKED], value[UNREAD]))
			TH_LOG("combination %u", combinations);
		/* However many they are. */
		EXPECT_EQ(want, cause_of(value, value[UNACKED] * UINT32_MAX,
					 value[UNREAD]));
		if (value[UNREAD] == 2) {
			EXPECT_EQ(want, cause_of(value, value[UNACKED],
						 UINT32_MAX));
		}
	} while (next(value));

	EXPECT_EQ((1 << (FACTS - 1)) * 3, combinations);
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		EXPECT_LT(0, used[i]) TH_LOG("row %u", i);
}

/* The design's order, which the files' columns do not tell. */
TEST(order)
{
	EXPECT_LT(TCPC_CAUSE_EXEMPT, TCPC_CAUSE_UNACCEPTED);
	EXPECT_LT(TCPC_CAUSE_UNACCEPTED, TCPC_CAUSE_SENDING);
	EXPECT_LT(TCPC_CAUSE_SENDING, TCPC_CAUSE_UNREAD);
	EXPECT_LT(TCPC_CAUSE_UNREAD, TCPC_CAUSE_FIN_PENDING);
	EXPECT_LT(TCPC_CAUSE_FIN_PENDING, TCPC_CAUSE_DRAINED);
	EXPECT_EQ(TCPC_CAUSE_DRAINED + 1, TCPC_CAUSES);
}

TEST_HARNESS_MAIN
