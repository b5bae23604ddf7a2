// SPDX-License-Identifier: GPL-2.0
/* Loading and unloading the module under test. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base.h"
#include "census.h"
#include "module.h"

#define RCU_EXPEDITED "/sys/kernel/rcu_expedited"

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
 * loaded() - is the module there?
 *
 * Return: true if so.
 */
bool loaded(void)
{
	return !access(CENSUS_MODULE, F_OK);
}

/**
 * load_with() - load the module
 * @params: its parameters
 *
 * Return: 0 or the errno.
 */
int load_with(const char *params)
{
	int fd = open(module_file(), O_RDONLY | O_CLOEXEC);
	int err;

	must(fd >= 0);
	err = syscall(SYS_finit_module, fd, params, 0) ? errno : 0;
	close(fd);
	return err;
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
