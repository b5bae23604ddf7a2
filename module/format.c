// SPDX-License-Identifier: GPL-2.0
/* The formats: one table for each file drives its header and its rows. */

#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/netdevice.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>

#include "cgroup.h"
#include "format.h"
#include "net.h"

/* The cell of a column whose number stands in the row as it is shown. */
static void tcpc_cell_u32(struct tcpc_text *t, const struct tcpc_column *col,
			  const void *view, const void *row)
{
	tcpc_text_printf(t, "%u", *(const u32 *)(row + col->offset));
}

static void tcpc_cell_u64(struct tcpc_text *t, const struct tcpc_column *col,
			  const void *view, const void *row)
{
	tcpc_text_printf(t, "%llu", *(const u64 *)(row + col->offset));
}

static void tcpc_cell_netns(struct tcpc_text *t, const struct tcpc_column *col,
			    const void *view, const void *row)
{
	tcpc_text_printf(t, "%u", ((const struct tcpc_view *)view)->cn->inum);
}

/* states */

/* As node_exporter's tcpstat collector names them. */
static const char *const tcpc_state_names[TCPC_STATES] = {
	[TCP_ESTABLISHED] = "established",
	[TCP_SYN_SENT] = "syn_sent",
	[TCP_SYN_RECV] = "syn_recv",
	[TCP_FIN_WAIT1] = "fin_wait1",
	[TCP_FIN_WAIT2] = "fin_wait2",
	[TCP_TIME_WAIT] = "time_wait",
	[TCP_CLOSE] = "close",
	[TCP_CLOSE_WAIT] = "close_wait",
	[TCP_LAST_ACK] = "last_ack",
	[TCP_LISTEN] = "listen",
	[TCP_CLOSING] = "closing",
};

/* A row is a line of struct tcpc_counts.state; its place there is the state. */
static void tcpc_state_name(struct tcpc_text *t, const struct tcpc_column *col,
			    const void *view, const void *row)
{
	const struct tcpc_view *v = view;
	const u32 (*state)[TCPC_FAMILIES] = row;

	tcpc_text_word(t, tcpc_state_names[state - v->cn->counts.state]);
}

static const struct tcpc_column tcpc_states_columns[] = {
	{ .name = "netns", .cell = tcpc_cell_netns },
	{ .name = "state", .cell = tcpc_state_name, .text = true },
	{ .name = "ipv4", .cell = tcpc_cell_u32,
	  .offset = TCPC_IPV4 * sizeof(u32) },
	{ .name = "ipv6", .cell = tcpc_cell_u32,
	  .offset = TCPC_IPV6 * sizeof(u32) },
};

static void tcpc_states_render(struct tcpc_text *t, const struct tcpc_view *view)
{
	struct tcpc_table table;
	unsigned int state;

	tcpc_table_begin(&table, t, tcpc_states_columns,
			 ARRAY_SIZE(tcpc_states_columns));
	for (state = TCP_ESTABLISHED; state < TCPC_STATES; state++)
		tcpc_table_row(&table, view, &view->cn->counts.state[state]);
	tcpc_table_end(&table);
}

const struct tcpc_format tcpc_format_states = {
	.name = "states",
	.depth = TCPC_DEPTH_STATES,
	.render = tcpc_states_render,
};

/* listeners */

/* Bytes of a cgroup's path that are shown; a longer one is cut: "/a/b...". */
#define TCPC_CGROUP_SHOWN 256

/* "%" and the name of the interface, or its number if it has gone. */
static void tcpc_text_scope(struct tcpc_text *t, struct net *net, int ifindex)
{
	char name[IFNAMSIZ] = "";
	struct net_device *dev;

	rcu_read_lock();
	dev = dev_get_by_index_rcu(net, ifindex);
	if (dev)
		strscpy(name, dev->name, sizeof(name));
	rcu_read_unlock();

	tcpc_text_printf(t, "%%");
	if (name[0])
		tcpc_text_word(t, name);
	else
		tcpc_text_printf(t, "%d", ifindex);
}

static void tcpc_listener_local(struct tcpc_text *t, const struct tcpc_column *col,
				const void *view, const void *row)
{
	const struct tcpc_listener *l = row;

	if (ipv6_addr_v4mapped(&l->addr)) {
		tcpc_text_printf(t, "%pI4:%u", &l->addr.s6_addr32[3], l->port);
		return;
	}
	tcpc_text_printf(t, "[%pI6c", &l->addr);
	if (l->ifindex && ipv6_addr_type(&l->addr) & IPV6_ADDR_LINKLOCAL)
		tcpc_text_scope(t, ((const struct tcpc_view *)view)->net, l->ifindex);
	tcpc_text_printf(t, "]:%u", l->port);
}

static void tcpc_listener_cgroup(struct tcpc_text *t, const struct tcpc_column *col,
				 const void *view, const void *row)
{
	const struct tcpc_listener *l = row;
	const struct tcpc_view *v = view;

	if (!tcpc_cgroup_path(l->cgroup, v->cgroup_ns, v->path, PATH_MAX))
		return;
	/* Paths go up to 4 KiB, times 32768 lines: a reader must bear the text. */
	if (strlen(v->path) > TCPC_CGROUP_SHOWN)
		strscpy(v->path + TCPC_CGROUP_SHOWN, "...",
			PATH_MAX - TCPC_CGROUP_SHOWN);
	tcpc_text_word(t, v->path);
}

