/* SPDX-License-Identifier: GPL-2.0 */
/* What the module's code that is tried in user space needs of the kernel's types. */
#ifndef SHIM_LINUX_TYPES_H
#define SHIM_LINUX_TYPES_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include_next <linux/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef long long s64;

#define gfp_t unsigned int
#define __force
#define __percpu
#define __aligned(n) __attribute__((aligned(n)))

#endif /* SHIM_LINUX_TYPES_H */
