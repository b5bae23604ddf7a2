/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_KERNEL_H
#define SHIM_LINUX_KERNEL_H

#include <linux/limits.h>

#define max_t(type, a, b)						\
({									\
	type a_ = (a), b_ = (b);					\
									\
	a_ > b_ ? a_ : b_;						\
})

#define max(a, b) max_t(__typeof__(a), a, b)

#endif /* SHIM_LINUX_KERNEL_H */
