/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's init: boot.c brings the system up, run.c runs the command, leaks.c ends
 * the modules and looks for what the kernel has lost by then.
 */

#ifndef GUEST_H
#define GUEST_H

#include <stddef.h>
#include <stdnoreturn.h>

/*
 * What the host put into the initramfs below /lab: each a list of strings that
 * end in NUL, and the end of the list is a NULL pointer.
 */
struct request {
	char **argv;		/* the command */
	char **env;		/* its environment */
	char *module;		/* module to load first, or NULL */
	char *params;		/* its parameters */
	char *cwd;		/* where the command starts */
	int system;		/* boot a whole system, in which a service runs the command */
	int tty;		/* run it on a terminal */
	int rows, cols;		/* of that terminal */
};

/* Frames between guest and host: type, length (32 bits, little endian), data. */
enum frame {
	FRAME_STDOUT = 'o',	/* to the host */
	FRAME_STDERR = 'e',
	FRAME_EXIT = 'x',	/* exit status, 32 bits */
	FRAME_FAILURE = 'f',	/* the command could not be started: the reason */
	FRAME_STARTED = 's',	/* the command runs now */
	FRAME_STDIN = 'i',	/* to the guest */
	FRAME_WINDOW = 'w',	/* rows and columns, 16 bits each */
};

/* boot.c */
void read_request(struct request *req);
void boot(struct request *req);
void load_module(const char *path, const char *params);
char *read_file(const char *path, size_t *size);

/* leaks.c: whatever was done, modules can be unloaded, and leave nothing behind. */
void unload_all(void);

/* run.c */
void port_open(void);
void log_line(const char *format, ...);
noreturn void run(struct request *req);
noreturn void die(const char *format, ...);

#endif
