// SPDX-License-Identifier: GPL-2.0
/*
 * The network namespaces: what the module keeps for each, and sets of them.
 *
 * A walk must keep the namespaces it works for, and their private hash tables,
 * from going away. It does not take references: a namespace is in our list from
 * .init on, and one whose creation fails after that is freed whatever its count
 * says. Instead our exit method, which runs before that of tcp frees the tables
 * and long before the namespace is freed, waits for the walks that know it.
 */

#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/srcu.h>
#include <linux/wait.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "compat.h"
#include "events.h"
#include "gfp.h"
#include "net.h"
#include "sysctl.h"
#include "totals.h"

unsigned int tcpc_net_id;

/*
 * Protects the four below and what struct tcpc_net says. Nothing that waits for
 * a reader, a walk or another namespace is called under it.
 */
static DEFINE_MUTEX(tcpc_net_lock);
static LIST_HEAD(tcpc_nets); /* ids ascending */
static unsigned int tcpc_nets_nr;
static u64 tcpc_net_last_id;
static bool tcpc_net_serving; /* namespaces get files */

/* A namespace's files were removed by module unload. */
static DECLARE_WAIT_QUEUE_HEAD(tcpc_net_closed);

/* Held by whoever uses the namespaces of a set. */
DEFINE_STATIC_SRCU(tcpc_net_srcu);

/* Of the namespaces that are on the list no more; under its mutex. */
static struct tcpc_totals tcpc_net_gone;

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

/**
 * tcpc_net_gfp() - how to get the memory for what a namespace has
 *
 * Who makes a namespace is charged; who loads the module is not, for all others'.
 *
 * Context: process.
 * Return: flags for allocations.
 */
gfp_t tcpc_net_gfp(void)
{
	return READ_ONCE(tcpc_net_serving) ? TCPC_GFP_ACCOUNT : TCPC_GFP;
}

/**
 * struct tcpc_net_files - the files of a namespace, until they are known to others
 * @dir: in /proc/net
 * @sysctl: its settings
 * @lacking: some could not be made
 */
struct tcpc_net_files {
	struct proc_dir_entry *dir;
	struct ctl_table_header *sysctl;
	bool lacking;
};

/*
 * Make a namespace's files. One without them is better than a container that
 * does not start: failure is counted and things go on. Process context.
 */
static void tcpc_net_make_files(struct tcpc_net *tn, struct tcpc_net_files *files)
{
	files->lacking = tcpc_proc_net_init(tn, &files->dir);
	if (tcpc_sysctl_net_init(tn, &files->sysctl))
		files->lacking = true;
}

/* Process context, under the mutex. */
static void tcpc_net_keep_files(struct tcpc_net *tn, const struct tcpc_net_files *files)
{
	tn->dir = files->dir;
	tn->sysctl = files->sysctl;
	tn->fileless = files->lacking;
	if (tn->fileless)
		atomic_inc(&tcpc_net_fileless);
}

/*
 * The files of a namespace that is being made, in which nobody is yet. Its maker may be
 * out of memory for long, so others do not wait for it. Process context.
 */
static void tcpc_net_new_files(struct tcpc_net *tn)
{
	struct tcpc_net_files files = {};
	bool serving;

	tcpc_net_make_files(tn, &files);
	mutex_lock(&tcpc_net_lock);
	serving = tcpc_net_serving;
	if (serving)
		tcpc_net_keep_files(tn, &files);
	mutex_unlock(&tcpc_net_lock);
	if (serving)
		return;
	/* The module is being unloaded; nobody has opened them. */
	proc_remove(files.dir);
	tcpc_sysctl_net_exit(files.sysctl);
}

/* Process context, pernet_ops_rwsem held by the caller. */
static int __net_init tcpc_net_ns_init(struct net *net)
{
	struct tcpc_net *tn = net_generic(net, tcpc_net_id);
	bool serving;

	tn->net = net;
	tn->inum = net->ns.inum;
	tcpc_events_net_init(tn);
	tcpc_reap_net_init(tn);

	mutex_lock(&tcpc_net_lock);
	tn->id = ++tcpc_net_last_id;
	list_add_tail(&tn->node, &tcpc_nets);
	tcpc_nets_nr++;
	serving = tcpc_net_serving;
	mutex_unlock(&tcpc_net_lock);
	if (serving)
		tcpc_net_new_files(tn);
	/* It may have a timeout from the beginning. */
	if (tn->reap.settings->timeout_s)
		tcpc_reaper_kick();
	return 0;
}

