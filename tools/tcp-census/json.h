/* SPDX-License-Identifier: GPL-2.0 */
/* All files as one JSON object. */
#ifndef JSON_H
#define JSON_H

#include "place.h"

int json(const struct place *place, const char **file);

#endif /* JSON_H */
