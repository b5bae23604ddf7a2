// SPDX-License-Identifier: GPL-2.0
/*
 * The served ports of a namespace: those that have or had a listener.
 *
 * A connection does not say which side of it called accept(). Its local port
 * does: it is a server's if somebody listens there, or did. Kept from the moment
 * the module is loaded, in chunks, since most namespaces serve a few ports.
 *
 * A port is forgotten when no socket at all is bound to it any more. Otherwise,
 * where programs listen on ports the kernel chose for them, in time every port
 * would be a server's, and no client be told from one.
 */

#include <linux/bitmap.h>
#include <linux/build_bug.h>
#include <linux/log2.h>
#include <linux/slab.h>

#include "gfp.h"
#include "served.h"
#include "spare.h"

/* Bits of a port, side by side: one look tells all, and fetches no more. */
#define TCPC_SERVED_WIDTH BITS_PER_BYTE

/* The one behind its kinds: it has a socket, as the walk under way has seen, or had a listener. */
#define TCPC_SERVED_USED TCPC_SERVED_BITS
static_assert(TCPC_SERVED_USED < TCPC_SERVED_WIDTH);

#define TCPC_SERVED_WORDS BITS_TO_LONGS(TCPC_SERVED_CHUNK * TCPC_SERVED_WIDTH)

struct tcpc_served_chunk {
	unsigned long word[TCPC_SERVED_WORDS];
};

/* The chunk a port is in, or NULL. Any context. */
static struct tcpc_served_chunk *
tcpc_served_chunk(const struct tcpc_served *served, unsigned int port)
{
	/* What is read of it depends on this: with the release where it was made, zeroed. */
	return READ_ONCE(served->chunk[port / TCPC_SERVED_CHUNK]);
}

/* The first of the bits a port has in its chunk. */
static unsigned int tcpc_served_bit(unsigned int port)
{
	return port % TCPC_SERVED_CHUNK * TCPC_SERVED_WIDTH;
}

/* Any context. @first: tcpc_served_bit() of the port. */
static void tcpc_served_use(struct tcpc_served_chunk *chunk, unsigned int first)
{
	if (!test_bit(first + TCPC_SERVED_USED, chunk->word))
		set_bit(first + TCPC_SERVED_USED, chunk->word);
}

/**
 * tcpc_served_get() - what listeners a port has or had
 * @served: the namespace's ports
 * @port: the port, host order
 *
 * Context: any.
 * Return: TCPC_SERVED_* bits; 0 if it never had one.
 */
unsigned int tcpc_served_get(const struct tcpc_served *served, u16 port)
{
	const struct tcpc_served_chunk *chunk = tcpc_served_chunk(served, port);
	unsigned int first = tcpc_served_bit(port);

	if (!chunk)
		return 0;
	return READ_ONCE(chunk->word[BIT_WORD(first)]) >> first % BITS_PER_LONG &
	       (BIT(TCPC_SERVED_BITS) - 1);
}

/**
 * tcpc_served_note() - a port has a listener
 * @served: the namespace's ports
 * @port: the port, host order
 * @kinds: TCPC_SERVED_* bits of the listener
 *
 * Context: any.
 * Return: false if there is no room; tcpc_served_room() makes it.
 */
bool tcpc_served_note(struct tcpc_served *served, u16 port, unsigned int kinds)
{
	struct tcpc_served_chunk *chunk = tcpc_served_chunk(served, port);
	unsigned int i, first = tcpc_served_bit(port);

	if (!chunk)
		return false;
	tcpc_served_use(chunk, first);
	/* Before the kinds: see tcpc_served_sweep(). */
	smp_mb();
	for (i = 0; i < TCPC_SERVED_BITS; i++)
		if (kinds & BIT(i) && !test_bit(first + i, chunk->word))
			set_bit(first + i, chunk->word);
	i = first + ilog2(TCPC_SERVED_KERNEL);
	if (!(kinds & TCPC_SERVED_KERNEL) && test_bit(i, chunk->word))
		clear_bit(i, chunk->word);
	return true;
}

/**
 * tcpc_served_room() - make room for a port
 * @served: the namespace's ports
 * @port: the port, host order
 *
 * Context: process, may sleep.
 * Return: false if there is no memory.
 */
