/* SPDX-License-Identifier: GPL-2.0 */
/* The module that does to sockets what user space cannot, for tests alone. */
#ifndef LIB_TEST_MODULE_H
#define LIB_TEST_MODULE_H

#include <stdbool.h>

bool test_module_there(void);
int test_module(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* LIB_TEST_MODULE_H */
