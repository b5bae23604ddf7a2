/* SPDX-License-Identifier: GPL-2.0 */
/* State changes, as the test made them and as the module shows them. */
#ifndef LIB_MOVES_H
#define LIB_MOVES_H

#include "census.h"

/* Ways of a connection, for went(), from its first state on ... */
#define CLIENT "close syn_sent established"
#define CHILD "- syn_recv established"
/* ... and from ESTABLISHED on. */
#define ACTIVE " fin_wait1 fin_wait2 close"
#define PASSIVE " close_wait last_ack close"

/**
 * struct moves - how often sockets changed their state
 * @entered: by the state they came into
 * @left: by the state they came from
 */
struct moves {
	unsigned long long entered[STATES];
	unsigned long long left[STATES];
};

void went(struct moves *m, unsigned int n, const char *way);
void moves_read(struct moves *m);
unsigned int moves_off(const struct moves *want, const struct moves *got);
bool moves_settled(const struct moves *want);

void pair_end(int first, int last, bool half);

#endif /* LIB_MOVES_H */