/*
 * Remove the files of a namespace that is being destroyed. Nobody waits for
 * anybody: readers hold the namespace, so there are none; and if module unload
 * is removing the files just now, no reader stands in its way either. Settings
 * are like every sysctl of a namespace, the kernel's too: their removal waits for
 * whoever is just reading or writing one.
 */
static void tcpc_net_ns_exit(struct tcpc_net *tn)
{
	struct ctl_table_header *sysctl;
	struct proc_dir_entry *dir;

	/* Whoever takes the files removes them. */
	mutex_lock(&tcpc_net_lock);
	tn->exiting = true;
	dir = tn->dir;
	tn->dir = NULL;
	sysctl = tn->sysctl;
	tn->sysctl = NULL;
	mutex_unlock(&tcpc_net_lock);
	proc_remove(dir);
	tcpc_sysctl_net_exit(sysctl);
	wait_event(tcpc_net_closed, !READ_ONCE(tn->closing));

	mutex_lock(&tcpc_net_lock);
	if (tn->fileless)
		atomic_dec(&tcpc_net_fileless);
	list_del(&tn->node);
	tcpc_nets_nr--;
	/* There are no more events, and no sockets that anything could be done with. */
	tcpc_totals_add(&tcpc_net_gone, tn);
	mutex_unlock(&tcpc_net_lock);
}

/*
 * No more events for a namespace that is being destroyed. Some may still come, of
 * timewait sockets and of the kernel's own; those that have begun end in the grace
 * period before the exit methods. Process context, as there.
 */
static void __net_exit tcpc_net_ns_pre_exit(struct net *net)
{
	tcpc_events_net_close(net_generic(net, tcpc_net_id));
}

/*
 * Process context: from cleanup_net(), module unload, or a creation that failed.
 * One grace period serves all namespaces of the batch.
 */
static void __net_exit tcpc_net_ns_exit_batch(struct list_head *nets)
{
	struct net *net;

	list_for_each_entry(net, nets, exit_list)
		tcpc_net_ns_exit(net_generic(net, tcpc_net_id));
	synchronize_srcu(&tcpc_net_srcu);
	list_for_each_entry(net, nets, exit_list) {
		struct tcpc_net *tn = net_generic(net, tcpc_net_id);

		tcpc_events_net_exit(tn);
		tcpc_reap_net_exit(tn);
		tcpc_served_free(&tn->served);
	}
}

