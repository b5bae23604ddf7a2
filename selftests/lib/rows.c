// SPDX-License-Identifier: GPL-2.0
/* Rows of the module's close_wait, endpoints and sockets. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "rows.h"

/* By the names of the columns, and of column cause of sockets. */
const char *const cause_names[CAUSES] = {
	[EXEMPT] = "exempt",
	[UNACCEPTED] = "unaccepted",
	[SENDING] = "sending",
	[UNREAD] = "unread",
	[FIN_PENDING] = "fin_pending",
	[DRAINED] = "drained",
};

static bool role_known(const char *role)
{
	return !strcmp(role, "server") || !strcmp(role, "client");
}

static unsigned long long largest(unsigned long long a, unsigned long long b)
{
	return a > b ? a : b;
}

/* What holds of every close_wait, whatever sockets there are; or end the test. */
void close_wait_check(const struct table *t)
{
	unsigned long long sum, sockets, before = -1ULL;
	unsigned int cause;
	size_t row;

	for (row = 0; row < t->rows; row++) {
		const char *endpoint = table_cell(t, row, "endpoint");

		if (!role_known(table_cell(t, row, "role")))
			die("close_wait: role %s", table_cell(t, row, "role"));
		sockets = table_number(t, row, "sockets");
		for (sum = 0, cause = 0; cause < CAUSES; cause++)
			sum += table_number(t, row, cause_names[cause]);
		if (sum != sockets)
			die("close_wait: %s: sockets is %llu, its causes add up to %llu",
			    endpoint, sockets, sum);
		if (!sockets)
			die("close_wait: %s has no sockets", endpoint);
		if (sockets > before)
			die("close_wait: %s has more sockets than the row before",
			    endpoint);
		before = sockets;
		if (table_number(t, row, "unread_small") >
		    table_number(t, row, "unread"))
			die("close_wait: %s has more unread_small than unread",
			    endpoint);
		if (table_number(t, row, "keepalive") > sockets)
			die("close_wait: %s has more keepalive than sockets",
			    endpoint);
	}
}

/**
 * close_wait_add() - add up rows
 * @c: added to
 * @t: a close_wait
 * @role: rows of that role alone, unless NULL
 * @endpoint: rows of that endpoint alone, unless NULL
 */
void close_wait_add(struct close_wait *c, const struct table *t,
		    const char *role, const char *endpoint)
{
	long row = -1;
	unsigned int i;

	while ((row = table_match(t, row, "role", role, "endpoint", endpoint,
				  NULL)) >= 0) {
		if (!c->rows++) {
			table_copy(c->cgroup, sizeof(c->cgroup), t, row, "cgroup");
			table_copy(c->uid, sizeof(c->uid), t, row, "uid");
			c->inode = table_number(t, row, "inode");
		}
		c->sockets += table_number(t, row, "sockets");
		for (i = 0; i < CAUSES; i++)
			c->cause[i] += table_number(t, row, cause_names[i]);
		c->unread_small += table_number(t, row, "unread_small");
		c->keepalive += table_number(t, row, "keepalive");
		c->unread_bytes += table_number(t, row, "unread_bytes");
		c->mem_bytes += table_number(t, row, "mem_bytes");
		c->oldest_idle_s = largest(c->oldest_idle_s,
					   table_number(t, row, "oldest_idle_s"));
		c->oldest_data_idle_s =
			largest(c->oldest_data_idle_s,
				table_number(t, row, "oldest_data_idle_s"));
	}
}

/**
 * close_wait_row() - the row of a role and an endpoint, freshly read
 * @c: filled: all zero if there is none, the sum if there are several, which
 *	then are of different cgroups
 * @role: "server", "client" or NULL
 * @endpoint: as shown, or NULL
 *
 * All rows are looked at by close_wait_check().
 */
void close_wait_row(struct close_wait *c, const char *role,
		    const char *endpoint)
{
	struct table t;

	memset(c, 0, sizeof(*c));
	census_table(&t, "close_wait");
	close_wait_check(&t);
	close_wait_add(c, &t, role, endpoint);
	table_free(&t);
}

/* The keys close_wait_CAUSE in the text of a file stat. */
void close_wait_stat(unsigned long long by_cause[CAUSES], const char *text)
{
	unsigned int i;
	char *key;

	for (i = 0; i < CAUSES; i++) {
		key = strf("close_wait_%s", cause_names[i]);
		by_cause[i] = stat_value(text, key);
		free(key);
	}
}

/* The row of a role and an endpoint, freshly read; all zero if there is none. */
void endpoint_row(struct endpoint *e, const char *role, const char *endpoint)
{
	unsigned int state;
	struct table t;
	long row;

	memset(e, 0, sizeof(*e));
	census_table(&t, "endpoints");
	row = table_match(&t, -1, "role", role, "endpoint", endpoint, NULL);
	if (row >= 0) {
		if (table_match(&t, row, "role", role, "endpoint", endpoint,
				NULL) >= 0)
			die("endpoints: two rows %s %s", role, endpoint);
		e->there = true;
		for (state = 1; state < STATES; state++)
			e->n[state] = table_number(&t, row, state_names[state]);
		e->silent_1h = table_number(&t, row, "silent_1h");
		e->silent_no_keepalive = table_number(&t, row,
						      "silent_no_keepalive");
	}
	table_free(&t);
}

