/* SPDX-License-Identifier: GPL-2.0 */
/* What a test of the reaper includes: with it, timeouts may be a second. */
#ifndef LIB_REAP_TEST_H
#define LIB_REAP_TEST_H

#include "test.h"

#include "module.h"
#include "reap.h"

/* After test_begin(), so that what it puts back is of the module there was. */
static void __attribute__((constructor)) reap_test_begin(void)
{
	must(!file_number(CENSUS_MS));
	fast_begin();
}

#endif /* LIB_REAP_TEST_H */
