// SPDX-License-Identifier: GPL-2.0
/* One row of the module's listeners. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "census.h"
#include "listener.h"
#include "net.h"

static void copy(char *to, size_t size, const struct table *t, size_t row,
		 const char *name)
{
	const char *cell = table_cell(t, row, name);

	if ((size_t)snprintf(to, size, "%s", cell) >= size)
		die("listeners: column %s: too long: %s", name, cell);
}

/**
 * listener_row() - the only row with that inode, freshly read
 * @l: filled
 * @inode: number of the listening socket; no row or two end the test
 */
void listener_row(struct listener *l, unsigned long inode)
{
	char *value = strf("%lu", inode);
	struct table t;
	long row;

	census_table(&t, "listeners");
	row = table_find(&t, "inode", value, -1);
	if (row < 0)
		die("listeners: no row with inode %s", value);
	if (table_find(&t, "inode", value, row) >= 0)
		die("listeners: two rows with inode %s", value);

	copy(l->local, sizeof(l->local), &t, row, "local");
	copy(l->cgroup, sizeof(l->cgroup), &t, row, "cgroup");
	copy(l->uid, sizeof(l->uid), &t, row, "uid");
	l->inode = table_number(&t, row, "inode");
	l->depth = table_number(&t, row, "depth");
	l->limit = table_number(&t, row, "limit");
	l->drops = table_number(&t, row, "drops");
	l->syn_queue = table_number(&t, row, "syn_queue");
	table_free(&t);
	free(value);
}

/* The row of a socket we hold. */
void listener_of(struct listener *l, int fd)
{
	listener_row(l, sock_inode(fd));
}
