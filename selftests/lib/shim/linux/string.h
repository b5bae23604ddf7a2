/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_STRING_H
#define SHIM_LINUX_STRING_H

#include <stdio.h>
#include <string.h>

/* A text is cut where there is no more room. */
#define strscpy(to, from, size) ((void)snprintf(to, size, "%s", from))

#endif /* SHIM_LINUX_STRING_H */
