// SPDX-License-Identifier: GPL-2.0
/* Processes: who has a socket, and how he is. */

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process.h"
#include "table.h"

#define CGROUPS "/sys/fs/cgroup"

static int by_inode(const void *pa, const void *pb)
{
	const struct holder *a = pa, *b = pb;

	return a->inode < b->inode ? -1 : a->inode > b->inode;
}

static void found(struct holder *holder, pid_t pid)
{
	unsigned int i;

	for (i = 0; i < holder->n && i < HOLDERS; i++)
		if (holder->pid[i] == pid)
			return;
	if (i < HOLDERS)
		holder->pid[i] = pid;
	holder->n++;
}

/* The sockets that a process has open. Returns false without permission. */
static bool look_at(struct holder *holders, size_t n, const char *pid)
{
	char path[64], link[64];
	const struct dirent *entry;
	struct holder key, *holder;
	bool may = true;
	ssize_t len;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT || errno == ESRCH;
	while ((entry = readdir(dir))) {
		if (*entry->d_name == '.')
			continue;
		len = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
		if (len < 0) {
			may &= errno == ENOENT || errno == ESRCH;
			continue;
		}
		link[len] = '\0';
		if (sscanf(link, "socket:[%llu]", &key.inode) != 1)
			continue;
		holder = bsearch(&key, holders, n, sizeof(key), by_inode);
		if (holder)
			found(holder, strtol(pid, NULL, 10));
	}
	closedir(dir);
	return may;
}

/**
 * holders_find() - find the processes that have some sockets open
 * @holder: them, by their inode; put into its order
 * @n: how many
 *
 * Return: false if there were processes that could not be looked at.
 */
bool holders_find(struct holder *holder, size_t n)
{
	const struct dirent *entry;
	DIR *dir = opendir("/proc");
	bool all = dir;

	if (n)
		qsort(holder, n, sizeof(*holder), by_inode);
	while (dir && n && (entry = readdir(dir)))
		if (table_is_number(entry->d_name))
			all &= look_at(holder, n, entry->d_name);
	if (dir)
		closedir(dir);
	return all;
}

/* The text of a small file; "" if there is none. */
static char *small(char *text, size_t size, const char *fmt, ...)
{
	char path[512];
	va_list args;
	size_t len = 0;
	FILE *file;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	file = fopen(path, "re");
	if (file) {
		len = fread(text, 1, size - 1, file);
		fclose(file);
	}
	text[len] = '\0';
	return text;
}

/* What stands behind a key, at the beginning of a line; NULL if it is not there. */
static char *behind(char *text, const char *key)
{
	while (strncmp(text, key, strlen(key))) {
		text = strchr(text, '\n');
		if (!text)
			return NULL;
		text++;
	}
	return text + strlen(key);
}

/* The same of a number; 0 if it is not there. */
static unsigned long long number(char *text, const char *key)
{
	const char *value = behind(text, key);

	return value ? strtoull(value, NULL, 10) : 0;
}

static void read_cgroup(struct process *p)
{
	char text[4096], *path, *end;
	unsigned long long periods;

	/* Only of cgroup v2, which is mounted there by every systemd. */
	small(text, sizeof(text), "/proc/%d/cgroup", p->pid);
	path = behind(text, "0::");
	/* Out of our own cgroup namespace it climbs. */
	if (!path || *path != '/' || (!strncmp(path, "/..", 3) && strchr("/\n", path[3])))
		return;
	end = strchr(path, '\n');
	if (end)
		*end = '\0';
	path = strdup(path);
	if (!path)
		return;
	small(text, sizeof(text), CGROUPS "%.400s/cgroup.events", path);
	p->frozen = number(text, "frozen ");
	small(text, sizeof(text), CGROUPS "%.400s/cpu.stat", path);
	periods = number(text, "nr_periods ");
	if (periods)
		p->throttled = number(text, "nr_throttled ") * 100 / periods;
	free(path);
}

static unsigned long count_fds(pid_t pid)
{
	const struct dirent *entry;
	unsigned long n = 0;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	while ((entry = readdir(dir)))
		n += *entry->d_name != '.';
	closedir(dir);
	return n;
}

/**
 * process_read() - how is a process?
 * @p: filled
 * @pid: of it
 *
 * Return: false if it has ended.
 */
bool process_read(struct process *p, pid_t pid)
{
	char text[4096], *c;

	memset(p, 0, sizeof(*p));
	p->pid = pid;
	small(p->name, sizeof(p->name), "/proc/%d/comm", pid);
	for (c = p->name; *c; c++) {
		if (*c == '\n')
			*c = '\0';
		else if (*c < ' ' || *c > '~')
			*c = '?';
	}
	small(text, sizeof(text), "/proc/%d/stat", pid);
	c = strrchr(text, ')');
	if (!c || strlen(c) < 3)
		return false;
	p->state = c[2];
	small(text, sizeof(text), "/proc/%d/limits", pid);
	p->fds_max = number(text, "Max open files");
	p->fds = count_fds(pid);
	read_cgroup(p);
	return true;
}
