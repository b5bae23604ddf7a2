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

/* Where readers find nothing but what they read of. */
static void in_a_namespace(struct crew *c, void (*add)(struct crew *c))
{
	int home = net_open(), other = net_new();

	add(c);
	net_enter(home);
	close(home);
	close(other);
}

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

static void add_readers(struct crew *c)
{
	crew_add(c, 1, "listeners with connections were made anew", 3, noise_crowd, NULL);
	crew_add(c, 32, "files were read in pieces", 32, noise_readers, CENSUS_DIR);
}

TEST_F_TIMEOUT(stress, readers, TIMEOUT)
{
	struct crew *c = &self->crew;

	in_a_namespace(c, add_readers);
	crew_add(c, 32, "files of all namespaces were read in pieces", 32, noise_readers,
		 HOST_DIR);
	crew_add(c, 1, "changes of census_ms", 5, noise_census_ms, NULL);
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
