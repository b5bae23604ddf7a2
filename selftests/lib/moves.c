// SPDX-License-Identifier: GPL-2.0
/* State changes, as the test made them and as the module shows them. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "moves.h"
#include "net.h"

/* The state of which a way tells next; 0, which is none, for "-". */
static unsigned int next_state(const char **way)
{
	size_t len = strcspn(*way, " ");
	unsigned int state;

	for (state = 1; state < STATES; state++)
		if (strlen(state_names[state]) == len &&
		    !strncmp(*way, state_names[state], len))
			break;
	if (state == STATES) {
		must(len == 1 && **way == '-');
		state = 0;
	}
	*way += len;
	*way += strspn(*way, " ");
	return state;
}

/**
 * went() - some sockets went from state to state
 * @m: to which this is added
 * @n: how many sockets
 * @way: names of states, from the one they were in to the last; "-" before the
 *	first of a listener's child
 */
void went(struct moves *m, unsigned int n, const char *way)
{
	unsigned int from = next_state(&way), to;

	while (*way) {
		to = next_state(&way);
		if (from)
			m->left[from] += n;
		m->entered[to] += n;
		from = to;
	}
}

/* All that was counted in this process's namespace: a line a state, no more. */
void moves_read(struct moves *m)
{
	unsigned int state;
	struct table t;
	size_t row = 0;

	memset(m, 0, sizeof(*m));
	census_table(&t, "transitions");
	for (state = 1; state < STATES; state++) {
		if (state == TCP_TIME_WAIT)
			continue;
		if (strcmp(table_cell(&t, row, "state"), state_names[state]))
			die("row %zu of transitions is %s, not %s", row,
			    table_cell(&t, row, "state"), state_names[state]);
		m->entered[state] = table_number(&t, row, "entered");
		m->left[state] = table_number(&t, row, "left");
		row++;
	}
	if (row != t.rows)
		die("transitions has %zu rows", t.rows);
	table_free(&t);
}

/* Print where @got is not what was wanted; returns in how many places. */
unsigned int moves_off(const struct moves *want, const struct moves *got)
{
	unsigned int state, bad = 0;
	char *what;

	for (state = 1; state < STATES; state++) {
		what = strf("entered %s", state_names[state]);
		bad += off(what, want->entered[state], got->entered[state]);
		free(what);
		what = strf("left %s", state_names[state]);
		bad += off(what, want->left[state], got->left[state]);
		free(what);
	}
	return bad;
}

static bool moves_same(const struct moves *want)
{
	struct moves got;
	unsigned int state;

	moves_read(&got);
	for (state = 1; state < STATES; state++)
		if (want->entered[state] != got.entered[state] ||
		    want->left[state] != got.left[state])
			return false;
	return true;
}

/* Are there, after a while, so many? If not, says where. */
bool moves_settled(const struct moves *want)
{
	struct moves got;

	if (wait_for(moves_same(want)))
		return true;
	moves_read(&got);
	moves_off(want, &got);
	return false;
}

/**
 * pair_end() - both ends of a connection are closed, one after the other
 * @first: the one that is closed first
 * @last: the other
 * @half: by shutdown() and then close(), not by close() at once
 */
void pair_end(int first, int last, bool half)
{
	char c;

	if (half) {
		must(!shutdown(first, SHUT_WR));
		must(wait_for(sock_state(first) == TCP_FIN_WAIT2));
	} else {
		close(first);
	}
	must(read(last, &c, 1) == 0);
	if (half) {
		must(!shutdown(last, SHUT_WR));
		must(wait_for(sock_state(last) == TCP_CLOSE));
		close(first);
	}
	close(last);
}
