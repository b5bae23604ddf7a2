/* SPDX-License-Identifier: GPL-2.0 */
/* Allocations of the module, and copies to user space, that fail when they are told to. */
#ifndef LIB_INJECT_H
#define LIB_INJECT_H

#include <stdbool.h>

/**
 * struct injection - something that is done over and over, while another allocation fails
 * @what: it is, for what is printed
 * @work: does it; nothing but system calls
 * @check: says in how many places it is not as it must be; @fired: one has failed
 * @arg: passed on to both
 * @workers: allocations fail for the kernel's workers; else for the caller
 * @alone: of those that fail alone every so many is tried; 0: each
 * @stride: the same of those that begin a shortage
 * @least: so many must fail, each once
 */
struct injection {
	const char *what;
	void (*work)(void *arg);
	unsigned int (*check)(void *arg, bool fired);
	void *arg;
	bool workers;
	unsigned int alone;
	unsigned int stride;
	unsigned int least;
};

void inject_begin(void);
void inject_module(void);
void inject_loading(void);
unsigned int inject_each(const struct injection *in);
bool inject_fired(void);
void inject_storm(unsigned int percent);
void inject_once(const char *function);
bool inject_once_done(void);
void inject_all(const char *function);
unsigned int inject_all_done(void);

/* Before main(), so that the harness's main process is the one that restores. */
#define INJECT_TEST							\
static void __attribute__((constructor)) inject_test_begin(void)	\
{									\
	inject_begin();							\
}

#endif /* LIB_INJECT_H */
