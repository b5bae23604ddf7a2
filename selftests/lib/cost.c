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

/*
 * What all processors have worked so far, in milliseconds; 0 if the kernel does not say.
 * Where its clock for that is the tick, in such steps.
 */
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

/* And is over: filled is what it has cost, with what looking costs, mostly outside @ms. */
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
	printf("%-40s %10.3f %10.3f", name, median(all->ms, all->n),
	       median(all->cpu_ms, all->n));
	if (all->has_kb)
		printf(" %10.0f", all->kb);
	printf("\n");
}

/* The same of something of which nothing but the time is known. */
void cost_print_ms(const char *name, struct costs *all)
{
	printf("%-40s %10.3f\n", name, median(all->ms, all->n));
}

/* Read all there is; how much that was. The file stays open. */
static size_t read_on(int fd)
{
	static char text[131072];
	size_t sum = 0;
	ssize_t n;

	do {	/* A BPF iterator that has said nothing for long wants to be asked again. */
		n = read(fd, text, sizeof(text));
		if (n > 0)
			sum += n;
	} while (n > 0 || (n < 0 && errno == EAGAIN));
	must(!n);
	return sum;
}

static int open_it(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("%s: %m", path);
	return fd;
}

/* Read a file to its end, and do nothing with it. It may not be empty. */
void cost_read(const char *path)
{
	int fd = open_it(path);

	must(read_on(fd) > 0);
	close(fd);
}

/* What the kernel has allocated, but for pages on their own; all processors' say. */
static double kept_kb(void)
{
	/* Each processor keeps some of its own counts until it is told. */
	free(file_read("/proc/sys/vm/stat_refresh", NULL));
	return memory_kb("SUnreclaim") + memory_kb("VmallocUsed");
}

/**
 * cost_memory_kb() - what more the kernel keeps when a file has been read and is still open
 * @path: of the file
 *
 * Return: kB, in whole pages. What others let go of meanwhile is taken off.
 */
double cost_memory_kb(const char *path)
{
	double had = kept_kb(), more;
	int fd = open_it(path);

	read_on(fd);
	more = kept_kb() - had;
	close(fd);
	return more;
}
