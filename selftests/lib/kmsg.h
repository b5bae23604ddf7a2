/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel says in its log. */
#ifndef LIB_KMSG_H
#define LIB_KMSG_H

int kmsg_open(void);
unsigned int kmsg_lines(int fd, const char *text, const char *without);

#endif /* LIB_KMSG_H */
