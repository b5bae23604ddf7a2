// SPDX-License-Identifier: GPL-2.0
/*
 * Records of listeners: what is kept of each while it listens.
 *
 * They are our own, found by namespace, port and address, because the kernel's
 * look-up of a listener would run users' BPF programs. A record does not hold its
 * listener: it is taken away when the state of that changes from LISTEN, and
 * before a listener is freed there is a grace period (SOCK_RCU_FREE). Only one
 * whose listen() failed may be freed at once; its memory is then still that of a
 * TCP socket (SLAB_TYPESAFE_BY_RCU), and nobody is shown the record any more.
 */

#include <linux/build_bug.h>
#include <linux/jhash.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <net/inet_connection_sock.h>

#include "adopt.h"
#include "cgroup.h"
#include "compat.h"
#include "conn.h"
#include "gfp.h"
#include "listener.h"
#include "net.h"
#include "queue.h"
#include "record.h"
#include "resched.h"
#include "spare.h"

/* A megabyte for the two tables: one tenant may have most of the listeners. */
#define TCPC_RECORD_BITS 16

/*
 * Protects the tables, what struct tcpc_record says, the lists and series. Raw, and with
 * interrupts off: it is taken where a tracepoint has turned preemption off, on
 * PREEMPT_RT too. Held to link or unlink one record.
 */
DEFINE_RAW_SPINLOCK(tcpc_record_lock);
static struct hlist_head *tcpc_record_by_sock;
static struct hlist_head *tcpc_record_by_local;
static unsigned int tcpc_record_nr; /* of all namespaces */
static u64 tcpc_record_last_id;

/**
 * tcpc_record_alloc() - memory for a record
 *
 * It is charged to nobody: the caller is not who listens.
 *
 * Context: process, may sleep.
 * Return: it, or NULL.
 */
struct tcpc_record *tcpc_record_alloc(void)
{
	return kzalloc(sizeof(struct tcpc_record), TCPC_GFP);
}

/**
 * tcpc_record_alloc_now() - memory for a record, if there is some at once
 *
 * It is charged to whoever listens, if that is who calls; on PREEMPT_RT, where it is a
 * spare, to nobody.
 *
 * Context: any.
 * Return: it, or NULL.
 */
struct tcpc_record *tcpc_record_alloc_now(void)
{
	BUILD_BUG_ON(sizeof(struct tcpc_record) > TCPC_SPARE_SIZE);
	return tcpc_spare_get(sizeof(struct tcpc_record), __GFP_ACCOUNT);
}

/**
 * tcpc_record_free() - free a record nobody finds any more
 * @rec: it, or NULL
 *
 * Context: any.
 */
void tcpc_record_free(struct tcpc_record *rec)
{
	if (rec)
		kfree_rcu(rec, ended.rcu);
}

static struct hlist_head *tcpc_record_sock_head(const struct sock *sk)
{
	return &tcpc_record_by_sock[hash_ptr(sk, TCPC_RECORD_BITS)];
}

static struct hlist_head *tcpc_record_local_head(const struct tcpc_net *tn, u16 port,
						 const struct in6_addr *addr)
{
	u32 hash = tn->records.salt + port;

	/* On a wildcard address, as most, all ports of a namespace are apart as it is. */
	if (ipv6_addr_v4mapped(addr)) {
		if (addr->s6_addr32[3])
			hash += jhash_1word((__force u32)addr->s6_addr32[3],
					    tn->records.salt);
	} else if (!ipv6_addr_any(addr)) {
		hash += jhash2((__force const u32 *)addr->s6_addr32, 4,
			       tn->records.salt);
	}
	return &tcpc_record_by_local[hash % (1U << TCPC_RECORD_BITS)];
}

/**
 * tcpc_record_of() - the record of a listener
 * @sk: the listener
 *
 * Context: under RCU, or the lock.
 * Return: it, or NULL.
 */
struct tcpc_record *tcpc_record_of(const struct sock *sk)
{
	struct tcpc_record *rec;

	hlist_for_each_entry_rcu(rec, tcpc_record_sock_head(sk), by_sock,
				 lockdep_is_held(&tcpc_record_lock))
		if (rec->sk == sk)
			return rec;
	return NULL;
}

/**
 * tcpc_record_at() - the first of the records with this address
 * @tn: the namespace
 * @port: the port, host order; 0 for those that have none yet
 * @addr: the address
 *
 * Context: under RCU, or the lock.
 * Return: it, or NULL.
 */
