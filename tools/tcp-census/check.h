/* SPDX-License-Identifier: GPL-2.0 */
/* Checks for monitoring systems: a line and an exit status. */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>

#include "place.h"
#include "range.h"

/* Exit statuses of monitoring plugins. */
enum { CHECK_OK, CHECK_WARNING, CHECK_CRITICAL, CHECK_UNKNOWN };

bool check_known(const char *what);
void check_list(char *text, unsigned int size);
int check(const struct place *place, const char *what, const struct range *warning,
	  const struct range *critical);
int check_unknown(const char *what, const char *why);

#endif /* CHECK_H */
