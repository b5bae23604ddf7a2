// SPDX-License-Identifier: GPL-2.0
/*
 * Tables of counted keys, bounded per namespace.
 *
 * Space-Saving (Metwally, Agrawal, El Abbadi, 2005): when a namespace has all
 * the rows it may have, a new key takes over the row with the least count, and
 * counts on from there. The sum of all counts stays the number of hits, and
 * whatever has more than its share, hits / rows, is in the table.
 *
 * Rows are the namespace's own: no one can push another's out, up to the rows the
 * host may have. When those are used up, a namespace that has fewer than another
 * gets them from the one that has most, which adds up its two least: the rows
 * are shared out as evenly as they are asked for.
 */

#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "gfp.h"
#include "resched.h"
#include "top.h"

/* Rows of all namespaces together, or so many for each if that is more. */
#define TCPC_TOP_HOST 65536
#define TCPC_TOP_SURE 16

/* Rows one namespace gives up for others before the richest is looked for again. */
#define TCPC_TOP_GIFTS 64

#define TCPC_TOP_FIRST 64

static u64 *tcpc_top_key(const struct tcpc_top *top, struct tcpc_top_row *row)
{
	return (void *)row + top->kind->key_offset;
}

/*
 * NH, the universal hash of UMAC (Black, Halevi, Krawczyk, Krovetz, Rogaway,
 * 1999): one multiplication for 8 bytes. Keys are chosen by others, who do not
 * know the secret and never see a hash, so cannot make long chains.
 */
static u32 tcpc_top_hash(const struct tcpc_top *top, u32 slot, const u64 *key)
{
	u64 sum = top->secret[TCPC_TOP_KEY_WORDS_MAX] * (slot + 1);
	unsigned int i;

	for (i = 0; i < top->kind->key_words; i++)
		sum += (u64)((u32)key[i] + (u32)top->secret[i]) *
		       ((u32)(key[i] >> 32) + (u32)(top->secret[i] >> 32));
	return hash_64(sum, 32);
}