struct tcpc_record *tcpc_record_at(const struct tcpc_net *tn, u16 port,
				   const struct in6_addr *addr)
{
	struct tcpc_record *rec;

	hlist_for_each_entry_rcu(rec, tcpc_record_local_head(tn, port, addr), by_local,
				 lockdep_is_held(&tcpc_record_lock))
		if (rec->tn == tn && READ_ONCE(rec->port) == port &&
		    ipv6_addr_equal(&rec->addr, addr))
			return rec;
	return NULL;
}

/* Enter a record by its address. Under the lock. */
static void tcpc_record_link(struct tcpc_record *rec)
{
	struct tcpc_record *first;

	first = tcpc_record_at(rec->tn, rec->port, &rec->addr);
	if (first) {
		list_add_tail_rcu(&rec->ring, &first->ring);
		WRITE_ONCE(first->members, first->members + 1);
		return;
	}
	INIT_LIST_HEAD(&rec->ring);
	rec->members = 1;
	rec->first = true;
	hlist_add_head_rcu(&rec->by_local, tcpc_record_local_head(rec->tn, rec->port,
								  &rec->addr));
}

/*
 * And take it away from there. Who has found it goes on along the ring from it,
 * and must not wait to come back to it. Under the lock.
 */
static void tcpc_record_unlink(struct tcpc_record *rec)
{
	struct tcpc_record *first;

	if (!rec->first) {
		first = tcpc_record_at(rec->tn, rec->port, &rec->addr);
		WRITE_ONCE(first->members, first->members - 1);
	} else if (list_empty(&rec->ring)) {
		hlist_del_rcu(&rec->by_local);
	} else {
		first = list_next_entry(rec, ring);
		first->members = rec->members - 1;
		first->first = true;
		hlist_replace_rcu(&rec->by_local, &first->by_local);
	}
	rec->first = false;
	list_del_rcu(&rec->ring);
}

/* Under the lock. */
static void tcpc_record_remove(struct tcpc_record *rec)
{
	struct tcpc_records *records = &rec->tn->records;

	tcpc_record_keep(rec);

	hlist_del_rcu(&rec->by_sock);
	tcpc_record_unlink(rec);
	list_del(&rec->node);
	WRITE_ONCE(records->nr, records->nr - 1);
	if (!rec->port)
		WRITE_ONCE(records->portless, records->portless - 1);
	WRITE_ONCE(tcpc_record_nr, tcpc_record_nr - 1);
}

/**
 * tcpc_record_add() - a listener has appeared
 * @rec: newly allocated; belongs to the table when this succeeds
 * @tn: its namespace
 * @sk: the listener; not in the listening table yet, or that bucket's lock is held
 * @drops: its sk_drops when it began to listen
 *
 * From the moment this returns its end is not missed, for that comes later.
 *
 * Context: any; softirqs may be on.
 * Return: false if it has a record, or its namespace is being destroyed.
 */
bool tcpc_record_add(struct tcpc_record *rec, struct tcpc_net *tn, struct sock *sk,
		     u32 drops)
{
	struct tcpc_records *records = &tn->records;
	unsigned long flags;
	bool added = false;

	rec->tn = tn;
	rec->sk = sk;
	rec->port = READ_ONCE(sk->sk_num);
	tcpc_sock_local(sk, &rec->addr);
	rec->began = ktime_get_seconds();
	rec->drops = drops;
	rec->drops_seen = sk_drops_read(sk);

	raw_spin_lock_irqsave(&tcpc_record_lock, flags);
	if (!records->closed && !tcpc_record_of(sk)) {
		rec->id = ++tcpc_record_last_id;
		tcpc_record_link(rec);
		hlist_add_head_rcu(&rec->by_sock, tcpc_record_sock_head(sk));
		list_add_tail(&rec->node, &records->all);
		WRITE_ONCE(records->nr, records->nr + 1);
		if (!rec->port)
			WRITE_ONCE(records->portless, records->portless + 1);
		WRITE_ONCE(tcpc_record_nr, tcpc_record_nr + 1);
		added = true;
	}
	raw_spin_unlock_irqrestore(&tcpc_record_lock, flags);
	return added;
}

/**
 * tcpc_record_settle() - enter a record where it belongs
 * @rec: one that had no port
 *
 * listen() without bind() gives a port after the state has changed.
 *
 * Context: under RCU.
 */
