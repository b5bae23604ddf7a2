// SPDX-License-Identifier: GPL-2.0
/* What is wrong: found in the files of the module. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "finding.h"

/* Some are on their way, for some seconds; a few may be there for longer. */
#define WAY_S 5
#define FEW 5
#define LONG_S 60

/* Of the first in an accept queue: if it is full, and if it is not. */
#define WAIT_FULL_MS 1000
#define WAIT_LONG_MS 10000

/* Percent. */
#define PORTS_MANY 80

/* Descriptors that programs may have to no harm. */
#define DEAD_FEW 10

enum { CLOSE_WAIT, LISTENERS, ENDPOINTS, PORTS_FILE, STAT, FILES };

static const char *const names[FILES] = {
	"close_wait", "listeners", "endpoints", "ports", "stat",
};

const char *const verdict_names[VERDICTS] = {
	[LEAKED] = "leaked descriptors",
	[IDLE_POOL] = "idle pool",
	[NOT_READ] = "stuck reader",
	[NOT_ACCEPTED] = "accept() is not called",
	[DEAD_QUEUE] = "queue of dead connections",
	[STUCK_MEMBER] = "stuck member of a reuseport group",
	[LOW_LIMIT] = "short accept queue",
	[PORTS] = "local ports are running out",
	[SILENT] = "silent peers",
	[DEAD_FDS] = "dead descriptors",
};

/* One more, with what all have of a row; NULL without memory. */
static struct finding *add(struct findings *f, enum verdict verdict, unsigned long long n,
			   const struct table *t, size_t row)
{
	struct finding *more = realloc(f->all, (f->n + 1) * sizeof(*more)), *new;

	if (!more)
		return NULL;
	f->all = more;
	new = &f->all[f->n++];
	memset(new, 0, sizeof(*new));
	new->verdict = verdict;
	new->n = n;
	strcpy(new->cgroup, "-");
	if (!t)
		return new;
	new->netns = table_number(t, row, "netns");
	new->inode = table_number(t, row, "inode");
	if (table_has(t, "endpoint"))
		snprintf(new->who, sizeof(new->who), "%s %s",
			 table_has(t, "role") ? table_text(t, row, "role") : "client",
			 table_text(t, row, "endpoint"));
	else
		snprintf(new->who, sizeof(new->who), "server %s", table_text(t, row, "local"));
	snprintf(new->cgroup, sizeof(new->cgroup), "%s", table_text(t, row, "cgroup"));
	return new;
}

/* Are so many more than are on their way? The age is that of the oldest in the line. */
static bool many(const struct table *t, size_t row, unsigned long long n)
{
	unsigned long long idle = table_number(t, row, "oldest_idle_s");

	if (n >= FEW)
		return idle >= WAY_S;
	return n && n == table_number(t, row, "sockets") && idle >= LONG_S;
}

static int judge_close_wait(struct findings *f, const struct table *t, size_t row)
{
	unsigned long long unread = table_number(t, row, "unread");
	unsigned long long small = table_number(t, row, "unread_small");
	unsigned long long fin = table_number(t, row, "fin_pending");
	unsigned long long drained = table_number(t, row, "drained");
	unsigned long long idle = table_number(t, row, "oldest_idle_s");
	bool client = !strcmp(table_text(t, row, "role"), "client");
	struct finding *new;

	if (many(t, row, drained)) {
		new = add(f, LEAKED, drained, t, row);
		if (!new)
			return -ENOMEM;
		new->pace_s = idle;
		snprintf(new->evidence, sizeof(new->evidence),
			 "the peers have closed and the program has read that to the end, %llu s ago the first; close() is missing",
			 idle);
	}
	if (client && many(t, row, fin + small)) {
		new = add(f, IDLE_POOL, fin + small, t, row);
		if (!new)
			return -ENOMEM;
		snprintf(new->evidence, sizeof(new->evidence),
			 "the server has closed%s and nobody has looked since, for %llu s the oldest",
			 small ? " with a few bytes before, as TLS does," : "", idle);
		unread -= small;
	} else if (many(t, row, fin)) {
		unread += fin;
	}
	if (many(t, row, unread)) {
		new = add(f, NOT_READ, unread, t, row);
		if (!new)
			return -ENOMEM;
		snprintf(new->evidence, sizeof(new->evidence),
			 "the peers have closed; %llu bytes, or the end, are not read, for %llu s the oldest",
			 table_number(t, row, "unread_bytes"), idle);
	}
	return 0;
}

