// SPDX-License-Identifier: GPL-2.0
/* What it costs to know something. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "cost.h"
#include "memory.h"

static double passed(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

/* What all processors have worked so far, in milliseconds; 0 if the kernel does not say. */
static double worked(void)
{
	unsigned long long ns, sum = 0;
	char *text, *line;

	/* This process's own is added when another takes its place. */
	nap_ms(2);
	text = file_read("/proc/schedstat", NULL);
	for (line = text; line; line = strchr(line, '\n'), line += !!line)
		if (sscanf(line, "cpu%*u %*u %*u %*u %*u %*u %*u %llu", &ns) == 1)
			sum += ns;
	free(text);
	return sum / 1e6;
}

/* Something begins. */
void cost_begin(struct cost *cost)
{
	cost->cpu_ms = worked();
	cost->ms = passed();
}

/* And is over: filled is what it has cost, a tenth of a millisecond or two for looking too. */
void cost_end(struct cost *cost)
{
	cost->ms = passed() - cost->ms;
	cost->cpu_ms = worked() - cost->cpu_ms;
}

/**
 * cost_add() - one run more
 * @all: to which it is added
 * @cost: of the run
 * @idle: what the same costs with nothing to do, or NULL
 */
void cost_add(struct costs *all, const struct cost *cost, const struct cost *idle)
{
	must(all->n < COST_RUNS_MAX);
	all->ms[all->n] = cost->ms - (idle ? idle->ms : 0);
	all->cpu_ms[all->n] = cost->cpu_ms - (idle ? idle->cpu_ms : 0);
	all->n++;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *x, unsigned int n)
{
	must(n);
	qsort(x, n, sizeof(*x), ascending);
	return x[n / 2];
}

/* The columns of cost_print(). */
void cost_head(void)
{
	printf("%-40s %10s %10s %10s\n", "#", "ms", "cpu_ms", "kB");
}

/* A line with the medians. */
void cost_print(const char *name, struct costs *all)
{
	printf("%-40s %10.3f %10.3f %10.0f\n", name, median(all->ms, all->n),
	       median(all->cpu_ms, all->n), all->kb);
}

/* Read a file to its end, and do nothing with it. */
void cost_read(const char *path)
{
	static char text[131072];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		die("%s: %m", path);
	do	/* A BPF iterator that has said nothing for long wants to be asked again. */
		n = read(fd, text, sizeof(text));
	while (n > 0 || (n < 0 && errno == EAGAIN));
	must(!n);
	close(fd);
}

static double kept_kb(void)
{
	return memory_kb("SUnreclaim") + memory_kb("VmallocUsed");
}

/**
 * cost_memory_kb() - what the kernel keeps as long as somebody has read a file, and has it open
 * @path: of the file
 *
 * Return: kB, in whole pages; at least 0.
 */
double cost_memory_kb(const char *path)
{
	static char text[131072];
	double had = kept_kb(), more;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	must(fd >= 0);
	while (read(fd, text, sizeof(text)) > 0)
		;
	more = kept_kb() - had;
	close(fd);
	return more > 0 ? more : 0;
}
