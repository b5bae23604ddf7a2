/* SPDX-License-Identifier: GPL-2.0 */
/* The settings of a namespace, in net.tcp_census. */
#ifndef TCPC_SYSCTL_H
#define TCPC_SYSCTL_H

struct ctl_table_header;
struct tcpc_net;

int tcpc_sysctl_net_init(struct tcpc_net *tn, struct ctl_table_header **header);
void tcpc_sysctl_net_exit(struct ctl_table_header *header);

#endif /* TCPC_SYSCTL_H */
