/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_UIDGID_H
#define SHIM_LINUX_UIDGID_H

#include <sys/types.h>

#define kuid_t uid_t

/* In the test: as it is seen in a user namespace. */
struct user_namespace;
uid_t from_kuid(struct user_namespace *ns, kuid_t uid);

#endif /* SHIM_LINUX_UIDGID_H */
