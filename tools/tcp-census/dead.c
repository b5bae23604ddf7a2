// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors of TCP sockets that are over, by process. What is in no table nobody
 * else tells: each socket of each process is asked for its state.
 */

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "dead.h"
#include "table.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

/*
 * Who takes a descriptor from another process marks its socket with his own cgroups of
 * version 1, net_cls and net_prio; where these are in use nobody is looked at.
 */
static bool marks(void)
{
	char line[512];
	bool found = false;
	FILE *file = fopen("/proc/self/cgroup", "re");

	while (file && fgets(line, sizeof(line), file))
		found |= strstr(line, "net_cls") || strstr(line, "net_prio");
	if (file)
		fclose(file);
	return found;
}

/* Does the name of a descriptor below /proc stand for a TCP socket? */
static bool is_tcp(const char *path)
{
	char name[16] = "";
	ssize_t len = getxattr(path, "system.sockprotoname", name, sizeof(name) - 1);

	return len > 0 && !strncmp(name, "TCP", 3);
}

/*
 * Is a TCP socket over? Whoever sends may hold its lock for long: that is asked for only
 * if there is nothing to be sent any more.
 */
static bool is_dead(int fd)
{
	struct pollfd poll_fd = { .fd = fd };
	struct tcp_info info = {};
	socklen_t len = sizeof(info);

	return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & POLLHUP &&
	       !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) && len &&
	       info.tcpi_state == TCP_CLOSE;
}

static bool gone(int err)
{
	return err == ENOENT || err == ESRCH || err == EBADF;
}

/* Those of a process. Returns false without permission. */
static bool count(unsigned int *n, const char *pid)
{
	const struct dirent *entry;
	bool may = true;
	char path[300];
	int pidfd, fd;
	DIR *dir;

	*n = 0;
	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return gone(errno);
	pidfd = syscall(SYS_pidfd_open, (pid_t)strtol(pid, NULL, 10), 0);
	may = pidfd >= 0 || gone(errno);
	while (pidfd >= 0 && may && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%.20s/fd/%.20s", pid, entry->d_name);
		if (!is_tcp(path))
			continue;
		fd = syscall(SYS_pidfd_getfd, pidfd, (int)strtol(entry->d_name, NULL, 10), 0);
		if (fd < 0) {
			may = gone(errno);
			continue;
		}
		*n += is_dead(fd);
		close(fd);
	}
	closedir(dir);
	if (pidfd >= 0)
		close(pidfd);
	return may;
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
	bool may = !marks();
	struct dead new;
	size_t n = 0;

	*all = dir && may;
	while (dir && may && (entry = readdir(dir))) {
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
