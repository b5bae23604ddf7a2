// SPDX-License-Identifier: GPL-2.0
/* The cgroup v2 hierarchy, and where in it this process is. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"
#include "cgroup.h"

/* Where cgroup v2 is mounted. Returns false if nowhere. */
bool cgroup_mount(char *dir, size_t size)
{
	char *mounts = file_read("/proc/self/mounts", NULL), *line;
	bool found = false;
	char where[256], type[32];

	must(mounts);
	for (line = mounts; *line && !found;
	     line += strcspn(line, "\n") + 1) {
		if (sscanf(line, "%*s %255s %31s", where, type) == 2 &&
		    !strcmp(type, "cgroup2")) {
			snprintf(dir, size, "%s", where);
			found = true;
		}
	}
	free(mounts);
	return found;
}

/* Our path in it, from the line "0::/path"; "" if that is the root. */
void cgroup_own(char *path, size_t size)
{
	char *text = file_read("/proc/self/cgroup", NULL);
	char *line;

	must(text);
	line = strstr(text, "0::/");
	must(line);
	line += strlen("0::");
	snprintf(path, size, "%.*s", (int)strcspn(line, "\n"), line);
	if (!strcmp(path, "/"))
		*path = '\0';
	free(text);
}

/* Go into a cgroup. Sockets stay in the one they were made in. */
void cgroup_join(const char *dir)
{
	char *path = strf("%s/cgroup.procs", dir);

	file_set(path, "0");
	free(path);
}

/*
 * Go into a cgroup of one's own, below where one is; where there is no v2 hierarchy @dir
 * is "". It is to be removed by whoever outlives those in it.
 */
void cgroup_join_new(char *dir, size_t size)
{
	char mount[256], own[256];

	*dir = '\0';
	if (!cgroup_mount(mount, sizeof(mount)))
		return;
	cgroup_own(own, sizeof(own));
	must(snprintf(dir, size, "%s%s/census-%d", mount, own, getpid()) < (int)size);
	must(!mkdir(dir, 0755));
	cgroup_join(dir);
}
