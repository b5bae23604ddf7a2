// SPDX-License-Identifier: GPL-2.0
/*
 * The files of a process, as the command-line tool reads them: a process may call itself
 * what it likes, and cgroups have any names. Its state is still its own, what is printed
 * of it is printable ASCII, and only files of its own cgroup are looked into.
 */

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "fuzz.h"

#define PID 42

/* By what their names end in. */
static const char *const names[] = { "comm", "stat", "limits", "/cgroup", "events", "cpu.stat" };

#define FILES (sizeof(names) / sizeof(*names))

static char *files[FILES];
static char asked[600];

static FILE *file_open(const char *path, const char *mode)
{
	size_t i, len = strlen(path);

	must(!strcmp(mode, "re"));
	if (!strncmp(path, "/sys/", 5))
		snprintf(asked, sizeof(asked), "%s", path);
	else
		must(!strncmp(path, "/proc/42/", 9));
	for (i = FILES; i--;)
		if (len > strlen(names[i]) && !strcmp(path + len - strlen(names[i]), names[i]))
			return *files[i] ? fmemopen(files[i], strlen(files[i]), "r") : NULL;
	die("%s is opened", path);
}

static DIR *directory_open(const char *path)
{
	must(!strcmp(path, "/proc/42/fd"));
	return NULL;
}

#define fopen file_open
#define opendir directory_open
#include "../../tools/tcp-census/process.c"
#undef fopen
#undef opendir

/*
 * The path in the line of cgroup v2, which alone begins with that; NULL: there is none, or
 * none below the root that this process sees.
 */
static char *own_cgroup(void)
{
	char *copy = strndup(files[3], 4095), *line, *save = NULL, *path = NULL;

	must(copy);
	for (line = strtok_r(copy, "\n", &save); line && !path;
	     line = strtok_r(NULL, "\n", &save))
		if (!strncmp(line, "0::", 3))
			path = strdup(line + 3);
	free(copy);
	if (path && (*path != '/' || !strcmp(path, "/..") || !strncmp(path, "/../", 4))) {
		free(path);
		path = NULL;
	}
	return path;
}

int fuzz_one(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	char want[600], *close, *path;
	struct process p;
	unsigned int i;
	bool there;

	for (i = 0; i < FILES; i++)
		files[i] = in_part(&in, '\f');
	*asked = '\0';
	there = process_read(&p, PID);

	close = strndup(files[1], 4095);
	must(close);
	path = strrchr(close, ')');
	must(there == (path && strlen(path) >= 3));
	if (there) {
		must(p.pid == PID && p.state == path[2] && !p.fds);
		must(strlen(p.name) < sizeof(p.name));
		must(is_plain(p.name, strlen(p.name), false));
		path = own_cgroup();
		if (path) {
			snprintf(want, sizeof(want), "/sys/fs/cgroup%.400s/cpu.stat", path);
			must(!strcmp(asked, want));
		} else {
			must(!*asked);
		}
		free(path);
	}
	free(close);
	for (i = 0; i < FILES; i++)
		free(files[i]);
	return 0;
}
