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

struct tcpc_served_chunk {
	/* Has a socket, as the walk under way has seen, or had a listener since. */
	DECLARE_BITMAP(used, TCPC_SERVED_CHUNK);
	DECLARE_BITMAP(kind[TCPC_SERVED_BITS], TCPC_SERVED_CHUNK);
};

/* The chunk a port is in, or NULL. Any context. */
static struct tcpc_served_chunk *
tcpc_served_chunk(const struct tcpc_served *served, unsigned int port)
{
	/* Pairs with the release when room is made: it is zeroed. */
	return smp_load_acquire(&served->chunk[port / TCPC_SERVED_CHUNK]);
}

/* Any context. */
static void tcpc_served_use(struct tcpc_served_chunk *chunk, unsigned int port)
{
	if (!test_bit(port, chunk->used))
		set_bit(port, chunk->used);
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
	const struct tcpc_served_chunk *chunk;
	unsigned int i, kinds = 0;

	chunk = tcpc_served_chunk(served, port);
	if (!chunk)
		return 0;
	for (i = 0; i < TCPC_SERVED_BITS; i++)
		if (test_bit(port % TCPC_SERVED_CHUNK, chunk->kind[i]))
			kinds |= BIT(i);
	return kinds;
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
	struct tcpc_served_chunk *chunk;
	unsigned int i;

	chunk = tcpc_served_chunk(served, port);
	if (!chunk)
		return false;
	port %= TCPC_SERVED_CHUNK;
	tcpc_served_use(chunk, port);
	/* Before the kinds: see tcpc_served_sweep(). */
	smp_mb();
	for (i = 0; i < TCPC_SERVED_BITS; i++)
		if (kinds & BIT(i) && !test_bit(port, chunk->kind[i]))
			set_bit(port, chunk->kind[i]);
	if (!(kinds & TCPC_SERVED_KERNEL))
		clear_bit(port, chunk->kind[ilog2(TCPC_SERVED_KERNEL)]);
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
	chunk = tcpc_spare_get(sizeof(*chunk), 0);
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
		tcpc_served_use(chunk, port % TCPC_SERVED_CHUNK);
}

/* Of the ports of one word those that are not used. Process context. */
static void tcpc_served_forget(struct tcpc_served_chunk *chunk, unsigned int kind,
			       unsigned int word)
{
	unsigned long found = READ_ONCE(chunk->kind[kind][word]);
	unsigned int bit, port;

	for_each_set_bit(bit, &found, BITS_PER_LONG) {
		port = word * BITS_PER_LONG + bit;
		if (test_bit(port, chunk->used))
			continue;
		clear_bit(port, chunk->kind[kind]);
		/* Before the mark is read again. */
		smp_mb__after_atomic();
		if (test_bit(port, chunk->used))
			set_bit(port, chunk->kind[kind]);
	}
}

/**
 * tcpc_served_sweep() - forget the ports that are not used any more
 * @served: the namespace's ports, after tcpc_served_keep() for all that are
 *
 * Listeners may appear meanwhile. They mark their port as used, then note its
 * kinds; here a kind is cleared, then the mark read again: one sees the other.
 *
 * Context: process; one walk at a time.
 */
void tcpc_served_sweep(struct tcpc_served *served)
{
	struct tcpc_served_chunk *chunk;
	unsigned int i, kind, word;

	for (i = 0; i < TCPC_SERVED_CHUNKS; i++) {
		chunk = tcpc_served_chunk(served, i * TCPC_SERVED_CHUNK);
		if (!chunk)
			continue;
		for (kind = 0; kind < TCPC_SERVED_BITS; kind++)
			for (word = 0; word < BITS_TO_LONGS(TCPC_SERVED_CHUNK); word++)
				tcpc_served_forget(chunk, kind, word);
		for (word = 0; word < BITS_TO_LONGS(TCPC_SERVED_CHUNK); word++)
			WRITE_ONCE(chunk->used[word], 0);
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
