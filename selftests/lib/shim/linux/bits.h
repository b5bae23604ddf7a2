/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_BITS_H
#define SHIM_LINUX_BITS_H

#define BIT(n) (1UL << (n))
#define GENMASK(high, low) (~0UL << (low) & ~0UL >> (63 - (high)))

#endif /* SHIM_LINUX_BITS_H */
