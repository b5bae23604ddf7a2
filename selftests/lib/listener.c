// SPDX-License-Identifier: GPL-2.0
/* One row of the module's listeners. */

#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "census.h"
#include "listener.h"
#include "net.h"

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

	table_copy(l->local, sizeof(l->local), &t, row, "local");
	table_copy(l->cgroup, sizeof(l->cgroup), &t, row, "cgroup");
	table_copy(l->uid, sizeof(l->uid), &t, row, "uid");
	l->inode = table_number(&t, row, "inode");
	l->depth = table_number(&t, row, "depth");
	l->limit = table_number(&t, row, "limit");
	l->drops = table_number(&t, row, "drops");
	l->syn_queue = table_number(&t, row, "syn_queue");
	l->close_wait = table_number(&t, row, "unaccepted_close_wait");
	l->reset = table_number(&t, row, "unaccepted_reset");
	l->oldest_wait_ms = table_number(&t, row, "oldest_wait_ms");
	l->reuseport = table_number(&t, row, "reuseport");
	if (l->close_wait + l->reset > l->depth)
		die("listeners: %s: %llu queued, of which %llu and %llu are dead",
		    l->local, l->depth, l->close_wait, l->reset);
	if (l->oldest_wait_ms && !l->depth)
		die("listeners: %s: an empty queue that waits", l->local);
	table_free(&t);
	free(value);
}

/* The row of a socket we hold. */
void listener_of(struct listener *l, int fd)
{
	listener_row(l, sock_inode(fd));
}
