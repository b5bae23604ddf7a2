// SPDX-License-Identifier: GPL-2.0
/* Listeners that end badly, and the lines they leave. */

#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "census.h"
#include "ended.h"
#include "peak.h"

/* "2026-11-21T13:23:41Z", and nothing else. */
static time_t rfc3339(const char *text)
{
	struct tm tm = {};
	char again[32];
	char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (!end || *end)
		die("ended: time %s", text);
	strftime(again, sizeof(again), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (strcmp(again, text))
		die("ended: time %s, should be %s", text, again);
	return timegm(&tm);
}

/* What both tables say. */
static void read_row(struct ended *e, const struct table *t, size_t row)
{
	memset(e, 0, sizeof(*e));
	table_copy(e->local, sizeof(e->local), t, row, "local");
	table_copy(e->cgroup, sizeof(e->cgroup), t, row, "cgroup");
	table_copy(e->uid, sizeof(e->uid), t, row, "uid");
	e->netns = table_number(t, row, "netns");
	e->peak = table_number(t, row, "peak");
	e->limit = table_number(t, row, "limit");
	e->filled = table_number(t, row, "filled");
	e->drops = table_number(t, row, "drops");
}

void ended_row(struct ended *e, const struct table *t, size_t row)
{
	read_row(e, t, row);
	e->time = rfc3339(table_cell(t, row, "time"));
	e->lifetime_s = table_number(t, row, "lifetime_s");
}

/* What a listener's line is to be, from its row now. */
void ended_before(struct ended *e, int listener)
{
	char *inode = strf("%lu", sock_inode(listener));
	struct table t;
	long row;

	census_table(&t, "listeners");
	row = table_find(&t, "inode", inode, -1);
	if (row < 0)
		die("listeners: no row with inode %s", inode);
	read_row(e, &t, row);
	table_free(&t);
	free(inode);
}

/* All but the time. Prints where @got is not what was wanted, and counts. */
unsigned int ended_off(const struct ended *want, const struct ended *got)
{
	return off_text("local", want->local, got->local) +
	       off_text("cgroup", want->cgroup, got->cgroup) +
	       off_text("uid", want->uid, got->uid) +
	       off("netns", want->netns, got->netns) +
	       off("peak", want->peak, got->peak) +
	       off("limit", want->limit, got->limit) +
	       off("filled", want->filled, got->filled) +
	       off("drops", want->drops, got->drops);
}

/* The newest line of this namespace, if there is any; how many there are. */
size_t ended_last(struct ended *e)
{
	struct table t;
	size_t rows;

	census_table(&t, "ended");
	rows = t.rows;
	if (rows)
		ended_row(e, &t, rows - 1);
	table_free(&t);
	return rows;
}

/* A listener whose queue holds one more than its limit. Clients are left open. */
int listen_full(const char *ip, unsigned short port, int backlog)
{
	int fd = sock_listen(ip, port, backlog);
	struct addr to = sock_addr(fd);

	must(burst_fill(fd, &to, backlog + 1));
	return fd;
}
