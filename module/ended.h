/* SPDX-License-Identifier: GPL-2.0 */
/* Listeners that ended badly: the last of each namespace. */
#ifndef TCPC_ENDED_H
#define TCPC_ENDED_H

#include <linux/in6.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/types.h>
#include <linux/uidgid.h>

struct cgroup;
struct tcpc_netset;

/* Lines kept of a namespace, and of all that are gone. */
#define TCPC_ENDED_MAX 256

/**
 * struct tcpc_ended - a listener that ended badly
 * @node: in a list
 * @rcu: to be freed with whatever it is part of
 * @time: when it ended, in seconds of CLOCK_REALTIME
 * @order: and which came before which
 * @inum: inode number of its namespace
 * @ifindex: the interface it was bound to, or 0
 * @addr: its local address; IPv4 as a v4-mapped one
 * @port: its local port, host order
 * @uid: its owner
 * @cgroup: with a reference; NULL if unknown
 * @peak: highest depth of its accept queue
 * @limit: the queue was full when its depth was greater
 * @filled: how often that came to be
 * @drops: SYNs and final ACKs it refused
 * @lifetime_s: for how long it was known, in seconds
 */
struct tcpc_ended {
	struct list_head node;
	struct rcu_head rcu;
	s64 time;
	u64 order;
	u32 inum;
	int ifindex;
	struct in6_addr addr;
	u16 port;
	kuid_t uid;
	struct cgroup *cgroup;
	u32 peak;
	u32 limit;
	u64 filled;
	u32 drops;
	u64 lifetime_s;
};

/**
 * struct tcpc_ended_list - those of a namespace
 * @all: them, oldest first; all under the lock of ended.c
 * @nr: how many
 */
struct tcpc_ended_list {
	struct list_head all;
	unsigned int nr;
};

/**
 * struct tcpc_ended_rows - copies, to be shown
 * @rows: them, in the order in which they ended
 * @nr: how many
 * @cap: room for
 */
struct tcpc_ended_rows {
	struct tcpc_ended *rows;
	unsigned int nr;
	unsigned int cap;
};

void tcpc_ended_list_init(struct tcpc_ended_list *list);
void tcpc_ended_add(struct tcpc_ended_list *list, struct tcpc_ended *e);
void tcpc_ended_bury(struct tcpc_ended_list *list);

int tcpc_ended_copy(struct tcpc_ended_rows *rows, struct tcpc_ended_list *list,
		    gfp_t gfp);
int tcpc_ended_copy_all(struct tcpc_ended_rows *rows);
void tcpc_ended_rows_free(struct tcpc_ended_rows *rows);

void tcpc_ended_exit(void);

#endif /* TCPC_ENDED_H */
