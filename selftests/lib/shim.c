// SPDX-License-Identifier: GPL-2.0
/* What lib/shim/linux declares: the kernel's functions, for its code in user space. */

#include <arpa/inet.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "shim.h"
#include "shim/linux/random.h"
#include "shim/linux/slab.h"
#include "shim/linux/time.h"
#include "../../module/resched.h"

#undef tm

struct shim_memory shim_memory;
struct shim_random shim_random;

static void *allocate(size_t size, int fill)
{
	struct shim_memory *m = &shim_memory;
	void *block;

	m->asked++;
	if (m->bad && (m->bad_to_end ? m->asked >= m->bad : m->asked == m->bad)) {
		m->failed++;
		return NULL;
	}
	block = malloc(size);
	must(block);
	memset(block, fill, size);
	m->blocks++;
	return block;
}

void tcpc_resched(void)
{
}

void *kvmalloc_array(size_t n, size_t size, unsigned int flags)
{
	(void)flags;
	return allocate(n * size, 0x5a);
}

void *kvcalloc(size_t n, size_t size, unsigned int flags)
{
	(void)flags;
	return allocate(n * size, 0);
}

void *kvzalloc(size_t size, unsigned int flags)
{
	(void)flags;
	return allocate(size, 0);
}

void *kmemdup(const void *from, size_t size, unsigned int flags)
{
	void *copy = allocate(size, 0);

	(void)flags;
	return copy ? memcpy(copy, from, size) : NULL;
}

/* Nobody is to find anything there any more. */
void kvfree(const void *block)
{
	void *old = (void *)block;

	if (!old)
		return;
	memset(old, 0xa5, malloc_usable_size(old));
	/* Or the compiler leaves that out. */
	__asm__ volatile("" : : "r"(old) : "memory");
	free(old);
	shim_memory.blocks--;
}

/* SplitMix64 (Steele, Lea, Flood, 2014). */
uint64_t shim_any(void)
{
	uint64_t z = shim_random.seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

uint32_t shim_below(uint32_t n)
{
	return shim_any() % n;
}

void get_random_bytes(void *buffer, size_t len)
{
	unsigned char *byte = buffer;

	while (len--)
		*byte++ = shim_random.zero ? 0 : shim_any();
}

/* "%pI4" and "%pI6c", as the kernel writes them; how much of @fmt that is, or 0. */
static size_t address(char *text, size_t size, const char *fmt, va_list *args)
{
	size_t len = !strncmp(fmt, "%pI4", 4) ? 4 : !strncmp(fmt, "%pI6c", 5) ? 5 : 0;

	if (len)
		must(inet_ntop(len == 4 ? AF_INET : AF_INET6, va_arg(*args, const void *),
			       text, size));
	return len;
}

/* A conversion but for "%s"; how much of @fmt it is. */
static size_t number(char *text, size_t size, const char *fmt, va_list *args)
{
	size_t len = 1 + strspn(fmt + 1, "0123456789"), longs = strspn(fmt + len, "l");
	char one[16];

	len += longs + 1;
	must(len < sizeof(one) && fmt[len - 1] && strchr("duc", fmt[len - 1]));
	memcpy(one, fmt, len);
	one[len] = '\0';
	if (longs == 2)
		snprintf(text, size, one, va_arg(*args, long long));
	else if (longs)
		snprintf(text, size, one, va_arg(*args, long));
	else
		snprintf(text, size, one, va_arg(*args, int));
	return len;
}

/**
 * shim_vsnprintf() - what the kernel's vsnprintf() does
 * @to: where to
 * @size: room there
 * @fmt: of what the module has in its formats no more than it has
 * @list: the values
 *
 * Return: how long it is, without the NUL at its end, whatever room there is.
 */
int shim_vsnprintf(char *to, size_t size, const char *fmt, va_list list)
{
	size_t len = 0, n, used;
	const char *piece;
	char text[100];
	va_list args;

	va_copy(args, list);
	for (; *fmt; fmt += used, len += n) {
		piece = fmt;
		used = strcspn(fmt, "%");
		n = used;
		if (!used) {
			piece = text;
			if (!strncmp(fmt, "%s", 2)) {
				piece = va_arg(args, const char *);
				n = strlen(piece);
				used = 2;
			} else if (!strncmp(fmt, "%%", 2)) {
				piece = fmt;
				n = 1;
				used = 2;
			} else {
				used = address(text, sizeof(text), fmt, &args) ?:
				       number(text, sizeof(text), fmt, &args);
				/* "%c" of NUL is one byte, too. */
				n = fmt[used - 1] == 'c' && fmt[1] == 'c' ? 1 : strlen(text);
			}
		}
		if (len < size)
			memcpy(to + len, piece, n < size - len ? n : size - len);
	}
	va_end(args);
	if (size)
		to[len < size ? len : size - 1] = '\0';
	return len;
}

/* Of a time as far as gmtime() knows. */
void time64_to_tm(int64_t time, int offset, struct shim_tm *result)
{
	time_t at = time + offset;
	struct tm tm;

	must(gmtime_r(&at, &tm));
	*result = (struct shim_tm){
		tm.tm_sec, tm.tm_min, tm.tm_hour, tm.tm_mday, tm.tm_mon, tm.tm_year,
	};
}
