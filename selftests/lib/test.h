/* SPDX-License-Identifier: GPL-2.0 */
/* What a test program of the module includes. */
#ifndef LIB_TEST_H
#define LIB_TEST_H

#include "kselftest_harness.h"

#include "base.h"
#include "census.h"
#include "net.h"

/* Before main(), so that the harness's main process is the one that restores. */
static void __attribute__((constructor)) test_begin(void)
{
	census_begin();
}

#endif /* LIB_TEST_H */
