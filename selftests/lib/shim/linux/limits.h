/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_LIMITS_H
#define SHIM_LINUX_LIMITS_H

#include_next <linux/limits.h>

#define U16_MAX 0xffff
#define U32_MAX 0xffffffffU

#endif /* SHIM_LINUX_LIMITS_H */
