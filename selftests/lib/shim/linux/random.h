/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_RANDOM_H
#define SHIM_LINUX_RANDOM_H

#include <stddef.h>

/* In lib/shim.c, where a test decides what is random. */
void get_random_bytes(void *buffer, size_t len);

static inline unsigned int get_random_u32(void)
{
	unsigned int value;

	get_random_bytes(&value, sizeof(value));
	return value;
}

#endif /* SHIM_LINUX_RANDOM_H */
