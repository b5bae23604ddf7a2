/* SPDX-License-Identifier: GPL-2.0 */
/* The cgroup v2 hierarchy, and where in it this process is. */
#ifndef LIB_CGROUP_H
#define LIB_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

bool cgroup_mount(char *dir, size_t size);
void cgroup_own(char *path, size_t size);
void cgroup_join(const char *dir);
void cgroup_join_new(char *dir, size_t size);

#endif /* LIB_CGROUP_H */
