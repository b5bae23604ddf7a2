/* SPDX-License-Identifier: GPL-2.0 */
/* How long a socket was in CLOSE_WAIT, and what the module says of that. */
#ifndef LIB_CLOSING_H
#define LIB_CLOSING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Shown for more than the last bucket. */
#define CLOSING_MORE 4194305

/**
 * struct closings - how sockets left CLOSE_WAIT, from stat
 * @count: close_wait_duration_count, by close()
 * @p50: percentiles in ms, the upper bounds of buckets; 0 without any
 * @p90: the next
 * @p99: the next
 * @otherwise: close_wait_ended_otherwise
 * @unknown: close_wait_duration_unknown
 */
struct closings {
	unsigned long long count;
	unsigned long long p50;
	unsigned long long p90;
	unsigned long long p99;
	unsigned long long otherwise;
	unsigned long long unknown;
};

void closings_read(struct closings *c);
unsigned int closings_off(const struct closings *want, const struct closings *got);

/**
 * struct waited - what a socket waited between the FIN, or whatever was heard last
 *	of its peer, and close()
 * @least: in ms, by the test's clock
 * @most: likewise
 * @from: that clock before the peer spoke
 * @to: and once it had been heard
 */
struct waited {
	uint64_t least;
	uint64_t most;
	uint64_t from;
	uint64_t to;
};

void waited_hear(struct waited *w);
void waited_heard(struct waited *w);
void waited_begin(struct waited *w, int far, int near);
void waited_age(struct waited *w, int near, unsigned int seconds);
void waited_end(struct waited *w, int near);
unsigned int waited_off(const struct waited *w, size_t n);

#endif /* LIB_CLOSING_H */
