/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_TIME_H
#define SHIM_LINUX_TIME_H

#include <stdint.h>
#include <time.h>

#define MSEC_PER_SEC 1000L
#define NSEC_PER_SEC 1000000000L

/* The kernel's, whose year is long, where glibc's is known as well. */
struct shim_tm {
	int tm_sec;
	int tm_min;
	int tm_hour;
	int tm_mday;
	int tm_mon;
	long tm_year;
};

#define tm shim_tm

/* In lib/shim.c. */
void time64_to_tm(int64_t time, int offset, struct shim_tm *result);

#endif /* SHIM_LINUX_TIME_H */
