/* SPDX-License-Identifier: GPL-2.0 */
/*
 * As the kernel's, they take as much as looks like an address, and say where that
 * ends. Theirs allow for zeros in front of a number, these do not.
 */
#ifndef SHIM_LINUX_INET_H
#define SHIM_LINUX_INET_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <linux/types.h>

static inline int shim_pton(int family, const char *bytes, const char *s, int len, u8 *to,
			    const char **end)
{
	char text[INET6_ADDRSTRLEN];
	size_t n = 0;

	while (n < (size_t)len && s[n] && strchr(bytes, s[n]))
		n++;
	*end = s + n;
	if (n >= sizeof(text))
		return 0;
	memcpy(text, s, n);
	text[n] = '\0';
	return inet_pton(family, text, to) == 1;
}

static inline int in4_pton(const char *s, int len, u8 *to, int delim, const char **end)
{
	(void)delim;
	return shim_pton(AF_INET, "0123456789.", s, len, to, end);
}

static inline int in6_pton(const char *s, int len, u8 *to, int delim, const char **end)
{
	(void)delim;
	return shim_pton(AF_INET6, "0123456789abcdefABCDEF:.", s, len, to, end);
}

#endif /* SHIM_LINUX_INET_H */
