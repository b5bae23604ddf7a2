// SPDX-License-Identifier: GPL-2.0
/* The kernel's memory. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "memory.h"

/**
 * memory_kb() - a line of /proc/meminfo
 * @key: its name
 *
 * Return: its value, in kB.
 */
unsigned long memory_kb(const char *key)
{
	char *text = file_read("/proc/meminfo", NULL), *line = text;
	size_t len = strlen(key);
	unsigned long kb;

	must(text);
	while (line && (strncmp(line, key, len) || line[len] != ':')) {
		line = strchr(line, '\n');
		line += !!line;
	}
	if (!line || sscanf(line + len, ": %lu kB", &kb) != 1)
		die("/proc/meminfo has no %s", key);
	free(text);
	return kb;
}

/**
 * memory_settle() - have what is free counted as free
 *
 * In the caches of kmalloc() a processor, or KASAN, keeps it for a while.
 */
void memory_settle(void)
{
	char *info = file_read("/proc/slabinfo", NULL), *line, *path, name[64];

	if (!info)
		die("/proc/slabinfo: %m");
	for (line = strtok(info, "\n"); line; line = strtok(NULL, "\n")) {
		if (sscanf(line, "%63s", name) != 1 || strncmp(name, "kmalloc-", 8))
			continue;
		path = strf("/sys/kernel/slab/%s/shrink", name);
		file_write(path, "1");
		free(path);
	}
	free(info);
}

/**
 * memory_held() - what the kernel has allocated and may not just drop
 *
 * But for pages on their own.
 *
 * Return: bytes. Others come and go meanwhile, so that it may fall.
 */
long long memory_held(void)
{
	memory_settle();
	return (memory_kb("SUnreclaim") + memory_kb("VmallocUsed")) * 1024LL;
}

/**
 * memory_guarded() - does this kernel keep more with each allocation than is asked for?
 *
 * Return: true for one with KASAN.
 */
bool memory_guarded(void)
{
	char *text = file_read("/proc/kallsyms", NULL);
	bool guarded;

	must(text);
	guarded = strstr(text, " __asan_load8\n");
	free(text);
	return guarded;
}
