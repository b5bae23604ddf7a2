/* SPDX-License-Identifier: GPL-2.0 */
/* The files below /proc/net/tcp_census and /proc/tcp_census. */
#ifndef TCPC_PROC_H
#define TCPC_PROC_H

struct proc_dir_entry;
struct tcpc_format;
struct tcpc_net;

#define TCPC_PROC_FILES 10

extern int tcpc_proc_gid;

/**
 * struct tcpc_proc_file - a file
 * @tn: the namespace; NULL for a file of all of them
 * @format: what is in it; NULL for sockets
 */
struct tcpc_proc_file {
	struct tcpc_net *tn;
	const struct tcpc_format *format;
};

int tcpc_proc_net_init(struct tcpc_net *tn, struct proc_dir_entry **made);

int tcpc_proc_host_init(void);
void tcpc_proc_host_exit(void);

#endif /* TCPC_PROC_H */
