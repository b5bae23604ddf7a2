/* SPDX-License-Identifier: GPL-2.0 */
/* What it costs to know something. */
#ifndef LIB_COST_H
#define LIB_COST_H

#include <stdbool.h>

#define COST_RUNS_MAX 100

/**
 * struct cost - of one run
 * @ms: that passed
 * @cpu_ms: of all processors' time
 */
struct cost {
	double ms;
	double cpu_ms;
};

/**
 * struct costs - of all runs of one thing
 * @n: how many
 * @ms: as above
 * @cpu_ms: likewise
 * @kb: memory it takes, in kB; of a file only if @has_kb
 * @has_kb: that is known
 */
struct costs {
	unsigned int n;
	double ms[COST_RUNS_MAX];
	double cpu_ms[COST_RUNS_MAX];
	double kb;
	bool has_kb;
};

void cost_begin(struct cost *cost);
void cost_end(struct cost *cost);
void cost_add(struct costs *all, const struct cost *cost, const struct cost *idle);
void cost_head(void);
void cost_print(const char *name, struct costs *all);
void cost_print_ms(const char *name, struct costs *all);
void cost_read(const char *path);
double cost_memory_kb(const char *path);

#endif /* LIB_COST_H */
