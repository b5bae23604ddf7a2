// SPDX-License-Identifier: GPL-2.0
/*
 * Many connections in CLOSE_WAIT, for others to look at.
 *
 *	crowd CONNECTIONS [QUEUED]
 *
 * CONNECTIONS that were accepted, see lib/load.c, and QUEUED more that are left in one
 * accept queue, at 127.0.0.1:2. Of all of them the client has shut down. They are made
 * in the network namespace it is started in, and end when its standard input does. The
 * line "close" there closes the listener with the queue, and "queue" makes another, which
 * is answered with a line.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "census.h"
#include "load.h"

static unsigned int close_wait(void)
{
	struct counts c;

	census_counts(&c);
	return c.n[TCP_CLOSE_WAIT][V4];
}

/* Have a queue of so many, beside what was there before. */
static void queue(unsigned long before, unsigned long queued)
{
	load_queue(queued);
	must(wait_for(close_wait() == before + queued));
	printf("close_wait %lu unaccepted %lu\n", before + queued, queued);
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned long queued = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	struct load load;
	char line[16];

	if (n < 1 || n > 4000000 || queued > 65536)
		die("crowd CONNECTIONS [QUEUED]: 1 to 4000000, up to 65536");
	setlinebuf(stdout);
	load_begin(&load, n, 1, 1);
	queue(n, queued);
	while (fgets(line, sizeof(line), stdin)) {
		if (!strcmp(line, "close\n")) {
			load_queue_close();
			printf("closed\n");
		} else if (!strcmp(line, "queue\n")) {
			queue(close_wait(), queued);
		} else {
			die("no such command: %s", line);
		}
	}
	load_end(&load);
	return 0;
}
