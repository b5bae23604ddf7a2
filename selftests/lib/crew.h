/* SPDX-License-Identifier: GPL-2.0 */
/* Many processes that work side by side, and what each kind of them got done. */
#ifndef LIB_CREW_H
#define LIB_CREW_H

#include "worker.h"

enum { CREW_MAX = 96, CREW_KINDS = 12 };

/**
 * struct crew - processes by kind
 * @nr: of processes
 * @kinds: of kinds
 * @w: processes
 * @kind: of each
 * @had: rounds of each before crew_again()
 * @what: a kind counts
 * @least: a kind does so many, and each of it one at least, unless that is 0
 */
struct crew {
	unsigned int nr;
	unsigned int kinds;
	struct worker *w[CREW_MAX];
	unsigned int kind[CREW_MAX];
	unsigned long had[CREW_MAX];
	const char *what[CREW_KINDS];
	unsigned long least[CREW_KINDS];
};

void crew_add(struct crew *c, unsigned int n, const char *what, unsigned long least,
	      void (*work)(struct worker *me, void *arg), void *arg);
bool crew_ready(const struct crew *c);
void crew_again(struct crew *c);
void crew_work(const struct crew *c, unsigned int seconds);
unsigned int crew_stop(struct crew *c);

#endif /* LIB_CREW_H */
