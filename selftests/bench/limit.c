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
 *
 * The second figure is of the same walk if it also reads from as many cache lines of each
 * object as hold what close_wait and endpoints say of a socket: one more of half of them,
 * as of one in ESTABLISHED, and eleven more of a quarter, as of one in CLOSE_WAIT.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "base.h"

#define OBJECT 2432	/* bytes: struct tcp_sock of 6.12, in its slab */
#define STATES 13
#define RUNS_MAX 100
#define SIDE 8		/* chains side by side */
#define LINE 64		/* bytes of a cache line */

struct object {
	unsigned char state;
	unsigned char more;		/* lines to be read of it besides */
	void *net;			/* first cache line */
	char other[104 - 16];
	struct object *next;		/* second */
	char rest[OBJECT - 112];
};

static_assert(sizeof(struct object) == OBJECT, "the size of a socket");

/*
 * The lines of struct tcp_sock in 7.2 that are read of one in CLOSE_WAIT besides, that of
 * one in ESTABLISHED first: lsndtime and write_seq; sk_refcnt; sk_rmem_alloc; sk_socket;
 * sk_wmem_queued and sk_forward_alloc; sk_uid and sk_shutdown; sk_user_data and
 * sk_cgrp_data; lrcvtime; copied_seq; snd_una and rcv_nxt; rcv_tstamp.
 */
static const unsigned char lines[] = { 25, 2, 3, 4, 5, 8, 10, 19, 22, 26, 27 };

enum { MORE = sizeof(lines) };

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

static unsigned int *line_of(const struct object *o, unsigned int i)
{
	return (unsigned int *)((char *)o + lines[i] * LINE);
}

static void more_ahead(const struct object *o)
{
	unsigned int i;

	for (i = 0; i < o->more; i++)
		__builtin_prefetch(line_of(o, i));
}

static unsigned long more_of(const struct object *o)
{
	unsigned long sum = 0;
	unsigned int i;

	for (i = 0; i < o->more; i++)
		sum += __atomic_load_n(line_of(o, i), __ATOMIC_RELAXED);
	return sum;
}

/*
 * Count all; @net is the one that counts. With @full what more there is to read of each,
 * when the one behind it is looked at. Returns the sum of that.
 */
static unsigned long walk(struct object *const *chain, unsigned long chains,
			  const void *net, unsigned int *counts, bool full)
{
	const struct object *at[SIDE] = {}, *due[SIDE] = {};
	unsigned long next = 0, sum = 0;
	unsigned int i, live = 0;

	do {
		for (live = 0, i = 0; i < SIDE; i++) {
			if (full && due[i]) {
				sum += more_of(due[i]);
				due[i] = NULL;
				live++;
			}
			if (at[i]) {
				counts[at[i]->net == net ? at[i]->state : 0]++;
				if (full) {
					more_ahead(at[i]);
					due[i] = at[i];
				}
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
	return sum;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The median of so many walks, in milliseconds; each counts all of the @n objects. */
static double walks(struct object *const *chain, unsigned long chains, unsigned long n,
		    const void *net, unsigned long runs, bool full)
{
	unsigned int counts[STATES] = {};
	unsigned long i, k, sum = 0;
	double ms[RUNS_MAX], before;

	for (i = 0; i < runs; i++) {
		before = now();
		if (full)
			sum += walk(chain, chains, net, counts, true);
		else
			sum += walk(chain, chains, net, counts, false);
		ms[i] = (now() - before) * 1e3;
	}
	for (i = 1, k = 0; i < STATES; i++)
		k += counts[i];
	must(k == n * runs && !counts[0]);
	/* Every object that has more says 1 in each line. */
	must(sum == (full ? runs * (n / 4 * MORE + n / 2) : 0));
	qsort(ms, runs, sizeof(*ms), ascending);
	return ms[runs / 2];
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned long chains = argc > 2 ? strtoul(argv[2], NULL, 10) : 0, i, k;
	unsigned long runs = argc > 3 ? strtoul(argv[3], NULL, 10) : 5;
	struct object *objects, **chain;

	if (n < 4 || n % 4 || n > 10000000 || chains < 1 || chains > 100000000 || runs < 1 ||
	    runs > RUNS_MAX)
		die("limit OBJECTS CHAINS [RUNS]: OBJECTS a multiple of 4");
	objects = room(n * sizeof(*objects));
	chain = room(chains * sizeof(*chain));
	for (i = 0; i < n; i++) {
		struct object *o = &objects[i];

		o->state = 1 + i % (STATES - 1);
		o->net = chain;
		o->more = i % 4 == 0 ? MORE : i % 2;
		for (k = 0; k < o->more; k++)
			*line_of(o, k) = 1;
		k = chance() % chains;
		o->next = chain[k];
		chain[k] = o;
	}
	printf("%-40s %10.3f\n", "limit", walks(chain, chains, n, chain, runs, false));
	printf("%-40s %10.3f\n", "limit, close_wait",
	       walks(chain, chains, n, chain, runs, true));
	return 0;
}
