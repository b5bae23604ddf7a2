/* SPDX-License-Identifier: GPL-2.0 */
/* What the module says was in an accept queue, and how to have it there. */
#ifndef LIB_PEAK_H
#define LIB_PEAK_H

#include <stdbool.h>

#include "net.h"
#include "table.h"

/**
 * struct peak - columns of a row of listeners
 * @local: address and port
 * @depth: of the queue now
 * @limit: of it
 * @peak: highest depth since the listener began
 * @recent: column peak_recent
 * @filled: how often the depth rose above the limit
 * @queued: connections that entered the queue
 */
struct peak {
	char local[80];
	unsigned long long depth;
	unsigned long long limit;
	unsigned long long peak;
	unsigned long long recent;
	unsigned long long filled;
	unsigned long long queued;
};

void peak_in(struct peak *p, const struct table *t, unsigned long inode);
void peak_of(struct peak *p, int fd);
unsigned int peak_off(int fd, unsigned int peak, unsigned int filled,
		      unsigned int queued);

unsigned int sock_depth(int listener);
void burst_start(const struct addr *to, unsigned int n);
bool burst_queued(int listener, unsigned int n);
bool burst_fill(int listener, const struct addr *to, unsigned int n);
unsigned int burst_drain(int listener);

#endif /* LIB_PEAK_H */
