// SPDX-License-Identifier: GPL-2.0
/*
 * Bounded tables, hit in any order: what a table of any plan is promised in top_unit.c,
 * this one is too.
 */

#include "kselftest_harness.h"

/* The tests there are not for here, but what they are made of. */
#undef TEST_HARNESS_MAIN
#define TEST_HARNESS_MAIN
#include "../top_unit.c"

#include "fuzz.h"

int fuzz_one(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct plan p = {
		.nets = 1 + in_below(&in, 12),
		.keys = 1 + in_below(&in, 0x100),
		.few = 1 + in_below(&in, 30),
		.max = 1 + in_below(&in, 100),
		.share = 1 + in_below(&in, 20),
		.one_chain = !in_below(&in, 4),
	};
	struct model m = { .plan = &p };
	unsigned int faults = 0;
	u32 slot, n = 0;
	bool ready;

	p.greedy = in_below(&in, p.nets + 1);
	shim_memory = (struct shim_memory){
		.bad = in_below(&in, 0x100), .bad_to_end = in_below(&in, 2),
	};
	/* Few have a failure, and then at any of the first allocations. */
	if (shim_memory.bad > 40)
		shim_memory.bad = 0;
	held = 0;
	shim_random.seed = 0;
	shim_random.zero = p.one_chain;
	m.truth = calloc((size_t)p.nets * max(p.keys, p.few), sizeof(*m.truth));
	m.net = calloc(p.nets, sizeof(*m.net));
	must(m.truth && m.net);
	ready = !tcpc_top_init(&m.top, &kind, p.nets, p.max);
	must(ready || shim_memory.failed);
	m.top.host = p.share * p.nets;
	while (ready && in.left && !faults) {
		slot = in_below(&in, p.nets);
		hit(&m, slot, in_below(&in, keys_of(&p, slot)));
		if (!(++n % 61))
			faults = model_off(&m);
	}
	if (ready)
		faults += model_off(&m);
	if (ready && !faults) {
		tcpc_top_sort(&m.top);
		faults = model_off(&m) + sorted_off(&m.top);
	}
	must(!faults);
	tcpc_top_free(&m.top);
	free(m.truth);
	free(m.net);
	shim_memory.bad = 0;
	must(!held && !shim_memory.blocks);
	return 0;
}
