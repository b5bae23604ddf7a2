/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets that were seen before, by cookie. */
#ifndef TCPC_SEEN_H
#define TCPC_SEEN_H

#include <linux/types.h>

/* Kept of a namespace: 512 KiB. */
#define TCPC_SEEN_MAX 65536

/**
 * struct tcpc_seen - some sockets
 * @cookie: theirs
 * @nr: how many
 * @cap: room for
 */
struct tcpc_seen {
	u64 *cookie;
	u32 nr;
	u32 cap;
};

bool tcpc_seen_has(const struct tcpc_seen *seen, u64 cookie);
bool tcpc_seen_room(struct tcpc_seen *seen, u32 nr);
bool tcpc_seen_add(struct tcpc_seen *seen, u64 cookie);
void tcpc_seen_sort(struct tcpc_seen *seen);
void tcpc_seen_keep(struct tcpc_seen *seen, const struct tcpc_seen *old);
void tcpc_seen_free(struct tcpc_seen *seen);

#endif /* TCPC_SEEN_H */
