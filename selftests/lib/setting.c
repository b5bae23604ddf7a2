// SPDX-License-Identifier: GPL-2.0
/* The settings of the network namespace one is in, in net.tcp_census. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "setting.h"

/* By the names of the files, in the order of the documentation. */
const char *const setting_names[SETTINGS] = {
	[SET_TIMEOUT] = "timeout",
	[SET_ACTION] = "action",
	[SET_CAUSES] = "causes",
	[SET_ROLES] = "roles",
	[SET_RATE] = "rate",
	[SET_ONLY] = "only",
	[SET_EXCEPT] = "except",
};

/* What a new namespace has. */
const char *const setting_defaults[SETTINGS] = {
	[SET_TIMEOUT] = "0",
	[SET_ACTION] = "count",
	[SET_CAUSES] = "unaccepted drained",
	[SET_ROLES] = "server",
	[SET_RATE] = "100",
	[SET_ONLY] = "",
	[SET_EXCEPT] = "",
};

/**
 * setting_open() - open the file of a setting
 * @name: of it
 * @flags: as for open()
 *
 * Whoever uses the descriptor later, wherever he is then: it stays that of this
 * namespace.
 *
 * Return: a descriptor; or -1, and errno is set.
 */
int setting_open(const char *name, int flags)
{
	char *path = strf(SETTING_DIR "close_wait_%s", name);
	int fd = open(path, flags | O_CLOEXEC);
	int err = errno;

	free(path);
	errno = err;
	return fd;
}

/**
 * setting_pwrite() - write to a setting, with one pwrite()
 * @name: of it
 * @bytes: what
 * @len: how many of them
 * @at: where in the file
 *
 * Return: 0 or the errno, be it of open(); EIO if less was written.
 */
int setting_pwrite(const char *name, const void *bytes, size_t len, off_t at)
{
	int fd = setting_open(name, O_WRONLY);
	ssize_t n;
	int err = 0;

	if (fd < 0)
		return errno;
	n = pwrite(fd, bytes, len, at);
	if (n < 0)
		err = errno;
	else if ((size_t)n != len)
		err = EIO;
	close(fd);
	return err;
}

/* The same of a text, at the beginning. */
int setting_write(const char *name, const char *text)
{
	return setting_pwrite(name, text, strlen(text), 0);
}

/* Set what the test relies on. */
void setting_set(const char *name, const char *fmt, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	must(n >= 0);
	errno = setting_write(name, text);
	if (errno)
		die("writing %s to %s: %m", text, name);
	free(text);
}

/* A text of @n bytes, to be freed: @begin, and then one byte over and over. */
char *setting_padded(const char *begin, char pad, size_t n)
{
	size_t len = strlen(begin);
	char *text = malloc(n + 1);

	must(text && len <= n);
	memcpy(text, begin, len);
	memset(text + len, pad, n - len);
	text[n] = '\0';
	return text;
}

/* What a setting says, without its newline, to be freed. */
char *setting_read(const char *name)
{
	int fd = setting_open(name, O_RDONLY);
	size_t len;
	char *text;

	if (fd < 0)
		die("%s: %m", name);
	text = fd_read_all(fd, &len);
	close(fd);
	if (!text || !len || text[len - 1] != '\n' || strlen(text) != len)
		die("%s: no line: %s", name, text ?: "");
	text[len - 1] = '\0';
	return text;
}

/* Does a setting not say that? Then 1, and it is printed. */
unsigned int setting_off(const char *name, const char *want)
{
	char *text = setting_read(name);
	unsigned int n = off_text(name, want, text);

	free(text);
	return n;
}

/* Read them all. */
void settings_read(struct settings *s)
{
	unsigned int i;

	for (i = 0; i < SETTINGS; i++)
		s->text[i] = setting_read(setting_names[i]);
}

/* Make them say that again. */
void settings_write(const struct settings *s)
{
	unsigned int i;

	for (i = 0; i < SETTINGS; i++)
		setting_set(setting_names[i], "%s\n", s->text[i]);
}

/* How many of them do not say that? */
unsigned int settings_off(const char *const *want)
{
	unsigned int i, n = 0;

	for (i = 0; i < SETTINGS; i++)
		n += setting_off(setting_names[i], want[i]);
	return n;
}

void settings_free(struct settings *s)
{
	unsigned int i;

	for (i = 0; i < SETTINGS; i++)
		free(s->text[i]);
}
