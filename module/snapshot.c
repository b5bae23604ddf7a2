// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots: censuses shared by all who read at about the same time.
 *
 * The walk runs in a workqueue, not in the reader: a reader that is killed,
 * stopped or throttled by its cgroup holds up nobody else, and any number of
 * readers that come while a walk is under way wait for one walk.
 */

#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "snapshot.h"

/* Module parameter census_ms: how old a snapshot may be when it is read. */
unsigned int tcpc_snapshot_ms = 1000;

/* Time for those who waited for a snapshot to pick it up before it is freed. */
#define TCPC_SNAPSHOT_LINGER_MS 1000

/*
 * After a walk of a millisecond or more, times its own length that pass before
 * the next: such walks take a quarter of one CPU at most, although anybody may
 * create namespaces, each of which needs a new walk when it is first read. A
 * walk that took longer than a second, as on a virtual machine that was stopped,
 * makes nobody wait for more than three. With census_ms=0 there is no rest.
 */
#define TCPC_SNAPSHOT_REST 3
#define TCPC_SNAPSHOT_REST_MS_MAX 3000

/**
 * struct tcpc_attempt - a walk that is under way or has failed
 * @depth: what it looks for; 0 if there is none
 * @start: when it began, or before
 * @err: why it failed
 */
struct tcpc_attempt {
	unsigned int depth;
	ktime_t start;
	int err;
};

/* Protects the six below; never held for longer than it takes to look. */
static DEFINE_SPINLOCK(tcpc_snapshot_lock);
static struct tcpc_census *tcpc_snapshot;
static ktime_t tcpc_snapshot_expires;
static unsigned int tcpc_snapshot_wanted; /* depth of the next walk, or 0 */
static struct tcpc_attempt tcpc_snapshot_running;
static struct tcpc_attempt tcpc_snapshot_failed;
static ktime_t tcpc_snapshot_rested; /* no walk before this time */

static DECLARE_WAIT_QUEUE_HEAD(tcpc_snapshot_wait);
static struct workqueue_struct *tcpc_snapshot_wq;

static void tcpc_snapshot_walk(struct work_struct *work);
static DECLARE_DELAYED_WORK(tcpc_snapshot_work, tcpc_snapshot_walk);

static void tcpc_snapshot_expire(struct work_struct *work);
static DECLARE_DELAYED_WORK(tcpc_snapshot_expiry, tcpc_snapshot_expire);

/*
 * The depth of the walk that is to begin now; or 0 and, if it must wait, for how
 * long in *@rest_ms. Under the lock.
 */
static unsigned int tcpc_snapshot_begin(unsigned int *rest_ms)
{
	unsigned int ms = READ_ONCE(tcpc_snapshot_ms);
	unsigned int depth = tcpc_snapshot_wanted;
	ktime_t now = ktime_get();
	s64 rest = ktime_ms_delta(tcpc_snapshot_rested, now);

	*rest_ms = depth && ms && rest > 0 ? rest : 0;
	if (!depth || *rest_ms)
		return 0;
	/* Do not take a snapshot from those who may still use all of it. */
	if (tcpc_snapshot && tcpc_snapshot->depth > depth &&
	    ktime_ms_delta(now, tcpc_snapshot->start) < ms)
		depth = tcpc_snapshot->depth;
	tcpc_snapshot_wanted = 0;
	tcpc_snapshot_running.depth = depth;
	tcpc_snapshot_running.start = now;
	return depth;
}

/*
 * Put a walk's result in the place of the snapshot, which is returned; or note
 * the error. Under the lock.
 */
static struct tcpc_census *tcpc_snapshot_end(struct tcpc_census *census)
{
	struct tcpc_census *old = NULL;
	ktime_t now = ktime_get();
	unsigned int ms;
	s64 rest;

	if (IS_ERR(census)) {
		tcpc_snapshot_failed = tcpc_snapshot_running;
		tcpc_snapshot_failed.err = PTR_ERR(census);
	} else {
		old = tcpc_snapshot;
		tcpc_snapshot = census;
		ms = READ_ONCE(tcpc_snapshot_ms) + TCPC_SNAPSHOT_LINGER_MS;
		tcpc_snapshot_expires = ktime_add_ms(now, ms);
		mod_delayed_work(tcpc_snapshot_wq, &tcpc_snapshot_expiry,
				 msecs_to_jiffies(ms));
	}
	rest = TCPC_SNAPSHOT_REST *
	       ktime_ms_delta(now, tcpc_snapshot_running.start);
	tcpc_snapshot_rested =
		ktime_add_ms(now, min_t(s64, rest, TCPC_SNAPSHOT_REST_MS_MAX));
	tcpc_snapshot_running.depth = 0;
	return old;
}

/* Workqueue. */
static void tcpc_snapshot_walk(struct work_struct *work)
{
	struct tcpc_census *census, *old;
	unsigned int depth, rest_ms;

	spin_lock(&tcpc_snapshot_lock);
	depth = tcpc_snapshot_begin(&rest_ms);
	if (rest_ms)
		queue_delayed_work(tcpc_snapshot_wq, &tcpc_snapshot_work,
				   msecs_to_jiffies(rest_ms));
	spin_unlock(&tcpc_snapshot_lock);
	if (!depth)
		return;

	census = tcpc_census_take(depth);

	spin_lock(&tcpc_snapshot_lock);
	old = tcpc_snapshot_end(census);
	spin_unlock(&tcpc_snapshot_lock);

	wake_up_all(&tcpc_snapshot_wait);
	tcpc_census_put(old);
}

