// SPDX-License-Identifier: GPL-2.0
/* A census, and what else the module's files are made of, made up of some bytes. */

#include <stdlib.h>
#include <string.h>

#include <linux/cgroup.h>
#include <linux/kernel.h>
#include <linux/netdevice.h>
#include <linux/spinlock.h>
#include <net/ipv6.h>

#include "base.h"
#include "census.h"

#include "../../module/setting.h"
#include "../../module/totals.h"

bool world_events;
struct world *world_now;

/* What is of files of the module that do not compile here. */
struct net init_net;
raw_spinlock_t tcpc_record_lock;

const char *const tcpc_action_names[TCPC_ACTIONS] = { "off", "count", "probe", "abort" };
const char *const tcpc_result_names[TCPC_RESULTS] = {
	"candidate", "probing", "reset", "evicted", "gone",
};

bool tcpc_events_on(void)
{
	return world_events;
}

uid_t from_kuid(struct user_namespace *ns, kuid_t uid)
{
	return uid % 5 ? uid : (uid_t)-1;
}

struct net_device *dev_get_by_index_rcu(struct net *net, int ifindex)
{
	static struct net_device odd = { "a%\\ \"\xff" };

	return ifindex % 2 ? &odd : NULL;
}

struct tcpc_record *tcpc_record_of(const struct sock *sk)
{
	return sk ? &world_now->records[sk - world_now->socks] : NULL;
}

u32 tcpc_ports_worst(const struct tcpc_view *view)
{
	return view->cn->counts.bound;
}

int tcpc_netset_get_totals(struct tcpc_netset *set, struct tcpc_totals *gone)
{
	memset(set, 0, sizeof(*set));
	tcpc_totals_add(gone, NULL);
	return 0;
}

void tcpc_netset_put(struct tcpc_netset *set)
{
	must(!set->nr);
}

/* As many as there can be: metrics are as long as ever. */
void tcpc_totals_add(struct tcpc_totals *sum, struct tcpc_net *tn)
{
	u64 *all = (u64 *)sum;
	size_t i;

	for (i = 0; i < sizeof(*sum) / sizeof(*all); i++)
		all[i] = ~0ULL >> (tn ? i % 60 : 0);
}

/* A name below another one: any bytes that the kernel lets a cgroup have, or one over and over. */
static char *cgroup_path_make(struct input *in, const char *above)
{
	unsigned int len = 1 + in_below(in, 24), i;
	char name[256], *path;

	if (in_below(in, 2)) {
		len = 1 + in_below(in, 255);
		memset(name, in_below(in, 0x100), len);
	} else {
		in_bytes(in, name, len);
	}
	for (i = 0; i < len; i++)
		if (!name[i] || name[i] == '/' || name[i] == '\n')
			name[i] = '_';
	name[len] = '\0';
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		*name = '_';
	path = strf("%s/%s", strcmp(above, "/") ? above : "", name);
	return path;
}

static void cgroups_make(struct world *w, struct input *in)
{
	unsigned int n = in_below(in, CGROUPS_MAX), i;
	struct cgroup *cgrp;

	w->cgroups[0].path = strdup("/");
	for (i = 1; i <= n; i++)
		w->cgroups[i].path = cgroup_path_make(in, w->cgroups[in_below(in, i)].path);
	w->nr_cgroups = 1 + n;
	for (cgrp = w->cgroups; cgrp < w->cgroups + w->nr_cgroups; cgrp++) {
		cgrp->root = &w->root;
		/* The root's own is another one than that of the hierarchy: both are shown. */
		cgrp->nr_descendants = n;
	}
	w->top_set.dfl_cgrp = &w->cgroups[in_below(in, w->nr_cgroups)];
	w->top.root_cset = &w->top_set;
}

static struct cgroup *cgroup_any(struct world *w, struct input *in)
{
	unsigned int i = in_below(in, CGROUPS_MAX + 1);

	return i < w->nr_cgroups ? &w->cgroups[i] : NULL;
}