static void tcpc_listener_uid(struct tcpc_text *t, const struct tcpc_column *col,
			      const void *view, const void *row)
{
	const struct tcpc_listener *l = row;
	uid_t uid = from_kuid(((const struct tcpc_view *)view)->user_ns, l->uid);

	if (uid != (uid_t)-1)
		tcpc_text_printf(t, "%u", uid);
}

static const struct tcpc_column tcpc_listeners_columns[] = {
	{ .name = "netns", .cell = tcpc_cell_netns },
	{ .name = "local", .cell = tcpc_listener_local, .text = true },
	{ .name = "cgroup", .cell = tcpc_listener_cgroup, .text = true },
	{ .name = "uid", .cell = tcpc_listener_uid, .text = true },
	{ .name = "inode", .cell = tcpc_cell_u64,
	  .offset = offsetof(struct tcpc_listener, inode) },
	{ .name = "depth", .cell = tcpc_cell_u32,
	  .offset = offsetof(struct tcpc_listener, depth) },
	{ .name = "limit", .cell = tcpc_cell_u32,
	  .offset = offsetof(struct tcpc_listener, limit) },
	{ .name = "drops", .cell = tcpc_cell_u32,
	  .offset = offsetof(struct tcpc_listener, drops) },
	{ .name = "syn_queue", .cell = tcpc_cell_u32,
	  .offset = offsetof(struct tcpc_listener, syn_queue) },
};

static void tcpc_listeners_render(struct tcpc_text *t, const struct tcpc_view *view)
{
	const struct tcpc_listener *l = view->census->listeners;
	struct tcpc_table table;
	unsigned int i;

	tcpc_table_begin(&table, t, tcpc_listeners_columns,
			 ARRAY_SIZE(tcpc_listeners_columns));
	for (i = 0; i < view->cn->listeners; i++)
		tcpc_table_row(&table, view, &l[view->cn->first + i]);
	tcpc_table_end(&table);
}

const struct tcpc_format tcpc_format_listeners = {
	.name = "listeners",
	.depth = TCPC_DEPTH_FULL,
	.render = tcpc_listeners_render,
};

/* stat */

static u64 tcpc_stat_snapshot_age_ms(const struct tcpc_view *view)
{
	return ktime_ms_delta(ktime_get(), view->census->start);
}

static u64 tcpc_stat_walk_us(const struct tcpc_view *view)
{
	return div_u64(view->census->walk_ns, NSEC_PER_USEC);
}

static u64 tcpc_stat_walk_restarts(const struct tcpc_view *view)
{
	return view->census->walk.restarts;
}

static u64 tcpc_stat_walk_locked(const struct tcpc_view *view)
{
	return view->census->walk.locked;
}

static u64 tcpc_stat_sockets(const struct tcpc_view *view)
{
	unsigned int state, family;
	u64 sum = 0;

	for (state = 0; state < TCPC_STATES; state++)
		for (family = 0; family < TCPC_FAMILIES; family++)
			sum += view->cn->counts.state[state][family];
	return sum;
}

static u64 tcpc_stat_orphans(const struct tcpc_view *view)
{
	return view->cn->counts.orphans;
}

static u64 tcpc_stat_listeners_missed(const struct tcpc_view *view)
{
	return view->cn->listeners_missed;
}

static u64 tcpc_stat_netns_without_files(const struct tcpc_view *view)
{
	return tcpc_net_without_files();
}

/* All values are whole numbers, so that collectors can take any of them. */
static const struct tcpc_stat_key {
	const char *name;
	bool host; /* says something of other namespaces: for the initial one */
	u64 (*value)(const struct tcpc_view *view);
} tcpc_stat_keys[] = {
	{ "snapshot_age_ms", false, tcpc_stat_snapshot_age_ms },
	{ "walk_us", false, tcpc_stat_walk_us },
	{ "walk_restarts", false, tcpc_stat_walk_restarts },
	{ "walk_locked_buckets", false, tcpc_stat_walk_locked },
	{ "sockets", false, tcpc_stat_sockets },
	{ "orphans", false, tcpc_stat_orphans },
	{ "listeners_missed", false, tcpc_stat_listeners_missed },
	{ "netns_without_files", true, tcpc_stat_netns_without_files },
};

static void tcpc_stat_render(struct tcpc_text *t, const struct tcpc_view *view)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tcpc_stat_keys); i++)
		if (!tcpc_stat_keys[i].host || net_eq(view->net, &init_net))
			tcpc_text_printf(t, "%s %llu\n", tcpc_stat_keys[i].name,
					 tcpc_stat_keys[i].value(view));
}

const struct tcpc_format tcpc_format_stat = {
	.name = "stat",
	.depth = TCPC_DEPTH_FULL,
	.render = tcpc_stat_render,
};
