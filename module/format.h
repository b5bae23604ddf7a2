/* SPDX-License-Identifier: GPL-2.0 */
/* The formats: one table for each file drives its header and its rows. */
#ifndef TCPC_FORMAT_H
#define TCPC_FORMAT_H

#include <linux/in6.h>
#include <linux/uidgid.h>

#include "census.h"
#include "cgroup.h"
#include "text.h"

struct net;
struct tcpc_net;
struct user_namespace;

/**
 * struct tcpc_view - what a reader is shown
 * @census: what was found; NULL for a format that shows no census
 * @cn: the part of it that is of the namespace; NULL for a view of all
 * @tn: the namespace; NULL for a view of all
 * @net: likewise
 * @inum: its inode number
 * @user_ns: uids are shown as this namespace sees them
 * @cgroups: and cgroups as its namespace does
 */
struct tcpc_view {
	const struct tcpc_census *census;
	const struct tcpc_census_net *cn;
	struct tcpc_net *tn;
	struct net *net;
	unsigned int inum;
	struct user_namespace *user_ns;
	struct tcpc_cgroup_names *cgroups;
};

/**
 * struct tcpc_format - a file
 * @name: in its directory
 * @depth: of the census it shows, if any
 * @columns: of its table; NULL if it is none
 * @nr_columns: how many
 * @rows: writes the rows of one namespace, and may set the text's error; process
 *	context, may sleep
 * @all: also those of all, if the view is of none; else they are those of each in
 *	the census, with a view without @tn and @net
 * @render: if it is no table: writes its whole text, of all namespaces if the view
 *	is of none; process context, may sleep
 */
struct tcpc_format {
	const char *name;
	enum tcpc_depth depth;
	const struct tcpc_column *columns;
	unsigned int nr_columns;
	void (*rows)(struct tcpc_table *table, const struct tcpc_view *view);
	bool all;
	void (*render)(struct tcpc_text *t, const struct tcpc_view *view);
};

void tcpc_format_render(const struct tcpc_format *format, struct tcpc_text *t,
			const struct tcpc_view *view);

extern const struct tcpc_format tcpc_format_states;
extern const struct tcpc_format tcpc_format_listeners;
extern const struct tcpc_format tcpc_format_close_wait;
extern const struct tcpc_format tcpc_format_endpoints;
extern const struct tcpc_format tcpc_format_ports;
extern const struct tcpc_format tcpc_format_transitions;
extern const struct tcpc_format tcpc_format_ended;
extern const struct tcpc_format tcpc_format_actions;
extern const struct tcpc_format tcpc_format_stat;
extern const struct tcpc_format tcpc_format_metrics;

/* The columns of sockets, whose rows are struct tcpc_conn. */
extern const struct tcpc_column tcpc_sockets_columns[];
extern const unsigned int tcpc_sockets_columns_nr;

extern const char *const tcpc_state_names[TCPC_STATES];
extern const char *const tcpc_cause_names[TCPC_CAUSES];
extern const char *const tcpc_role_names[];

void tcpc_cell_u32(struct tcpc_text *t, const struct tcpc_column *col,
		   const void *view, const void *row);
void tcpc_cell_u64(struct tcpc_text *t, const struct tcpc_column *col,
		   const void *view, const void *row);
void tcpc_cell_netns(struct tcpc_text *t, const struct tcpc_column *col,
		     const void *view, const void *row);
void tcpc_cell_uid(struct tcpc_text *t, const struct tcpc_column *col,
		   const void *view, const void *row);
void tcpc_cell_cgroup(struct tcpc_text *t, const struct tcpc_column *col,
		      const void *view, const void *row);

void tcpc_text_time(struct tcpc_text *t, s64 time);
void tcpc_text_addr(struct tcpc_text *t, const struct tcpc_view *view,
		    const struct in6_addr *addr, int ifindex);
void tcpc_text_addr_port(struct tcpc_text *t, const struct tcpc_view *view,
			 const struct in6_addr *addr, int ifindex, u16 port);

u32 tcpc_percent(u32 part, u32 whole);
u32 tcpc_ports_worst(const struct tcpc_view *view);

#endif /* TCPC_FORMAT_H */
