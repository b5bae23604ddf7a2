/* SPDX-License-Identifier: GPL-2.0 */
/* What is wrong: found in the files of the module. */
#ifndef FINDING_H
#define FINDING_H

#include <stddef.h>

#include "place.h"

/* Verdicts. The first six are about a service or a pool, and so is its process. */
enum verdict {
	LEAKED, /* descriptors: only close() is missing */
	IDLE_POOL, /* a client's connections that the server has ended */
	NOT_READ, /* by a slow or stuck reader */
	NOT_ACCEPTED, /* an accept queue that is full, or not looked at */
	DEAD_QUEUE, /* and full of those whose peers have gone */
	STUCK_MEMBER, /* of a reuseport group, while its siblings are empty */
	LOW_LIMIT, /* of a queue that has overflown, from listen()'s argument or somaxconn */
	PORTS, /* nearly used up */
	SILENT, /* ESTABLISHED, without keepalive */
	DEAD_FDS, /* descriptors of sockets that are in no table */
	VERDICTS,
};

extern const char *const verdict_names[VERDICTS];

/**
 * struct finding - something that is wrong
 * @verdict: what
 * @n: how many sockets
 * @who: the role and endpoint
 * @cgroup: of it; "-" if it has none
 * @netns: inode number
 * @inode: of a socket of it; 0: none
 * @pace_s: seconds in which there have come to be @n; 0: not known
 * @evidence: what says so
 */
struct finding {
	enum verdict verdict;
	unsigned long long n;
	char who[128];
	char cgroup[300];
	unsigned long long netns;
	unsigned long long inode;
	unsigned long long pace_s;
	char evidence[400];
};

/**
 * struct findings - all of them
 * @all: the worst first
 * @n: how many
 * @missed: what the module does not know, so that there may be more; "" if nothing
 */
struct findings {
	struct finding *all;
	size_t n;
	char missed[100];
};

int findings_read(struct findings *f, const struct place *place, const char **file);
void findings_free(struct findings *f);

#endif /* FINDING_H */
