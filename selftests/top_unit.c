// SPDX-License-Identifier: GPL-2.0
/*
 * The module's bounded tables, its own source, against a model that has room for
 * everything. Needs no module: the kernel's functions are those of lib/shim.
 *
 * Namespaces hit keys, in an order that hangs on a fixed seed alone. All the while
 * - the sums are exact, and what is not marked as approximate is too;
 * - what was hit more often than hits / lines is there;
 * - nobody has less than an even share of the host's lines, and who asks for no
 *   more than that loses none;
 * - chains, heaps and lists of lines agree.
 */

#include <stdio.h>
#include <stdlib.h>

#include "kselftest_harness.h"

#include "../module/top.c"

#include "base.h"
#include "shim.h"

#define KEY_WORDS 3
#define CHECK_EVERY 509 /* hits */

/**
 * struct row - a row of the table under test
 * @sum: what its visitors add up, one for each hit
 * @holds: something that must be let go of, once
 */
struct row {
	struct tcpc_top_row top;
	u64 key[KEY_WORDS];
	u64 sum;
	bool holds;
};

static long held;
static unsigned int let_go_twice;

static void row_merge(void *row, const void *other)
{
	((struct row *)row)->sum += ((const struct row *)other)->sum;
}

static void row_release(void *row)
{
	let_go_twice += !((struct row *)row)->holds;
	((struct row *)row)->holds = false;
	held--;
}

static const struct tcpc_top_kind kind = {
	.row_size = sizeof(struct row),
	.key_offset = offsetof(struct row, key),
	.key_words = KEY_WORDS,
	.merge = row_merge,
	.release = row_release,
};

enum order { AT_RANDOM, BY_TURNS, ONE_AFTER_OTHER, ORDERS };

/**
 * struct plan - who hits what
 * @nets: namespaces
 * @greedy: the first so many of them have keys in plenty
 * @keys: of those
 * @few: of the others
 * @max: rows a namespace may have
 * @share: an even share of the host's rows; 0: the host has as many as in the module
 * @hits: of all
 * @order: of the namespaces, and of their keys
 * @one_chain: all keys have the same hash
 */
struct plan {
	u32 nets;
	u32 greedy;
	u32 keys;
	u32 few;
	u32 max;
	u32 share;
	u32 hits;
	enum order order;
	bool one_chain;
};

/**
 * struct model - a table, and what is true
 * @plan: how it is played
 * @top: the table
 * @truth: hits of each key, by namespace
 * @net: of each namespace, its hits, its different keys, the rows that were made
 *	or taken over for it, and those it had before the last hit
 * @unfair: rows that were given up by somebody who had too few for that
 */
struct model {
	const struct plan *plan;
	struct tcpc_top top;
	u32 *truth;
	struct {
		u32 hits;
		u32 keys;
		u32 fresh;
		u32 rows;
	} *net;
	unsigned int unfair;
};

static u32 *truth_of(const struct model *m, u32 slot)
{
	return m->truth + (size_t)slot * max(m->plan->keys, m->plan->few);
}

static u32 keys_of(const struct plan *p, u32 slot)
{
	return slot < p->greedy ? p->keys : p->few;
}

/* Each word matters, and each has a half that is always zero. */
static void key_make(u64 *key, u32 id)
{
	memset(key, 0, KEY_WORDS * sizeof(*key));
	key[id % KEY_WORDS] = id + 1;
}

static u32 key_id(const u64 *key)
{
	return key[0] + key[1] + key[2] - 1;
}

/* The hash table has every row once, where it belongs. */
static unsigned int chains_off(const struct tcpc_top *top)
{
	unsigned char *seen = calloc(top->nr + 1, 1);
	unsigned int faults = 0;
	u32 chain, next, i, n = 0;
	const struct row *row;

	must(seen);
	for (chain = 0; chain < 1U << top->bits; chain++) {
		for (next = top->chains[chain]; next; next = row->top.next) {
			if (next > top->nr || seen[next]++) {
				printf("# chain %u leads astray\n", chain);
				free(seen);
				return faults + 1;
			}
			n++;
			row = tcpc_top_at(top, next - 1);
			faults += off("chain", chain,
				      hash_32(row->top.hash, top->bits));
		}
	}
	free(seen);
	for (i = 0; i < top->nr; i++) {
		row = tcpc_top_at(top, i);
		faults += off("hash", tcpc_top_hash(top, row->top.slot, row->key),
			      row->top.hash);
	}
	if (!top->starved && top->nr > 1U << top->bits)
		faults += off("chains for all rows", top->nr, 1U << top->bits);
	return faults + off("rows in chains", top->nr, n);
}

