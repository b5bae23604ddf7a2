// SPDX-License-Identifier: GPL-2.0
/*
 * What the module's tracepoint handler costs a busy server: connections accepted
 * a second with the module loaded, next to without it and with events=0, by turns
 * in one boot.
 *
 *	accept [ROUNDS [ACCEPTORS]]		default: 60 1
 *
 *	+-- netns, lo ------------------------------------------------+
 *	| acceptors: connect, accept, close both ---> 127.0.0.1:1     |
 *	+-------------------------------------------------------------+
 *
 * An acceptor is client and server in one process, on a CPU of its own, so that
 * nobody ever waits. A connection passes through every state there is but for
 * TIME_WAIT, which is switched off so that ports do not run out: 10 events.
 *
 * A round is not loaded, loaded, events=0, events=0, loaded, not loaded: what
 * drifts evenly cancels. A turn is PIECES pieces of PIECE connections, and its rate
 * is that of the fastest quarter of them: what else the machine does falls on the
 * others. Of the ratios of all rounds the median is what counts; the interval after
 * it has it with 95 % confidence (by its rank, whatever the distribution).
 *
 * How many rounds that takes hangs on what else the machine does. In an emulator
 * that has its processors to itself the ratio of one round is off by 3 %, and the
 * median of 60 by 1 %. Where it must share them, by 20 % and 5 %, and it is not the
 * same for all variants: the host's scheduler favours who has slept. An emulator
 * whose clock counts instructions (QEMU's -icount) is off by 0.3 % and 0.1 %
 * whatever the machine does, 6 rounds are enough there; but it knows no caches.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "module.h"
#include "net.h"
#include "peak.h"
#include "worker.h"

#define TW_BUCKETS "/proc/sys/net/ipv4/tcp_max_tw_buckets"

#define ROUNDS_MAX 10000
#define ACCEPTORS_MAX 8

#define WARM_UP 100
#define PIECES 40
#define PIECE 10

enum variant { NOT_LOADED, LOADED, NO_EVENTS, VARIANTS };

static const char *const parameters[VARIANTS] = {
	[NOT_LOADED] = "census_ms=0 events=1",
	[LOADED] = "census_ms=0 events=1",
	[NO_EVENTS] = "census_ms=0 events=0",
};

/**
 * struct acceptor - a process
 * @worker: of it
 * @go: a pipe: a byte has it work
 * @done: a pipe: a byte says it has
 * @to: the listener's address
 * @listener: it
 * @seconds: each piece took so long; shared
 */
