// SPDX-License-Identifier: GPL-2.0
/*
 * Checks for monitoring systems: a line and an exit status, as the guidelines for
 * monitoring plugins have it.
 */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "failure.h"

#define PARTS_MAX 8

/**
 * struct kind - what can be checked
 * @name: how it is asked for
 * @label: in the performance data
 * @unit: of it: "" or "%"
 * @what: of the line, after the number
 * @parts: keys of stat, whose sum it is; a part with "=" is told and not added
 * @missed: and what must be 0, or the sum may be too low
 */
static const struct kind {
	const char *name;
	const char *label;
	const char *unit;
	const char *what;
	const char *parts[PARTS_MAX];
	const char *missed[PARTS_MAX];
} kinds[] = {
	{ "close-wait", "close_wait", "", "sockets that their peers have closed and nobody closes",
	  { "close_wait_unaccepted", "close_wait_unread", "close_wait_fin_pending",
	    "close_wait_drained", "=close_wait_sending", "=close_wait_exempt" },
	  { "conns_missed", "close_wait_missed" } },
	{ "queue", "queue", "%", "of the fullest accept queue",
	  { "accept_queue_worst_percent" }, { "listeners_missed" } },
	{ "ports", "ports", "%", "of the local ports in use",
	  { "ports_worst_percent" }, { "conns_missed", "ports_missed" } },
	{ "dead-fds", "dead_fds", "", "descriptors of TCP sockets that are in no table",
	  { "closed_unreleased" }, {} },
};

static const struct kind *find(const char *what)
{
	unsigned int i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].name, what))
			return &kinds[i];
	return NULL;
}

/* Is there such a check? */
bool check_known(const char *what)
{
	return find(what);
}

/* All there are, "a, b, c". */
void check_list(char *text, unsigned int size)
{
	unsigned int i, at = 0;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds) && at < size; i++)
		at += snprintf(text + at, size - at, "%s%s", i ? ", " : "", kinds[i].name);
}

static int begin(const char *what, int status)
{
	static const char *const names[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

	for (printf("TCP_CENSUS "); *what; what++)
		putchar(toupper((unsigned char)*what));
	printf(" %s - ", names[status]);
	return status;
}

/* Say that it is not known, and why. Returns the exit status. */
int check_unknown(const char *what, const char *why)
{
	begin(what, CHECK_UNKNOWN);
	printf("%s\n", why);
	return CHECK_UNKNOWN;
}

static void performance(const struct table *t, const struct kind *kind,
			unsigned long long value, const struct range *warning,
			const struct range *critical)
{
	const char *const *part = kind->parts, *key;

	printf(" | %s=%llu%s;%s;%s;0;%s", kind->label, value, kind->unit,
	       warning->text ?: "", critical->text ?: "", *kind->unit ? "100" : "");
	for (; kind->parts[1] && part < kind->parts + PARTS_MAX && *part; part++) {
		key = *part + (**part == '=');
		printf(" %s=%llu;;;0;", key, table_number(t, 0, key));
	}
	putchar('\n');
}

/* Is there a key in stat? Else says why there may be none. */
static bool there(char *why, size_t size, const struct table *t, const char *key)
{
	if (table_has(t, key))
		return true;
	if (!strcmp(key, "closed_unreleased"))
		snprintf(why, size, "known in the host's network namespace alone");
	else
		snprintf(why, size, "no %s in stat: are module and tool of one version?",
			 key);
	return false;
}

/* The sum of the parts. Returns false, and why, if one is not there. */
static bool add_up(unsigned long long *sum, char *why, size_t size, const struct table *t,
		   const struct kind *kind)
{
	const char *const *part;

	*sum = 0;
	for (part = kind->parts; part < kind->parts + PARTS_MAX && *part; part++) {
		if (!there(why, size, t, *part + (**part == '=')))
			return false;
		if (**part != '=')
			*sum += table_number(t, 0, *part);
	}
	return true;
}

/* Is it all there is? Else says what is not. */
static bool complete(char *why, size_t size, const struct table *t, const struct kind *kind)
{
	const char *const *key;

	for (key = kind->missed; key < kind->missed + PARTS_MAX && *key; key++) {
		if (!there(why, size, t, *key))
			return false;
		if (!table_number(t, 0, *key))
			continue;
		snprintf(why, size, "it may be more: %s is %llu", *key,
			 table_number(t, 0, *key));
		return false;
	}
	return true;
}

/**
 * check() - check something and print what there is to say
 * @place: where
 * @what: check_known()
 * @warning: what is right; else it is a warning
 * @critical: likewise
 *
 * Return: the exit status.
 */
int check(const struct place *place, const char *what, const struct range *warning,
	  const struct range *critical)
{
	const struct kind *kind = find(what);
	int err, status = CHECK_OK;
	unsigned long long value;
	bool known = false;
	char why[400];
	struct table t;

	err = place_read(place, &t, "stat");
	if (err)
		failure(why, sizeof(why), place, "stat", err);
	else
		known = add_up(&value, why, sizeof(why), &t, kind);
	if (known && range_alerts(critical, value))
		status = CHECK_CRITICAL;
	else if (known && range_alerts(warning, value))
		status = CHECK_WARNING;
	else if (known)
		known = complete(why, sizeof(why), &t, kind);
	if (!known) {
		table_free(&t);
		return check_unknown(what, why);
	}
	begin(what, status);
	printf("%llu%s%s %s", value, *kind->unit ? " " : "", kind->unit, kind->what);
	performance(&t, kind, value, warning, critical);
	table_free(&t);
	return status;
}
