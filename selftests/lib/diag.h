/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets over sock_diag, with the least that takes. */
#ifndef LIB_DIAG_H
#define LIB_DIAG_H

#include "census.h"

void diag_counts(struct counts *c, unsigned int states);

#endif /* LIB_DIAG_H */
