// SPDX-License-Identifier: GPL-2.0
/* What the kernel says in its log. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "kmsg.h"

/* The log from now on. */
int kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	must(fd >= 0);
	must(lseek(fd, 0, SEEK_END) >= 0);
	return fd;
}

/* How many lines with that text, and without the other if it is one, since the last time? */
unsigned int kmsg_lines(int fd, const char *text, const char *without)
{
	unsigned int n = 0;
	char record[8192];
	ssize_t len;

	for (;;) {
		len = read(fd, record, sizeof(record) - 1);
		if (len < 0) {
			/* Some were lost, and will be missed. */
			if (errno == EPIPE)
				continue;
			must(errno == EAGAIN);
			return n;
		}
		record[len] = '\0';
		n += strstr(record, text) && !(without && strstr(record, without));
	}
}
