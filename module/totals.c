// SPDX-License-Identifier: GPL-2.0
/* What is counted and only grows, also when namespaces go. */

#include "net.h"
#include "totals.h"

/**
 * tcpc_totals_add() - add those of a namespace
 * @sum: what they are added to
 * @tn: the namespace, which is not freed meanwhile
 *
 * Context: process, may sleep.
 */
void tcpc_totals_add(struct tcpc_totals *sum, struct tcpc_net *tn)
{
	struct tcpc_log *log = &tn->reap.log;
	unsigned int cause, action, result;

	tcpc_changes_add(&sum->changes, tn);
	for (cause = 0; cause < TCPC_CAUSES; cause++)
		for (action = 0; action < TCPC_ACTIONS; action++)
			for (result = 0; result < TCPC_RESULTS; result++)
				sum->actions[cause][action][result] +=
					atomic64_read(&log->count[cause][action][result]);
	sum->actions_missed += tcpc_log_missed(log);
	sum->records_missed += atomic64_read(&tn->records.missed);
	sum->accepts_unmatched += atomic64_read(&tn->records.unmatched);
}
