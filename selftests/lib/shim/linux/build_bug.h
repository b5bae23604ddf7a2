/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_BUILD_BUG_H
#define SHIM_LINUX_BUILD_BUG_H

#include <assert.h>

/* With or without a text. */
#undef static_assert
#define static_assert(cond, ...) extern char shim_assert[(cond) ? 1 : -1]

#endif /* SHIM_LINUX_BUILD_BUG_H */
