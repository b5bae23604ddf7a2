/* SPDX-License-Identifier: GPL-2.0 */
/* Connections that a BPF program has, of which no process knows. */
#ifndef LIB_SOCKMAP_H
#define LIB_SOCKMAP_H

#include <stdbool.h>

bool sockmap_begin(unsigned short port);
void sockmap_end(void);

#endif /* LIB_SOCKMAP_H */
