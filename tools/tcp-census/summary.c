// SPDX-License-Identifier: GPL-2.0
/* What there is to see, on one screen. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "summary.h"

/* Lines of each list: with what else there is they fit into 24. */
#define LINES 4

enum { STATES, CLOSE_WAIT, LISTENERS, PORTS, STAT, FILES };

static const char *const names[FILES] = {
	"states", "close_wait", "listeners", "ports", "stat",
};

/* In seconds: as long as it is worth telling. */
static const char *age(char *text, size_t size, unsigned long long s)
{
	if (s < 120)
		snprintf(text, size, "%llu s", s);
	else if (s < 7200)
		snprintf(text, size, "%llu min", s / 60);
	else if (s < 48 * 3600)
		snprintf(text, size, "%llu h", s / 3600);
	else
		snprintf(text, size, "%llu d", s / 86400);
	return text;
}

static void show_states(const struct table *t)
{
	static const char *const order[] = {
		"established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "time_wait",
		"close", "close_wait", "last_ack", "closing", "listen",
	};
	unsigned long long n, sum = 0;
	unsigned int i;
	size_t row;

	/* Of all namespaces there are several rows of each. */
	for (i = 0; i < sizeof(order) / sizeof(*order); i++) {
		for (n = 0, row = 0; row < t->rows; row++)
			if (!strcmp(table_text(t, row, "state"), order[i]))
				n += table_number(t, row, "ipv4") +
				     table_number(t, row, "ipv6");
		if (n)
			printf("%s  %s %llu", sum ? "" : "sockets", order[i], n);
		sum += n;
	}
	puts(sum ? "" : "no sockets");
}

/* The cause of most sockets of a line, and how many these are. */
static const char *cause(const struct table *t, size_t row, unsigned long long *most)
{
	static const char *const causes[] = {
		"unaccepted", "drained", "fin_pending", "unread", "sending", "exempt",
	};
	const char *name = "-";
	unsigned long long n;
	unsigned int i;

	*most = 0;
	for (i = 0; i < sizeof(causes) / sizeof(*causes); i++) {
		n = table_number(t, row, causes[i]);
		if (n > *most) {
			*most = n;
			name = causes[i];
		}
	}
	return name;
}

/* The end of a text that is too long tells more than its beginning. */
static const char *tail(const char *text, size_t room)
{
	size_t len = strlen(text);

	return len > room ? text + len - room : text;
}

/* They are the largest of each namespace first. */
static int by_sockets(const void *pa, const void *pb)
{
	const unsigned long long *a = pa, *b = pb;

	return *a < *b ? 1 : *a > *b ? -1 : a[1] > b[1] ? 1 : -1;
}

/* The rows with the highest numbers, in @order: pairs of number and row. */
static size_t highest(unsigned long long *order, const struct table *t,
		      unsigned long long (*value)(const struct table *t, size_t row))
{
	size_t row, n = 0;

	for (row = 0; row < t->rows; row++) {
		order[2 * n] = value(t, row);
		order[2 * n + 1] = row;
		n += !!order[2 * n];
	}
	qsort(order, n, 2 * sizeof(*order), by_sockets);
	return n;
}

static unsigned long long sockets(const struct table *t, size_t row)
{
	return table_number(t, row, "sockets");
}

/* Whose line it is, where there are those of several. */
static void show_netns(const struct table *t, size_t row, bool all)
{
	if (all)
		printf("  netns %s", table_text(t, row, "netns"));
	putchar('\n');
}

static void show_close_wait(const struct table *t, const unsigned long long *order, size_t n,
			    bool all)
{
	unsigned long long most;
	char idle[32];
	const char *why;
	size_t i, row;

	if (!n)
		return;
	printf("\n%9s  %-11s  %-6s  %-28s  %-8s  %s\n", "CLOSE_WAIT", "mostly", "role",
	       "endpoint", "oldest", "cgroup");
	for (i = 0; i < n && i < LINES; i++) {
		row = order[2 * i + 1];
		why = cause(t, row, &most);
		printf("%10llu  %-11s  %-6s  %-28s  %-8s  %s", order[2 * i], why,
		       table_text(t, row, "role"), table_text(t, row, "endpoint"),
		       age(idle, sizeof(idle), table_number(t, row, "oldest_idle_s")),
		       tail(table_text(t, row, "cgroup"), 40));
		show_netns(t, row, all);
	}
	if (n > LINES)
		printf("%10s  %zu more lines in close_wait\n", "", n - LINES);
}

