// SPDX-License-Identifier: GPL-2.0
/* Loading and unloading the module under test. */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base.h"
#include "census.h"
#include "module.h"

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

/** load() - load the module; every open() walks */
void load(void)
{
	int fd = open(module_file(), O_RDONLY | O_CLOEXEC);

	must(fd >= 0);
	must(!syscall(SYS_finit_module, fd, "census_ms=0", 0));
	close(fd);
}

/** unload() - unload the module */
void unload(void)
{
	must(!syscall(SYS_delete_module, "tcp_census", O_NONBLOCK));
}