/* So has a namespace's heap, or the list that becomes one. */
static unsigned int heap_off(const struct tcpc_top *top, u32 slot)
{
	const struct tcpc_top_net *tn = &top->nets[slot];
	const struct row *row, *parent;
	unsigned int faults = 0;
	u32 i, next = tn->last;

	for (i = 0; i < tn->rows && !faults; i++) {
		next = tn->heap ? tn->heap[i] + 1 : next;
		if (!next || next > top->nr)
			return off("row of a heap or list", i, next);
		row = tcpc_top_at(top, next - 1);
		faults += off("slot in a heap or list", slot, row->top.slot);
		if (!tn->heap) {
			next = row->top.sibling;
			continue;
		}
		faults += off("place in the heap", i, row->top.heap);
		if (!i)
			continue;
		parent = tcpc_top_at(top, tn->heap[(i - 1) / 2]);
		if (parent->top.count > row->top.count)
			faults += off("parent's count", row->top.count,
				      parent->top.count);
	}
	if (!tn->heap && tn->rows)
		faults += off("end of the list", 0, next);
	return faults;
}

/* Each key of a namespace once, with its number. The least one's is returned. */
static unsigned int rows_off(const struct model *m, u32 slot, u32 *least, u32 *count)
{
	const struct tcpc_top_net *tn = &m->top.nets[slot];
	u32 i, id, n = 0, *truth = truth_of(m, slot);
	const struct row *row;
	unsigned int faults = 0;
	u64 sum = 0;

	*least = UINT32_MAX;
	for (i = 0; i < m->top.nr; i++) {
		row = tcpc_top_at(&m->top, i);
		if (row->top.slot != slot)
			continue;
		id = key_id(row->key);
		if (id >= keys_of(m->plan, slot) || count[id])
			return off("a key that was not hit, or is there twice", 0, id);
		n++;
		count[id] = row->top.count;
		sum += row->top.count;
		*least = row->top.count < *least ? row->top.count : *least;
		faults += off("what its visitors added", row->top.count, row->sum);
		/* Its own hits are in it, and no others if it says so. */
		if (row->top.count + tn->missed < truth[id] ||
		    (!row->top.approx && row->top.count > truth[id]))
			faults += off("hits of a key", truth[id], row->top.count);
	}
	return faults + off("rows", n, tn->rows) +
		off("hits", m->net[slot].hits, sum + tn->missed);
}

/* What a namespace is promised. */
static unsigned int net_off(const struct model *m, u32 slot)
{
	u32 keys = keys_of(m->plan, slot), *truth = truth_of(m, slot), id, least, sure;
	const struct tcpc_top_net *tn = &m->top.nets[slot];
	u32 *count = calloc(keys + 1, sizeof(*count));
	unsigned int faults;

	must(count);
	faults = rows_off(m, slot, &least, count);
	/* The share is all it may count on; while there is room it loses nothing. */
	sure = m->top.nr < m->top.host ? m->top.max : m->top.host / m->top.nr_nets;
	sure = sure < m->top.max ? sure : m->top.max;
	for (id = 0; id < keys && !faults; id++) {
		if (count[id] || !truth[id])
			continue;
		if (!shim_memory.failed && m->net[slot].keys <= sure)
			faults += off("rows for its keys", m->net[slot].keys,
				      tn->rows);
		if (tn->rows && truth[id] > least + tn->missed)
			faults += off("hits of a key that is not there, at most",
				      least, truth[id]);
		if (!shim_memory.failed &&
		    (u64)truth[id] * tn->rows > m->net[slot].hits)
			faults += off("a heavy key is there", 1, 0);
	}
	free(count);

	if (tn->rows > m->top.max)
		faults += off("rows, at most", m->top.max, tn->rows);
	faults += off("rows replaced", m->net[slot].fresh - tn->rows, tn->replaced);
	if (shim_memory.failed)
		return faults;
	if (tn->rows < sure && tn->rows < m->net[slot].keys)
		faults += off("rows, at least", sure, tn->rows);
	if (m->net[slot].keys <= sure)
		faults += off("rows replaced of an even share", 0, tn->replaced);
	return faults + off("hits missed", 0, tn->missed);
}

