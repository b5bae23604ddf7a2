/* SPDX-License-Identifier: GPL-2.0 */
/* How memory is asked for. */
#ifndef TCPC_GFP_H
#define TCPC_GFP_H

/*
 * Where there is none that is said to whoever asked, or counted in stat. So nothing need
 * be in the log: what vmalloc() leaves there looks like a crash, and readers short of
 * memory in a container could fill the host's with it.
 */
#define TCPC_GFP (GFP_KERNEL | __GFP_NOWARN)

/* The same, charged to the caller's cgroup. */
#define TCPC_GFP_ACCOUNT (GFP_KERNEL_ACCOUNT | __GFP_NOWARN)

#endif /* TCPC_GFP_H */
