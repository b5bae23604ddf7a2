// SPDX-License-Identifier: GPL-2.0
/*
 * The reaper: ends what has been dead for long enough, where it is told to.
 *
 * Passes over the tables, at least a second apart, while some namespace has a
 * timeout. A pass first looks, with the namespaces held as by any walk: it counts,
 * and copies what may be acted on, with references on the sockets. Then it acts,
 * with nothing held but those: a user's socket holds its namespace, and that what
 * is kept for it here.
 */

#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/tcp.h>

#include "act.h"
#include "cgroup.h"
#include "listener.h"
#include "net.h"
#include "pass.h"
#include "reaper.h"

/* At least so long between the beginnings of two passes, and of the rates. */
#define TCPC_REAPER_MS 1000

/*
 * After a look at the tables, times its own length that pass before the next: like
 * snapshots' walks, those of passes take a quarter of one CPU at most, although anybody
 * may have a namespace where there is always something left to be done. A look that
 * took longer than 20 s, as on a virtual machine that was stopped, makes nobody wait for
 * more than a minute.
 */
#define TCPC_REAPER_REST 3
#define TCPC_REAPER_REST_MS_MAX 60000

/* A pass comes as often as this part of a timeout, if it may. */
#define TCPC_REAPER_PART 8

/* Module parameters max_action, max_rate and inherit. */
unsigned int tcpc_max_action = TCPC_ACTION_ABORT;
unsigned int tcpc_max_rate = 1000;
bool tcpc_inherit;

const char *const tcpc_skip_names[TCPC_SKIPS] = {
	[TCPC_SKIP_BUSY] = "busy",
	[TCPC_SKIP_KEEPALIVE] = "keepalive",
	[TCPC_SKIP_MPTCP] = "mptcp",
	[TCPC_SKIP_TFO] = "tfo",
	[TCPC_SKIP_RATE] = "rate",
	[TCPC_SKIP_EXCEPT] = "except",
};

/* Protects the settings of all namespaces and the next; held shortly. */
static DEFINE_MUTEX(tcpc_reaper_lock);

static void tcpc_reaper_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(tcpc_reaper_pass, tcpc_reaper_work);
static struct workqueue_struct *tcpc_reaper_wq; /* NULL when there is no reaper */
static ktime_t tcpc_reaper_rested; /* no pass before this time; the work's own */
static unsigned int tcpc_reaper_us; /* how long the last look took */
static atomic64_t tcpc_reaper_missed = ATOMIC64_INIT(0); /* passes short of memory */

/**
 * tcpc_reap_settings() - the settings of a namespace
 * @reap: of the namespace
 *
 * Context: process, may sleep.
 * Return: them, with a reference.
 */
struct tcpc_settings *tcpc_reap_settings(struct tcpc_reap *reap)
{
	struct tcpc_settings *s;

	mutex_lock(&tcpc_reaper_lock);
	s = tcpc_settings_get(reap->settings);
	mutex_unlock(&tcpc_reaper_lock);
	return s;
}

/**
 * tcpc_reap_set() - change a setting of a namespace
 * @reap: of the namespace
 * @setting: which
 * @text: to what; no NUL in it
 * @len: how many bytes
 *
 * Context: process, may sleep.
 * Return: 0, -EINVAL or -ENOMEM, and then nothing has changed.
 */
int tcpc_reap_set(struct tcpc_reap *reap, const struct tcpc_setting *setting,
		  const char *text, size_t len)
{
	struct tcpc_settings *s, *old;
	bool changed;

	do {
		old = tcpc_reap_settings(reap);
		s = tcpc_settings_change(old, setting, text, len);
		if (IS_ERR(s)) {
			tcpc_settings_put(old);
			return PTR_ERR(s);
		}
		/* Somebody else may have written meanwhile. */
		mutex_lock(&tcpc_reaper_lock);
		changed = reap->settings == old;
		if (changed)
			WRITE_ONCE(reap->settings, s);
		mutex_unlock(&tcpc_reaper_lock);
		tcpc_settings_put(changed ? old : s);
		tcpc_settings_put(old);
	} while (!changed);
	tcpc_reaper_kick();
	return 0;
}

/**
 * tcpc_reaper_kick() - something has changed: look whether there is work
 *
 * Context: process.
 */
void tcpc_reaper_kick(void)
{
	mutex_lock(&tcpc_reaper_lock);
	if (tcpc_reaper_wq)
		mod_delayed_work(tcpc_reaper_wq, &tcpc_reaper_pass, 0);
	mutex_unlock(&tcpc_reaper_lock);
}

/**
 * tcpc_reaper_walk_us() - how long the last pass took to look at the tables
 *
 * Context: any.
 * Return: so many microseconds; 0 if there was none.
 */
unsigned int tcpc_reaper_walk_us(void)
{
	return READ_ONCE(tcpc_reaper_us);
}

/**
 * tcpc_reaper_starved() - how many passes were short of memory
 *
 * Context: any.
 * Return: so many, since the module was loaded.
 */
