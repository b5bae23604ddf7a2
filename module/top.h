/* SPDX-License-Identifier: GPL-2.0 */
/* Tables of counted keys, bounded per namespace. */
#ifndef TCPC_TOP_H
#define TCPC_TOP_H

#include <linux/types.h>

#define TCPC_TOP_KEY_WORDS_MAX 5

/**
 * struct tcpc_top_row - what every row of such a table begins with
 * @count: hits; exact in sum, and too high by what was taken over if @approx
 * @slot: of the namespace
 * @hash: of the key
 * @next: in its chain of the hash table, as index + 1; 0 ends it
 * @sibling: the namespace's row before this one, as index + 1
 * @heap: its place in the namespace's heap, once there is one
 * @approx: it has numbers of rows with other keys
 */
struct tcpc_top_row {
	u32 count;
	u32 slot;
	u32 hash;
	u32 next;
	u32 sibling;
	u32 heap;
	bool approx;
};

/**
 * struct tcpc_top_kind - a kind of table
 * @row_size: of a row in bytes; it begins with struct tcpc_top_row
 * @key_offset: where in the row the key stands
 * @key_words: its size in u64; without holes
 * @merge: adds the numbers of another row, all but its count, to a row
 * @release: what a row holds is let go; when it is taken over or freed. May be
 *	NULL.
 */
struct tcpc_top_kind {
	size_t row_size;
	size_t key_offset;
	unsigned int key_words;
	void (*merge)(void *row, const void *other);
	void (*release)(void *row);
};

/**
 * struct tcpc_top_net - one namespace's part of a table
 * @first: index of its first row, once the table is sorted
 * @rows: how many it has
 * @replaced: rows that were taken over, or given up for other namespaces
 * @missed: hits that are in no row, for want of memory
 * @last: the row made last, as index + 1
 * @heap: indices of the rows, the least count at its root; NULL until a row is
 *	to be taken over
 * @starved: there was no memory for it
 */
struct tcpc_top_net {
	u32 first;
	u32 rows;
	u32 replaced;
	u32 missed;
	u32 last;
	u32 *heap;
	bool starved;
};

/**
 * struct tcpc_top - a table
 * @kind: its kind
 * @secret: for the hash
 * @rows: the rows
 * @nr: how many
 * @cap: room
 * @chains: hash table of indices + 1
 * @bits: log2 of its size
 * @max: rows a namespace may have
 * @host: rows all of them may have
 * @starved: there was no memory for rows or chains: no more is asked for
 * @richest: slot of the namespace that is to give up rows for others
 * @gifts: rows it gives before another is looked for
 * @nets: by slot
 * @nr_nets: namespaces
 */
struct tcpc_top {
	const struct tcpc_top_kind *kind;
	u64 secret[TCPC_TOP_KEY_WORDS_MAX + 1];
	void *rows;
	u32 nr;
	u32 cap;
	u32 *chains;
	unsigned int bits;
	u32 max;
	u32 host;
	bool starved;
	u32 richest;
	unsigned int gifts;
	struct tcpc_top_net *nets;
	unsigned int nr_nets;
};

static inline void *tcpc_top_at(const struct tcpc_top *top, u32 i)
{
	return top->rows + i * top->kind->row_size;
}

int tcpc_top_init(struct tcpc_top *top, const struct tcpc_top_kind *kind,
		  unsigned int nr_nets, u32 max);
void *tcpc_top_hit(struct tcpc_top *top, u32 slot, const void *key, bool *fresh);
void tcpc_top_sort(struct tcpc_top *top);
void tcpc_top_free(struct tcpc_top *top);

#endif /* TCPC_TOP_H */
