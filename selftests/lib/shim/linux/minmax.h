/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_MINMAX_H
#define SHIM_LINUX_MINMAX_H

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
#define min(a, b) min_t(__typeof__(a), a, b)

#endif /* SHIM_LINUX_MINMAX_H */
