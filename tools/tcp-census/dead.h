/* SPDX-License-Identifier: GPL-2.0 */
/* Descriptors of TCP sockets that are over, by process. */
#ifndef DEAD_H
#define DEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * struct dead - those of a process
 * @pid: of it
 * @n: how many
 */
struct dead {
	pid_t pid;
	unsigned int n;
};

size_t dead_find(struct dead *dead, size_t max, bool *all);

#endif /* DEAD_H */
