// SPDX-License-Identifier: GPL-2.0
/*
 * How fast a walk over a hash table can be: as many objects of a socket's size in as many
 * chains, counted by state in user space, with nobody else there and nothing to check.
 *
 *	limit OBJECTS CHAINS [RUNS]		default of RUNS: 5
 *
 * Objects are in their chains by chance, as sockets are. What is read of each is what
 * says which state and which namespace it has, and what comes next, which are in two of
 * its cache lines, as in a socket; a few chains are walked side by side and the lines of
 * the next of each fetched ahead, so that the processor waits for several at a time.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "base.h"

#define OBJECT 2432	/* bytes: struct tcp_sock of 6.12, in its slab */
#define STATES 13
#define SIDE 8		/* chains side by side */

struct object {
	unsigned char state;
	void *net;			/* first cache line */
	char other[104 - 16];
	struct object *next;		/* second */
	char rest[OBJECT - 112];
};

static_assert(sizeof(struct object) == OBJECT, "the size of a socket");

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static unsigned long long chance(void)
{
	static unsigned long long x = 88172645463325252ULL;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static void *room(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	must(p != MAP_FAILED);
	return p;
}

static void ahead(const struct object *o)
{
	__builtin_prefetch(o);
	__builtin_prefetch(&o->next);
}

/* Count all; @net is the one that counts. */
static void walk(struct object *const *chain, unsigned long chains, const void *net,
		 unsigned int *counts)
{
	const struct object *at[SIDE];
	unsigned long next = 0;
	unsigned int i, live = 0;

	for (i = 0; i < SIDE; i++)
		at[i] = NULL;
	do {
		for (live = 0, i = 0; i < SIDE; i++) {
			if (at[i]) {
				counts[at[i]->net == net ? at[i]->state : 0]++;
				at[i] = at[i]->next;
			}
			while (!at[i] && next < chains)
				at[i] = chain[next++];
			if (at[i]) {
				ahead(at[i]);
				live++;
			}
		}
	} while (live);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned long chains = argc > 2 ? strtoul(argv[2], NULL, 10) : 0, i, k;
	unsigned long runs = argc > 3 ? strtoul(argv[3], NULL, 10) : 5;
	unsigned int counts[STATES] = {};
	struct object *objects, **chain;
	double ms[100], before;

	if (n < 1 || n > 10000000 || chains < 1 || chains > 100000000 || runs < 1 || runs > 100)
		die("limit OBJECTS CHAINS [RUNS]");
	objects = room(n * sizeof(*objects));
	chain = room(chains * sizeof(*chain));
	for (i = 0; i < n; i++) {
		k = chance() % chains;
		objects[i].state = 1 + i % (STATES - 1);
		objects[i].net = counts;
		objects[i].next = chain[k];
		chain[k] = &objects[i];
	}
	for (i = 0; i < runs; i++) {
		before = now();
		walk(chain, chains, counts, counts);
		ms[i] = (now() - before) * 1e3;
	}
	for (i = 1, k = 0; i < STATES; i++)
		k += counts[i];
	must(k == n * runs && !counts[0]);
	qsort(ms, runs, sizeof(*ms), ascending);
	printf("%-40s %10.3f\n", "limit", ms[runs / 2]);
	return 0;
}
