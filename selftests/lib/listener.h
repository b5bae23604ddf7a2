/* SPDX-License-Identifier: GPL-2.0 */
/* One row of the module's listeners. */
#ifndef LIB_LISTENER_H
#define LIB_LISTENER_H

/**
 * struct listener - a row, as far as tests ask
 */
struct listener {
	char local[80];
	char cgroup[256];
	char uid[16];
	unsigned long long inode;
	unsigned long long depth;
	unsigned long long limit;
	unsigned long long drops;
	unsigned long long syn_queue;
};

void listener_row(struct listener *l, unsigned long inode);
void listener_of(struct listener *l, int fd);

#endif /* LIB_LISTENER_H */
