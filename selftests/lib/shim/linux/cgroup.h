/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_CGROUP_H
#define SHIM_LINUX_CGROUP_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <linux/compiler.h>

struct cgroup_subsys_state {
	unsigned int refs;
};

struct cgroup_root;

/* A cgroup is what its path says. */
struct cgroup {
	struct cgroup_subsys_state self;
	struct cgroup_root *root;
	int nr_descendants;
	const char *path;
};

struct cgroup_root {
	struct cgroup cgrp;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct cgroup_namespace {
	struct css_set *root_cset;
};

static inline bool css_tryget(struct cgroup_subsys_state *css)
{
	css->refs++;
	return true;
}

static inline void css_get(struct cgroup_subsys_state *css)
{
	css->refs++;
}

static inline void css_put(struct cgroup_subsys_state *css)
{
	css->refs--;
}

static inline int cgroup_path(struct cgroup *cgrp, char *buf, size_t size)
{
	return snprintf(buf, size, "%s", cgrp->path);
}

/* Beside the root of the namespace it goes up by as many as that is deep. */
static inline int cgroup_path_ns(struct cgroup *cgrp, char *buf, size_t size,
				 struct cgroup_namespace *ns)
{
	const char *top = ns->root_cset->dfl_cgrp->path;
	size_t len = strcmp(top, "/") ? strlen(top) : 0;

	if (strncmp(cgrp->path, top, len) || (cgrp->path[len] && cgrp->path[len] != '/'))
		return snprintf(buf, size, "/..%s", cgrp->path);
	return snprintf(buf, size, "%s", cgrp->path[len] ? cgrp->path + len : "/");
}

#endif /* SHIM_LINUX_CGROUP_H */
