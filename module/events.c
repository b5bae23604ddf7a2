// SPDX-License-Identifier: GPL-2.0
/*
 * State changes of TCP sockets, as the tracepoint reports them.
 *
 * sock:inet_sock_set_state is called before the state changes, by whoever has the
 * socket: in process context owning it (close(), listen(), shutdown()), in softirq
 * under its spin lock. Up to 6.12 preemption is off; on 7.x it is not, and SRCU
 * is held. So everything here is done under RCU of our own, and nothing sleeps. For
 * all events that is rcu_read_lock_sched(), which costs less; for the few where more
 * is to be done rcu_read_lock(), so that preemption stays on where it is on. On
 * PREEMPT_RT, which would sleep on others, no locks are taken but raw ones.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <net/mptcp.h>
#include <net/tcp.h>

#include "accept.h"
#include "adopt.h"
#include "compat.h"
#include "events.h"
#include "gfp.h"
#include "listener.h"
#include "net.h"
#include "record.h"
#include "resched.h"

#define TCPC_EVENTS_TRACEPOINT "inet_sock_set_state"

/* Module parameter events: listen to the tracepoint. */
bool tcpc_events = true;

/* Set when the module is loaded, if events are followed. */
static struct tracepoint *tcpc_events_tracepoint;

/**
 * tcpc_events_on() - are state changes reported?
 *
 * Context: any.
 * Return: true if so.
 */
bool tcpc_events_on(void)
{
	return tcpc_events_tracepoint;
}

/*
 * A socket listens, or is about to: it has no port yet if it was not bound, and
 * may still be refused one that it was bound to. Process context, perhaps with
 * preemption off.
 */
static void tcpc_events_listen(struct tcpc_net *tn, struct sock *sk)
{
	struct tcpc_record *rec;
	bool served;

	/* What is kept of a namespace that is being destroyed is freed soon. */
	if (READ_ONCE(tn->records.closed))
		return;
	served = !READ_ONCE(sk->sk_num) || tcpc_listener_serve(&tn->served, sk);
	rec = tcpc_record_alloc_now();
	if (!rec || !served)
		tcpc_adopt_later();
	if (rec) {
		if (!tcpc_record_add(rec, tn, sk, sk_drops_read(sk)))
			tcpc_record_free(rec);
	} else {
		/* Want of memory, or on PREEMPT_RT of spares until a worker has run. */
		atomic64_inc(&tn->records.missed);
	}
}

/* Is its last descriptor being closed? By whoever has the socket. */
static bool tcpc_events_by_close(const struct sock *sk)
{
	const struct socket *sock = sk->sk_socket;

	return sock && sock->file && !file_count(sock->file);
}

/*
 * A socket leaves CLOSE_WAIT: how long has it been since its peer was last heard?
 * That is known only if nothing but the application can have made it answer. The
 * kernel's own and MPTCP's are closed by others than an application; an error is
 * set before their state changes if not even those did. By whoever has the socket.
 */
static void tcpc_events_close(struct tcpc_counters __percpu *counters,
			      const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 now = tcp_jiffies32;
	u32 age;
	u64 ms;

	/* Nobody has accepted it. */
	if (!sk->sk_socket && !sock_flag(sk, SOCK_DEAD)) {
		this_cpu_inc(counters->ended_otherwise);
		return;
	}
	if (sk->sk_kern_sock || sk_is_mptcp(sk) || tp->repair) {
		if (READ_ONCE(sk->sk_err))
			this_cpu_inc(counters->ended_otherwise);
		else
			this_cpu_inc(counters->unknown);
		return;
	}
	if (!tcpc_events_by_close(sk)) {
		this_cpu_inc(counters->ended_otherwise);
		return;
	}
	/* A segment with data that acknowledges nothing moves only the latter. */
	age = min(now - tp->rcv_tstamp, now - inet_csk(sk)->icsk_ack.lrcvtime);
	if (sock_flag(sk, SOCK_KEEPOPEN) || age > INT_MAX) {
		this_cpu_inc(counters->unknown);
		return;
	}
	ms = div_u64((u64)age * MSEC_PER_SEC, HZ);
	this_cpu_inc(counters->closed[tcpc_duration_bucket(ms)]);
	this_cpu_add(counters->closed_ms, ms);
}

