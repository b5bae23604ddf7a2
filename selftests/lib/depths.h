/* SPDX-License-Identifier: GPL-2.0 */
/* Depths of an accept queue, probed where the kernel appends to it. */
#ifndef LIB_DEPTHS_H
#define LIB_DEPTHS_H

#include <stdbool.h>

/**
 * struct depths - of one listener, since depths_begin()
 * @enqueues: connections that were put into its queue
 * @cpus: that did it
 * @before: highest depth when one was about to be put in
 * @wakeups: how often who accepts was woken, each time after one was put in
 * @after: highest depth then
 */
struct depths {
	unsigned int enqueues;
	unsigned int cpus;
	unsigned int before;
	unsigned int wakeups;
	unsigned int after;
};

bool depths_there(bool *mounted);
void depths_setup(void);
void depths_teardown(bool mounted);
void depths_begin(void);
void depths_end(struct depths *d);

#endif /* LIB_DEPTHS_H */
