/* SPDX-License-Identifier: GPL-2.0 */
/* The settings of the network namespace one is in, in net.tcp_census. */
#ifndef LIB_SETTING_H
#define LIB_SETTING_H

#include <stddef.h>
#include <sys/types.h>

#define SETTING_DIR "/proc/sys/net/tcp_census/"

/* Bytes of one write, at most. */
#define SETTING_BYTES_MAX 16384

/* They are named here without the close_wait_ that all of them begin with. */
enum setting {
	SET_TIMEOUT, SET_ACTION, SET_CAUSES, SET_ROLES, SET_RATE, SET_ONLY, SET_EXCEPT,
	SETTINGS,
};

extern const char *const setting_names[SETTINGS];
extern const char *const setting_defaults[SETTINGS];

/**
 * struct settings - all of them
 * @text: as they are read, without the newline
 */
struct settings {
	char *text[SETTINGS];
};

int setting_open(const char *name, int flags);
int setting_write(const char *name, const char *text);
int setting_pwrite(const char *name, const void *bytes, size_t len, off_t at);
void setting_set(const char *name, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

char *setting_padded(const char *begin, char pad, size_t n);

char *setting_read(const char *name);
unsigned int setting_off(const char *name, const char *want);

void settings_read(struct settings *s);
void settings_write(const struct settings *s);
unsigned int settings_off(const char *const *want);
void settings_free(struct settings *s);

#endif /* LIB_SETTING_H */
