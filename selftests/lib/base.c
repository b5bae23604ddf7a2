// SPDX-License-Identifier: GPL-2.0
/* What every test needs: giving up, waiting, files, commands. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base.h"

/**
 * die() - end this process as a failure
 * @fmt: what went wrong; %m for errno's text
 *
 * For what a test builds on and does not test itself. The harness sees the exit
 * status and fails the test.
 */
void die(const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fflush(NULL);
	dprintf(2, "# %s: %s\n", program_invocation_short_name, text);
	_exit(1);
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ULL + ts.tv_nsec / 1000;
}

/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t now_ms(void)
{
	return now_us() / 1000;
}

void nap_us(unsigned int us)
{
	struct timespec ts = { us / 1000000, (us % 1000000) * 1000L };

	nanosleep(&ts, NULL);
}

void nap_ms(unsigned int ms)
{
	nap_us(ms * 1000);
}

/**
 * wait_begin() - begin to wait for a condition
 *
 * Return: what wait_more() has to know.
 */
struct wait wait_begin(void)
{
	uint64_t now = now_us();

	return (struct wait){
		.until = now + WAIT_SECONDS * 1000000ULL, .looked = now, .nap = 50,
	};
}

/**
 * wait_more() - take a break before looking again
 * @wait: of wait_begin()
 *
 * Most conditions hold within some microseconds, so the first breaks are short; the last
 * are not. To look may take a walk: one is at least twice as long, up to a tenth of a
 * second, so that who waits does not keep others from what is waited for.
 *
 * Return: false when it was long enough.
 */
bool wait_more(struct wait *wait)
{
	uint64_t now = now_us(), took = 2 * (now - wait->looked);

	if (now > wait->until)
		return false;
	if (took > 100000)
		took = 100000;
	nap_us(took > wait->nap ? took : wait->nap);
	wait->nap += wait->nap < 20000 ? wait->nap / 2 : 0;
	wait->looked = now_us();
	return true;
}

/**
 * fd_read_all() - read a descriptor to its end
 * @fd: the descriptor
 * @len: set to the length, unless NULL
 *
 * Return: the text, with a NUL behind it, to be freed; NULL and errno set if a
 * read failed.
 */
char *fd_read_all(int fd, size_t *len)
{
	size_t used = 0, room = 65536;
	char *text = malloc(room);
	ssize_t n;

	while (text) {
		n = read(fd, text + used, room - used - 1);
		if (n < 0) {
			free(text);
			return NULL;
		}
		used += n;
		if (!n)
			break;
		if (room - used < 4096) {
			room *= 2;
			text = realloc(text, room);
		}
	}
	if (!text)
		die("out of memory");
	text[used] = '\0';
	if (len)
		*len = used;
	return text;
}

/* The same of a file; NULL and errno set if it cannot be opened or read. */
char *file_read(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text;
	int err;

	if (fd < 0)
		return NULL;
	text = fd_read_all(fd, len);
	err = errno;
	close(fd);
	errno = err;
	return text;
}

/* A whole file, asked for in read()s of so many bytes, or end the test. */
char *file_read_pieces(const char *path, size_t piece, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0, room = piece + 1;
	char *text = NULL;
	ssize_t n = 1;

	if (fd < 0)
		die("%s: %m", path);
	while (n) {
		if (!text || room - used <= piece) {
			room = 2 * room + piece;
			text = realloc(text, room);
			must(text);
		}
		n = read(fd, text + used, piece);
		if (n < 0)
			die("reading %s: %m", path);
		used += n;
	}
	text[used] = '\0';
	close(fd);
	if (len)
		*len = used;
	return text;
}

/* Write @text with one write(). Returns 0 or the errno. */
int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int err = 0;

	if (fd < 0)
		return errno;
	n = write(fd, text, strlen(text));
	if (n < 0)
		err = errno;
	else if ((size_t)n != strlen(text))
		err = EIO;
	close(fd);
	return err;
}

/* Set what the test relies on: a sysctl, a parameter, a map. */
void file_set(const char *path, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	errno = file_write(path, text);
	if (errno)
		die("writing %s to %s: %m", text, path);
}

/* The number a sysctl or a parameter holds. */
unsigned long long file_number(const char *path)
{
	char *text = file_read(path, NULL), *end;
	unsigned long long n;

	if (!text)
		die("%s: %m", path);
	n = strtoull(text, &end, 10);
	if (end == text)
		die("%s: no number: %s", path, text);
	free(text);
	return n;
}

/* Allow this process and its children so many descriptors. */
void fds_raise(unsigned long n)
{
	struct rlimit limit = { n, n };

	if (n > file_number("/proc/sys/fs/nr_open"))
		file_set("/proc/sys/fs/nr_open", "%lu", n);
	must(!setrlimit(RLIMIT_NOFILE, &limit));
}

/**
 * run_output() - run a command that must succeed
 * @name: of it; arguments and a NULL follow
 *
 * Return: what it wrote to its standard output, to be freed.
 */
char *run_output(const char *name, ...)
{
	const char *argv[16] = { name };
	int out[2], status, n = 0;
	va_list args;
	char *text;
	pid_t pid;

	va_start(args, name);
	while (argv[n]) {
		must(++n < 16);
		argv[n] = va_arg(args, const char *);
	}
	va_end(args);

	must(!pipe2(out, O_CLOEXEC));
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		dup2(out[1], 1);
		execvp(name, (char *const *)argv);
		die("%s: %m", name);
	}
	close(out[1]);
	text = fd_read_all(out[0], NULL);
	must(text);
	close(out[0]);
	must(waitpid(pid, &status, 0) == pid);
	if (status) {
		fputs(text, stderr);
		die("%s failed: status %#x", name, status);
	}
	return text;
}

/* Is a number not what was wanted? Then 1, and it is printed. */
unsigned int off(const char *what, unsigned long long want,
		 unsigned long long got)
{
	if (want == got)
		return 0;
	printf("# %s: %llu, want %llu\n", what, got, want);
	return 1;
}

/* The same of a text. */
unsigned int off_text(const char *what, const char *want, const char *got)
{
	if (!strcmp(want, got))
		return 0;
	printf("# %s: %s, want %s\n", what, got, want);
	return 1;
}

/* A formatted string, to be freed. */
char *strf(const char *fmt, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0)
		die("out of memory");
	return text;
}
