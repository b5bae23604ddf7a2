/* SPDX-License-Identifier: GPL-2.0 */
/* Snapshots: censuses shared by all who read at about the same time. */
#ifndef TCPC_SNAPSHOT_H
#define TCPC_SNAPSHOT_H

#include "census.h"

#define TCPC_SNAPSHOT_MS_MAX (60 * 60 * 1000)

extern unsigned int tcpc_snapshot_ms;

struct tcpc_census *tcpc_snapshot_get(enum tcpc_depth depth, u64 net_id);

void tcpc_snapshot_prime(void);
int tcpc_snapshot_init(void);
void tcpc_snapshot_exit(void);

#endif /* TCPC_SNAPSHOT_H */
