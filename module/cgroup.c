// SPDX-License-Identifier: GPL-2.0
/* The cgroup of a socket, and its path. */

#include <linux/cgroup.h>
#include <linux/string.h>
#include <net/sock.h>

#include "cgroup.h"

#ifdef CONFIG_SOCK_CGROUP_DATA

/**
 * tcpc_cgroup_get() - the cgroup a socket is charged to
 * @sk: a full socket whose memory cannot be freed meanwhile
 *
 * A child has its listener's, before and after accept().
 *
 * Context: under RCU.
 * Return: the cgroup with a reference, or NULL.
 */
struct cgroup *tcpc_cgroup_get(struct sock *sk)
{
	struct cgroup *cgrp = sock_cgroup_ptr(&sk->sk_cgrp_data);

	return cgrp && css_tryget(&cgrp->self) ? cgrp : NULL;
}

/**
 * tcpc_cgroup_put() - put a reference from tcpc_cgroup_get()
 * @cgrp: the cgroup, or NULL
 *
 * Context: any.
 */
void tcpc_cgroup_put(struct cgroup *cgrp)
{
	if (cgrp)
		css_put(&cgrp->self);
}

/**
 * tcpc_cgroup_path() - a cgroup's path as a cgroup namespace sees it
 * @cgrp: the cgroup, held, or NULL
 * @ns: the cgroup namespace
 * @buf: for the path
 * @len: of @buf, in bytes
 *
 * The path is in the cgroup v2 hierarchy. Where that has no groups at all, as
 * with cgroup v1 alone, every socket is in its root, which says nothing.
 *
 * Context: process, sleeps: takes the cgroup mutex.
 * Return: false if there is no path to show: unknown, not below the root of
 * @ns, no v2 hierarchy in use, or longer than @buf.
 */
bool tcpc_cgroup_path(struct cgroup *cgrp, struct cgroup_namespace *ns,
		      char *buf, size_t len)
{
	int n;

	if (!cgrp || !READ_ONCE(cgrp->root->cgrp.nr_descendants))
		return false;
	n = cgroup_path_ns(cgrp, buf, len, ns);
	if (n <= 0 || n >= len)
		return false;
	/* Outside the namespace the path climbs: "/../other". */
	return strncmp(buf, "/..", 3) || (buf[3] && buf[3] != '/');
}

#else /* CONFIG_SOCK_CGROUP_DATA */

struct cgroup *tcpc_cgroup_get(struct sock *sk)
{
	return NULL;
}

void tcpc_cgroup_put(struct cgroup *cgrp)
{
}

bool tcpc_cgroup_path(struct cgroup *cgrp, struct cgroup_namespace *ns,
		      char *buf, size_t len)
{
	return false;
}

#endif /* CONFIG_SOCK_CGROUP_DATA */
