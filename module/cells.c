// SPDX-License-Identifier: GPL-2.0
/* Cells that more than one table has, and names. */

#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/netdevice.h>
#include <linux/time.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>

#include "format.h"

/* As node_exporter's tcpstat collector names them. */
const char *const tcpc_state_names[TCPC_STATES] = {
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

const char *const tcpc_cause_names[TCPC_CAUSES] = {
	[TCPC_CAUSE_EXEMPT] = "exempt",
	[TCPC_CAUSE_UNACCEPTED] = "unaccepted",
	[TCPC_CAUSE_SENDING] = "sending",
	[TCPC_CAUSE_UNREAD] = "unread",
	[TCPC_CAUSE_FIN_PENDING] = "fin_pending",
	[TCPC_CAUSE_DRAINED] = "drained",
};

const char *const tcpc_role_names[] = {
	[TCPC_SERVER] = "server",
	[TCPC_CLIENT] = "client",
};

/* For struct tcpc_column.cell: a u32 of the row. Process context. */
void tcpc_cell_u32(struct tcpc_text *t, const struct tcpc_column *col,
		   const void *view, const void *row)
{
	tcpc_text_printf(t, "%u", *(const u32 *)(row + col->offset));
}

/* For struct tcpc_column.cell: a u64 of the row. Process context. */
void tcpc_cell_u64(struct tcpc_text *t, const struct tcpc_column *col,
		   const void *view, const void *row)
{
	tcpc_text_printf(t, "%llu", *(const u64 *)(row + col->offset));
}

/* For struct tcpc_column.cell: the namespace. Process context. */
void tcpc_cell_netns(struct tcpc_text *t, const struct tcpc_column *col,
		     const void *view, const void *row)
{
	tcpc_text_printf(t, "%u", ((const struct tcpc_view *)view)->inum);
}

/* For struct tcpc_column.cell: a kuid_t of the row. Process context. */
void tcpc_cell_uid(struct tcpc_text *t, const struct tcpc_column *col,
		   const void *view, const void *row)
{
	uid_t uid = from_kuid(((const struct tcpc_view *)view)->user_ns,
			      *(const kuid_t *)(row + col->offset));

	if (uid != (uid_t)-1)
		tcpc_text_printf(t, "%u", uid);
}

/* For struct tcpc_column.cell: a struct cgroup pointer of the row. Process context. */
void tcpc_cell_cgroup(struct tcpc_text *t, const struct tcpc_column *col,
		      const void *view, const void *row)
{
	const struct tcpc_view *v = view;
	const char *name;

	name = tcpc_cgroup_name(v->cgroups, *(struct cgroup *const *)(row + col->offset));
	if (v->cgroups->text.err)
		t->err = v->cgroups->text.err;
	if (name)
		tcpc_text_word(t, name);
}

/**
 * tcpc_text_time() - append a time, as RFC 3339 has it, in UTC
 * @t: the text
 * @time: it, in seconds of CLOCK_REALTIME
 *
 * Context: process, may sleep.
 */
void tcpc_text_time(struct tcpc_text *t, s64 time)
{
	struct tm tm;

	time64_to_tm(time, 0, &tm);
	tcpc_text_printf(t, "%04ld-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
			 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* "%" and the name of the interface; or its number if it has gone, or is elsewhere. */
static void tcpc_text_scope(struct tcpc_text *t, struct net *net, int ifindex)
{
	char name[IFNAMSIZ] = "";
	struct net_device *dev;

	rcu_read_lock();
	dev = net ? dev_get_by_index_rcu(net, ifindex) : NULL;
	if (dev)
		strscpy(name, dev->name, sizeof(name));
	rcu_read_unlock();

	tcpc_text_printf(t, "%%");
	if (name[0])
		tcpc_text_word(t, name);
	else
		tcpc_text_printf(t, "%d", ifindex);
}

/**
 * tcpc_text_addr() - append an address
 * @t: the text
 * @view: the interfaces are those of its namespace
 * @addr: the address; a v4-mapped one is shown as IPv4
 * @ifindex: of the interface, if @addr is link-local
 *
 * Context: process, may sleep.
 */
void tcpc_text_addr(struct tcpc_text *t, const struct tcpc_view *view,
		    const struct in6_addr *addr, int ifindex)
{
	if (ipv6_addr_v4mapped(addr)) {
		tcpc_text_printf(t, "%pI4", &addr->s6_addr32[3]);
		return;
	}
	tcpc_text_printf(t, "[%pI6c", addr);
	if (ifindex && tcpc_addr_scoped(addr))
		tcpc_text_scope(t, view->net, ifindex);
	tcpc_text_printf(t, "]");
}

/**
 * tcpc_text_addr_port() - append an address and a port
 * @t: the text
 * @view: the interfaces are those of its namespace
 * @addr: the address; a v4-mapped one is shown as IPv4
 * @ifindex: of the interface, if @addr is link-local
 * @port: the port, host order
 *
 * Context: process, may sleep.
 */
void tcpc_text_addr_port(struct tcpc_text *t, const struct tcpc_view *view,
			 const struct in6_addr *addr, int ifindex, u16 port)
{
	tcpc_text_addr(t, view, addr, ifindex);
	tcpc_text_printf(t, ":%u", port);
}

/**
 * tcpc_percent() - so many of a hundred
 * @part: the part
 * @whole: the whole, not 0 unless @part is
 *
 * Context: any.
 * Return: the percentage, rounded down.
 */
u32 tcpc_percent(u32 part, u32 whole)
{
	return whole ? div_u64((u64)part * 100, whole) : 0;
}
