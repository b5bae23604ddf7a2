/* SPDX-License-Identifier: GPL-2.0 */
/* What lib/shim/linux declares: the kernel's functions, for its code in user space. */
#ifndef LIB_SHIM_H
#define LIB_SHIM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct shim_memory - what is allocated
 * @asked: allocations so far
 * @bad: that one fails; 0 is none
 * @bad_to_end: and all after it
 * @failed: how many did
 * @blocks: not freed yet
 */
struct shim_memory {
	unsigned int asked;
	unsigned int bad;
	bool bad_to_end;
	unsigned int failed;
	long blocks;
};

extern struct shim_memory shim_memory;

/**
 * struct shim_random - what is random
 * @seed: hangs on nothing else
 * @zero: get_random_bytes() gives zeros
 */
struct shim_random {
	uint64_t seed;
	bool zero;
};

extern struct shim_random shim_random;

uint64_t shim_any(void);
uint32_t shim_below(uint32_t n);

int shim_vsnprintf(char *to, size_t size, const char *fmt, va_list list);

#endif /* LIB_SHIM_H */
