// SPDX-License-Identifier: GPL-2.0
/* The network namespaces: what the module keeps for each, and sets of them. */

#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "compat.h"
#include "net.h"

static unsigned int tcpc_net_id;

/* Protects the three below. A leaf: nothing that may wait is called under it. */
static DEFINE_MUTEX(tcpc_net_lock);
static LIST_HEAD(tcpc_nets); /* ids ascending */
static unsigned int tcpc_nets_nr;
static u64 tcpc_net_last_id;

/* Namespaces whose files could not be made, for stat. */
static atomic_t tcpc_net_fileless = ATOMIC_INIT(0);

/**
 * tcpc_net_without_files() - namespaces that have no files of ours
 *
 * Context: any.
 * Return: how many of the present namespaces, for want of memory, have no
 * /proc/net/tcp_census or lack a file in it.
 */
unsigned int tcpc_net_without_files(void)
{
	return atomic_read(&tcpc_net_fileless);
}

/* Process context, pernet_ops_rwsem held by the caller. */
static int __net_init tcpc_net_ns_init(struct net *net)
{
	struct tcpc_net *tn = net_generic(net, tcpc_net_id);

	tn->net = net;
	tn->inum = net->ns.inum;

	mutex_lock(&tcpc_net_lock);
	tn->id = ++tcpc_net_last_id;
	list_add_tail(&tn->node, &tcpc_nets);
	tcpc_nets_nr++;
	mutex_unlock(&tcpc_net_lock);

	/*
	 * A namespace without our files is better than a container that does
	 * not start: the failure is counted and creation goes on.
	 */
	tn->fileless = tcpc_proc_net_init(tn);
	if (tn->fileless)
		atomic_inc(&tcpc_net_fileless);
	return 0;
}

/*
 * Process context, from cleanup_net() or module unload. No walk holds this
 * namespace in the first case; in the second one may, but walks use only
 * struct net, which they pin, and never struct tcpc_net.
 */
static void __net_exit tcpc_net_ns_exit(struct net *net)
{
	struct tcpc_net *tn = net_generic(net, tcpc_net_id);

	/* Waits for every open() and read() of these files under way. */
	tcpc_proc_net_exit(tn);
	if (tn->fileless)
		atomic_dec(&tcpc_net_fileless);

	mutex_lock(&tcpc_net_lock);
	list_del(&tn->node);
	tcpc_nets_nr--;
	mutex_unlock(&tcpc_net_lock);
}

static struct pernet_operations tcpc_net_ops = {
	.init = tcpc_net_ns_init,
	.exit = tcpc_net_ns_exit,
	.id = &tcpc_net_id,
	.size = sizeof(struct tcpc_net),
};

/* Enter every reference into the hash; ids and slots do not change after. */
static void tcpc_netset_index(struct tcpc_netset *set)
{
	unsigned int slot, i;

	for (slot = 0; slot < set->nr; slot++) {
		i = hash_ptr(set->refs[slot].net, set->bits);
		while (set->hash[i].net)
			i = (i + 1) & ((1U << set->bits) - 1);
		set->hash[i].net = set->refs[slot].net;
		set->hash[i].slot = slot;
	}
}

/**
 * tcpc_netset_get() - hold every namespace that is alive
 * @set: filled; release with tcpc_netset_put()
 *
 * The references keep the namespaces' private hash tables in place and their
 * addresses from being used again; a namespace whose last user goes away
 * meanwhile is destroyed when the set is put. Namespaces whose count is already
 * zero are left out.
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpc_netset_get(struct tcpc_netset *set)
{
	struct tcpc_net *tn;
	unsigned int cap;

	memset(set, 0, sizeof(*set));

	/* Allocate outside the lock; try again if the list has grown past it. */
	mutex_lock(&tcpc_net_lock);
	while (tcpc_nets_nr > set->nr) {
		cap = tcpc_nets_nr;
		mutex_unlock(&tcpc_net_lock);
		cap += cap / 8;
		kvfree(set->refs);
		set->refs = kvmalloc_array(cap, sizeof(*set->refs), GFP_KERNEL);
		if (!set->refs) {
			set->nr = 0;
			return -ENOMEM;
		}
		set->nr = cap;
		mutex_lock(&tcpc_net_lock);
	}
	set->nr = 0;
	list_for_each_entry(tn, &tcpc_nets, node) {
		if (!maybe_get_net(tn->net))
			continue;
		set->refs[set->nr].net = tn->net;
		set->refs[set->nr].id = tn->id;
		set->refs[set->nr].inum = tn->inum;
		set->nr++;
	}
	mutex_unlock(&tcpc_net_lock);

	set->bits = order_base_2(2 * set->nr + 2);
	set->hash = kvcalloc(1UL << set->bits, sizeof(*set->hash), GFP_KERNEL);
	if (!set->hash) {
		tcpc_netset_put(set);
		return -ENOMEM;
	}
	tcpc_netset_index(set);
	return 0;
}

/**
 * tcpc_netset_put() - let go of a set's namespaces and memory
 * @set: from tcpc_netset_get()
 *
 * Context: process, may sleep.
 */
void tcpc_netset_put(struct tcpc_netset *set)
{
	unsigned int i;

	for (i = 0; i < set->nr; i++)
		put_net(set->refs[i].net);
	kvfree(set->refs);
	kvfree(set->hash);
	memset(set, 0, sizeof(*set));
}

/**
 * tcpc_net_init() - begin to follow namespaces, and make their files
 *
 * Context: process, may sleep.
 * Return: 0 or a negative errno.
 */
int tcpc_net_init(void)
{
	return register_pernet_subsys(&tcpc_net_ops);
}

/**
 * tcpc_net_exit() - remove all files and forget the namespaces
 *
 * When it returns no file operation of ours runs or will run.
 *
 * Context: process, may sleep.
 */
void tcpc_net_exit(void)
{
	unregister_pernet_subsys(&tcpc_net_ops);
}
