/* SPDX-License-Identifier: GPL-2.0 */
/* What a stress must leave as it was: sockets, memory, namespaces, files, the log. */
#ifndef LIB_STRAIN_H
#define LIB_STRAIN_H

#include <stdbool.h>

#include "reap.h"

enum strain_slab {
	SLAB_TCP, SLAB_TCP6, SLAB_REQUEST, SLAB_REQUEST6, SLAB_TIMEWAIT, SLAB_TIMEWAIT6,
	SLAB_NET, SLABS,
};

enum strain_report { REPORT_BUG, REPORT_WARNING, REPORT_STALL, REPORTS };

/**
 * struct strain - of the host, at one time
 * @sockets: of TCP
 * @slab: objects, by kind
 * @kmalloc_kb: in all caches of kmalloc()
 * @percpu_kb: for one value on each processor
 * @vmalloc_kb: in pages that were mapped one by one
 * @files: open
 * @users: of the module
 * @log: the kernel's log from then on, for each report there may be
 */
struct strain {
	struct sockstat sockets;
	unsigned long slab[SLABS];
	unsigned long kmalloc_kb;
	unsigned long percpu_kb;
	unsigned long vmalloc_kb;
	unsigned long files;
	unsigned long users;
	int log[REPORTS];
};

unsigned int strain_seconds(void);
void strain_begin(struct strain *s);
unsigned int strain_left(const struct strain *began);

#endif /* LIB_STRAIN_H */
