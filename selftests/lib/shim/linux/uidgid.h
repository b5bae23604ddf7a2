/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_UIDGID_H
#define SHIM_LINUX_UIDGID_H

#include <sys/types.h>

#define kuid_t uid_t

#endif /* SHIM_LINUX_UIDGID_H */
