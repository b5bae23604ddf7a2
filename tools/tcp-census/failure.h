/* SPDX-License-Identifier: GPL-2.0 */
/* What is wrong, and what to do. */
#ifndef FAILURE_H
#define FAILURE_H

#include <stddef.h>

#include "place.h"

void failure(char *text, size_t size, const struct place *place, const char *file, int err);

#endif /* FAILURE_H */
