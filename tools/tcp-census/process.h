/* SPDX-License-Identifier: GPL-2.0 */
/* Processes: who has a socket, and how he is. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Processes that are looked at of those that share a socket. */
#define HOLDERS 8

/**
 * struct holder - who has a socket
 * @inode: of the socket
 * @pid: of the first processes that have it open
 * @n: how many have
 */
struct holder {
	unsigned long long inode;
	pid_t pid[HOLDERS];
	unsigned int n;
};

/**
 * struct process - a process
 * @pid: of it
 * @name: as in /proc/PID/comm, in printable ASCII
 * @state: as in /proc/PID/stat: 'R', 'S', 'T', ...
 * @frozen: its cgroup is
 * @throttled: of 100 periods in which its cgroup wanted to run, so many were cut short
 * @fds: open files; 0: not known
 * @fds_max: RLIMIT_NOFILE
 */
struct process {
	pid_t pid;
	char name[64];
	char state;
	bool frozen;
	unsigned int throttled;
	unsigned long fds;
	unsigned long fds_max;
};

bool holders_find(struct holder *holder, size_t n);
bool process_read(struct process *p, pid_t pid);

#endif /* PROCESS_H */
