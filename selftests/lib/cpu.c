// SPDX-License-Identifier: GPL-2.0
/* Who has had how much CPU time. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "cpu.h"

/* Of a process with a name that begins like that; 0 if it is another, or has ended. */
static unsigned long long ticks_if(pid_t pid, const char *name)
{
	char *path = strf("/proc/%d/stat", pid), *text = file_read(path, NULL), *end;
	unsigned long long user = 0, system = 0;

	free(path);
	if (!text)
		return 0;
	end = strrchr(text, ')');
	must(end);
	if (!strncmp(strchr(text, '(') + 1, name, strlen(name)))
		must(sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
			    &user, &system) == 2);
	free(text);
	return user + system;
}

/**
 * cpu_ticks() - what a process has had
 * @pid: it
 *
 * Return: clock ticks as in /proc, _SC_CLK_TCK a second.
 */
unsigned long long cpu_ticks(pid_t pid)
{
	return ticks_if(pid, "");
}

/**
 * cpu_ticks_named() - what all processes have had whose names begin so
 * @name: the beginning
 *
 * Return: the same of all that are there: when one ends it becomes less.
 */
unsigned long long cpu_ticks_named(const char *name)
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;
	unsigned long long sum = 0;
	int pid;

	must(dir);
	while ((entry = readdir(dir))) {
		pid = atoi(entry->d_name);
		if (pid > 0)
			sum += ticks_if(pid, name);
	}
	closedir(dir);
	return sum;
}
