/* SPDX-License-Identifier: GPL-2.0 */
/* Work for a crew: what makes sockets, and what reads of them, as wildly as can be. */
#ifndef LIB_NOISE_H
#define LIB_NOISE_H

#include <stdlib.h>

#include "worker.h"

#define any_of(array) ((array)[rand() % (sizeof(array) / sizeof((array)[0]))])

/* The reaper's action in their namespaces, with the shortest timeout; NULL: none. */
void noise_namespaces(struct worker *me, void *action);
void noise_listeners(struct worker *me, void *action);
void noise_connections(struct worker *me, void *action);
void noise_dead(struct worker *me, void *action);
void noise_crowd(struct worker *me, void *unused);

/* Of all namespaces; of one's own it is CENSUS_DIR. */
#define HOST_DIR "/proc/tcp_census/"

/* The second is for while the module comes and goes. */
void noise_readers(struct worker *me, void *dir);
void noise_readers_unloading(struct worker *me, void *dir);
void noise_census_ms(struct worker *me, void *unused);

struct crew;

void noise_add_readers(struct crew *c);

#endif /* LIB_NOISE_H */