static unsigned int model_off(const struct model *m)
{
	unsigned int faults = 0;
	u32 slot;

	for (slot = 0; slot < m->plan->nets && !faults; slot++) {
		faults += net_off(m, slot);
		if (m->top.chains)
			faults += heap_off(&m->top, slot);
	}
	if (m->top.chains)
		faults += chains_off(&m->top);
	if (m->top.nr > m->top.host)
		faults += off("rows of the host, at most", m->top.host, m->top.nr);
	return faults + off("held by rows", m->top.nr, held) +
		off("let go of twice", 0, let_go_twice) +
		off("given up by who has few", 0, m->unfair);
}

/* By namespace, the largest first, and each knows where its own begin. */
static unsigned int sorted_off(const struct tcpc_top *top)
{
	const struct row *row, *last = NULL;
	unsigned int faults = 0;
	u32 i;

	for (i = 0; i < top->nr && !faults; i++, last = row) {
		row = tcpc_top_at(top, i);
		if (last && last->top.slot == row->top.slot) {
			if (last->top.count < row->top.count)
				faults += off("order", last->top.count,
					      row->top.count);
			continue;
		}
		faults += off("first row", i, top->nets[row->top.slot].first);
		if (last && last->top.slot > row->top.slot)
			faults += off("order of namespaces", last->top.slot,
				      row->top.slot);
	}
	return faults;
}

/* Who gives rows up has most, but for what it gave since that was looked up. */
static void look_for_gifts(struct model *m)
{
	u32 slot, most = 0, giver = UINT32_MAX;

	for (slot = 0; slot < m->plan->nets; slot++) {
		most = max(most, m->net[slot].rows);
		if (m->top.nets[slot].rows < m->net[slot].rows)
			giver = m->net[slot].rows;
		m->net[slot].rows = m->top.nets[slot].rows;
	}
	if (giver != UINT32_MAX)
		m->unfair += most - giver >= TCPC_TOP_GIFTS;
}

static void hit(struct model *m, u32 slot, u32 id)
{
	u64 key[KEY_WORDS];
	struct row *row;
	bool fresh;

	m->net[slot].hits++;
	m->net[slot].keys += !truth_of(m, slot)[id]++;
	key_make(key, id);
	row = tcpc_top_hit(&m->top, slot, key, &fresh);
	look_for_gifts(m);
	if (!row)
		return;
	row->sum++;
	if (!fresh)
		return;
	m->net[slot].fresh++;
	row->holds = true;
	held++;
}

/* Hit number @i. At random a few keys are hit often, the rest seldom. */
static void hit_next(struct model *m, u32 i)
{
	const struct plan *p = m->plan;
	u32 slot, keys;

	switch (p->order) {
	case AT_RANDOM:
		slot = shim_below(p->nets);
		keys = keys_of(p, slot);
		hit(m, slot, shim_below(shim_below(2) ? keys : 1 + keys / 16));
		break;
	case BY_TURNS:
		slot = i % p->nets;
		hit(m, slot, i / p->nets % keys_of(p, slot));
		break;
	default:
		slot = (u64)i * p->nets / p->hits;
		hit(m, slot, i % keys_of(p, slot));
		break;
	}
}

/* Play a plan to its end; the number of faults. */
static unsigned int play(const struct plan *p)
{
	struct model m = { .plan = p };
	unsigned int faults = 0;
	u32 i;

	shim_memory.asked = 0;
	shim_memory.failed = 0;
	held = 0;
	shim_random.zero = p->one_chain;
	m.truth = calloc((size_t)p->nets * max(p->keys, p->few), sizeof(*m.truth));
	m.net = calloc(p->nets, sizeof(*m.net));
	must(m.truth && m.net);
	if (!tcpc_top_init(&m.top, &kind, p->nets, p->max)) {
		if (p->share)
			m.top.host = p->share * p->nets;
		for (i = 0; i < p->hits && !faults; i++) {
			hit_next(&m, i);
			if (i % CHECK_EVERY == 0 && p->share)
				faults += model_off(&m);
		}
		if (!faults)
			faults += model_off(&m);
		/* Now and then it is given up before. */
		if (shim_below(4)) {
			tcpc_top_sort(&m.top);
			faults += model_off(&m) + sorted_off(&m.top);
		}
	} else {
		faults += off("init fails for want of memory", 1, !!shim_memory.failed);
	}
	tcpc_top_free(&m.top);
	free(m.truth);
	free(m.net);
	/* Rows or chains once, and each heap once: then nobody asks again. */
	if (shim_memory.failed > 2 + p->nets)
		faults += off("failed requests", 2 + p->nets, shim_memory.failed);
	return faults + off("held at the end", 0, held) +
		off("memory not freed", 0, shim_memory.blocks);
}

