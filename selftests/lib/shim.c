// SPDX-License-Identifier: GPL-2.0
/* What lib/shim/linux declares: the kernel's functions, for its code in user space. */

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "shim.h"
#include "shim/linux/random.h"
#include "shim/linux/slab.h"

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
