/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_KTIME_H
#define SHIM_LINUX_KTIME_H

#include <linux/time.h>
#include <linux/types.h>

typedef s64 ktime_t;

#endif /* SHIM_LINUX_KTIME_H */
