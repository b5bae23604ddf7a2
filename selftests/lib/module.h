/* SPDX-License-Identifier: GPL-2.0 */
/* Loading and unloading the module under test. */
#ifndef LIB_MODULE_H
#define LIB_MODULE_H

#include <stdbool.h>

const char *module_file(void);
bool loaded(void);
void load(void);
void unload(void);

#endif /* LIB_MODULE_H */
