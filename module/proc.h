/* SPDX-License-Identifier: GPL-2.0 */
/* The files below /proc/net/tcp_census. */
#ifndef TCPC_PROC_H
#define TCPC_PROC_H

struct tcpc_format;
struct tcpc_net;

#define TCPC_PROC_FILES 6

/**
 * struct tcpc_proc_file - a file of one namespace
 * @tn: the namespace
 * @format: what is in it; NULL for sockets
 */
struct tcpc_proc_file {
	struct tcpc_net *tn;
	const struct tcpc_format *format;
};

int tcpc_proc_net_init(struct tcpc_net *tn);

#endif /* TCPC_PROC_H */
