// SPDX-License-Identifier: GPL-2.0
/* How long a socket was in CLOSE_WAIT, and what the module says of that. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "census.h"
#include "closing.h"
#include "net.h"
#include "test_module.h"

void closings_read(struct closings *c)
{
	char *text = file_read(CENSUS_DIR "stat", NULL);

	if (!text)
		die("%sstat: %m", CENSUS_DIR);
	c->count = stat_value(text, "close_wait_duration_count");
	c->p50 = stat_value(text, "close_wait_duration_p50_ms");
	c->p90 = stat_value(text, "close_wait_duration_p90_ms");
	c->p99 = stat_value(text, "close_wait_duration_p99_ms");
	c->otherwise = stat_value(text, "close_wait_ended_otherwise");
	c->unknown = stat_value(text, "close_wait_duration_unknown");
	free(text);
}

/* Print where @got is not what was wanted; returns in how many places. */
unsigned int closings_off(const struct closings *want, const struct closings *got)
{
	return off("count", want->count, got->count) +
	       off("p50", want->p50, got->p50) +
	       off("p90", want->p90, got->p90) +
	       off("p99", want->p99, got->p99) +
	       off("ended_otherwise", want->otherwise, got->otherwise) +
	       off("unknown", want->unknown, got->unknown);
}

/*
 * Milliseconds of a clock that goes on when the kernel's ticks do, which is when
 * jiffies do: however late a tick comes, this one is as late.
 */
static uint64_t tick_clock(void)
{
	struct timespec ts;

	must(!clock_gettime(CLOCK_MONOTONIC_COARSE, &ts));
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

/* A tick, in ms, rounded up. */
static uint64_t tick(void)
{
	struct timespec ts;

	must(!clock_getres(CLOCK_MONOTONIC_COARSE, &ts));
	return ts.tv_nsec / 1000000 + 1;
}

/* From now on the peer may be heard ... */
void waited_hear(struct waited *w)
{
	memset(w, 0, sizeof(*w));
	w->from = tick_clock();
}

/* ... and now it has been. */
void waited_heard(struct waited *w)
{
	w->to = tick_clock();
}

/* The peer sends its FIN, and nothing before that. */
void waited_begin(struct waited *w, int far, int near)
{
	unsigned int sent = sock_segs_out(far) - sock_segs_in(near);

	waited_hear(w);
	sock_end(far, near, 0);
	/* What was sent once more is heard as well, maybe later. */
	must(wait_for(sock_segs_out(far) - sock_segs_in(near) == sent));
	waited_heard(w);
}

/* So many seconds pass; a test that calls this needs tcp_census_test. */
void waited_age(struct waited *w, int near, unsigned int seconds)
{
	must(!test_module("age %d %u", near, seconds));
	w->least += seconds * 1000ULL;
	w->most += seconds * 1000ULL;
}

/* close() of its last descriptor. */
void waited_end(struct waited *w, int near)
{
	uint64_t before = tick_clock(), after;

	must(!close(near));
	after = tick_clock();
	w->least += before - w->to;
	w->least -= w->least < 2 * tick() ? w->least : 2 * tick();
	w->most += after - w->from + 2 * tick();
}

/* The upper bound of the bucket for so many ms, as shown. */
static unsigned long long bucket(uint64_t ms)
{
	unsigned long long bound;

	for (bound = 8; bound < CLOSING_MORE; bound *= 2)
		if (ms <= bound)
			return bound;
	return CLOSING_MORE;
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Is a percentile where it may be? With its place among those waited. */
static unsigned int percentile_off(const uint64_t *least, const uint64_t *most,
				   size_t n, unsigned int percent,
				   unsigned long long got)
{
	size_t place = (n * percent + 99) / 100 - 1;
	unsigned long long low = bucket(least[place]), high = bucket(most[place]);

	if (got >= low && got <= high)
		return 0;
	printf("# p%u: %llu, want %llu to %llu (waited %llu to %llu ms)\n", percent,
	       got, low, high, (unsigned long long)least[place],
	       (unsigned long long)most[place]);
	return 1;
}

/**
 * waited_off() - does this namespace's stat say what was waited?
 * @w: all that were closed in it; by close(), without keepalive
 * @n: how many
 *
 * Return: in how many places it does not; they are printed.
 */
unsigned int waited_off(const struct waited *w, size_t n)
{
	uint64_t *least = calloc(n, sizeof(*least));
	uint64_t *most = calloc(n, sizeof(*most));
	struct closings got;
	unsigned int bad;
	size_t i;

	must(n && least && most);
	for (i = 0; i < n; i++) {
		least[i] = w[i].least;
		most[i] = w[i].most;
	}
	qsort(least, n, sizeof(*least), ascending);
	qsort(most, n, sizeof(*most), ascending);
	closings_read(&got);
	bad = off("count", n, got.count) + off("ended_otherwise", 0, got.otherwise) +
	      off("unknown", 0, got.unknown);
	bad += percentile_off(least, most, n, 50, got.p50);
	bad += percentile_off(least, most, n, 90, got.p90);
	bad += percentile_off(least, most, n, 99, got.p99);
	free(least);
	free(most);
	return bad;
}
