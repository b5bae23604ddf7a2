/* SPDX-License-Identifier: GPL-2.0 */
/* The cgroup of a socket, and its path. */
#ifndef TCPC_CGROUP_H
#define TCPC_CGROUP_H

#include <linux/types.h>

#include "text.h"

/* Bytes of a path that are shown; a longer one is cut: "/a/b...". */
#define TCPC_CGROUP_SHOWN 256

struct cgroup;
struct cgroup_namespace;
struct sock;

/**
 * struct tcpc_cgroup_names - paths of cgroups, each looked up once
 * @ns: the cgroup namespace that sees them; NULL: from the root
 * @path: PATH_MAX bytes of room for one
 * @text: the paths, each ended by NUL
 * @hash: open addressing from cgroup to the place of its path in @text, plus 1;
 *	0 if it has none to show
 * @nr: cgroups in @hash
 * @bits: log2 of its size
 *
 * Start with all fields but @ns zero. The memory is charged to the reader.
 */
struct tcpc_cgroup_names {
	struct cgroup_namespace *ns;
	char *path;
	struct tcpc_text text;
	struct tcpc_cgroup_place {
		const struct cgroup *cgrp;
		size_t at;
	} *hash;
	unsigned int nr;
	unsigned int bits;
};

struct cgroup *tcpc_cgroup_get(struct sock *sk);
void tcpc_cgroup_hold(struct cgroup *cgrp);
void tcpc_cgroup_put(struct cgroup *cgrp);

void tcpc_cgroup_top(const struct cgroup_namespace *ns, char *buf, size_t size);

const char *tcpc_cgroup_name(struct tcpc_cgroup_names *names, struct cgroup *cgrp);
void tcpc_cgroup_names_free(struct tcpc_cgroup_names *names);

#endif /* TCPC_CGROUP_H */
