/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_SORT_H
#define SHIM_LINUX_SORT_H

#include <stdlib.h>

static inline void sort_r(void *base, size_t n, size_t size,
			  int (*cmp)(const void *a, const void *b, const void *priv),
			  const void *swap, const void *priv)
{
	(void)swap;
	/* glibc's is the same, but for a priv that is not const. */
	if (n)
		qsort_r(base, n, size, (__compar_d_fn_t)cmp, (void *)priv);
}

static inline void sort(void *base, size_t n, size_t size,
			int (*cmp)(const void *a, const void *b), const void *swap)
{
	(void)swap;
	if (n)
		qsort(base, n, size, cmp);
}

#endif /* SHIM_LINUX_SORT_H */
