/* SPDX-License-Identifier: GPL-2.0 */
/* What module/top.c needs of the kernel's, in user space. */
#ifndef SHIM_LINUX_TYPES_H
#define SHIM_LINUX_TYPES_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include_next <linux/types.h>

typedef uint32_t u32;
typedef uint64_t u64;

#endif /* SHIM_LINUX_TYPES_H */