/* All rows of an endpoints by state. */
void endpoints_sum(unsigned long long n[STATES], const struct table *t)
{
	unsigned int state;

	n[0] = 0;
	for (state = 1; state < STATES; state++)
		n[state] = table_sum(t, state_names[state]);
}

/* Read and parse sockets, which is streamed, and look at every row. */
void sockets_table(struct table *t)
{
	size_t row;
	unsigned int i;

	census_table(t, "sockets");
	for (row = 0; row < t->rows; row++) {
		const char *cause = table_cell(t, row, "cause");

		if (!role_known(table_cell(t, row, "role")))
			die("sockets: role %s", table_cell(t, row, "role"));
		for (i = 0; i < CAUSES && strcmp(cause, cause_names[i]); i++)
			;
		if (i == CAUSES)
			die("sockets: cause %s", cause);
		if (table_number(t, row, "keepalive") > 1)
			die("sockets: keepalive is not 0 or 1");
		if (i == UNACCEPTED && table_number(t, row, "inode"))
			die("sockets: one unaccepted has an inode");
	}
}

static int ascending(const void *a, const void *b)
{
	unsigned long long x = *(const unsigned long long *)a;
	unsigned long long y = *(const unsigned long long *)b;

	return x < y ? -1 : x > y;
}

/**
 * cookies_off() - are these in sockets, and no socket twice?
 * @t: sockets
 * @cookie: cookies of those that must be there
 * @n: how many
 *
 * Return: how many are missing, or there more than once.
 */
unsigned int cookies_off(const struct table *t, const unsigned long long *cookie,
			 size_t n)
{
	unsigned long long *shown = calloc(t->rows + 1, sizeof(*shown));
	unsigned int bad = 0;
	size_t i;

	must(shown);
	for (i = 0; i < t->rows; i++)
		shown[i] = table_number(t, i, "cookie");
	qsort(shown, t->rows, sizeof(*shown), ascending);
	for (i = 1; i < t->rows; i++)
		if (shown[i] == shown[i - 1])
			bad += off("shown twice: cookie", 0, shown[i]);
	for (i = 0; i < n; i++)
		if (!bsearch(&cookie[i], shown, t->rows, sizeof(*shown), ascending))
			bad += off("not shown: cookie", cookie[i], 0);
	free(shown);
	return bad;
}

/**
 * socket_find() - the only row with these addresses
 * @s: filled if there is one
 * @t: a sockets
 * @local: as shown
 * @remote: as shown
 *
 * Two such rows end the test.
 *
 * Return: is there one?
 */
bool socket_find(struct socket_row *s, const struct table *t,
		 const char *local, const char *remote)
{
	long row = table_match(t, -1, "local", local, "remote", remote, NULL);

	memset(s, 0, sizeof(*s));
	if (row < 0)
		return false;
	if (table_match(t, row, "local", local, "remote", remote, NULL) >= 0)
		die("sockets: two rows %s %s", local, remote);
	table_copy(s->local, sizeof(s->local), t, row, "local");
	table_copy(s->remote, sizeof(s->remote), t, row, "remote");
	table_copy(s->role, sizeof(s->role), t, row, "role");
	table_copy(s->cause, sizeof(s->cause), t, row, "cause");
	table_copy(s->uid, sizeof(s->uid), t, row, "uid");
	table_copy(s->cgroup, sizeof(s->cgroup), t, row, "cgroup");
	s->idle_s = table_number(t, row, "idle_s");
	s->data_idle_s = table_number(t, row, "data_idle_s");
	s->keepalive = table_number(t, row, "keepalive");
	s->unread_bytes = table_number(t, row, "unread_bytes");
	s->inode = table_number(t, row, "inode");
	s->cookie = table_number(t, row, "cookie");
	return true;
}

static bool socket_between(struct socket_row *s, const struct addr *local,
			   const struct addr *remote)
{
	char *l = addr_text(local), *r = addr_text(remote);
	struct table t;
	bool found;

	sockets_table(&t);
	found = socket_find(s, &t, l, r);
	table_free(&t);
	free(l);
	free(r);
	return found;
}

/* The row of a connection we hold, freshly read. */
bool socket_of(struct socket_row *s, int fd)
{
	struct addr local = sock_addr(fd), remote = sock_peer(fd);

	return socket_between(s, &local, &remote);
}

/* The same of the other end, which may still be in an accept queue. */
bool socket_peer_of(struct socket_row *s, int fd)
{
	struct addr local = sock_addr(fd), remote = sock_peer(fd);

	return socket_between(s, &remote, &local);
}

/**
 * census_freeze() - from now on every open() sees one snapshot, of now
 *
 * Not in namespaces younger than it. Not sockets, which walks by itself.
 */
void census_freeze(void)
{
	char *text;

	file_set(CENSUS_MS, "0");
	text = file_read(CENSUS_DIR "close_wait", NULL);
	must(text);
	free(text);
	file_set(CENSUS_MS, "3600000");
}

/* One that was made to be of now goes after a second; what comes then is there to stay. */
static bool stays(unsigned long long *age)
{
	unsigned long long last = *age;

	*age = census_stat("snapshot_age_ms");
	return *age < last || *age > 10000;
}

/**
 * census_still() - census_freeze(), and nobody walks for who reads meanwhile
 *
 * But for what sockets shows.
 */
void census_still(void)
{
	unsigned long long age = 0;

	census_freeze();
	must(wait_for(stays(&age)));
}

/* Every open() walks again. */
void census_thaw(void)
{
	file_set(CENSUS_MS, "0");
}
