/* SPDX-License-Identifier: GPL-2.0 */
/* As the kernel has them, whatever the locale: 0xa0 is a space. */
#ifndef SHIM_LINUX_CTYPE_H
#define SHIM_LINUX_CTYPE_H

#include <ctype.h>
#include <stdbool.h>

static inline bool shim_isspace(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || (unsigned char)c == 0xa0;
}

static inline bool shim_isdigit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool shim_iscntrl(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f;
}

#undef isspace
#undef isdigit
#undef iscntrl
#define isspace shim_isspace
#define isdigit shim_isdigit
#define iscntrl shim_iscntrl

#endif /* SHIM_LINUX_CTYPE_H */