/* Count a change. Context as below. */
static void tcpc_events_count(struct tcpc_counters __percpu *counters,
			      const struct sock *sk, int oldstate, int newstate)
{
	this_cpu_inc(counters->entered[newstate]);
	/* The child of a listener is a copy of it, and so said to leave LISTEN. */
	if (oldstate == TCP_LISTEN && newstate == TCP_SYN_RECV)
		return;
	this_cpu_inc(counters->left[oldstate]);
	if (oldstate == TCP_CLOSE_WAIT)
		tcpc_events_close(counters, sk);
}

/* An event that may be a listener's or of one that was queued. Under RCU. */
static void tcpc_events_listener(struct tcpc_net *tn, const struct sock *sk, int oldstate,
				 int newstate)
{
	if (oldstate == TCP_SYN_RECV && newstate == TCP_ESTABLISHED)
		tcpc_accept_event(tn, sk);
	else if (newstate == TCP_LISTEN)
		tcpc_events_listen(tn, (struct sock *)sk);
	else if (oldstate == TCP_LISTEN && newstate != TCP_SYN_RECV)
		tcpc_record_end((struct sock *)sk);
}

/*
 * The tracepoint's probe. A connection has ten events, so this is kept short. Any
 * context but hard interrupt; see above.
 */
static void tcpc_events_probe(void *data, const struct sock *sk, const int oldstate,
			      const int newstate)
{
	struct tcpc_counters __percpu *counters;
	struct tcpc_net *tn;

	/* MPTCP's own sockets are reported as well. */
	if (sk->sk_protocol != IPPROTO_TCP || oldstate == newstate ||
	    (unsigned int)(oldstate | newstate) >= TCPC_EVENT_STATES)
		return;

	rcu_read_lock_sched();
	tn = tcpc_net_of(sock_net(sk));
	/* A namespace that is being created, and not known yet. */
	if (!tn)
		goto out;
	counters = READ_ONCE(tn->counters);
	if (counters)
		tcpc_events_count(counters, sk, oldstate, newstate);
	if (oldstate == TCP_SYN_RECV || oldstate == TCP_LISTEN || newstate == TCP_LISTEN) {
		rcu_read_lock();
		rcu_read_unlock_sched();
		tcpc_events_listener(tn, sk, oldstate, newstate);
		rcu_read_unlock();
		return;
	}
out:
	rcu_read_unlock_sched();
}

/* What a namespace has counted with, also when it is being destroyed; or NULL. */
static struct tcpc_counters __percpu *tcpc_changes_counters(const struct tcpc_net *tn)
{
	struct tcpc_counters __percpu *counters;

	/* Those of one that is being destroyed have gone there before. */
	counters = smp_load_acquire(&tn->counters);
	return counters ?: tn->counters_gone;
}

/**
 * tcpc_changes_counted() - are or were state changes counted in a namespace?
 * @tn: the namespace, which is not freed meanwhile
 *
 * Context: any.
 * Return: false if not, for want of memory or of events.
 */
bool tcpc_changes_counted(const struct tcpc_net *tn)
{
	return tcpc_changes_counters(tn);
}

/**
 * tcpc_changes_add() - add the state changes of a namespace
 * @sum: what they are added to; nothing is if they are not counted
 * @tn: the namespace, which is not freed meanwhile
 *
 * Context: process.
 */
void tcpc_changes_add(struct tcpc_changes *sum, const struct tcpc_net *tn)
{
	struct tcpc_counters __percpu *counters = tcpc_changes_counters(tn);
	const struct tcpc_counters *c;
	unsigned int i;
	int cpu;

	if (!counters)
		return;
	for_each_possible_cpu(cpu) {
		c = per_cpu_ptr(counters, cpu);
		for (i = 0; i < TCPC_STATES; i++) {
			sum->entered[i] += READ_ONCE(c->entered[i]);
			sum->left[i] += READ_ONCE(c->left[i]);
		}
		for (i = 0; i < TCPC_DURATION_BUCKETS; i++)
			sum->closed[i] += READ_ONCE(c->closed[i]);
		sum->closed_ms += READ_ONCE(c->closed_ms);
		sum->ended_otherwise += READ_ONCE(c->ended_otherwise);
		sum->unknown += READ_ONCE(c->unknown);
	}
}