struct acceptor {
	struct worker *worker;
	int go[2];
	int done[2];
	struct addr to;
	int listener;
	double *seconds;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* With several acceptors it may get another's: there are never too few. */
static void serve(const struct acceptor *a, unsigned int connections)
{
	struct pair p;

	while (connections--) {
		p = pair_make(a->listener, &a->to);
		close(p.client);
		close(p.server);
	}
}

static void accept_on_demand(struct worker *me, void *arg)
{
	struct acceptor *a = arg;
	double before, after;
	unsigned int i;
	char c;

	while (read(a->go[0], &c, 1) == 1) {
		serve(a, WARM_UP);
		before = now();
		for (i = 0; i < PIECES; i++) {
			serve(a, PIECE);
			after = now();
			a->seconds[i] = after - before;
			before = after;
		}
		worker_round(me);
		must(write(a->done[1], "", 1) == 1);
	}
}

static void acceptor_start(struct acceptor *a, int listener, int cpu)
{
	a->listener = listener;
	a->to = sock_addr(listener);
	a->seconds = mmap(NULL, PIECES * sizeof(*a->seconds), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(a->seconds != MAP_FAILED);
	must(!pipe(a->go) && !pipe(a->done));
	a->worker = worker_start(accept_on_demand, a, cpu);
}

/* Who is measured was heard by the handler each time, or never. */
static void look_at_queued(const struct acceptor *a, unsigned int n, enum variant v)
{
	unsigned long long want = v == LOADED ? n * (WARM_UP + PIECES * PIECE) : 0;
	struct peak p;

	peak_of(&p, a->listener);
	if (p.queued != want)
		die("%s: queued is %llu, not %llu", parameters[v], p.queued, want);
}

/*
 * A turn: what each piece took goes to @seconds. All variants begin alike, also to
 * the host of a virtual machine, whose scheduler has favours for who has slept.
 */
static void turn(struct acceptor *a, unsigned int n, enum variant v, double *seconds)
{
	unsigned int i;
	char c;

	if (load_with(parameters[v]))
		die("%s cannot be loaded with %s", module_file(), parameters[v]);
	if (v == NOT_LOADED)
		unload();
	for (i = 0; i < n; i++)
		must(write(a[i].go[1], "", 1) == 1);
	for (i = 0; i < n; i++)
		if (read(a[i].done[0], &c, 1) != 1)
			die("an acceptor has ended");
	for (i = 0; i < n; i++)
		memcpy(seconds + i * PIECES, a[i].seconds, PIECES * sizeof(*seconds));
	if (v != NOT_LOADED) {
		look_at_queued(a, n, v);
		unload();
	}
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Connections a second of all acceptors. Puts the pieces in order. */
static double rate(double *seconds, unsigned int pieces, unsigned int acceptors)
{
	qsort(seconds, pieces, sizeof(*seconds), ascending);
	return acceptors * PIECE / seconds[pieces / 4];
}

/*
 * The ranks that have the median between them with 95 % confidence are 1.96 times
 * half the square root of the number from the middle; of less than 6 there are none.
 * The interval shrinks with that root, which tells how many rounds would make it 1 %
 * to either side.
 */
static void conclude(const char *what, double *ratio, unsigned int rounds)
{
	unsigned int reach = 0, low, high;
	double percent;

	qsort(ratio, rounds, sizeof(*ratio), ascending);
	printf("%-36s median %.4f", what, ratio[rounds / 2]);
	if (rounds < 6) {
		printf(" of too few\n");
		return;
	}
	while (reach * reach < 0.96 * rounds)
		reach++;
	low = rounds / 2 > reach ? rounds / 2 - reach : 0;
	high = rounds / 2 + reach < rounds ? rounds / 2 + reach : rounds - 1;
	percent = 50 * (ratio[high] - ratio[low]);
	printf(", %.4f to %.4f; half of all %.4f to %.4f; to 1 %%: %u rounds\n",
	       ratio[low], ratio[high], ratio[rounds / 4], ratio[3 * rounds / 4],
	       1 + (unsigned int)(rounds * percent * percent));
}

/**
 * struct result - ratios of each round
 * @against: of a variant to not loaded; of that to itself, its first turn to its last
 */
struct result {
	double against[VARIANTS][ROUNDS_MAX];
};

static void measure(struct acceptor *a, unsigned int n, unsigned int rounds,
		    struct result *result)
{
	static double seconds[VARIANTS][2][ACCEPTORS_MAX * PIECES];
	unsigned int pieces = n * PIECES, i;
	double of[VARIANTS], first;
	int v;

	printf("%10s %10s %7s %10s %7s   accepted a second\n", "not loaded", "loaded",
	       "ratio", "events=0", "ratio");
	/* The first of all finds caches cold, and what boots still at work. */
	turn(a, n, NOT_LOADED, seconds[NOT_LOADED][0]);
	for (i = 0; i < rounds; i++) {
		for (v = 0; v < VARIANTS; v++)
			turn(a, n, v, seconds[v][0]);
		for (v = VARIANTS; v--;)
			turn(a, n, v, seconds[v][0] + pieces);
		first = rate(seconds[NOT_LOADED][0], pieces, n) /
			rate(seconds[NOT_LOADED][0] + pieces, pieces, n);
		for (v = 0; v < VARIANTS; v++) {
			of[v] = rate(seconds[v][0], 2 * pieces, n);
			result->against[v][i] = v ? of[v] / of[NOT_LOADED] : first;
		}
		printf("%10.0f %10.0f %7.4f %10.0f %7.4f\n", of[NOT_LOADED], of[LOADED],
		       result->against[LOADED][i], of[NO_EVENTS],
		       result->against[NO_EVENTS][i]);
	}
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 60;
	unsigned long n = argc > 2 ? strtoul(argv[2], NULL, 10) : 1, i;
	static struct acceptor acceptors[ACCEPTORS_MAX];
	static struct result result;
	unsigned long long expedited = expedite();
	bool was_loaded = loaded();
	int listener;

	if (rounds < 1 || rounds > ROUNDS_MAX || n < 1 || n > ACCEPTORS_MAX)
		die("accept [ROUNDS [ACCEPTORS]]: 1 to %u, 1 to %u", ROUNDS_MAX,
		    ACCEPTORS_MAX);
	if (access(module_file(), R_OK))
		die("%s is not there: set TCP_CENSUS_KO", module_file());
	setlinebuf(stdout);
	net_new();
	file_set(TW_BUCKETS, "0");
	listener = sock_listen("127.0.0.1", 1, 128);
	for (i = 0; i < n; i++)
		acceptor_start(&acceptors[i], listener, sysconf(_SC_NPROCESSORS_ONLN) - 1 - i);

	if (was_loaded)
		unload();
	measure(acceptors, n, rounds, &result);
	printf("%lu rounds, %lu acceptors, %u connections a turn each\n", rounds, n,
	       PIECES * PIECE);
	conclude("loaded : not loaded", result.against[LOADED], rounds);
	conclude("loaded with events=0 : not loaded", result.against[NO_EVENTS], rounds);
	conclude("not loaded : not loaded, the noise", result.against[NOT_LOADED], rounds);

	for (i = 0; i < n; i++)
		worker_stop(acceptors[i].worker);
	expedite_as(expedited);
	if (was_loaded)
		load();
	return 0;
}