/* Is there a sibling in its reuseport group with an empty queue? */
static bool idle_sibling(const struct table *t, size_t row)
{
	size_t i;

	if (!table_number(t, row, "reuseport"))
		return false;
	for (i = 0; i < t->rows; i++)
		if (i != row && !table_number(t, i, "depth") &&
		    table_number(t, i, "netns") == table_number(t, row, "netns") &&
		    !strcmp(table_text(t, i, "local"), table_text(t, row, "local")))
			return true;
	return false;
}

static int judge_listener(struct findings *f, const struct table *t, size_t row,
			  unsigned long long somaxconn)
{
	unsigned long long depth = table_number(t, row, "depth");
	unsigned long long limit = table_number(t, row, "limit");
	unsigned long long wait = table_number(t, row, "oldest_wait_ms");
	unsigned long long dead = table_number(t, row, "unaccepted_close_wait") +
				  table_number(t, row, "unaccepted_reset");
	enum verdict verdict = NOT_ACCEPTED;
	struct finding *new;

	if ((depth > limit && wait >= WAIT_FULL_MS) || (depth && wait >= WAIT_LONG_MS)) {
		if (2 * dead > depth)
			verdict = DEAD_QUEUE;
		else if (idle_sibling(t, row))
			verdict = STUCK_MEMBER;
		new = add(f, verdict, depth, t, row);
		if (!new)
			return -ENOMEM;
		snprintf(new->evidence, sizeof(new->evidence),
			 "%llu in the accept queue, the limit is %llu; %llu of them are dead; the first has waited for %llu s; %llu were refused",
			 depth, limit, dead, wait / 1000, table_number(t, row, "drops"));
	} else if (table_number(t, row, "peak_recent") > limit) {
		new = add(f, LOW_LIMIT, table_number(t, row, "peak_recent"), t, row);
		if (!new)
			return -ENOMEM;
		snprintf(new->evidence, sizeof(new->evidence),
			 "up to %llu within two minutes, the limit is %llu%s; full %llu times so far; %llu were refused",
			 table_number(t, row, "peak_recent"), limit,
			 !somaxconn ? "" : limit < somaxconn ? ", from listen()" :
							       ", from somaxconn",
			 table_number(t, row, "filled"), table_number(t, row, "drops"));
	}
	return 0;
}

/* The state that most sockets of an endpoint are in, "any" for all of a namespace. */
static const char *most(const struct table *endpoints, unsigned long long netns,
			const char *endpoint, unsigned long long *n)
{
	static const char *const states[] = {
		"time_wait", "close_wait", "established", "fin_wait2", "fin_wait1", "syn_sent",
		"last_ack", "closing",
	};
	unsigned long long of[sizeof(states) / sizeof(*states)] = {};
	unsigned int i, best = 0;
	size_t row;

	for (row = 0; row < endpoints->rows; row++) {
		const char *other = table_text(endpoints, row, "endpoint");

		/* "~" says that there may be less. */
		if (table_number(endpoints, row, "netns") != netns ||
		    strcmp(table_text(endpoints, row, "role"), "client") ||
		    (strcmp(endpoint, "any") &&
		     strcmp(endpoint + (*endpoint == '~'), other + (*other == '~'))))
			continue;
		for (i = 0; i < sizeof(states) / sizeof(*states); i++)
			of[i] += table_number(endpoints, row, states[i]);
	}
	for (i = 1; i < sizeof(states) / sizeof(*states); i++)
		if (of[i] > of[best])
			best = i;
	*n = of[best];
	return states[best];
}

static int judge_ports(struct findings *f, const struct table *t, size_t row,
		       const struct table *endpoints)
{
	const char *endpoint = table_text(t, row, "endpoint"), *state;
	struct finding *new;
	unsigned long long n;
	char by[100] = "";

	if (table_number(t, row, "percent") < PORTS_MANY)
		return 0;
	/* The largest follow: one of them says more. */
	if (!strcmp(endpoint, "any") && row + 1 < t->rows &&
	    table_number(t, row + 1, "netns") == table_number(t, row, "netns") &&
	    table_number(t, row + 1, "percent") >= PORTS_MANY)
		return 0;
	new = add(f, PORTS, table_number(t, row, "used"), t, row);
	if (!new)
		return -ENOMEM;
	state = most(endpoints, new->netns, endpoint, &n);
	if (n)
		snprintf(by, sizeof(by), ", most by sockets in %s (%llu)", state, n);
	snprintf(new->evidence, sizeof(new->evidence),
		 "%llu of %llu local ports from %s to %s are in use%s",
		 table_number(t, row, "used"), table_number(t, row, "of"),
		 table_text(t, row, "source"), endpoint, by);
	return 0;
}

