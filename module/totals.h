/* SPDX-License-Identifier: GPL-2.0 */
/* What is counted and only grows, also when namespaces go. */
#ifndef TCPC_TOTALS_H
#define TCPC_TOTALS_H

#include <linux/types.h>

#include "action.h"
#include "events.h"

struct tcpc_net;

/**
 * struct tcpc_totals - of a namespace, of all, or of those that are gone
 * @changes: state changes of sockets
 * @actions: of the reaper
 * @actions_missed: those that are not in actions
 * @records_missed: listeners without a record, for want of memory
 * @accepts_unmatched: accept events of which nobody knows the listener
 */
struct tcpc_totals {
	struct tcpc_changes changes;
	u64 actions[TCPC_CAUSES][TCPC_ACTIONS][TCPC_RESULTS];
	u64 actions_missed;
	u64 records_missed;
	u64 accepts_unmatched;
};

void tcpc_totals_add(struct tcpc_totals *sum, struct tcpc_net *tn);

#endif /* TCPC_TOTALS_H */
