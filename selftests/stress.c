// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at full speed, each case for $TCP_CENSUS_STRESS_SECONDS (default 3): what
 * was done is printed, and nothing of it may be left in the end.
 *
 *	+-- the initial namespace --------+  +-- a namespace for each maker of --+
 *	| readers of /proc/tcp_census     |  | sockets, or one after the other   |
 *	| the test itself: no sockets     |  | and the reaper in all of them     |
 *	+---------------------------------+  +-----------------------------------+
 *
 * With the module whose timeouts may be a second.
 */

#include "lib/stress.h"

TEST_F_TIMEOUT(stress, namespaces, TIMEOUT)
{
	struct crew *c = &self->crew;

	crew_add(c, 3, "namespaces with sockets came and went", 5, noise_namespaces,
		 NULL);
	crew_add(c, 3, "files of all namespaces were read", 20, noise_readers,
		 HOST_DIR);
	crew_work(c, strain_seconds());
	ASSERT_EQ(0, crew_stop(c));
	EXPECT_EQ(0, left(&self->began));
}

TEST_F_TIMEOUT(stress, readers, TIMEOUT)
{
	struct crew *c = &self->crew;

	noise_add_readers(c);
	crew_work(c, strain_seconds());
	ASSERT_EQ(0, crew_stop(c));
	file_set(CENSUS_MS, "0");
	EXPECT_EQ(0, left(&self->began));
}

TEST_F_TIMEOUT(stress, listeners, TIMEOUT)
{
	struct crew *c = &self->crew;

	crew_add(c, 4, "listeners, or groups of them, came and went", 20, noise_listeners,
		 NULL);
	crew_add(c, 2, "files of all namespaces were read", 20, noise_readers,
		 HOST_DIR);
	crew_work(c, strain_seconds());
	ASSERT_EQ(0, crew_stop(c));
	EXPECT_EQ(0, left(&self->began));
}

TEST_HARNESS_MAIN
