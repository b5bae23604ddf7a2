// SPDX-License-Identifier: GPL-2.0
/*
 * Misdeeds that kernels for debugging must report, to prove that they would: while
 * it loads, this module commits the one that the parameter "commit" names. See
 * tools/lab/proof.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#define TCPCM_SIZE 96
/* A stale copy of one pointer, in a register or on a stack, would hide one leak. */
#define TCPCM_LEAKS 16
/* KCSAN looks at a few of very many accesses only. */
#define TCPCM_RACE (3 * HZ)

static char *commit = "nothing";
module_param(commit, charp, 0);
MODULE_PARM_DESC(commit, "nothing, or a misdeed by its name in tcpcm_misdeeds");

static DEFINE_MUTEX(tcpcm_lock_a);
static DEFINE_MUTEX(tcpcm_lock_b);
static DEFINE_SPINLOCK(tcpcm_spinlock);
static DEFINE_RAW_SPINLOCK(tcpcm_raw_spinlock);
static void __rcu *tcpcm_rcu;
static void *tcpcm_kept[TCPCM_LEAKS];
static unsigned int tcpcm_raced;

static int tcpcm_nothing(void)
{
	return 0;
}

static int tcpcm_use_after_free(void)
{
	u8 *object = kzalloc(TCPCM_SIZE, GFP_KERNEL);
	u8 *stale = object;

	if (!object)
		return -ENOMEM;
	/* Or the compiler sees what is coming. */
	OPTIMIZER_HIDE_VAR(stale);
	kfree(object);
	pr_info("read %u\n", READ_ONCE(stale[TCPCM_SIZE / 2]));
	return 0;
}

/* Two threads that did the two halves at once would wait for each other for ever. */
static int tcpcm_lock_inversion(void)
{
	mutex_lock(&tcpcm_lock_a);
	mutex_lock(&tcpcm_lock_b);
	mutex_unlock(&tcpcm_lock_b);
	mutex_unlock(&tcpcm_lock_a);

	mutex_lock(&tcpcm_lock_b);
	mutex_lock(&tcpcm_lock_a);
	mutex_unlock(&tcpcm_lock_a);
	mutex_unlock(&tcpcm_lock_b);
	return 0;
}

/* It may sleep, and hardly ever does: other than msleep() it does no harm here. */
static int tcpcm_sleep_in_atomic(void)
{
	spin_lock(&tcpcm_spinlock);
	kfree(kmalloc(TCPCM_SIZE, GFP_KERNEL));
	spin_unlock(&tcpcm_spinlock);
	return 0;
}

/* On PREEMPT_RT the inner one sleeps. */
static int tcpcm_raw_nesting(void)
{
	raw_spin_lock(&tcpcm_raw_spinlock);
	spin_lock(&tcpcm_spinlock);
	spin_unlock(&tcpcm_spinlock);
	raw_spin_unlock(&tcpcm_raw_spinlock);
	return 0;
}

/* Nobody frees it, but somebody could. */
static int tcpcm_rcu_unprotected(void)
{
	pr_info("read %d\n", !rcu_dereference(tcpcm_rcu));
	return 0;
}

/* A loss while the module is loaded. */
static int tcpcm_leak(void)
{
	void *object;
	int i;

	for (i = 0; i < TCPCM_LEAKS; i++) {
		object = kzalloc(TCPCM_SIZE, GFP_KERNEL);
		if (!object)
			return -ENOMEM;
		OPTIMIZER_HIDE_VAR(object);
	}
	return 0;
}

/* What the exit function forgets. */
static int tcpcm_leak_at_unload(void)
{
	int i;

	for (i = 0; i < TCPCM_LEAKS; i++) {
		WRITE_ONCE(tcpcm_kept[i], kzalloc(TCPCM_SIZE, GFP_KERNEL));
		if (!tcpcm_kept[i])
			return -ENOMEM;
	}
	return 0;
}

static int tcpcm_race_writer(void *unused)
{
	while (!kthread_should_stop()) {
		tcpcm_raced++;
		barrier();
		cond_resched();
	}
	return 0;
}

static int tcpcm_data_race(void)
{
	unsigned long until = jiffies + TCPCM_RACE;
	struct task_struct *writer;
	unsigned int sum = 0;

	writer = kthread_run(tcpcm_race_writer, NULL, "misdeeds");
	if (IS_ERR(writer))
		return PTR_ERR(writer);
	while (time_before(jiffies, until)) {
		sum += tcpcm_raced;
		barrier();
		cond_resched();
	}
	kthread_stop(writer);
	pr_info("read %u\n", sum);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(void);
} tcpcm_misdeeds[] = {
	{ "nothing", tcpcm_nothing },
	{ "use_after_free", tcpcm_use_after_free },
	{ "lock_inversion", tcpcm_lock_inversion },
	{ "sleep_in_atomic", tcpcm_sleep_in_atomic },
	{ "raw_nesting", tcpcm_raw_nesting },
	{ "rcu_unprotected", tcpcm_rcu_unprotected },
	{ "leak", tcpcm_leak },
	{ "leak_at_unload", tcpcm_leak_at_unload },
	{ "data_race", tcpcm_data_race },
};

static int __init tcpcm_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(tcpcm_misdeeds); i++) {
		if (!strcmp(commit, tcpcm_misdeeds[i].name)) {
			pr_info("going to commit %s\n", commit);
			return tcpcm_misdeeds[i].run();
		}
	}
	pr_err("commit=%s is no misdeed of this module\n", commit);
	return -EINVAL;
}

static void __exit tcpcm_exit(void)
{
}

module_init(tcpcm_init);
module_exit(tcpcm_exit);

MODULE_DESCRIPTION("Commits what kernels for debugging must report, for the tests of tcp_census");
MODULE_AUTHOR("The tcp_census authors");
MODULE_LICENSE("GPL");
