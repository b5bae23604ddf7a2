// SPDX-License-Identifier: GPL-2.0
/* Sockets that were seen before, by cookie. */

#include <linux/bsearch.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "gfp.h"
#include "resched.h"
#include "seen.h"

static int tcpc_seen_cmp(const void *pa, const void *pb)
{
	u64 a = *(const u64 *)pa, b = *(const u64 *)pb;

	return a < b ? -1 : a > b;
}

/* sort() itself never lets go of the CPU. Process context. */
static int tcpc_seen_cmp_resched(const void *pa, const void *pb)
{
	tcpc_resched();
	return tcpc_seen_cmp(pa, pb);
}

/**
 * tcpc_seen_has() - is a socket among them?
 * @seen: them, sorted
 * @cookie: of the socket
 *
 * Context: any.
 * Return: true if so.
 */
bool tcpc_seen_has(const struct tcpc_seen *seen, u64 cookie)
{
	return bsearch(&cookie, seen->cookie, seen->nr, sizeof(cookie), tcpc_seen_cmp);
}

/**
 * tcpc_seen_room() - make room
 * @seen: them
 * @nr: for so many in all, as far as there may be as many
 *
 * Context: process, may sleep.
 * Return: false without memory.
 */
bool tcpc_seen_room(struct tcpc_seen *seen, u32 nr)
{
	u32 cap = roundup_pow_of_two(clamp(nr, 64U, (u32)TCPC_SEEN_MAX));
	u64 *more;

	if (seen->cap >= cap)
		return true;
	more = kvmalloc_array(cap, sizeof(*more), TCPC_GFP);
	if (!more)
		return false;
	if (seen->nr)
		memcpy(more, seen->cookie, seen->nr * sizeof(*more));
	kvfree(seen->cookie);
	seen->cookie = more;
	seen->cap = cap;
	return true;
}

/**
 * tcpc_seen_add() - one more
 * @seen: them, with the room that tcpc_seen_room() made
 * @cookie: of the socket
 *
 * Context: any.
 * Return: false if there is no room.
 */
bool tcpc_seen_add(struct tcpc_seen *seen, u64 cookie)
{
	if (seen->nr >= seen->cap)
		return false;
	seen->cookie[seen->nr++] = cookie;
	return true;
}

/**
 * tcpc_seen_sort() - put them in order
 * @seen: them
 *
 * Context: process, may sleep.
 */
void tcpc_seen_sort(struct tcpc_seen *seen)
{
	if (seen->nr)
		sort(seen->cookie, seen->nr, sizeof(*seen->cookie),
		     tcpc_seen_cmp_resched, NULL);
}

/**
 * tcpc_seen_keep() - and those that were seen before
 * @seen: sorted, and so again after; with room for both
 * @old: likewise
 *
 * As far as there is room.
 *
 * Context: process, may sleep.
 */
void tcpc_seen_keep(struct tcpc_seen *seen, const struct tcpc_seen *old)
{
	struct tcpc_seen now = *seen; /* without those that are added */
	u32 i;

	for (i = 0; i < old->nr; i++) {
		now.cookie = seen->cookie;
		if (!tcpc_seen_has(&now, old->cookie[i]) &&
		    !tcpc_seen_add(seen, old->cookie[i]))
			break;
		tcpc_resched();
	}
	tcpc_seen_sort(seen);
}

/**
 * tcpc_seen_free() - forget them
 * @seen: them
 *
 * Context: process.
 */
void tcpc_seen_free(struct tcpc_seen *seen)
{
	kvfree(seen->cookie);
	memset(seen, 0, sizeof(*seen));
}
