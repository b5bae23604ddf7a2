/* SPDX-License-Identifier: GPL-2.0 */
/* What there is to see, on one screen. */
#ifndef SUMMARY_H
#define SUMMARY_H

#include "place.h"

int summary(const struct place *place, const char **file);

#endif /* SUMMARY_H */
