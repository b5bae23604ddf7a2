/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_KERNEL_H
#define SHIM_LINUX_KERNEL_H

#include <linux/build_bug.h>
#include <linux/limits.h>
#include <stdarg.h>

#include "../../shim.h"

#define max_t(type, a, b)						\
({									\
	type a_ = (a), b_ = (b);					\
									\
	a_ > b_ ? a_ : b_;						\
})

#define min_t(type, a, b)						\
({									\
	type c_ = (a), d_ = (b);					\
									\
	c_ < d_ ? c_ : d_;						\
})

#define max(a, b) max_t(__typeof__(a), a, b)

/* kselftest.h has it already. */
#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#endif

/* The kernel's knows addresses. */
#define vsnprintf shim_vsnprintf

#endif /* SHIM_LINUX_KERNEL_H */