void tcpc_record_settle(struct tcpc_record *rec)
{
	u16 port = READ_ONCE(rec->sk->sk_num);
	unsigned long flags;
	bool settled;

	if (!port)
		return;
	raw_spin_lock_irqsave(&tcpc_record_lock, flags);
	settled = tcpc_record_of(rec->sk) == rec && !rec->port;
	if (settled) {
		tcpc_record_unlink(rec);
		WRITE_ONCE(rec->port, port);
		tcpc_record_link(rec);
		WRITE_ONCE(rec->tn->records.portless, rec->tn->records.portless - 1);
	}
	raw_spin_unlock_irqrestore(&tcpc_record_lock, flags);
	if (settled && !tcpc_listener_serve(&rec->tn->served, rec->sk))
		tcpc_adopt_later();
}

/* Did it end badly? Then its line is filled. Context: see tcpc_record_end(). */
static bool tcpc_record_bad(struct tcpc_record *rec, struct sock *sk)
{
	struct tcpc_ended *e = &rec->ended;

	e->peak = atomic_read(&rec->peak);
	e->limit = READ_ONCE(sk->sk_max_ack_backlog);
	e->filled = atomic64_read(&rec->filled);
	e->drops = sk_drops_read(sk) - rec->drops;
	if (!READ_ONCE(rec->over) && !e->drops && !tcpc_queue_dead(sk))
		return false;
	e->time = ktime_get_real_seconds();
	e->inum = rec->tn->inum;
	e->ifindex = READ_ONCE(sk->sk_bound_dev_if);
	e->addr = rec->addr;
	/* The listener itself has none any more, if it was not bound to it. */
	e->port = rec->port ?: ntohs(inet_sk(sk)->inet_sport);
	e->uid = sk_uid(sk);
	e->cgroup = tcpc_cgroup_get(sk);
	e->lifetime_s = ktime_get_seconds() - rec->began;
	return true;
}

/**
 * tcpc_record_end() - a listener listens no more
 * @sk: it, owned by the caller; its queue is still there
 *
 * Context: process, perhaps with preemption off; under RCU.
 */
void tcpc_record_end(struct sock *sk)
{
	struct tcpc_record *rec;
	unsigned long flags;

	raw_spin_lock_irqsave(&tcpc_record_lock, flags);
	rec = tcpc_record_of(sk);
	if (rec)
		tcpc_record_remove(rec);
	raw_spin_unlock_irqrestore(&tcpc_record_lock, flags);
	if (!rec)
		return;
	if (tcpc_record_bad(rec, sk))
		tcpc_ended_add(&rec->tn->ended, &rec->ended);
	else
		tcpc_record_free(rec);
}

/**
 * tcpc_record_total() - records of all namespaces
 *
 * Context: any.
 * Return: how many.
 */
unsigned int tcpc_record_total(void)
{
	return READ_ONCE(tcpc_record_nr);
}

/**
 * tcpc_records_init() - no records yet
 * @records: of a namespace
 *
 * Context: process.
 */
void tcpc_records_init(struct tcpc_records *records)
{
	INIT_LIST_HEAD(&records->all);
	records->salt = get_random_u32();
}

/**
 * tcpc_records_close() - forget all records of a namespace, and make no more
 * @tn: the namespace; its memory stays for a grace period
 *
 * The listeners of users are gone by then; the kernel's own may not be.
 *
 * Context: process.
 */
void tcpc_records_close(struct tcpc_net *tn)
{
	struct tcpc_records *records = &tn->records;
	struct tcpc_record *rec;

	do {
		/* One by one: each time the lock is held shortly. */
		raw_spin_lock_irq(&tcpc_record_lock);
		WRITE_ONCE(records->closed, true);
		rec = list_first_entry_or_null(&records->all, struct tcpc_record, node);
		if (rec)
			tcpc_record_remove(rec);
		raw_spin_unlock_irq(&tcpc_record_lock);
		tcpc_record_free(rec);
		tcpc_resched();
	} while (rec);
}

/**
 * tcpc_record_init() - make the tables
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpc_record_init(void)
{
	struct hlist_head *tables;

	tables = kvcalloc(2UL << TCPC_RECORD_BITS, sizeof(*tables), TCPC_GFP);
	if (!tables)
		return -ENOMEM;
	tcpc_record_by_sock = tables;
	tcpc_record_by_local = tables + (1UL << TCPC_RECORD_BITS);
	tcpc_series_host_init();
	tcpc_spare_init();
	return 0;
}

/**
 * tcpc_record_exit() - free the tables, and what is left of records
 *
 * When nobody asks for a record any more, and all namespaces are closed.
 *
 * Context: process, may sleep.
 */
void tcpc_record_exit(void)
{
	tcpc_ended_exit();
	tcpc_series_free(&tcpc_series_host);
	kvfree(tcpc_record_by_sock);
	tcpc_record_by_sock = NULL;
	tcpc_spare_exit();
}