u64 tcpc_reaper_starved(void)
{
	return atomic64_read(&tcpc_reaper_missed);
}

/* In ms, until the next pass; 0: none. Process context. */
static unsigned int tcpc_reaper_wait(const struct tcpc_pass *p)
{
	unsigned int ms = 0, part;
	const struct tcpc_quota *q;
	unsigned int i;

	for (i = 0; i < p->nets.nr; i++) {
		q = &p->quota[i];
		if (!q->s)
			continue;
		part = q->s->timeout_s * MSEC_PER_SEC / TCPC_REAPER_PART;
		/* More than it was allowed to do. */
		if (q->skipped[TCPC_SKIP_RATE])
			part = 0;
		part = max_t(unsigned int, part, TCPC_REAPER_MS);
		ms = ms ? min(ms, part) : part;
	}
	return ms;
}

/* Have a pass in so many ms, if none is to come before. Workqueue. */
static void tcpc_reaper_again(unsigned int ms)
{
	mutex_lock(&tcpc_reaper_lock);
	if (tcpc_reaper_wq)
		queue_delayed_work(tcpc_reaper_wq, &tcpc_reaper_pass,
				   msecs_to_jiffies(ms) + 1);
	mutex_unlock(&tcpc_reaper_lock);
}

/* A pass that began then has looked, or did not need to: when may it again? Workqueue. */
static void tcpc_reaper_rest(ktime_t begin, bool looked)
{
	ktime_t now = ktime_get(), rested;
	s64 rest = min_t(s64, TCPC_REAPER_REST * ktime_ms_delta(now, begin),
			 TCPC_REAPER_REST_MS_MAX);

	if (looked)
		WRITE_ONCE(tcpc_reaper_us, min_t(s64, ktime_us_delta(now, begin), U32_MAX));
	tcpc_reaper_rested = ktime_add_ms(begin, TCPC_REAPER_MS);
	rested = ktime_add_ms(now, rest);
	if (ktime_after(rested, tcpc_reaper_rested))
		tcpc_reaper_rested = rested;
}

/* Workqueue. */
static void tcpc_reaper_work(struct work_struct *work)
{
	ktime_t begin = ktime_get();
	s64 rest = ktime_ms_delta(tcpc_reaper_rested, begin);
	bool looked, missed = true;
	struct tcpc_pass *p;
	unsigned int ms = 0;

	/* Whoever writes settings all the time does not make it run all the time. */
	if (rest > 0) {
		tcpc_reaper_again(rest);
		return;
	}
	p = tcpc_pass_begin();
	looked = !IS_ERR(p) && tcpc_pass_look(p);
	tcpc_reaper_rest(begin, looked);
	if (!IS_ERR(p)) {
		if (looked)
			tcpc_pass_act(p);
		ms = tcpc_reaper_wait(p);
		missed = p->missed;
		tcpc_pass_end(p);
	}
	/* What there was no memory for does not wait for a part of the timeout. */
	if (missed) {
		atomic64_inc(&tcpc_reaper_missed);
		ms = TCPC_REAPER_MS;
	}
	if (ms)
		tcpc_reaper_again(ms);
}

/**
 * tcpc_reap_net_init() - the reaper knows of a namespace
 * @tn: the namespace
 *
 * Context: process, may sleep.
 */
void tcpc_reap_net_init(struct tcpc_net *tn)
{
	struct tcpc_net *init;

	tcpc_log_init(&tn->reap.log);
	rcu_read_lock_sched();
	init = tcpc_net_of(&init_net);
	rcu_read_unlock_sched();
	if (READ_ONCE(tcpc_inherit) && tn != init)
		tn->reap.settings = tcpc_reap_settings(&init->reap);
	else
		tn->reap.settings = tcpc_settings_get(&tcpc_settings_default);
}

/**
 * tcpc_reap_net_exit() - and forgets it
 * @tn: the namespace; no pass knows it any more
 *
 * Context: process, may sleep.
 */
void tcpc_reap_net_exit(struct tcpc_net *tn)
{
	tcpc_settings_put(tn->reap.settings);
	tcpc_log_free(&tn->reap.log);
	tcpc_seen_free(&tn->reap.seen);
}

/**
 * tcpc_reaper_init() - get ready
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpc_reaper_init(void)
{
	tcpc_reaper_wq = alloc_workqueue("tcp_census_reaper", WQ_UNBOUND, 0);
	return tcpc_reaper_wq ? 0 : -ENOMEM;
}

/**
 * tcpc_reaper_exit() - wait for the pass under way; there is no other
 *
 * When nobody changes a setting any more. Nothing is undone.
 *
 * Context: process, may sleep.
 */
void tcpc_reaper_exit(void)
{
	struct workqueue_struct *wq = tcpc_reaper_wq;

	/* Namespaces may still be created. */
	mutex_lock(&tcpc_reaper_lock);
	tcpc_reaper_wq = NULL;
	mutex_unlock(&tcpc_reaper_lock);
	cancel_delayed_work_sync(&tcpc_reaper_pass);
	destroy_workqueue(wq);
}
