/* SPDX-License-Identifier: GPL-2.0 */
/* What a test program of the module includes. */
#ifndef LIB_TEST_H
#define LIB_TEST_H

#include "kselftest_harness.h"

/*
 * A debug kernel under emulation takes twenty times as long as a machine. What hangs is
 * ended all the same, and what waits for something ends before that: WAIT_SECONDS.
 */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 500

#include "base.h"
#include "census.h"
#include "net.h"

/* Before main(), so that the harness's main process is the one that restores. */
static void __attribute__((constructor)) test_begin(void)
{
	census_begin();
}

#endif /* LIB_TEST_H */
