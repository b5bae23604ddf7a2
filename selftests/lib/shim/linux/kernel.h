/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_KERNEL_H
#define SHIM_LINUX_KERNEL_H

#include <linux/build_bug.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <stdarg.h>

#include "../../shim.h"

/* kselftest.h has it already. */
#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#endif

/* The kernel's knows addresses. */
#define vsnprintf shim_vsnprintf

#endif /* SHIM_LINUX_KERNEL_H */
