/* SPDX-License-Identifier: GPL-2.0 */
/* Connections in numbers that take a process of their own. */
#ifndef LIB_LOAD_H
#define LIB_LOAD_H

struct worker;

/**
 * struct load - connections
 * @n: how many
 * @every: of so many one is in CLOSE_WAIT
 * @listeners: so many they come from, by turns
 * @done: a pipe: they are there
 * @worker: who has them
 */
struct load {
	unsigned long n;
	unsigned int every;
	unsigned int listeners;
	int done[2];
	struct worker *worker;
};

void load_begin(struct load *load, unsigned long n, unsigned int every,
		unsigned int listeners);
void load_queue(unsigned int n);
void load_queue_close(void);
void load_end(struct load *load);

#endif /* LIB_LOAD_H */
