// SPDX-License-Identifier: GPL-2.0
/*
 * Work for a crew: reading. Pieces of any size, from anywhere, while everything the
 * files tell of changes: what is read is one whole text, every line whole.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "census.h"
#include "crew.h"
#include "metrics.h"
#include "net.h"
#include "noise.h"

/* The module comes and goes meanwhile: only then may reading fail. */
static bool unloading;

static const char *const files[] = {
	"states", "transitions", "listeners", "close_wait", "endpoints", "ports",
	"sockets", "actions", "ended", "stat", "metrics",
};

/* Pieces of a text that are compared, and files that are held open. */
enum { PIECES = 8, HELD = 6, HUGE_READ = 1 << 20 };

/* Sizes at which something changes, and any other. */
static size_t any_size(void)
{
	static const size_t sizes[] = {
		0, 1, 2, 7, 80, 4095, 4096, 4097, 65536, HUGE_READ,
	};

	if (rand() % 2)
		return any_of(sizes);
	return rand() % 5000;
}

/* From its beginning to its end; false: the module has gone. */
static bool read_whole(int fd, char **text, size_t *len)
{
	size_t room = 2 * HUGE_READ, used = 0, size;
	ssize_t n;

	*text = malloc(room);
	must(*text);
	do {
		/* Small ones are many, and take their time. */
		size = used < 20000 ? any_size() : HUGE_READ;
		if (room - used <= size) {
			room *= 2;
			*text = realloc(*text, room);
			must(*text);
		}
		n = read(fd, *text + used, size);
		if (n < 0) {
			must(unloading && errno == EIO);
			free(*text);
			return false;
		}
		used += n;
	} while (n || !size);
	(*text)[used] = '\0';
	*len = used;
	return true;
}

/* What was rendered at open() is the same wherever it is read from. */
static bool same_anywhere(int fd, const char *text, size_t len)
{
	static char buf[HUGE_READ];
	size_t at, size, want;
	unsigned int i;
	ssize_t n;

	for (i = 0; i < PIECES; i++) {
		size = any_size();
		at = rand() % (len + 100);
		want = at < len ? len - at : 0;
		want = want < size ? want : size;
		if (i % 2 && at <= len) {
			if (lseek(fd, at, SEEK_SET) != (off_t)at) {
				must(unloading);
				return false;
			}
			n = read(fd, buf, size);
		} else {
			n = pread(fd, buf, size, at);
		}
		if (n < 0) {
			must(unloading && errno == EIO);
			return false;
		}
		must((size_t)n == want && !memcmp(buf, text + at, want));
	}
	return true;
}

/* Every line a key and a number. */
static void stat_check(const char *text)
{
	for (; *text; text += strcspn(text, "\n") + 1) {
		size_t key = strspn(text, "abcdefghijklmnopqrstuvwxyz_0123456789");
		size_t number = text[key] == ' ' ? strspn(text + key + 1, "0123456789") : 0;

		if (!key || !number || text[key + 1 + number] != '\n')
			die("stat: \"%.*s\"", (int)strcspn(text, "\n"), text);
	}
}

/* Header first, every line whole, with as many cells; @text is taken over. */
static void check(const char *file, char *text, size_t len)
{
	struct metrics m;
	struct table t;

	must(len && text[len - 1] == '\n' && strlen(text) == len);
	if (!strcmp(file, "metrics")) {
		metrics_parse(&m, text, len);
		must(m.nr);
		metrics_free(&m);
		return;
	}
	if (!strcmp(file, "stat")) {
		stat_check(text);
		stat_value(text, "sockets");
	} else {
		table_parse(&t, text, len);
		must(!strcmp(t.name[0], "netns"));
		must(strcmp(file, "states") || t.rows % (STATES - 1) == 0);
		table_free(&t);
	}
	free(text);
}

/* Some files stay open, through whatever happens, and are read a little. */
static void hold(int fd)
{
	static int held[HELD] = { -1, -1, -1, -1, -1, -1 };
	int *old = &held[rand() % HELD];
	char c;

	if (*old >= 0) {
		if (read(*old, &c, 1) < 0)
			must(unloading && errno == EIO);
		close(*old);
	}
	*old = fd;
}

/* A file a round. */
void noise_readers(struct worker *me, void *dir)
{
	size_t len;

	/* They are many, and there would be nothing to read about. */
	worker_stand_back();
	srand(getpid());
	for (;;) {
		const char *file = any_of(files);
		char *path = strf("%s%s", (const char *)dir, file), *text, c;
		bool stream = !strcmp(file, "sockets");
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		free(path);
		if (fd < 0) {
			/* Of all namespaces there is none. */
			if (stream && errno == ENOENT)
				continue;
			must(unloading);
			must(errno == ENOENT || errno == EINVAL || errno == EIO);
			/* It comes back the sooner. */
			nap_ms(1);
			continue;
		}
		if (read_whole(fd, &text, &len)) {
			if (!stream)
				same_anywhere(fd, text, len);
			else
				must(pread(fd, &c, 1, 0) < 0 && errno == ESPIPE);
			check(file, text, len);
			worker_round(me);
		}
		if (rand() % 4)
			close(fd);
		else
			hold(fd);
	}
}

void noise_readers_unloading(struct worker *me, void *dir)
{
	unloading = true;
	noise_readers(me, dir);
}

/* Snapshots are shared for some time, for none, for long: a change a round. */
void noise_census_ms(struct worker *me, void *unused)
{
	static const unsigned int ms[] = { 0, 1, 20, 1000 };

	(void)unused;
	srand(getpid());
	for (;;) {
		file_set(CENSUS_MS, "%u", any_of(ms));
		worker_round(me);
		nap_ms(1 + rand() % 50);
	}
}

/**
 * noise_add_readers() - have files read by many, and all at once
 * @c: to which readers are added, and who makes what they read of: in a namespace of
 *	their own, or they would find nothing
 */
void noise_add_readers(struct crew *c)
{
	int home = net_open(), other = net_new();

	crew_add(c, 1, "listeners with connections were made anew", 3, noise_crowd, NULL);
	crew_add(c, 32, "files were read in pieces", 32, noise_readers, CENSUS_DIR);
	net_enter(home);
	close(home);
	close(other);
	crew_add(c, 32, "files of all namespaces were read in pieces", 32, noise_readers,
		 HOST_DIR);
	crew_add(c, 1, "changes of census_ms", 5, noise_census_ms, NULL);
}