bool tcpc_served_room(struct tcpc_served *served, u16 port)
{
	struct tcpc_served_chunk **place = &served->chunk[port / TCPC_SERVED_CHUNK];
	struct tcpc_served_chunk *chunk;

	if (READ_ONCE(*place))
		return true;
	chunk = kzalloc(sizeof(*chunk), TCPC_GFP);
	if (!chunk)
		return false;
	/* Zeroed before it is seen. Somebody else may have been quicker. */
	if (cmpxchg_release(place, NULL, chunk))
		kfree(chunk);
	return true;
}

/**
 * tcpc_served_room_now() - make room for a port, if there is memory at once
 * @served: the namespace's ports
 * @port: the port, host order
 *
 * Context: any.
 * Return: false if there is none.
 */
bool tcpc_served_room_now(struct tcpc_served *served, u16 port)
{
	struct tcpc_served_chunk **place = &served->chunk[port / TCPC_SERVED_CHUNK];
	struct tcpc_served_chunk *chunk;

	BUILD_BUG_ON(sizeof(*chunk) > TCPC_SPARE_SIZE);
	if (READ_ONCE(*place))
		return true;
	chunk = tcpc_spare_get(sizeof(*chunk), __GFP_ACCOUNT);
	if (!chunk)
		return false;
	/* As above. */
	if (cmpxchg_release(place, NULL, chunk))
		tcpc_spare_put(chunk);
	return true;
}

/**
 * tcpc_served_keep() - a socket is bound to this port
 * @served: the namespace's ports
 * @port: the port, host order
 *
 * Context: any; one walk at a time.
 */
void tcpc_served_keep(struct tcpc_served *served, u16 port)
{
	struct tcpc_served_chunk *chunk;

	chunk = tcpc_served_chunk(served, port);
	if (chunk)
		tcpc_served_use(chunk, tcpc_served_bit(port));
}

/* A port has had no socket: forget its kinds. Process context. */
static void tcpc_served_forget(struct tcpc_served_chunk *chunk, unsigned int first,
			       unsigned long kinds)
{
	unsigned int i;

	for_each_set_bit(i, &kinds, TCPC_SERVED_BITS)
		clear_bit(first + i, chunk->word);
	/* Before the mark is read again. */
	smp_mb__after_atomic();
	if (!test_bit(first + TCPC_SERVED_USED, chunk->word))
		return;
	for_each_set_bit(i, &kinds, TCPC_SERVED_BITS)
		set_bit(first + i, chunk->word);
}

/* The ports of one word. Process context. */
static void tcpc_served_sweep_word(struct tcpc_served_chunk *chunk, unsigned int word)
{
	unsigned long found = READ_ONCE(chunk->word[word]);
	unsigned int first = word * BITS_PER_LONG;

	for (; found; found >>= TCPC_SERVED_WIDTH, first += TCPC_SERVED_WIDTH) {
		if (found & BIT(TCPC_SERVED_USED))
			clear_bit(first + TCPC_SERVED_USED, chunk->word);
		else if (found & (BIT(TCPC_SERVED_BITS) - 1))
			tcpc_served_forget(chunk, first, found);
	}
}

/**
 * tcpc_served_sweep() - forget the ports that are not used any more
 * @served: the namespace's ports, after tcpc_served_keep() for all that are
 *
 * Listeners may appear meanwhile. They mark their port as used, then note its
 * kinds; here a kind is cleared, then the mark read again: one sees the other. A mark is
 * cleared port by port, also one that has just been set: the next walk finds the listener.
 *
 * Context: process; one walk at a time.
 */
void tcpc_served_sweep(struct tcpc_served *served)
{
	struct tcpc_served_chunk *chunk;
	unsigned int i, word;

	for (i = 0; i < TCPC_SERVED_CHUNKS; i++) {
		chunk = tcpc_served_chunk(served, i * TCPC_SERVED_CHUNK);
		for (word = 0; chunk && word < TCPC_SERVED_WORDS; word++)
			tcpc_served_sweep_word(chunk, word);
	}
}

/**
 * tcpc_served_free() - free a namespace's served ports
 * @served: it; not in use any more
 *
 * Context: process.
 */
void tcpc_served_free(struct tcpc_served *served)
{
	unsigned int i;

	for (i = 0; i < TCPC_SERVED_CHUNKS; i++)
		kfree(served->chunk[i]);
}
