/* SPDX-License-Identifier: GPL-2.0 */
/* Long loops let others run. */
#ifndef TCPC_RESCHED_H
#define TCPC_RESCHED_H

void tcpc_resched(void);

#endif /* TCPC_RESCHED_H */
