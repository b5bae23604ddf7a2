// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors of TCP sockets that are over, by process. What is in no table nobody
 * else tells: each socket of each process is asked for its state.
 */

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dead.h"
#include "table.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

/* Is it a TCP socket that is over? It may be in use: nothing of it is changed. */
static bool is_dead(int fd)
{
	int protocol = 0, listens = 0;
	struct tcp_info info = {};
	socklen_t len = sizeof(protocol);

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) || protocol != IPPROTO_TCP)
		return false;
	len = sizeof(listens);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) || listens)
		return false;
	len = sizeof(info);
	return !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) && len &&
	       info.tcpi_state == TCP_CLOSE;
}

/* Those of a process. Returns false without permission. */
static bool count(unsigned int *n, const char *pid)
{
	const struct dirent *entry;
	char path[64], link[16];
	int pidfd, fd;
	DIR *dir;

	*n = 0;
	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return errno != EACCES;
	pidfd = syscall(SYS_pidfd_open, (pid_t)strtol(pid, NULL, 10), 0);
	while (pidfd >= 0 && (entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);

		if (len < 8 || memcmp(link, "socket:[", 8))
			continue;
		fd = syscall(SYS_pidfd_getfd, pidfd, (int)strtol(entry->d_name, NULL, 10), 0);
		if (fd < 0 && errno == EPERM)
			break;
		if (fd < 0)
			continue;
		*n += is_dead(fd);
		close(fd);
	}
	closedir(dir);
	if (pidfd < 0)
		return errno == ESRCH;
	close(pidfd);
	return !entry;
}

/* Those who have most, in order. */
static size_t insert(struct dead *dead, size_t n, size_t max, const struct dead *new)
{
	size_t i;

	for (i = n; i && dead[i - 1].n < new->n; i--)
		if (i < max)
			dead[i] = dead[i - 1];
	if (i < max)
		dead[i] = *new;
	return n < max ? n + 1 : max;
}

/**
 * dead_find() - find the processes with most descriptors of TCP sockets that are over
 * @dead: filled, those with most first
 * @max: room
 * @all: set to false if there were processes that could not be looked at
 *
 * Return: how many.
 */
size_t dead_find(struct dead *dead, size_t max, bool *all)
{
	const struct dirent *entry;
	DIR *dir = opendir("/proc");
	struct dead new;
	size_t n = 0;

	*all = dir;
	while (dir && (entry = readdir(dir))) {
		if (!table_is_number(entry->d_name))
			continue;
		if (!count(&new.n, entry->d_name))
			*all = false;
		new.pid = strtol(entry->d_name, NULL, 10);
		if (new.n)
			n = insert(dead, n, max, &new);
	}
	if (dir)
		closedir(dir);
	return n;
}
