/* SPDX-License-Identifier: GPL-2.0 */
/* What the module shows, and the same as ss counts it. */
#ifndef LIB_CENSUS_H
#define LIB_CENSUS_H

#include <netinet/tcp.h>
#include <stdbool.h>

#include "table.h"

#define CENSUS_DIR "/proc/net/tcp_census/"
#define CENSUS_MODULE "/sys/module/tcp_census"
#define CENSUS_MS CENSUS_MODULE "/parameters/census_ms"

#define STATES (TCP_CLOSING + 1)

enum family { V4, V6, FAMILIES };

/**
 * struct counts - sockets
 * @n: by TCP state, as in netinet/tcp.h, and socket family
 */
struct counts {
	unsigned int n[STATES][FAMILIES];
};

extern const char *const state_names[STATES];

void census_begin(void);
bool census_damaged(void);
unsigned int census_netns(void);

void counts_parse(struct counts *c, const char *text, size_t len,
		  unsigned int netns);
void census_counts(struct counts *c);
void census_table(struct table *t, const char *file);
unsigned long long census_stat(const char *key);
long long stat_find(const char *text, const char *key);
unsigned long long stat_value(const char *text, const char *key);

void ss_counts(struct counts *c);

bool counts_same(const struct counts *a, const struct counts *b);
unsigned int counts_diff(const char *who, const struct counts *want,
			 const struct counts *got);
unsigned int counts_sum(const struct counts *c);

/**
 * struct ss_listener - a listener as ss -ltnem shows it
 * @depth: Recv-Q
 * @limit: Send-Q
 * @inode: ino:
 * @drops: the last of skmem:
 */
struct ss_listener {
	unsigned long long depth;
	unsigned long long limit;
	unsigned long long inode;
	unsigned long long drops;
};

void ss_listener(struct ss_listener *l, unsigned short port);

#endif /* LIB_CENSUS_H */
