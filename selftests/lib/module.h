/* SPDX-License-Identifier: GPL-2.0 */
/* Loading and unloading the module under test. */
#ifndef LIB_MODULE_H
#define LIB_MODULE_H

#include <stdbool.h>

const char *module_file(void);
bool loaded(void);
int load_with(const char *params);
void load(void);
void unload(void);
void load_again(void);

const char *fast_file(void);
bool fast_there(void);
void load_fast(const char *params);
void fast_begin(void);

unsigned long long expedite(void);
void expedite_as(unsigned long long was);

#endif /* LIB_MODULE_H */