static struct pernet_operations tcpc_net_ops = {
	.init = tcpc_net_ns_init,
	.pre_exit = tcpc_net_ns_pre_exit,
	.exit_batch = tcpc_net_ns_exit_batch,
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

/*
 * Copy the list and, if that is wanted, the totals of those that are on it no more.
 * Returns 0 or -ENOMEM; process context.
 */
static int tcpc_netset_fill(struct tcpc_netset *set, struct tcpc_totals *gone)
{
	struct tcpc_net *tn;
	unsigned int cap = 0;

	/* Allocate outside the lock; try again if the list has grown past it. */
	mutex_lock(&tcpc_net_lock);
	while (tcpc_nets_nr > cap) {
		cap = tcpc_nets_nr + tcpc_nets_nr / 8;
		mutex_unlock(&tcpc_net_lock);
		kvfree(set->refs);
		set->refs = kvmalloc_array(cap, sizeof(*set->refs), TCPC_GFP);
		if (!set->refs)
			return -ENOMEM;
		mutex_lock(&tcpc_net_lock);
	}
	list_for_each_entry(tn, &tcpc_nets, node) {
		set->refs[set->nr].net = tn->net;
		set->refs[set->nr].id = tn->id;
		set->refs[set->nr].inum = tn->inum;
		set->refs[set->nr].tn = tn;
		set->nr++;
	}
	if (gone)
		*gone = tcpc_net_gone;
	mutex_unlock(&tcpc_net_lock);
	return 0;
}

/**
 * tcpc_netset_get_totals() - as tcpc_netset_get(), and what there was besides
 * @set: filled; to be released with tcpc_netset_put(), on failure too
 * @gone: set to the totals of all namespaces that were there before; or NULL
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpc_netset_get_totals(struct tcpc_netset *set, struct tcpc_totals *gone)
	__acquires(&tcpc_net_srcu)
{
	int err;

	memset(set, 0, sizeof(*set));
	set->srcu = srcu_read_lock(&tcpc_net_srcu);
	err = tcpc_netset_fill(set, gone);
	if (err)
		return err;
	set->bits = order_base_2(2 * set->nr + 2);
	set->hash = kvcalloc(1UL << set->bits, sizeof(*set->hash), TCPC_GFP);
	if (!set->hash)
		return -ENOMEM;
	tcpc_netset_index(set);
	return 0;
}

/**
 * tcpc_netset_get() - take the namespaces there are, and keep them
 * @set: filled; to be released with tcpc_netset_put(), on failure too
 *
 * Until the set is put no namespace of it is freed, nor its private tables,
 * nor their addresses used again; the destruction of a namespace, should it
 * begin meanwhile, waits. So put it soon.
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpc_netset_get(struct tcpc_netset *set)
	__acquires(&tcpc_net_srcu)
{
	return tcpc_netset_get_totals(set, NULL);
}

/**
 * tcpc_netset_put() - let go of a set's namespaces and memory
 * @set: from tcpc_netset_get()
 *
 * Context: process, may sleep.
 */
void tcpc_netset_put(struct tcpc_netset *set)
	__releases(&tcpc_net_srcu)
{
	kvfree(set->refs);
	kvfree(set->hash);
	srcu_read_unlock(&tcpc_net_srcu, set->srcu);
}

/**
 * tcpc_net_init() - begin to follow namespaces
 *
 * Context: process, may sleep.
 * Return: 0 or a negative errno.
 */
int tcpc_net_init(void)
{
	return register_pernet_subsys(&tcpc_net_ops);
}

/**
 * tcpc_net_open() - make the files of all namespaces, and of those to come
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM, then there are none.
 */
int tcpc_net_open(void)
{
	struct tcpc_net *tn;
	int err;

	err = tcpc_proc_host_init();
	if (err)
		return err;
	/*
	 * Not in the init method: if that failed later on, there were readers. Those that
	 * appear from now on wait for us, then make their own.
	 */
	mutex_lock(&tcpc_net_lock);
	list_for_each_entry(tn, &tcpc_nets, node) {
		struct tcpc_net_files files = {};

		if (tn->exiting)
			continue;
		tcpc_net_make_files(tn, &files);
		tcpc_net_keep_files(tn, &files);
	}
	WRITE_ONCE(tcpc_net_serving, true);
	mutex_unlock(&tcpc_net_lock);
	return 0;
}

/**
 * tcpc_net_close() - remove the files of all namespaces, and make no more
 *
 * This waits for readers, and one may stand in read() for as long as it likes, on
 * a page that is never served. So it must not be done in the exit method, where
 * it would keep every namespace of the host from being created or destroyed; like
 * this only the unloading waits. When it returns no file operation of ours walks or
 * will walk.
 *
 * Context: process, may sleep.
 */
void tcpc_net_close(void)
{
	struct ctl_table_header *sysctl;
	struct proc_dir_entry *dir;
	struct tcpc_net *tn;

	tcpc_proc_host_exit();
	mutex_lock(&tcpc_net_lock);
	WRITE_ONCE(tcpc_net_serving, false);
again:
	list_for_each_entry(tn, &tcpc_nets, node) {
		if (!tn->dir && !tn->sysctl)
			continue;
		dir = tn->dir;
		tn->dir = NULL;
		sysctl = tn->sysctl;
		tn->sysctl = NULL;
		WRITE_ONCE(tn->closing, true);
		mutex_unlock(&tcpc_net_lock);
		proc_remove(dir);
		tcpc_sysctl_net_exit(sysctl);
		mutex_lock(&tcpc_net_lock);
		/* Under the mutex: it is not taken off the list before we let go. */
		WRITE_ONCE(tn->closing, false);
		wake_up_all(&tcpc_net_closed);
		goto again;
	}
	mutex_unlock(&tcpc_net_lock);
}

/**
 * tcpc_net_exit() - forget the namespaces
 *
 * After tcpc_net_close(), and when no walk runs or will run.
 *
 * Context: process, may sleep.
 */
void tcpc_net_exit(void)
{
	unregister_pernet_subsys(&tcpc_net_ops);
}
