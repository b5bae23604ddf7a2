// SPDX-License-Identifier: GPL-2.0
/*
 * At full speed: the module comes and goes under traffic, and its reaper acts in every
 * namespace as fast as it can be told to. See stress.c.
 */

#include <sys/resource.h>

#include "lib/stress.h"

/* How long it takes to unload, in ms; then it is loaded again. */
static uint64_t reload(void)
{
	uint64_t from = now_ms(), ms;

	unload();
	ms = now_ms() - from;
	load_fast(MAX_RATE);
	return ms;
}

/* At least, however long that takes. */
#define TIMES 3

TEST_F_TIMEOUT(stress, unloading, TIMEOUT)
{
	unsigned long long actions = 0;
	uint64_t until, ms, longest = 0;
	struct crew *c = &self->crew;
	unsigned int times;

	crew_add(c, 2, "connections were made", 100, noise_connections, "abort");
	crew_add(c, 1, "listeners came and went", 5, noise_listeners, "probe");
	crew_add(c, 1, "namespaces came and went", 2, noise_namespaces, "abort");
	crew_add(c, 1, "crowds of dead connections were ended", 0, noise_dead, "abort");
	crew_add(c, 2, "files were read", 10, noise_readers_unloading, CENSUS_DIR);
	crew_add(c, 2, "files of all namespaces were read", 10, noise_readers_unloading,
		 HOST_DIR);
	/* Or most of the time would be theirs. */
	must(!setpriority(PRIO_PROCESS, 0, -15));
	until = now_ms() + strain_seconds() * 1000;
	for (times = 0; times < TIMES || now_ms() < until; times++) {
		/* In a pass, between passes, before the first; or when it has acted. */
		if (times % TIMES)
			nap_ms(rand() % 300);
		else
			EXPECT_TRUE(wait_for(actions_sum_host()));
		actions += actions_sum_host();
		ms = reload();
		longest = ms > longest ? ms : longest;
	}
	printf("# loaded and unloaded %u times, after %llu actions, in %llu ms at most\n", times,
	       actions, (unsigned long long)longest);
	EXPECT_LE(times / TIMES, actions);
	EXPECT_GT(UNLOAD_SECONDS * 1000, longest);
	crew_work(c, 0);
	ASSERT_EQ(0, crew_stop(c));
	EXPECT_EQ(0, left(&self->began));
}

/* All of it, and the reaper as fast as it can be, in every namespace. */
TEST_F_TIMEOUT(stress, reaper, TIMEOUT)
{
	struct crew *c = &self->crew;
	unsigned long long actions;

	crew_add(c, 2, "crowds of dead connections were ended", 1, noise_dead, "abort");
	crew_add(c, 1, "namespaces were probed", 1, noise_namespaces, "probe");
	crew_add(c, 2, "namespaces were reaped", 2, noise_namespaces, "abort");
	crew_add(c, 1, "listeners were probed", 3, noise_listeners, "probe");
	crew_add(c, 2, "listeners were reaped", 3, noise_listeners, "abort");
	crew_add(c, 2, "connections were reaped", 100, noise_connections, "abort");
	noise_add_readers(c);
	crew_work(c, strain_seconds());
	actions = actions_sum_host();
	printf("# %llu actions of the reaper\n", actions);
	EXPECT_LT(100, actions);
	ASSERT_EQ(0, crew_stop(c));
	file_set(CENSUS_MS, "0");
	EXPECT_EQ(0, left(&self->began));
}

TEST_HARNESS_MAIN
