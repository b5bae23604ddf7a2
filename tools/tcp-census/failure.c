// SPDX-License-Identifier: GPL-2.0
/* What is wrong, and what to do. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "failure.h"

/**
 * failure() - say why a file cannot be read
 * @text: set to that, without a newline
 * @size: room in it
 * @place: where the file is
 * @file: its name
 * @err: negative errno
 */
void failure(char *text, size_t size, const struct place *place, const char *file, int err)
{
	const char *what = strerror(-err);

	if (err == -EACCES && place->all)
		what = "on the host alone, with CAP_NET_ADMIN or the group of proc_gid";
	else if (err == -ENOENT)
		what = "the module is not loaded: modprobe tcp_census";
	else if (err == -EPROTO)
		what = "not a file of tcp_census: do the versions of module and tool go together?";
	snprintf(text, size, "%s/%s: %s", place->path, file, what);
}
