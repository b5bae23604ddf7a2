/* SPDX-License-Identifier: GPL-2.0 */
/* What a program with cases of stress includes. */
#ifndef LIB_STRESS_H
#define LIB_STRESS_H

#include "reap_test.h"

#include "crew.h"
#include "noise.h"
#include "strain.h"
#include "test_module.h"

/* A case, with the longest time there may be and all that it has to wait for. */
#define TIMEOUT 900

/* Unloading waits for grace periods and a pass; with nobody else at work that is short. */
#define UNLOAD_SECONDS 20

#define MAX_RATE "max_rate=100000"

FIXTURE(stress) {
	unsigned long long expedited;
	struct strain began;
	struct crew crew;
};

FIXTURE_SETUP(stress)
{
	/* What ends waits for grace periods. */
	self->expedited = expedite();
	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	fds_raise(10000);
	load_fast(MAX_RATE);
	strain_begin(&self->began);
}

FIXTURE_TEARDOWN_PARENT(stress)
{
	expedite_as(self->expedited);
	if (!loaded())
		load_fast("");
	EXPECT_FALSE(census_damaged());
}

/* Nothing is left; the module goes at once, and then nothing is left of it either. */
static unsigned int left(const struct strain *began)
{
	unsigned int bad = strain_left(began);
	uint64_t ms = now_ms();

	unload();
	ms = now_ms() - ms;
	printf("# unloaded in %llu ms\n", (unsigned long long)ms);
	load_fast(MAX_RATE);
	return bad + (ms > UNLOAD_SECONDS * 1000) + strain_left(began);
}

#endif /* LIB_STRESS_H */
