/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_REFCOUNT_H
#define SHIM_LINUX_REFCOUNT_H

#include <stdbool.h>
#include <stdlib.h>

/**
 * struct shim_refcount - a count of users
 * @refs: how many; who takes or puts one where there is none ends the test
 */
struct shim_refcount {
	int refs;
};

#define refcount_t struct shim_refcount
#define REFCOUNT_INIT(n) { .refs = (n) }

static inline void refcount_set(refcount_t *r, int n)
{
	r->refs = n;
}

static inline void refcount_inc(refcount_t *r)
{
	if (r->refs++ <= 0)
		abort();
}

static inline bool refcount_dec_and_test(refcount_t *r)
{
	if (r->refs <= 0)
		abort();
	return !--r->refs;
}

#endif /* SHIM_LINUX_REFCOUNT_H */