/*
 * Workqueue. A snapshot nobody may use any more only costs memory, and keeps
 * the cgroups of its listeners from being freed.
 */
static void tcpc_snapshot_expire(struct work_struct *work)
{
	struct tcpc_census *old = NULL;
	s64 left;

	spin_lock(&tcpc_snapshot_lock);
	left = ktime_ms_delta(tcpc_snapshot_expires, ktime_get());
	if (left > 0) {
		queue_delayed_work(tcpc_snapshot_wq, &tcpc_snapshot_expiry,
				   msecs_to_jiffies(left));
	} else {
		old = tcpc_snapshot;
		tcpc_snapshot = NULL;
	}
	spin_unlock(&tcpc_snapshot_lock);
	tcpc_census_put(old);
}

/**
 * struct tcpc_request - what a reader asks for
 * @depth: at least this
 * @net_id: with this namespace in it
 * @oldest: the walk began after this time
 * @came: when the reader came
 */
struct tcpc_request {
	enum tcpc_depth depth;
	u64 net_id;
	ktime_t oldest;
	ktime_t came;
};

/*
 * Is there an answer to this request? A census with a reference, or an error,
 * is put into *@answer. If there is none, a walk that brings one is seen to.
 */
static bool tcpc_snapshot_try(const struct tcpc_request *req,
			      struct tcpc_census **answer)
{
	struct tcpc_census *c, *ret = NULL;

	spin_lock(&tcpc_snapshot_lock);
	c = tcpc_snapshot;
	if (c && c->depth >= req->depth && ktime_after(c->start, req->oldest)) {
		if (tcpc_census_net(c, req->net_id)) {
			refcount_inc(&c->ref);
			ret = c;
		} else if (ktime_after(c->start, req->came)) {
			/* Not even in a census begun since: being destroyed. */
			ret = ERR_PTR(-ENOENT);
		}
	}
	if (!ret && tcpc_snapshot_failed.depth >= req->depth &&
	    ktime_after(tcpc_snapshot_failed.start, req->came))
		ret = ERR_PTR(tcpc_snapshot_failed.err);

	/* Will the walk under way do? If not, the next one will. */
	if (!ret && (tcpc_snapshot_running.depth < req->depth ||
		     !ktime_after(tcpc_snapshot_running.start, req->oldest)) &&
	    tcpc_snapshot_wanted < req->depth) {
		tcpc_snapshot_wanted = req->depth;
		queue_delayed_work(tcpc_snapshot_wq, &tcpc_snapshot_work, 0);
	}
	spin_unlock(&tcpc_snapshot_lock);

	*answer = ret;
	return ret;
}

/**
 * tcpc_snapshot_get() - a census that is at most census_ms old
 * @depth: what must be in it
 * @net_id: a namespace that must be in it
 *
 * Waits for a walk if need be; the wait ends when the caller is killed.
 *
 * Context: process, may sleep.
 * Return: the census, to be released with tcpc_census_put(), or an ERR_PTR:
 * -EINTR (killed), -ENOMEM, -ENOENT (the namespace is being destroyed).
 */
struct tcpc_census *tcpc_snapshot_get(enum tcpc_depth depth, u64 net_id)
{
	ktime_t now = ktime_get();
	struct tcpc_request req = {
		.depth = depth,
		.net_id = net_id,
		.oldest = ktime_sub_ms(now, READ_ONCE(tcpc_snapshot_ms)),
		.came = now,
	};
	struct tcpc_census *census;

	if (wait_event_killable(tcpc_snapshot_wait,
				tcpc_snapshot_try(&req, &census)))
		return ERR_PTR(-EINTR);
	return census;
}

/**
 * tcpc_snapshot_prime() - have a walk before there is a reader
 *
 * It notes the ports that are served, which may be so no more at the first read.
 *
 * Context: process, may sleep.
 */
void tcpc_snapshot_prime(void)
{
	spin_lock(&tcpc_snapshot_lock);
	if (!tcpc_snapshot_wanted)
		tcpc_snapshot_wanted = TCPC_DEPTH_STATES;
	queue_delayed_work(tcpc_snapshot_wq, &tcpc_snapshot_work, 0);
	spin_unlock(&tcpc_snapshot_lock);
}

/**
 * tcpc_snapshot_init() - get ready for readers
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpc_snapshot_init(void)
{
	tcpc_snapshot_wq = alloc_workqueue("tcp_census", WQ_UNBOUND, 0);
	return tcpc_snapshot_wq ? 0 : -ENOMEM;
}

/**
 * tcpc_snapshot_exit() - wait for the walk and free the snapshot
 *
 * There must be no readers any more.
 *
 * Context: process, may sleep.
 */
void tcpc_snapshot_exit(void)
{
	cancel_delayed_work_sync(&tcpc_snapshot_work);
	cancel_delayed_work_sync(&tcpc_snapshot_expiry);
	destroy_workqueue(tcpc_snapshot_wq);
	tcpc_census_put(tcpc_snapshot);
	tcpc_snapshot = NULL;
}
