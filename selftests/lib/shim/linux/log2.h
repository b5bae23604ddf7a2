/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_LOG2_H
#define SHIM_LINUX_LOG2_H

/* Of constants, all of them powers of two. */
#define ilog2(n) __builtin_ctz(n)

#endif /* SHIM_LINUX_LOG2_H */
