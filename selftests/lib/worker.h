/* SPDX-License-Identifier: GPL-2.0 */
/* Processes that make noise in the background until they are stopped. */
#ifndef LIB_WORKER_H
#define LIB_WORKER_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * struct worker - a process of its own
 * @pid: of it
 * @rounds: how often it did what it does; it counts, the test reads
 *
 * Shared between the two.
 */
struct worker {
	pid_t pid;
	unsigned long rounds;
};

struct worker *worker_start(void (*work)(struct worker *me, void *arg),
			    void *arg, int cpu);
void worker_stand_back(void);
void worker_round(struct worker *me);
unsigned long worker_rounds(const struct worker *w);
bool worker_does(const struct worker *w, unsigned long rounds);
char worker_state(const struct worker *w);
void worker_show(const struct worker *w, const char *name);
unsigned long worker_stop(struct worker *w);
void worker_wait(struct worker *w);

void churn_reset(struct worker *me, void *ip);
void churn_finish(struct worker *me, void *ip);

#endif /* LIB_WORKER_H */