static bool tcpc_top_same(const struct tcpc_top *top, const u64 *a, const u64 *b)
{
	unsigned int i;

	for (i = 0; i < top->kind->key_words; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

static u32 *tcpc_top_chain(const struct tcpc_top *top, u32 hash)
{
	return &top->chains[hash_32(hash, top->bits)];
}

/**
 * tcpc_top_init() - begin a table
 * @top: the table; to be ended with tcpc_top_free(), also on failure
 * @kind: its kind
 * @nr_nets: namespaces
 * @max: rows a namespace may have
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpc_top_init(struct tcpc_top *top, const struct tcpc_top_kind *kind,
		  unsigned int nr_nets, u32 max)
{
	memset(top, 0, sizeof(*top));
	top->kind = kind;
	top->nr_nets = nr_nets;
	get_random_bytes(top->secret, sizeof(top->secret));
	top->max = max;
	top->host = max_t(u32, TCPC_TOP_HOST, TCPC_TOP_SURE * nr_nets);
	top->bits = 6;
	top->chains = kvcalloc(1U << top->bits, sizeof(u32), TCPC_GFP);
	top->nets = kvcalloc(nr_nets, sizeof(*top->nets), TCPC_GFP);
	return top->chains && top->nets ? 0 : -ENOMEM;
}

/* Longer chains. Without memory for them the old ones do. */
static void tcpc_top_rehash(struct tcpc_top *top)
{
	unsigned int bits = top->bits + 2;
	struct tcpc_top_row *row;
	u32 *chains, *chain;
	u32 i;

	chains = kvcalloc(1U << bits, sizeof(u32), TCPC_GFP);
	if (!chains) {
		top->starved = true;
		return;
	}
	kvfree(top->chains);
	top->chains = chains;
	top->bits = bits;
	for (i = 0; i < top->nr; i++) {
		row = tcpc_top_at(top, i);
		chain = tcpc_top_chain(top, row->hash);
		row->next = *chain;
		*chain = i + 1;
	}
}

/* Room for one more row. */
static bool tcpc_top_reserve(struct tcpc_top *top)
{
	u32 cap = top->cap ? 2 * top->cap : TCPC_TOP_FIRST;
	void *rows;

	if (top->nr < top->cap)
		return true;
	if (top->starved)
		return false;
	rows = kvmalloc_array(cap, top->kind->row_size, TCPC_GFP);
	if (!rows) {
		top->starved = true;
		return false;
	}
	if (top->nr)
		memcpy(rows, top->rows, top->nr * top->kind->row_size);
	kvfree(top->rows);
	top->rows = rows;
	top->cap = cap;
	return true;
}

/* The row becomes the namespace's, empty. */
static void tcpc_top_own(struct tcpc_top *top, struct tcpc_top_row *row, u32 slot)
{
	struct tcpc_top_net *tn = &top->nets[slot];

	memset(row, 0, top->kind->row_size);
	row->slot = slot;
	row->sibling = tn->last;
	tn->last = ((void *)row - top->rows) / top->kind->row_size + 1;
	tn->rows++;
}

/* A row more for this namespace, or NULL if it may have none or there is no memory. */
static struct tcpc_top_row *tcpc_top_new(struct tcpc_top *top, u32 slot)
{
	struct tcpc_top_net *tn = &top->nets[slot];
	struct tcpc_top_row *row;

	if (tn->heap || tn->rows >= top->max || top->nr >= top->host ||
	    !tcpc_top_reserve(top))
		return NULL;
	/* Before the row is there, which is in no chain yet. */
	if (top->nr >= 1U << top->bits && !top->starved)
		tcpc_top_rehash(top);
	row = tcpc_top_at(top, top->nr++);
	tcpc_top_own(top, row, slot);
	return row;
}

static void tcpc_top_place(struct tcpc_top *top, u32 *heap, u32 at, u32 index)
{
	struct tcpc_top_row *row = tcpc_top_at(top, index);

	heap[at] = index;
	row->heap = at;
}

/* The row at this place of the heap has a higher count now: let it sink. */
static void tcpc_top_sink(struct tcpc_top *top, struct tcpc_top_net *tn, u32 at)
{
	u32 index = tn->heap[at];
	u32 count = ((struct tcpc_top_row *)tcpc_top_at(top, index))->count;
	struct tcpc_top_row *a, *b;
	u32 child;

	while ((child = 2 * at + 1) < tn->rows) {
		a = tcpc_top_at(top, tn->heap[child]);
		if (child + 1 < tn->rows) {
			b = tcpc_top_at(top, tn->heap[child + 1]);
			if (b->count < a->count) {
				a = b;
				child++;
			}
		}
		if (a->count >= count)
			break;
		tcpc_top_place(top, tn->heap, at, tn->heap[child]);
		at = child;
	}
	tcpc_top_place(top, tn->heap, at, index);
}

/* From here on the namespace has no more rows, and its least can be found. */
static bool tcpc_top_heap(struct tcpc_top *top, struct tcpc_top_net *tn)
{
	struct tcpc_top_row *row;
	u32 i, next;

	if (tn->heap)
		return true;
	if (tn->starved)
		return false;
	tn->heap = kvmalloc_array(tn->rows, sizeof(u32), TCPC_GFP);
	if (!tn->heap) {
		tn->starved = true;
		return false;
	}
	for (i = 0, next = tn->last; next; i++, next = row->sibling) {
		row = tcpc_top_at(top, next - 1);
		tcpc_top_place(top, tn->heap, i, next - 1);
	}
	for (i = tn->rows / 2; i--;)
		tcpc_top_sink(top, tn, i);
	return true;
}

/* Take a row out of its chain, and let go of what it holds. */
static void tcpc_top_unlink(struct tcpc_top *top, struct tcpc_top_row *row)
{
	u32 index = ((void *)row - top->rows) / top->kind->row_size;
	u32 *link = tcpc_top_chain(top, row->hash);

	while (*link != index + 1)
		link = &((struct tcpc_top_row *)tcpc_top_at(top, *link - 1))->next;
	*link = row->next;
	if (top->kind->release)
		top->kind->release(row);
}

/* Take over the namespace's row with the least count; NULL if it has none. */
static struct tcpc_top_row *tcpc_top_take(struct tcpc_top *top, u32 slot)
{
	struct tcpc_top_net *tn = &top->nets[slot];
	struct tcpc_top_row *row;

	if (!tn->rows || !tcpc_top_heap(top, tn))
		return NULL;
	row = tcpc_top_at(top, tn->heap[0]);
	tcpc_top_unlink(top, row);
	row->approx = true;
	tn->replaced++;
	return row;
}

static void tcpc_top_find_richest(struct tcpc_top *top)
{
	u32 slot;

	for (slot = 0; slot < top->nr_nets; slot++)
		if (top->nets[slot].rows > top->nets[top->richest].rows)
			top->richest = slot;
	top->gifts = TCPC_TOP_GIFTS;
}

/*
 * The host's rows are used up. A row for this namespace, from one that has at
 * least two more, and more than an even share; NULL if there is none. That one's
 * two least become one.
 */
static struct tcpc_top_row *tcpc_top_gift(struct tcpc_top *top, u32 slot)
{
	struct tcpc_top_net *tn = &top->nets[slot], *rich;
	struct tcpc_top_row *row, *other;
	u32 least;

	if (tn->heap || tn->rows >= top->max || top->nr < top->host)
		return NULL;
	least = max(tn->rows + 2, top->host / top->nr_nets + 1);
	if (!top->gifts || top->nets[top->richest].rows < least)
		tcpc_top_find_richest(top);
	rich = &top->nets[top->richest];
	if (rich->rows < least || !tcpc_top_heap(top, rich))
		return NULL;
	top->gifts--;

	row = tcpc_top_at(top, rich->heap[0]);
	rich->rows--;
	tcpc_top_place(top, rich->heap, 0, rich->heap[rich->rows]);
	tcpc_top_sink(top, rich, 0);
	other = tcpc_top_at(top, rich->heap[0]);
	other->count += row->count;
	other->approx = true;
	top->kind->merge(other, row);
	tcpc_top_sink(top, rich, 0);
	rich->replaced++;

	tcpc_top_unlink(top, row);
	/* The siblings of the richest are of no use any more: it has a heap. */
	tcpc_top_own(top, row, slot);
	return row;
}

/**
 * tcpc_top_hit() - count a hit of a key
 * @top: the table
 * @slot: of the namespace
 * @key: the key, aligned as a u64
 * @fresh: set if the row was made or taken over for this key
 *
 * Context: process, may sleep.
 * Return: the row, until the next hit; NULL if there is no memory for one.
 */
void *tcpc_top_hit(struct tcpc_top *top, u32 slot, const void *key, bool *fresh)
{
	u32 next, *chain, hash = tcpc_top_hash(top, slot, key);
	struct tcpc_top_net *tn = &top->nets[slot];
	struct tcpc_top_row *row;

	*fresh = false;
	for (next = *tcpc_top_chain(top, hash); next; next = row->next) {
		row = tcpc_top_at(top, next - 1);
		if (row->hash == hash && row->slot == slot &&
		    tcpc_top_same(top, tcpc_top_key(top, row), key))
			goto found;
	}

	row = tcpc_top_new(top, slot);
	if (!row)
		row = tcpc_top_gift(top, slot);
	if (!row)
		row = tcpc_top_take(top, slot);
	if (!row) {
		tn->missed++;
		return NULL;
	}
	*fresh = true;
	memcpy(tcpc_top_key(top, row), key, top->kind->key_words * sizeof(u64));
	row->hash = hash;
	chain = tcpc_top_chain(top, hash);
	row->next = *chain;
	*chain = ((void *)row - top->rows) / top->kind->row_size + 1;
found:
	row->count++;
	if (tn->heap)
		tcpc_top_sink(top, tn, row->heap);
	return row;
}

/* Namespaces in order, the largest counts of each first. Process context. */
static int tcpc_top_cmp(const void *pa, const void *pb, const void *priv)
{
	const struct tcpc_top_row *a = pa, *b = pb;
	const struct tcpc_top_kind *kind = priv;

	/* sort_r() itself never lets go of the CPU. */
	tcpc_resched();
	if (a->slot != b->slot)
		return a->slot < b->slot ? -1 : 1;
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return memcmp(pa + kind->key_offset, pb + kind->key_offset,
		      kind->key_words * sizeof(u64));
}

/**
 * tcpc_top_sort() - no more hits: put the rows in order
 * @top: the table
 *
 * By namespace, the largest counts first. What only hits need is freed.
 *
 * Context: process, may sleep.
 */
void tcpc_top_sort(struct tcpc_top *top)
{
	struct tcpc_top_row *row;
	unsigned int slot;
	u32 i;

	kvfree(top->chains);
	top->chains = NULL;
	for (slot = 0; slot < top->nr_nets; slot++) {
		kvfree(top->nets[slot].heap);
		top->nets[slot].heap = NULL;
	}
	sort_r(top->rows, top->nr, top->kind->row_size, tcpc_top_cmp, NULL,
	       top->kind);
	for (i = top->nr; i--;) {
		row = tcpc_top_at(top, i);
		top->nets[row->slot].first = i;
	}
}

/**
 * tcpc_top_free() - free a table and let go of what its rows hold
 * @top: the table, from tcpc_top_init(), or all zero
 *
 * Context: process, may sleep.
 */
void tcpc_top_free(struct tcpc_top *top)
{
	unsigned int slot;
	u32 i;

	for (i = 0; i < top->nr && top->kind->release; i++)
		top->kind->release(tcpc_top_at(top, i));
	for (slot = 0; top->nets && slot < top->nr_nets; slot++)
		kvfree(top->nets[slot].heap);
	kvfree(top->rows);
	kvfree(top->chains);
	kvfree(top->nets);
}
