/* SPDX-License-Identifier: GPL-2.0 */
/* Rows of a census, grouped into the series of metrics. */
#ifndef TCPC_GROUP_H
#define TCPC_GROUP_H

#include <linux/types.h>

#include "cgroup.h"
#include "series.h"

struct cgroup_namespace;

/* Values of a group. */
#define TCPC_GROUP_VALUES 8

/**
 * struct tcpc_group_names - names of cgroups
 * @all: as the root of the hierarchy sees them: what a cgroup is known by, whoever reads
 * @depth: components of those that count; 0: all
 * @top: the root of the reader's namespace among them; "" if it is the root of all
 * @len: length of that, in bytes
 * @cut: as much of it as counts
 */
struct tcpc_group_names {
	struct tcpc_cgroup_names all;
	unsigned int depth;
	char *top;
	unsigned int len;
	unsigned int cut;
};

/**
 * struct tcpc_group_row - a row
 * @key: of its series, as the reader sees it; the cgroup is entered when all rows are
 *	there
 * @cgroup: place of the cgroup's name in @all of the names, plus 1; 0 if it has none
 * @group: that name as far as it counts, whoever sees it
 * @len: of that, in bytes
 * @from: index of what it was made of
 * @value: its values
 */
struct tcpc_group_row {
	struct tcpc_series_key key;
	size_t cgroup;
	const char *group;
	unsigned int len;
	u32 from;
	u32 value[TCPC_GROUP_VALUES];
};

/**
 * struct tcpc_group - rows with one key
 * @first: index of the first
 * @rows: how many
 * @rank: the greater, the more does it matter
 * @value: of each the sum of the rows, or the highest
 */
struct tcpc_group {
	u32 first;
	u32 rows;
	u64 rank;
	u64 value[TCPC_GROUP_VALUES];
};

/**
 * struct tcpc_groups - rows being grouped
 * @names: of the cgroups; they move as they become more, and must not any more once
 *	rows are grouped
 * @sums: values that are added up, a bit each; of the others the highest counts
 * @rank: says how much a group matters
 * @rows: the rows; in order of their keys once grouped, and in that of @group
 * @nr_rows: how many
 * @cap: room
 * @groups: the groups, those that matter most first
 * @nr: how many
 *
 * Start with all but the first three zero.
 */
struct tcpc_groups {
	struct tcpc_group_names *names;
	unsigned long sums;
	u64 (*rank)(const struct tcpc_group *group);
	struct tcpc_group_row *rows;
	u32 nr_rows;
	u32 cap;
	struct tcpc_group *groups;
	u32 nr;
};

int tcpc_group_names_init(struct tcpc_group_names *names,
			  const struct cgroup_namespace *ns, unsigned int depth);
void tcpc_group_names_free(struct tcpc_group_names *names);
void tcpc_group_label(const struct tcpc_group_names *names, struct tcpc_series_key *key);

int tcpc_groups_room(struct tcpc_groups *g, u32 rows);
struct tcpc_group_row *tcpc_groups_add(struct tcpc_groups *g, struct cgroup *cgrp);
int tcpc_groups_make(struct tcpc_groups *g);
void tcpc_groups_free(struct tcpc_groups *g);

#endif /* TCPC_GROUP_H */
