/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_SPINLOCK_H
#define SHIM_LINUX_SPINLOCK_H

/* One thread is all there is: who takes what is taken ends the test. */
#include <stdbool.h>
#include <stdlib.h>

struct shim_spinlock {
	const char *name;
	bool taken;
};

#define spinlock_t struct shim_spinlock
#define raw_spinlock_t spinlock_t
#define __SPIN_LOCK_UNLOCKED(what) { .name = #what }

static inline void spin_lock_init(spinlock_t *lock)
{
	lock->taken = false;
}

static inline void spin_lock(spinlock_t *lock)
{
	if (lock->taken)
		abort();
	lock->taken = true;
}

static inline void spin_unlock(spinlock_t *lock)
{
	if (!lock->taken)
		abort();
	lock->taken = false;
}

#define raw_spin_lock_irq spin_lock
#define raw_spin_unlock_irq spin_unlock

#endif /* SHIM_LINUX_SPINLOCK_H */
