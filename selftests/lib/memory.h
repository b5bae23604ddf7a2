/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's memory. */
#ifndef LIB_MEMORY_H
#define LIB_MEMORY_H

#include <stdbool.h>

unsigned long memory_kb(const char *key);
void memory_settle(void);
long long memory_held(void);
bool memory_guarded(void);

#endif /* LIB_MEMORY_H */