TEST(plans)
{
	static const struct plan plans[] = {
		/* Alone on the host, with too many keys. */
		{ 1, 1, 1000, 0, 16, 64, 10000, AT_RANDOM, false },
		{ 1, 1, 1000, 0, 256, 64, 10000, AT_RANDOM, false },
		/* Some come first and take all; then others come, and get theirs. */
		{ 8, 4, 400, 30, 4096, 32, 4000, ONE_AFTER_OTHER, false },
		{ 8, 4, 400, 90, 4096, 32, 4000, ONE_AFTER_OTHER, false },
		/* Two of them, alike: both give. */
		{ 10, 2, 600, 100, 4096, 100, 6000, ONE_AFTER_OTHER, false },
		/* Many who want all, and a few with what they are entitled to. */
		{ 100, 98, 50, 16, 4096, 16, 8000, BY_TURNS, false },
		{ 100, 98, 50, 16, 4096, 16, 8000, AT_RANDOM, false },
		/* The even share is more than one may have. */
		{ 5, 5, 100, 0, 16, 40, 5000, AT_RANDOM, false },
		/* Keys that meet in one chain, of one and of many. */
		{ 1, 1, 300, 0, 100, 100, 3000, AT_RANDOM, true },
		{ 6, 3, 60, 20, 64, 20, 3000, AT_RANDOM, true },
		/* The module's own number of rows, used up. */
		{ 3, 3, 30000, 0, 65536, 0, 95000, BY_TURNS, false },
		{ 20, 10, 8000, 3000, 65536, 0, 150000, ONE_AFTER_OTHER, false },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(plans); i++) {
		shim_random.seed = i;
		EXPECT_EQ(0, play(&plans[i])) TH_LOG("plan %zu", i);
	}
}

TEST(at_random)
{
	struct plan p;
	u32 round;

	for (round = 0; round < 250; round++) {
		shim_random.seed = round;
		p = (struct plan){
			.nets = 1 + shim_below(24),
			.keys = 1 + shim_below(300),
			.few = 1 + shim_below(30),
			.max = 1 + shim_below(200),
			.share = 1 + shim_below(40),
			.hits = 1 + shim_below(4000),
			.order = shim_below(ORDERS),
			.one_chain = !shim_below(16),
		};
		p.greedy = shim_below(p.nets + 1);
		ASSERT_EQ(0, play(&p)) TH_LOG("round %u", round);
	}
}

/* Whichever allocation fails, alone or with all that follow. */
TEST(without_memory)
{
	static const struct plan plans[] = {
		{ 3, 3, 300, 0, 4096, 300, 3000, AT_RANDOM, false },
		{ 6, 3, 80, 20, 4096, 20, 1500, ONE_AFTER_OTHER, false },
		{ 6, 3, 80, 20, 40, 20, 1500, AT_RANDOM, false },
	};
	unsigned int n;
	size_t i;

	for (i = 0; i < 2 * ARRAY_SIZE(plans); i++) {
		shim_memory.bad_to_end = i % 2;
		for (n = 1; n == 1 || shim_memory.failed; n++) {
			shim_random.seed = i;
			shim_memory.bad = n;
			ASSERT_EQ(0, play(&plans[i / 2]))
				TH_LOG("plan %zu, allocation %u", i, n);
		}
		/* More than what init asks for. */
		EXPECT_LT(8, n);
	}
}

TEST(rows_of_the_host)
{
	struct tcpc_top top;

	ASSERT_EQ(0, tcpc_top_init(&top, &kind, 2, 4096));
	EXPECT_EQ(65536, top.host);
	tcpc_top_free(&top);
	ASSERT_EQ(0, tcpc_top_init(&top, &kind, 5000, 4096));
	EXPECT_EQ(5000 * 16, top.host);
	tcpc_top_free(&top);
}

TEST_HARNESS_MAIN
