// SPDX-License-Identifier: GPL-2.0
/* Long loops let others run. */

#include <linux/sched.h>

#include "resched.h"

/**
 * tcpc_resched() - let others run, if one waits for this processor
 *
 * As cond_resched(), which many kernels have as a static call: when a module is loaded
 * each place that has one is patched by itself, and for each all processors are
 * interrupted three times. So there is one place.
 *
 * Context: process, may sleep.
 */
void tcpc_resched(void)
{
	cond_resched();
}
