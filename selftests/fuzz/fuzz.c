// SPDX-License-Identifier: GPL-2.0
/* What fuzz targets have in common. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "fuzz.h"

/* die() ends a process without a word to libFuzzer, which would keep no input of it. */
void __attribute__((noreturn)) fuzz_exit(int status);

void fuzz_exit(int status)
{
	(void)status;
	abort();
}

/* A number below @n. */
uint32_t in_below(struct input *in, uint32_t n)
{
	uint32_t v = 0;

	must(n);
	in_bytes(in, &v, n <= 0x100 ? 1 : n <= 0x10000 ? 2 : 4);
	return v % n;
}

/* Any number: the low bits of the first byte say how long it is, small ones are short. */
uint64_t in_number(struct input *in)
{
	uint8_t first = in_below(in, 0x100);
	uint64_t v = 0;

	if (first & 1)
		return first >> 1;
	in_bytes(in, &v, 1 + (first >> 1 & 7));
	/* The highest of its length: where numbers go round, and lines are long. */
	return first & 0x10 ? ~0ULL >> 8 * (7 - (first >> 1 & 7)) : v;
}

/* So many of them. */
void in_bytes(struct input *in, void *to, size_t n)
{
	size_t there = n < in->left ? n : in->left;

	memset(to, 0, n);
	if (there)
		memcpy(to, in->at, there);
	in->at += there;
	in->left -= there;
}

/* At most so many of them up to the first NUL, in memory of their own, ended by NUL. */
char *in_copy(struct input *in, size_t n)
{
	size_t len;
	char *copy;

	if (n > in->left)
		n = in->left;
	len = n ? strnlen((const char *)in->at, n) : 0;
	copy = malloc(len + 1);
	must(copy);
	if (len)
		memcpy(copy, in->at, len);
	copy[len] = '\0';
	in->at += n;
	in->left -= n;
	return copy;
}

/* Those up to @end, which is used up as well, or all of them. */
char *in_part(struct input *in, char end)
{
	const uint8_t *stop = in->left ? memchr(in->at, end, in->left) : NULL;
	char *copy;

	copy = in_copy(in, stop ? (size_t)(stop - in->at) : in->left);
	if (stop) {
		in->at++;
		in->left--;
	}
	return copy;
}

bool is_plain(const char *text, size_t len, bool lines)
{
	size_t i;

	for (i = 0; i < len; i++)
		if ((text[i] < ' ' || text[i] > '~') && !(lines && text[i] == '\n'))
			return false;
	return true;
}

char *unescape(const char *word, size_t len, size_t *bytes)
{
	char *text = malloc(len + 1);
	size_t i;

	must(text);
	*bytes = 0;
	for (i = 0; i < len; i++) {
		if (word[i] == '\\') {
			char octal[4] = "";

			must(len - i > 3);
			memcpy(octal, word + i + 1, 3);
			must(strspn(octal, "01234567") == 3 && *octal < '4');
			text[(*bytes)++] = strtoul(octal, NULL, 8);
			i += 3;
		} else {
			text[(*bytes)++] = word[i];
		}
	}
	text[*bytes] = '\0';
	return text;
}
