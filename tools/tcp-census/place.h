/* SPDX-License-Identifier: GPL-2.0 */
/* Where the module's files are read: of which network namespace, or of all. */
#ifndef PLACE_H
#define PLACE_H

#include "table.h"

/**
 * struct place - where they are
 * @dir: the directory
 * @all: it is that of all namespaces
 */
struct place {
	char dir[64];
	bool all;
};

int place_here(struct place *place);
int place_all(struct place *place);
int place_netns(struct place *place, const char *which);

int place_read(const struct place *place, struct table *t, const char *file);

#endif /* PLACE_H */
