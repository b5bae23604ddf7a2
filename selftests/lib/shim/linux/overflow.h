/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_OVERFLOW_H
#define SHIM_LINUX_OVERFLOW_H

#include <stddef.h>

#define struct_size(p, member, n) offsetof(__typeof__(*(p)), member[n])

#endif /* SHIM_LINUX_OVERFLOW_H */
