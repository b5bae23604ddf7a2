// SPDX-License-Identifier: GPL-2.0
/* Loading and unloading the module under test. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base.h"
#include "census.h"
#include "module.h"

#define RCU_EXPEDITED "/sys/kernel/rcu_expedited"

#define KSFT_SKIP 4

static pid_t fast_owner;

/**
 * module_file() - the module to load
 *
 * Return: $TCP_CENSUS_KO, or /tcp_census.ko.
 */
const char *module_file(void)
{
	return getenv("TCP_CENSUS_KO") ?: "/tcp_census.ko";
}

/**
 * fast_file() - the same module, but that its timeouts may be as short as a second
 *
 * Return: $TCP_CENSUS_FAST_KO, or where tools/vm puts it.
 */
const char *fast_file(void)
{
	return getenv("TCP_CENSUS_FAST_KO") ?: "/usr/lib/tcp_census/fast/tcp_census.ko";
}

/**
 * loaded() - is the module there?
 *
 * Return: true if so.
 */
bool loaded(void)
{
	return !access(CENSUS_MODULE, F_OK);
}

static int load_file(const char *file, const char *params)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	int err;

	must(fd >= 0);
	err = syscall(SYS_finit_module, fd, params, 0) ? errno : 0;
	close(fd);
	return err;
}

/**
 * load_with() - load the module
 * @params: its parameters
 *
 * Return: 0 or the errno.
 */
int load_with(const char *params)
{
	return load_file(module_file(), params);
}

/** load() - load the module; every open() walks */
void load(void)
{
	errno = load_with("census_ms=0");
	must(!errno);
}

/** unload() - unload the module */
void unload(void)
{
	must(!syscall(SYS_delete_module, "tcp_census", O_NONBLOCK));
}

/**
 * expedite() - have grace periods end soon, which loading and unloading wait for
 *
 * Return: how it was before, for expedite_as().
 */
unsigned long long expedite(void)
{
	unsigned long long was = 0;

	if (!access(RCU_EXPEDITED, R_OK))
		was = file_number(RCU_EXPEDITED);
	file_write(RCU_EXPEDITED, "1");
	return was;
}

/**
 * expedite_as() - put that back
 * @was: what expedite() said
 */
void expedite_as(unsigned long long was)
{
	char *text = strf("%llu", was);

	file_write(RCU_EXPEDITED, text);
	free(text);
}

/** load_again() - load the module as it is at first, whatever it is now */
void load_again(void)
{
	if (access(module_file(), R_OK))
		return;
	if (loaded())
		unload();
	load();
}

/**
 * fast_there() - can the module be replaced by the fast one, and that by it again?
 *
 * Return: true if so. A test that needs it is skipped if not.
 */
bool fast_there(void)
{
	return !access(fast_file(), R_OK) && !access(module_file(), R_OK);
}

/**
 * load_fast() - load the fast module instead of what is loaded
 * @params: its parameters, besides census_ms=0
 *
 * load_again() is the way back. All settings and counters begin anew.
 */
void load_fast(const char *params)
{
	char *all = strf("census_ms=0 %s", params);

	if (loaded())
		unload();
	errno = load_file(fast_file(), all);
	must(!errno);
	free(all);
}

/* Only the process that loaded the fast module, not its children. */
static void fast_end(void)
{
	if (getpid() == fast_owner)
		load_again();
}

/**
 * fast_begin() - have the fast module until this process exits
 *
 * For a constructor, so that all tests of a program share it. Skips the whole
 * program if there is none. Where no module is loaded there is none wanted.
 */
void fast_begin(void)
{
	if (!loaded())
		return;
	if (!fast_there()) {
		printf("TAP version 13\n1..0 # SKIP there is no %s or no %s\n",
		       fast_file(), module_file());
		exit(KSFT_SKIP);
	}
	fast_owner = getpid();
	atexit(fast_end);
	load_fast("");
}