static void endpoint_make(struct tcpc_endpoint *ep, struct input *in)
{
	static const char *const some[] = { "::", "::ffff:0.0.0.0", "::1", "fe80::1" };
	unsigned int kind = in_below(in, 6);

	if (kind < 4)
		must(inet_pton(AF_INET6, some[kind], &ep->addr) == 1);
	else if (kind == 4)
		ipv6_addr_set_v4mapped(in_below(in, ~0U), &ep->addr);
	else
		in_bytes(in, &ep->addr, sizeof(ep->addr));
	ep->ifindex = tcpc_addr_scoped(&ep->addr) ? in_below(in, 0x100) : 0;
	ep->port = in_below(in, 0x10000);
	ep->role = in_below(in, 2);
}

static void listener_make(struct world *w, struct input *in, unsigned int i, u32 slot,
			  const struct tcpc_endpoint *ep)
{
	struct tcpc_listener *l = &w->listeners[i];

	*l = (struct tcpc_listener){
		.ptr = &w->socks[i], .slot = slot, .addr = ep->addr, .ifindex = ep->ifindex,
		.port = ep->port, .uid = in_number(in), .inode = in_number(in),
		.cgroup = cgroup_any(w, in), .depth = in_number(in), .limit = in_number(in),
		.drops = in_number(in), .syn_queue = in_number(in),
		.unaccepted_close_wait = in_number(in), .oldest_wait_ms = in_number(in),
		.reuseport = in_below(in, 3),
	};
	w->records[i] = (struct tcpc_record){
		.sk = l->ptr, .id = i + 1, .queued = { in_number(in) >> 8 },
		.filled = { in_number(in) >> 8 },
	};
	l->peaks = (struct tcpc_peaks){
		/* Of some there is no record. */
		.id = l->reuseport < 2 ? i + 1 : 0, .peak = in_number(in),
		.recent = in_number(in), .filled = w->records[i].filled.counter,
		.queued = w->records[i].queued.counter,
	};
}

static void close_wait_make(struct world *w, struct input *in, unsigned int i, u32 slot,
			    const struct tcpc_endpoint *ep)
{
	struct tcpc_close_wait_row *row = &w->rows.close_wait[i];
	unsigned int cause;

	*row = (struct tcpc_close_wait_row){
		.top = { .slot = slot, .approx = in_below(in, 2) },
		.key = { .ep = *ep, .cgroup = cgroup_any(w, in) },
		.unread_small = in_number(in), .keepalive = in_number(in),
		.unread_bytes = in_number(in), .mem_bytes = in_number(in),
		.idle_s = in_number(in), .data_idle_s = in_number(in), .uid = in_number(in),
		.inode = in_number(in),
	};
	for (cause = 0; cause < TCPC_CAUSES; cause++) {
		row->cause[cause] = in_number(in);
		row->top.count += row->cause[cause];
	}
}

static void connections_make(struct world *w, struct input *in, unsigned int i, u32 slot,
			     const struct tcpc_endpoint *ep)
{
	unsigned int state;

	w->rows.endpoints[i] = (struct tcpc_endpoint_row){
		.top = { .slot = slot, .count = in_number(in) }, .ep = *ep,
		.silent = in_number(in),
	};
	for (state = 0; state < TCPC_STATES; state++)
		w->rows.endpoints[i].state[state] = in_number(in);
	w->rows.ports[i] = (struct tcpc_ports_row){
		.top = { .slot = slot, .count = in_number(in), .approx = in_below(in, 2) },
		.key = { .ep = *ep },
	};
	in_bytes(in, &w->rows.ports[i].key.source, sizeof(struct in6_addr));
}

