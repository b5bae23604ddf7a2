/* SPDX-License-Identifier: GPL-2.0 */
/* The formats: one table for each file drives its header and its rows. */
#ifndef TCPC_FORMAT_H
#define TCPC_FORMAT_H

#include "census.h"
#include "text.h"

struct cgroup_namespace;
struct net;
struct user_namespace;

/**
 * struct tcpc_view - what a reader is shown
 * @census: what was found
 * @cn: the part of it the reader may see
 * @net: the namespace of @cn
 * @user_ns: uids are shown as this namespace sees them
 * @cgroup_ns: and cgroups as this one does
 * @path: PATH_MAX bytes of room for a cgroup's path
 */
struct tcpc_view {
	const struct tcpc_census *census;
	const struct tcpc_census_net *cn;
	struct net *net;
	struct user_namespace *user_ns;
	struct cgroup_namespace *cgroup_ns;
	char *path;
};

/**
 * struct tcpc_format - a file
 * @name: in its directory
 * @depth: of the census it shows
 * @render: writes its whole text; process context, may sleep
 */
struct tcpc_format {
	const char *name;
	enum tcpc_depth depth;
	void (*render)(struct tcpc_text *t, const struct tcpc_view *view);
};

extern const struct tcpc_format tcpc_format_states;
extern const struct tcpc_format tcpc_format_listeners;
extern const struct tcpc_format tcpc_format_stat;

#endif /* TCPC_FORMAT_H */
