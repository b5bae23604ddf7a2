/* SPDX-License-Identifier: GPL-2.0 */
/* Where the module's files are read: of which network namespace, or of all. */
#ifndef PLACE_H
#define PLACE_H

#include "table.h"

/**
 * struct place - where they are
 * @path: the directory's, for messages
 * @fd: the directory: that of a process outlives it
 * @all: it is that of all namespaces
 */
struct place {
	char path[64];
	int fd;
	bool all;
};

int place_here(struct place *place);
int place_all(struct place *place);
int place_netns(struct place *place, const char *which);

int place_read(const struct place *place, struct table *t, const char *file);

#endif /* PLACE_H */
