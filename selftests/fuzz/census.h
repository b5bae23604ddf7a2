/* SPDX-License-Identifier: GPL-2.0 */
/* A census, and what else the module's files are made of, made up of some bytes. */
#ifndef CENSUS_H
#define CENSUS_H

#include "fuzz.h"

#include "../../module/format.h"
#include "../../module/net.h"

#define NETS_MAX 3
#define CGROUPS_MAX 16
#define ROWS_MAX 400 /* of each kind, of all namespaces */

/**
 * struct world - all of it
 * @census: the census
 * @nets: what it says of each namespace
 * @tn: and what the module keeps for them
 * @cgroups: cgroups, the first of which is the root of all
 * @nr_cgroups: how many
 * @root: their hierarchy
 * @top: the reader's cgroup namespace
 * @top_set: of it
 * @listeners: listeners
 * @socks: and the sockets they are
 * @records: and their records
 * @rows: of close_wait, endpoints and ports
 * @of: of each namespace the part of these
 * @names: of the reader
 * @view: of the reader
 */
struct world {
	struct tcpc_census census;
	struct tcpc_census_net nets[NETS_MAX];
	struct tcpc_net tn[NETS_MAX];
	struct cgroup cgroups[CGROUPS_MAX];
	unsigned int nr_cgroups;
	struct cgroup_root root;
	struct cgroup_namespace top;
	struct css_set top_set;
	struct tcpc_listener listeners[ROWS_MAX];
	struct sock socks[ROWS_MAX];
	struct tcpc_record records[ROWS_MAX];
	struct {
		struct tcpc_close_wait_row close_wait[ROWS_MAX];
		struct tcpc_endpoint_row endpoints[ROWS_MAX];
		struct tcpc_ports_row ports[ROWS_MAX];
	} rows;
	struct {
		struct tcpc_top_net close_wait[NETS_MAX];
		struct tcpc_top_net endpoints[NETS_MAX];
		struct tcpc_top_net ports[NETS_MAX];
	} of;
	struct tcpc_cgroup_names names;
	struct tcpc_view view;
};

struct world *world_make(struct input *in);
void world_free(struct world *w);

/* Whether events are known, and which record is whose. */
extern bool world_events;
extern struct world *world_now;

#endif /* CENSUS_H */
