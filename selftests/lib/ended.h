/* SPDX-License-Identifier: GPL-2.0 */
/* Listeners that end badly, and the lines they leave. */
#ifndef LIB_ENDED_H
#define LIB_ENDED_H

#include <time.h>

#include "net.h"
#include "table.h"

#define ENDED_HOST "/proc/tcp_census/ended"

/* How many lines are kept, of a namespace and of those that are gone. */
#define ENDED_MAX 256

/**
 * struct ended - a line of ended, or what it is to be
 * @time: in seconds; 0 in what was read from listeners
 * @lifetime_s: likewise
 */
struct ended {
	char local[80];
	char cgroup[256];
	char uid[16];
	unsigned long long netns;
	unsigned long long peak;
	unsigned long long limit;
	unsigned long long filled;
	unsigned long long drops;
	unsigned long long lifetime_s;
	time_t time;
};

void ended_row(struct ended *e, const struct table *t, size_t row);
void ended_before(struct ended *e, int listener);
unsigned int ended_off(const struct ended *want, const struct ended *got);
size_t ended_last(struct ended *e);

int listen_full(const char *ip, unsigned short port, int backlog);

#endif /* LIB_ENDED_H */
