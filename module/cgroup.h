/* SPDX-License-Identifier: GPL-2.0 */
/* The cgroup of a socket, and its path. */
#ifndef TCPC_CGROUP_H
#define TCPC_CGROUP_H

#include <linux/types.h>

struct cgroup;
struct cgroup_namespace;
struct sock;

struct cgroup *tcpc_cgroup_get(struct sock *sk);
void tcpc_cgroup_put(struct cgroup *cgrp);
bool tcpc_cgroup_path(struct cgroup *cgrp, struct cgroup_namespace *ns,
		      char *buf, size_t len);

#endif /* TCPC_CGROUP_H */
