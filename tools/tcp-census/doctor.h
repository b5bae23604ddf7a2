/* SPDX-License-Identifier: GPL-2.0 */
/* What is wrong, why, and what to do. */
#ifndef DOCTOR_H
#define DOCTOR_H

#include "place.h"

/* Exit statuses, but for those of check. */
enum { HEALTHY, FINDINGS, CANNOT_TELL };

int doctor(const struct place *place, bool json, const char **file);

#endif /* DOCTOR_H */
