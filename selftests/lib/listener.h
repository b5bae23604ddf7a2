/* SPDX-License-Identifier: GPL-2.0 */
/* One row of the module's listeners. */
#ifndef LIB_LISTENER_H
#define LIB_LISTENER_H

/**
 * struct listener - a row
 * @close_wait: column unaccepted_close_wait
 * @reset: column unaccepted_reset
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
	unsigned long long close_wait;
	unsigned long long reset;
	unsigned long long oldest_wait_ms;
	unsigned long long reuseport;
};

void listener_row(struct listener *l, unsigned long inode);
void listener_of(struct listener *l, int fd);

#endif /* LIB_LISTENER_H */