static int judge_endpoint(struct findings *f, const struct table *t, size_t row)
{
	unsigned long long n = table_number(t, row, "silent_no_keepalive");
	struct finding *new;

	if (!n)
		return 0;
	new = add(f, SILENT, n, t, row);
	if (!new)
		return -ENOMEM;
	snprintf(new->evidence, sizeof(new->evidence),
		 "%llu of %llu established connections have had no data for an hour, and no keepalive would tell that the peer has gone",
		 n, table_number(t, row, "established"));
	return 0;
}

static int judge_stat(struct findings *f, const struct table *t)
{
	unsigned long long n = table_number(t, 0, "closed_unreleased");
	struct finding *new;

	if (n < DEAD_FEW)
		return 0;
	new = add(f, DEAD_FDS, n, NULL, 0);
	if (!new)
		return -ENOMEM;
	strcpy(new->who, "the host");
	snprintf(new->evidence, sizeof(new->evidence),
		 "%llu TCP sockets are in no table: reset, or never connected; their descriptors are open",
		 n);
	return 0;
}

static int by_weight(const void *pa, const void *pb)
{
	const struct finding *a = pa, *b = pb;

	if (a->n != b->n)
		return a->n < b->n ? 1 : -1;
	return a->verdict < b->verdict ? -1 : a->verdict > b->verdict;
}

/* What is not known for want of memory, or not looked for. */
static void note_missed(struct findings *f, const struct table *t)
{
	static const char *const keys[] = {
		"conns_missed", "close_wait_missed", "endpoints_missed", "ports_missed",
		"listeners_missed", "transitions_uncounted",
	};
	unsigned int i;

	for (i = 0; i < sizeof(keys) / sizeof(*keys) && !*f->missed; i++) {
		if (!table_has(t, keys[i]))
			snprintf(f->missed, sizeof(f->missed), "there is no %s in stat", keys[i]);
		else if (table_number(t, 0, keys[i]))
			snprintf(f->missed, sizeof(f->missed), "%s is %s", keys[i],
				 table_text(t, 0, keys[i]));
	}
	if (!*f->missed && table_has(t, "events") && !table_number(t, 0, "events"))
		strcpy(f->missed, "the module was loaded with events=0");
}

/* Of several namespaces @all, whose somaxconn are not known. */
static int judge(struct findings *f, const struct table t[FILES], bool all)
{
	unsigned long long somaxconn = all ? 0 : table_number(&t[STAT], 0, "somaxconn");
	size_t row;
	int err = 0;

	for (row = 0; row < t[CLOSE_WAIT].rows && !err; row++)
		err = judge_close_wait(f, &t[CLOSE_WAIT], row);
	for (row = 0; row < t[LISTENERS].rows && !err; row++)
		err = judge_listener(f, &t[LISTENERS], row, somaxconn);
	for (row = 0; row < t[PORTS_FILE].rows && !err; row++)
		err = judge_ports(f, &t[PORTS_FILE], row, &t[ENDPOINTS]);
	for (row = 0; row < t[ENDPOINTS].rows && !err; row++)
		err = judge_endpoint(f, &t[ENDPOINTS], row);
	if (!err)
		err = judge_stat(f, &t[STAT]);
	note_missed(f, &t[STAT]);
	if (f->n)
		qsort(f->all, f->n, sizeof(*f->all), by_weight);
	return err;
}

/**
 * findings_read() - look for what is wrong
 * @f: filled; to be freed with findings_free(), on failure too
 * @place: where
 * @file: set to the name of the file that cannot be read, if one cannot
 *
 * Return: 0 or a negative errno.
 */
int findings_read(struct findings *f, const struct place *place, const char **file)
{
	struct table t[FILES] = {};
	unsigned int i;
	int err = 0;

	memset(f, 0, sizeof(*f));
	for (i = 0; i < FILES && !err; i++) {
		*file = names[i];
		err = place_read(place, &t[i], names[i]);
	}
	if (!err)
		err = judge(f, t, place->all);
	for (i = 0; i < FILES; i++)
		table_free(&t[i]);
	return err;
}

/* Let go of them. */
void findings_free(struct findings *f)
{
	free(f->all);
	memset(f, 0, sizeof(*f));
}
