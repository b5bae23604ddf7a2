/* SPDX-License-Identifier: GPL-2.0 */
/* Who has had how much CPU time. */
#ifndef LIB_CPU_H
#define LIB_CPU_H

#include <sys/types.h>

unsigned long long cpu_ticks(pid_t pid);
unsigned long long cpu_ticks_named(const char *name);

#endif /* LIB_CPU_H */
