/* SPDX-License-Identifier: GPL-2.0 */
/* What every test needs: giving up, waiting, files, commands. */
#ifndef LIB_BASE_H
#define LIB_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Long enough for a debug kernel emulated on a busy machine. */
#define WAIT_SECONDS 120

/**
 * struct wait - how a condition is waited for
 * @until: when to give up, in microseconds
 * @looked: when it began to look the last time, in microseconds
 * @nap: the next break, in microseconds
 */
struct wait {
	uint64_t until;
	uint64_t looked;
	unsigned int nap;
};

struct wait wait_begin(void);
bool wait_more(struct wait *wait);

/*
 * Poll until @cond holds, for at most WAIT_SECONDS; @cond's last value. What a
 * test waits for is a condition, never a time.
 */
#define wait_for(cond)							\
({									\
	struct wait wait_ = wait_begin();				\
	bool held_;							\
									\
	do {								\
		held_ = (cond);						\
	} while (!held_ && wait_more(&wait_));				\
	held_;								\
})

#define must(cond)							\
	do {								\
		if (!(cond))						\
			die("%s:%d: %s: %m", __FILE__, __LINE__, #cond); \
	} while (0)

void die(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

uint64_t now_ms(void);
void nap_us(unsigned int us);
void nap_ms(unsigned int ms);

char *fd_read_all(int fd, size_t *len);
char *file_read(const char *path, size_t *len);
char *file_read_pieces(const char *path, size_t piece, size_t *len);
int file_write(const char *path, const char *text);
void file_set(const char *path, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
unsigned long long file_number(const char *path);

void fds_raise(unsigned long n);
char *run_output(const char *name, ...) __attribute__((sentinel));
unsigned int off(const char *what, unsigned long long want,
		 unsigned long long got);
unsigned int off_text(const char *what, const char *want, const char *got);
char *strf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* LIB_BASE_H */