/* What there is in a namespace: so many of each, some alike but for the port. */
static void net_make(struct world *w, struct input *in, u32 slot, unsigned int *at)
{
	unsigned int kinds = in_below(in, 12), left = ROWS_MAX / NETS_MAX, first = *at, n, i;
	struct tcpc_census_net *cn = &w->nets[slot];
	struct tcpc_endpoint ep = {};
	struct input same;

	cn->inum = in_number(in);
	cn->ports = in_number(in);
	cn->counts.bound = cn->ports ? in_number(in) % (cn->ports + 1ULL) : 0;
	for (i = 0; i < TCPC_STATES; i++)
		cn->counts.state[i][in_below(in, 2)] = in_number(in);
	while (kinds-- && left) {
		endpoint_make(&ep, in);
		n = 1 + in_below(in, in_below(in, 2) ? 4 : 0x100);
		n = n < left ? n : left;
		same = *in;
		for (i = 0; i < n; i++, left--, ++*at, ep.port++) {
			*in = same;
			listener_make(w, in, *at, slot, &ep);
			close_wait_make(w, in, *at, slot, &ep);
			connections_make(w, in, *at, slot, &ep);
		}
	}
	n = *at - first;
	cn->first = first;
	cn->listeners = n;
	w->of.close_wait[slot] = (struct tcpc_top_net){ .first = first, .rows = n };
	w->of.endpoints[slot] = w->of.close_wait[slot];
	w->of.ports[slot] = w->of.close_wait[slot];
}

static void top_make(struct tcpc_top *top, struct tcpc_top_kind *kind, void *rows,
		     size_t size, unsigned int nr, struct tcpc_top_net *of,
		     unsigned int nr_nets)
{
	kind->row_size = size;
	*top = (struct tcpc_top){
		.kind = kind, .rows = rows, .nr = nr, .cap = nr, .nets = of,
		.nr_nets = nr_nets,
	};
}

/**
 * world_make() - make one up
 * @in: of these bytes
 *
 * Return: it, to be freed with world_free(); there is one at a time.
 */
struct world *world_make(struct input *in)
{
	static struct tcpc_top_kind close_wait, endpoints, ports;
	struct world *w = calloc(1, sizeof(*w));
	struct tcpc_census *c = &w->census;
	unsigned int n = 0, slot, of;

	must(w && !world_now);
	world_now = w;
	INIT_LIST_HEAD(&tcpc_series_host.used);
	world_events = in_below(in, 4);
	cgroups_make(w, in);
	c->nr_nets = 1 + in_below(in, NETS_MAX);
	c->nets = w->nets;
	c->listeners = w->listeners;
	c->walk_ns = in_number(in);
	c->closed_unreleased = in_number(in);
	for (slot = 0; slot < c->nr_nets; slot++) {
		net_make(w, in, slot, &n);
		tcpc_series_init(&w->tn[slot].series);
		w->tn[slot].reap.candidates.counter = in_number(in) >> 1;
	}
	c->nr_listeners = n;
	top_make(&c->tally.close_wait, &close_wait, w->rows.close_wait,
		 sizeof(*w->rows.close_wait), n, w->of.close_wait, c->nr_nets);
	top_make(&c->tally.endpoints, &endpoints, w->rows.endpoints,
		 sizeof(*w->rows.endpoints), n, w->of.endpoints, c->nr_nets);
	top_make(&c->tally.ports, &ports, w->rows.ports, sizeof(*w->rows.ports), n,
		 w->of.ports, c->nr_nets);

	/* Who reads: of one namespace or of all, in a cgroup namespace or not. */
	of = in_below(in, 1 + c->nr_nets);
	w->names.ns = in_below(in, 2) ? &w->top : NULL;
	w->view = (struct tcpc_view){ .census = c, .cgroups = &w->names };
	if (of) {
		w->view.cn = &w->nets[of - 1];
		w->view.tn = &w->tn[of - 1];
		w->view.inum = w->view.cn->inum;
		w->view.net = in_below(in, 2) ? &init_net : NULL;
	}
	/* Those of a namespace that who reads of all is shown. */
	c->listeners_each = in_below(in, 4) ? TCPC_LISTENERS_MAX : 1;
	return w;
}

void world_free(struct world *w)
{
	unsigned int i;

	for (i = 0; i < w->census.nr_nets; i++)
		tcpc_series_free(&w->tn[i].series);
	tcpc_series_free(&tcpc_series_host);
	tcpc_series_host.manned = 0;
	tcpc_cgroup_names_free(&w->names);
	for (i = 0; i < w->nr_cgroups; i++)
		free((void *)w->cgroups[i].path);
	free(w);
	world_now = NULL;
}
