/* SPDX-License-Identifier: GPL-2.0 */
/* The module's metrics, parsed strictly. */
#ifndef LIB_METRICS_H
#define LIB_METRICS_H

#include <stdbool.h>
#include <stddef.h>

#define METRICS_NET "/proc/net/tcp_census/metrics"
#define METRICS_HOST "/proc/tcp_census/metrics"

/**
 * struct sample - a line
 * @series: name, without tcp_census_, and labels as they stand there
 * @value: its value
 * @grows: it is a counter's, or part of a histogram
 */
struct sample {
	const char *series;
	double value;
	bool grows;
};

/**
 * struct metrics - all of them
 * @text: what the samples point into
 * @size: length of what was read, in bytes
 * @samples: them, by name
 * @nr: how many
 */
struct metrics {
	char *text;
	size_t size;
	struct sample *samples;
	size_t nr;
};

void metrics_parse(struct metrics *m, char *text, size_t len);
void metrics_read(struct metrics *m, const char *path);
void metrics_free(struct metrics *m);
double metrics_value(const struct metrics *m, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
double metrics_sum(const struct metrics *m, const char *name);
size_t metrics_count(const struct metrics *m, const char *name);
unsigned int metrics_fallen(const struct metrics *before, const struct metrics *now);

#endif /* LIB_METRICS_H */
