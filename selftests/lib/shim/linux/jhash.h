/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_JHASH_H
#define SHIM_LINUX_JHASH_H

#include <linux/hash.h>

/* Another function than the kernel's: nobody compares what they return. */
static inline u32 jhash2(const u32 *word, u32 n, u32 value)
{
	while (n--)
		value = hash_64(((u64)value << 32) ^ *word++, 32);
	return value;
}

#endif /* SHIM_LINUX_JHASH_H */
