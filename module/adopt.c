// SPDX-License-Identifier: GPL-2.0
/*
 * Adopting listeners: a record for each that has none, because it was there
 * before the module or because there was no memory when it appeared.
 */

#include <linux/errno.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/workqueue.h>
#include <net/tcp.h>

#include "adopt.h"
#include "gfp.h"
#include "listener.h"
#include "net.h"
#include "record.h"
#include "walk.h"

/*
 * When to try again, at the earliest; and not before resting so often as long, but no
 * longer than that, as it may have taken long on a virtual machine that was stopped.
 */
#define TCPC_ADOPT_AGAIN (HZ / 10)
#define TCPC_ADOPT_REST 3
#define TCPC_ADOPT_REST_MAX (3 * HZ)

/*
 * Records allocated at once, at first and at most: each time there is none left a
 * bucket is seen again, and on old kernels most listeners may be in one.
 */
#define TCPC_ADOPT_SPARES 8
#define TCPC_ADOPT_SPARES_MAX 1024

/**
 * struct tcpc_adoption - listeners being adopted
 * @nets: the namespaces
 * @spares: records to be used
 * @want: how many to allocate next time
 * @unserved: the namespace that has no room to note @port as served, or NULL
 * @port: it
 * @starved: there was no memory
 */
struct tcpc_adoption {
	struct tcpc_netset nets;
	struct list_head spares;
	unsigned int want;
	struct tcpc_net *unserved;
	u16 port;
	bool starved;
};

static void tcpc_adopt_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(tcpc_adopt_again, tcpc_adopt_work);

/* How long to wait before that, in jiffies: whoever fills memory may have it needed often. */
static unsigned long tcpc_adopt_wait = TCPC_ADOPT_AGAIN;

/* Under RCU and the bucket's lock: it is not taken from the table meanwhile. */
static int tcpc_adopt_listener(void *ctx, struct sock *sk)
{
	struct tcpc_adoption *a = ctx;
	struct tcpc_record *rec;
	struct tcpc_net *tn;
	int slot;

	slot = tcpc_netset_slot(&a->nets, sock_net(sk));
	if (slot < 0 || inet_sk_state_load(sk) != TCP_LISTEN)
		return 0;
	tn = a->nets.refs[slot].tn;
	if (!tcpc_served_note(&tn->served, sk->sk_num, tcpc_listener_kinds(sk)) &&
	    !a->starved) {
		a->unserved = tn;
		a->port = sk->sk_num;
		return -ENOSPC;
	}
	rec = tcpc_record_of(sk);
	if (rec) {
		if (!READ_ONCE(rec->port))
			tcpc_record_settle(rec);
		return 0;
	}
	rec = list_first_entry_or_null(&a->spares, struct tcpc_record, node);
	if (!rec && !a->starved)
		return -ENOSPC;
	if (!rec) {
		atomic64_inc(&tn->records.missed);
		return 0;
	}
	list_del(&rec->node);
	if (!tcpc_record_add(rec, tn, sk, 0))
		list_add(&rec->node, &a->spares);
	return 0;
}

/* Process context. */
static void tcpc_adopt_grow(void *ctx)
{
	struct tcpc_adoption *a = ctx;
	struct tcpc_record *rec;
	unsigned int i;

	if (a->unserved) {
		if (!tcpc_served_room(&a->unserved->served, a->port))
			a->starved = true;
		a->unserved = NULL;
		return;
	}
	for (i = 0; i < a->want && !a->starved; i++) {
		rec = tcpc_record_alloc();
		if (rec)
			list_add(&rec->node, &a->spares);
		else
			a->starved = true;
	}
	a->want = min(2 * a->want, TCPC_ADOPT_SPARES_MAX);
}

/* A record that was added stays. Under RCU. */
static bool tcpc_adopt_commit(void *ctx)
{
	return true;
}

/* Process context. */
static void tcpc_adopt_discard(void *ctx)
{
}

static const struct tcpc_visitor tcpc_adopt_visitor = {
	.listener = tcpc_adopt_listener,
	.commit = tcpc_adopt_commit,
	.discard = tcpc_adopt_discard,
	.grow = tcpc_adopt_grow,
};

/**
 * tcpc_adopt() - make a record for every listener that has none
 *
 * What there is no memory for is tried again soon. Their ports are noted as
 * served as well.
 *
 * Context: process, may sleep.
 */
void tcpc_adopt(void)
{
	struct tcpc_adoption a = { .want = TCPC_ADOPT_SPARES };
	struct tcpc_walk_stats stats = {};
	struct tcpc_record *rec, *next;
	unsigned long began = jiffies;

	INIT_LIST_HEAD(&a.spares);
	if (tcpc_netset_get(&a.nets))
		a.starved = true;
	else
		tcpc_walk_listeners(&tcpc_adopt_visitor, &a, &stats);
	tcpc_netset_put(&a.nets);
	list_for_each_entry_safe(rec, next, &a.spares, node)
		tcpc_record_free(rec);
	WRITE_ONCE(tcpc_adopt_wait, clamp_t(unsigned long, TCPC_ADOPT_REST * (jiffies - began),
					    TCPC_ADOPT_AGAIN, TCPC_ADOPT_REST_MAX));
	if (a.starved)
		tcpc_adopt_later();
}

/* Workqueue. */
static void tcpc_adopt_work(struct work_struct *work)
{
	tcpc_adopt();
}

/**
 * tcpc_adopt_later() - have tcpc_adopt() called soon
 *
 * Context: any.
 */
void tcpc_adopt_later(void)
{
	schedule_delayed_work(&tcpc_adopt_again, READ_ONCE(tcpc_adopt_wait));
}

/**
 * tcpc_adopt_exit() - adopt no more
 *
 * When no event comes any more, and no walk runs.
 *
 * Context: process, may sleep.
 */
void tcpc_adopt_exit(void)
{
	cancel_delayed_work_sync(&tcpc_adopt_again);
}
