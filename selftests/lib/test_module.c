// SPDX-License-Identifier: GPL-2.0
/* The module that does to sockets what user space cannot, for tests alone. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base.h"
#include "test_module.h"

#define TEST_MODULE "/proc/tcp_census_test"

/* Is it loaded, or can it be? A test that needs it is skipped if not. */
bool test_module_there(void)
{
	if (access(TEST_MODULE, W_OK) &&
	    system("modprobe -q tcp_census_test >/dev/null 2>&1"))
		return false;
	return !access(TEST_MODULE, W_OK);
}

/**
 * test_module() - have it do something
 * @fmt: a command: "age FD SECONDS", "connect A.B.C.D PORT",
 *	"listen A.B.C.D PORT BACKLOG", "release", "traced NAME", "astray 0|1",
 *	"stand 0|1" or "go 0|1"
 *
 * Return: 0 or the errno.
 */
int test_module(const char *fmt, ...)
{
	char text[256];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	must(n > 0 && (size_t)n < sizeof(text));
	return file_write(TEST_MODULE, text);
}