/**
 * tcpc_changes_all() - the state changes of all namespaces, each of them
 * @nr: set to how many there are
 *
 * Context: process, may sleep.
 * Return: them, to be freed with kvfree(), or ERR_PTR(-ENOMEM).
 */
struct tcpc_changes_of *tcpc_changes_all(unsigned int *nr)
{
	struct tcpc_changes_of *all = NULL;
	struct tcpc_netset nets;
	unsigned int i;
	int err;

	err = tcpc_netset_get(&nets);
	if (!err)
		all = kvcalloc(nets.nr, sizeof(*all), TCPC_GFP);
	for (i = 0; all && i < nets.nr; i++) {
		all[i].inum = nets.refs[i].inum;
		tcpc_changes_add(&all[i].changes, nets.refs[i].tn);
		tcpc_resched();
	}
	*nr = nets.nr;
	tcpc_netset_put(&nets);
	return all ?: ERR_PTR(-ENOMEM);
}

/**
 * tcpc_events_net_init() - what a namespace needs for events
 * @tn: the namespace
 *
 * Without memory for counters it goes without them.
 *
 * Context: process, may sleep.
 */
void tcpc_events_net_init(struct tcpc_net *tn)
{
	tcpc_records_init(&tn->records);
	tcpc_ended_list_init(&tn->ended);
	tcpc_series_init(&tn->series);
	if (tcpc_events)
		tn->counters = alloc_percpu_gfp(struct tcpc_counters, tcpc_net_gfp());
}

/**
 * tcpc_events_net_close() - the namespace is being destroyed
 * @tn: the namespace; tcpc_events_net_exit() follows after a grace period
 *
 * Context: process.
 */
void tcpc_events_net_close(struct tcpc_net *tn)
{
	tcpc_records_close(tn);
	tcpc_ended_bury(&tn->ended);
	tn->counters_gone = tn->counters;
	/* Who finds none looks there. */
	smp_store_release(&tn->counters, NULL);
}

/**
 * tcpc_events_net_exit() - free what a namespace had for events
 * @tn: the namespace
 *
 * Context: process.
 */
void tcpc_events_net_exit(struct tcpc_net *tn)
{
	/* One that ended just before the records were closed. */
	tcpc_ended_bury(&tn->ended);
	tcpc_series_free(&tn->series);
	free_percpu(tn->counters_gone);
}

/* For for_each_kernel_tracepoint(). */
static void tcpc_events_find(struct tracepoint *tp, void *found)
{
	if (!strcmp(tp->name, TCPC_EVENTS_TRACEPOINT))
		*(struct tracepoint **)found = tp;
}

/**
 * tcpc_events_init() - listen to the tracepoint
 *
 * And make records for the listeners there are. Without the tracepoint, or memory
 * for all of this, the module does the rest of its work.
 *
 * Context: process, may sleep.
 */
void tcpc_events_init(void)
{
	struct tracepoint *tp = NULL;
	int err;

	if (!tcpc_events)
		return;
	for_each_kernel_tracepoint(tcpc_events_find, &tp);
	err = tp ? tcpc_record_init() : -ENOENT;
	if (!err) {
		err = tracepoint_probe_register(tp, tcpc_events_probe, NULL);
		if (err)
			tcpc_record_exit();
	}
	if (err) {
		pr_warn("tracepoint sock:%s cannot be used (error %d): no transitions, peaks and ended listeners\n",
			TCPC_EVENTS_TRACEPOINT, err);
		return;
	}
	tcpc_events_tracepoint = tp;
	tcpc_adopt();
	/* One whose event was before, and that was not in the table yet. */
	tcpc_adopt_later();
}

/**
 * tcpc_events_exit() - hear no more events
 *
 * When it returns no event is being worked on. The records stay; there may still
 * be walks that read them.
 *
 * Context: process, may sleep.
 */
void tcpc_events_exit(void)
{
	if (!tcpc_events_tracepoint)
		return;
	tcpc_record_stop();
	tracepoint_probe_unregister(tcpc_events_tracepoint, tcpc_events_probe, NULL);
	tracepoint_synchronize_unregister();
}
