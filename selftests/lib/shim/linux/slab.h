/* SPDX-License-Identifier: GPL-2.0 */
/* They are in lib/shim.c, and fail where a test wants it. */
#ifndef SHIM_LINUX_SLAB_H
#define SHIM_LINUX_SLAB_H

#include <stddef.h>

#define GFP_KERNEL 1
#define __GFP_NOWARN 2
#define GFP_KERNEL_ACCOUNT 4

void *kvmalloc_array(size_t n, size_t size, unsigned int flags);
void *kvcalloc(size_t n, size_t size, unsigned int flags);
void *kvzalloc(size_t size, unsigned int flags);
void *kmemdup(const void *from, size_t size, unsigned int flags);
void kvfree(const void *memory);

static inline void *kvmalloc(size_t size, unsigned int flags)
{
	return kvmalloc_array(1, size, flags);
}

static inline void *kmalloc(size_t size, unsigned int flags)
{
	return kvmalloc_array(1, size, flags);
}

static inline void *kzalloc(size_t size, unsigned int flags)
{
	return kvzalloc(size, flags);
}

static inline void kfree(const void *memory)
{
	kvfree(memory);
}

#endif /* SHIM_LINUX_SLAB_H */
