// SPDX-License-Identifier: GPL-2.0
/* Where the module's files are read: of which network namespace, or of all. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "place.h"

/* Where "ip netns add" puts its names. */
#define NAMES "/run/netns"

static int place_open(struct place *place, const char *path, bool all)
{
	snprintf(place->path, sizeof(place->path), "%s", path);
	place->all = all;
	place->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return place->fd < 0 ? -errno : 0;
}

/* The network namespace of this process. Returns 0 or -ENOENT, without the module. */
int place_here(struct place *place)
{
	return place_open(place, "/proc/thread-self/net/tcp_census", false);
}

/* All of them. Who may not read that is told when he reads. */
int place_all(struct place *place)
{
	return place_open(place, "/proc/tcp_census", true);
}

static int place_pid(struct place *place, const char *pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.20s/net/tcp_census", pid);
	return place_open(place, path, false);
}

/* Go into the namespace a file stands for. */
static int place_enter(struct place *place, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	if (setns(fd, CLONE_NEWNET))
		err = -errno;
	close(fd);
	return err ?: place_here(place);
}

/* Is it that namespace? Returns 0, -ESRCH, or why that cannot be told. */
static int is_inode(const char *path, unsigned long long inode)
{
	struct stat st;

	if (stat(path, &st))
		return errno == ENOENT ? -ESRCH : -errno;
	return st.st_ino == inode ? 0 : -ESRCH;
}

/* Some process in the namespace with that inode number, or some name of it. */
static int place_inode(struct place *place, unsigned long long inode)
{
	static const struct {
		const char *dir;
		const char *path;
	} where[] = {
		{ "/proc", "/proc/%.20s/ns/net" }, { NAMES, NAMES "/%s" },
	};
	int err = -ESRCH, unknown = -ESRCH;
	char path[sizeof(NAMES) + 300];
	const struct dirent *entry;
	unsigned int i;
	DIR *dir;

	for (i = 0; i < 2 && err; i++) {
		dir = opendir(where[i].dir);
		if (!dir)
			continue;
		while (err && (entry = readdir(dir))) {
			if (*entry->d_name == '.' || (!i && !table_is_number(entry->d_name)))
				continue;
			snprintf(path, sizeof(path), where[i].path, entry->d_name);
			err = is_inode(path, inode);
			if (err && err != -ESRCH)
				unknown = err;
			if (!err)
				err = i ? place_enter(place, path) :
					  place_pid(place, entry->d_name);
			/* It may have ended, and another be there. */
			if (!err && !i)
				err = is_inode(path, inode);
			if (err == -ENOENT)
				break;
		}
		closedir(dir);
		if (err == -ENOENT)
			break;
	}
	return err == -ESRCH ? unknown : err;
}

/**
 * place_netns() - the files of another network namespace
 * @place: filled
 * @which: its inode number, as lsns shows it; a process in it; or its name
 *
 * A number is that of a process if there is one. For a namespace without one this
 * process goes there.
 *
 * Return: 0 or a negative errno: -ESRCH, there is none.
 */
int place_netns(struct place *place, const char *which)
{
	char path[sizeof(NAMES) + 300];

	if (!table_is_number(which)) {
		if (strchr(which, '/') || strlen(which) > NAME_MAX)
			return -ESRCH;
		snprintf(path, sizeof(path), NAMES "/%s", which);
		return place_enter(place, path);
	}
	snprintf(path, sizeof(path), "/proc/%.20s", which);
	if (!access(path, F_OK))
		return place_pid(place, which);
	return place_inode(place, strtoull(which, NULL, 10));
}

/* All of it, which is text; NULL, and errno is set, if it is not or cannot be read. */
static char *read_all(int fd)
{
	size_t len = 0, room = 1 << 16;
	char *text = malloc(room), *more;
	ssize_t n = 1;

	while (text && n) {
		if (len + 1 == room) {
			more = realloc(text, room *= 2);
			if (!more)
				break;
			text = more;
		}
		n = read(fd, text + len, room - len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			free(text);
			return NULL;
		}
		len += n;
	}
	if (!text || n) {
		free(text);
		errno = ENOMEM;
		return NULL;
	}
	text[len] = '\0';
	/* What is behind a NUL nobody would see. */
	if (strlen(text) != len) {
		free(text);
		errno = EPROTO;
		return NULL;
	}
	return text;
}

/**
 * place_read() - read a file
 * @place: where
 * @t: filled; to be freed with table_free(), on failure too
 * @file: its name
 *
 * Return: 0 or a negative errno: -EPROTO, it is not what such a file is.
 */
int place_read(const struct place *place, struct table *t, const char *file)
{
	char *text;
	int fd, err;

	memset(t, 0, sizeof(*t));
	fd = openat(place->fd, file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	text = read_all(fd);
	err = text ? 0 : -errno;
	close(fd);
	return err ?: table_parse(t, file, text);
}