/* How full it is or was: in 1/1000, and one for whatever has been refused. */
static unsigned long long fullness(const struct table *t, size_t row)
{
	unsigned long long depth = table_number(t, row, "depth");
	unsigned long long peak = table_number(t, row, "peak");
	unsigned long long limit = table_number(t, row, "limit");

	if (peak > depth)
		depth = peak;
	/* A file that is not the module's may say that it is as much as there can be. */
	limit += limit < ULLONG_MAX;
	return depth * 1000 / limit + !!table_number(t, row, "drops");
}

static void show_queues(const struct table *t, const unsigned long long *order, size_t n,
			bool all)
{
	char wait[32];
	size_t i, row;

	if (!n)
		return;
	printf("\n%10s  %6s  %6s  %8s  %-8s  %-28s  %s\n", "queue", "limit", "peak", "drops",
	       "oldest", "listener", "cgroup");
	for (i = 0; i < n && i < LINES; i++) {
		row = order[2 * i + 1];
		printf("%10llu  %6llu  %6llu  %8llu  %-8s  %-28s  %s",
		       table_number(t, row, "depth"), table_number(t, row, "limit"),
		       table_number(t, row, "peak"), table_number(t, row, "drops"),
		       age(wait, sizeof(wait), table_number(t, row, "oldest_wait_ms") / 1000),
		       table_text(t, row, "local"), tail(table_text(t, row, "cgroup"), 40));
		show_netns(t, row, all);
	}
	if (n > LINES)
		printf("%10s  %zu more lines in listeners\n", "", n - LINES);
}

static unsigned long long used(const struct table *t, size_t row)
{
	return table_number(t, row, "percent");
}

static void show_ports(const struct table *t, const unsigned long long *order, size_t n,
		       bool all)
{
	size_t i, row;

	if (!n)
		return;
	printf("\n%9s%%  %6s  %6s  %-20s  %s\n", "ports", "used", "of", "source", "endpoint");
	for (i = 0; i < n && i < LINES; i++) {
		row = order[2 * i + 1];
		printf("%9llu%%  %6llu  %6llu  %-20s  %s", order[2 * i],
		       table_number(t, row, "used"), table_number(t, row, "of"),
		       table_text(t, row, "source"), table_text(t, row, "endpoint"));
		show_netns(t, row, all);
	}
}

static void show_rest(const struct table *t)
{
	if (table_has(t, "closed_unreleased"))
		printf("\n%10llu  descriptors of the host's sockets that are in no table\n",
		       table_number(t, 0, "closed_unreleased"));
	/* More than that is told by a number that is one more. */
	if (table_number(t, 0, "close_wait_duration_count"))
		printf("%s%llu ms, in nine of ten cases, until close() is called\n",
		       table_number(t, 0, "close_wait_duration_p90_ms") > 4194304 ?
			       " more than " : "   at most ",
		       table_number(t, 0, "close_wait_duration_p90_ms"));
}

/* Space for two numbers for each row of the longest. */
static unsigned long long *room(const struct table t[FILES])
{
	size_t most = 0;
	unsigned int i;

	for (i = 0; i < FILES; i++)
		if (t[i].rows > most)
			most = t[i].rows;
	return calloc(most + 1, 2 * sizeof(unsigned long long));
}

/**
 * summary() - print it
 * @place: where
 * @file: set to the name of the file that cannot be read, if one cannot
 *
 * Return: 0 or a negative errno.
 */
int summary(const struct place *place, const char **file)
{
	struct table t[FILES] = {};
	unsigned long long *order = NULL;
	unsigned int i;
	int err = 0;
	size_t n;

	for (i = 0; i < FILES && !err; i++) {
		*file = names[i];
		err = place_read(place, &t[i], names[i]);
	}
	if (!err) {
		order = room(t);
		err = order ? 0 : -ENOMEM;
	}
	if (!err) {
		show_states(&t[STATES]);
		n = highest(order, &t[CLOSE_WAIT], sockets);
		show_close_wait(&t[CLOSE_WAIT], order, n, place->all);
		n = highest(order, &t[LISTENERS], fullness);
		show_queues(&t[LISTENERS], order, n, place->all);
		n = highest(order, &t[PORTS], used);
		show_ports(&t[PORTS], order, n, place->all);
		show_rest(&t[STAT]);
	}
	free(order);
	for (i = 0; i < FILES; i++)
		table_free(&t[i]);
	return err;
}
