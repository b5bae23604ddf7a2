// SPDX-License-Identifier: GPL-2.0
/*
 * Many connections in CLOSE_WAIT, for others to look at.
 *
 *	crowd CONNECTIONS [QUEUED]
 *
 * CONNECTIONS that were accepted, see lib/load.c, and QUEUED more that are left in one
 * accept queue, at 127.0.0.1:2. Of all of them the client has shut down. They are made
 * in the network namespace it is started in, and end when its standard input does.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base.h"
#include "census.h"
#include "load.h"

static unsigned int close_wait(void)
{
	struct counts c;

	census_counts(&c);
	return c.n[TCP_CLOSE_WAIT][V4];
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned long queued = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	struct load load;
	char c;

	if (n < 1 || n > 4000000 || queued > 65536)
		die("crowd CONNECTIONS [QUEUED]: 1 to 4000000, up to 65536");
	setlinebuf(stdout);
	load_begin(&load, n, 1);
	load_queue(queued);
	must(wait_for(close_wait() == n + queued));
	printf("close_wait %lu unaccepted %lu\n", n + queued, queued);
	must(read(STDIN_FILENO, &c, 1) >= 0);
	load_end(&load);
	return 0;
}
