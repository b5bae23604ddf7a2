// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that the kernel has lost, looked for where it has kmemleak and when the
 * project's modules are gone: what they had then cannot be theirs any more. What is
 * found stands in the kernel log, which the host judges.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

#define KMEMLEAK "/sys/kernel/debug/kmemleak"
#define GRACE_MS 5500		/* kmemleak says nothing of objects younger than 5 s */
#define LINES_MAX 200		/* for the log to come to its end on a slow console */
#define UNLOAD_TRIES 100		/* in 10 s */
#define OURS "tcp_census"

/* Functions of our modules, which take their names along when they are unloaded. */
static struct function {
	unsigned long address;
	char name[64];
	char module[64];
} *functions;
static size_t function_count;

static void remember_functions(void)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		struct function f;
		char type;

		if (sscanf(line, "%lx %c %63s [%63[^]]", &f.address, &type,
			   f.name, f.module) != 4 ||
		    strncmp(f.module, OURS, strlen(OURS)) || (type != 't' && type != 'T'))
			continue;
		functions = realloc(functions, (function_count + 1) * sizeof(f));
		if (!functions)
			die("out of memory reading /proc/kallsyms");
		functions[function_count++] = f;
	}
	if (file)
		fclose(file);
}

/* Between two functions of one module; what is behind the last one may be another's. */
static const struct function *function_at(unsigned long address)
{
	const struct function *f, *below = NULL, *above = NULL;

	for (f = functions; f < functions + function_count; f++) {
		if (f->address <= address && (!below || f->address >= below->address))
			below = f;
		if (f->address > address && (!above || f->address < above->address))
			above = f;
	}
	return below && above && !strcmp(below->module, above->module) ? below : NULL;
}

/* What goes on in a module ends soon; what has lost a reference to it is a fault. */
static void unload_one(const char *name)
{
	unsigned int tries;

	for (tries = 0; syscall(SYS_delete_module, name, O_NONBLOCK); tries++) {
		if (tries == UNLOAD_TRIES) {
			log_line("BUG: %s cannot be unloaded: %s", name, strerror(errno));
			return;
		}
		usleep(100000);
	}
	log_line("unloaded %s", name);
}

static void unload_ours(void)
{
	char *modules = read_file("/proc/modules", NULL);
	char *line;

	if (!modules)
		return;
	for (line = strtok(modules, "\n"); line; line = strtok(NULL, "\n")) {
		char *end = strchr(line, ' ');

		if (strncmp(line, OURS, strlen(OURS)) || !end)
			continue;
		*end = '\0';
		unload_one(line);
	}
	free(modules);
}

static int look(void)
{
	int fd = open(KMEMLEAK, O_WRONLY | O_CLOEXEC);
	int good = fd >= 0 && write(fd, "scan", 4) == 4;

	/* Nothing found because nothing was looked for is a fault as well. */
	if (!good)
		log_line("BUG: kmemleak does not scan: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return good;
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void show_found(void)
{
	char *found = read_file(KMEMLEAK, NULL);
	char *line = found ? strtok(found, "\n") : NULL;
	int lines;

	for (lines = 0; line && lines < LINES_MAX; lines++, line = strtok(NULL, "\n")) {
		const struct function *f = NULL;
		unsigned long address;

		if (sscanf(line, " 0x%lx", &address) == 1)
			f = function_at(address);
		if (f)
			log_line("    %s+0x%lx [%s]", f->name, address - f->address, f->module);
		else
			log_line("%s", line);
	}
	if (line)
		log_line("the rest is left out");
	free(found);
}

void unload_all(void)
{
	char *words = read_file("/proc/cmdline", NULL);
	bool leaks = !access(KMEMLEAK, F_OK) && !(words && strstr(words, "kmemleak=off"));
	long old;

	if (leaks)
		remember_functions();
	unload_ours();
	if (!leaks)
		return;
	old = now_ms() + GRACE_MS;
	/* Only what does not change from one scan to the next is reported. */
	if (!look())
		return;
	while (now_ms() < old)
		usleep(10000);
	if (look())
		show_found();
}
