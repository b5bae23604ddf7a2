/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_ATOMIC_H
#define SHIM_LINUX_ATOMIC_H

#include <linux/types.h>

/* One thread is all there is. */
struct shim_atomic {
	int counter;
};

struct shim_atomic64 {
	s64 counter;
};

#define atomic_t struct shim_atomic
#define atomic64_t struct shim_atomic64

static inline s64 atomic64_read(const atomic64_t *v)
{
	return v->counter;
}

#endif /* SHIM_LINUX_ATOMIC_H */
