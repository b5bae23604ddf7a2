/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets in numbers, and what is to be counted of them. */
#ifndef LIB_CROWD_H
#define LIB_CROWD_H

#include "census.h"

void crowd_add(struct counts *want, const char *ip, unsigned int established,
	       unsigned int close_wait, unsigned int time_wait);
bool crowd_settled(const struct counts *want);

#endif /* LIB_CROWD_H */
