// SPDX-License-Identifier: GPL-2.0
/*
 * What a stress must leave as it was: sockets, memory, namespaces, files, the log.
 *
 * Of the whole host: nobody else may be at work, and whoever caused the stress must
 * have gone.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "census.h"
#include "kmsg.h"
#include "memory.h"
#include "strain.h"
#include "worker.h"

/* How long what ends by itself may take, and how long a case lasts, in seconds. */
enum { SETTLE = 100, SHORT = 3, LONGEST = 200 };

/*
 * What may be more in the end than in the beginning. Memory is the whole kernel's, and
 * some of it stays for the next who needs it: what a namespace leaves behind must be
 * found by many of them.
 */
#define KMALLOC_KB 1024
#define PERCPU_KB 2048
#define VMALLOC_KB 2048
/* A processor counts up to 32 for itself, which may be missing before and there after. */
#define FILES_EACH 64

static const char *const slabs[SLABS] = {
	[SLAB_TCP] = "TCP",
	[SLAB_TCP6] = "TCPv6",
	[SLAB_REQUEST] = "request_sock_TCP",
	[SLAB_REQUEST6] = "request_sock_TCPv6",
	[SLAB_TIMEWAIT] = "tw_sock_TCP",
	[SLAB_TIMEWAIT6] = "tw_sock_TCPv6",
	[SLAB_NET] = "net_namespace",
};

/* Those that no kernel merges with others like them, or they would not be counted. */
#define SLAB_BIT(slab) (1U << (slab))
#define SLABS_THERE (SLAB_BIT(SLAB_TCP) | SLAB_BIT(SLAB_TCP6) | SLAB_BIT(SLAB_NET))

/* KCSAN finds what the kernel has of its own; who runs the tests judges that. */
static const char *const reports[REPORTS] = {
	[REPORT_BUG] = "BUG:",
	[REPORT_WARNING] = "WARNING:",
	[REPORT_STALL] = "detected stall",
};

/**
 * strain_seconds() - how long a case of stress lasts
 *
 * Return: $TCP_CENSUS_STRESS_SECONDS, or 3.
 */
unsigned int strain_seconds(void)
{
	const char *text = getenv("TCP_CENSUS_STRESS_SECONDS");
	unsigned long n;
	char *end;

	if (!text)
		return SHORT;
	n = strtoul(text, &end, 10);
	if (end == text || *end || !n || n > LONGEST)
		die("TCP_CENSUS_STRESS_SECONDS is \"%s\": set it to 1 to %d", text, LONGEST);
	return n;
}

static void slabs_settle(void)
{
	unsigned int i;
	char *path;

	memory_settle();
	for (i = 0; i < SLABS; i++) {
		path = strf("/sys/kernel/slab/%s/shrink", slabs[i]);
		file_write(path, "1");
		free(path);
	}
}

static void slabs_read(struct strain *s)
{
	unsigned long objects, size, bytes = 0;
	char *info, *line, name[64];
	unsigned int found = 0, i;

	slabs_settle();
	memset(s->slab, 0, sizeof(s->slab));
	info = file_read("/proc/slabinfo", NULL);
	if (!info)
		die("/proc/slabinfo: %m");
	for (line = strtok(info, "\n"); line; line = strtok(NULL, "\n")) {
		if (sscanf(line, "%63s %lu %*u %lu", name, &objects, &size) != 3)
			continue;
		if (!strncmp(name, "kmalloc-", 8))
			bytes += objects * size;
		for (i = 0; i < SLABS; i++) {
			if (strcmp(name, slabs[i]))
				continue;
			s->slab[i] = objects;
			found |= SLAB_BIT(i);
		}
	}
	must(bytes && (found & SLABS_THERE) == SLABS_THERE);
	s->kmalloc_kb = bytes / 1024;
	free(info);
}

static void strain_read(struct strain *s)
{
	s->percpu_kb = memory_kb("Percpu");
	s->vmalloc_kb = memory_kb("VmallocUsed");
	sockstat_read(&s->sockets);
	s->files = file_number("/proc/sys/fs/file-nr");
	s->users = file_number(CENSUS_MODULE "/refcnt");
	slabs_read(s);
}

/* The same as before, once what was there before has ended. */
static bool still(struct strain *s)
{
	struct strain before;

	strain_read(&before);
	nap_ms(200);
	strain_read(s);
	return !memcmp(before.slab, s->slab, sizeof(s->slab)) &&
	       before.sockets.alloc == s->sockets.alloc;
}

static void come_and_go(struct worker *me, void *unused)
{
	(void)unused;
	net_new();
	worker_round(me);
}

/*
 * Since 6.12 the last namespace that ended is only freed when the next one ends: so
 * one may be left, but no more.
 */
static void free_namespaces(void)
{
	worker_wait(worker_start(come_and_go, NULL, -1));
}

/**
 * strain_begin() - how it is before the stress
 * @s: filled
 */
void strain_begin(struct strain *s)
{
	unsigned int i;

	/* What others have left goes first. */
	free_namespaces();
	must(wait_for(still(s)));
	for (i = 0; i < REPORTS; i++)
		s->log[i] = kmsg_open();
}

/* Is it more than it may be? Then 1, and it is printed if asked for. */
static unsigned int over(bool print, const char *what, unsigned long began,
			 unsigned long more, unsigned long now)
{
	if (now <= began + more)
		return 0;
	if (print)
		printf("# %s: %lu, began with %lu%s\n", what, now, began,
		       more ? ", which is too many more" : "");
	return 1;
}

/* Whose sockets are there, of all namespaces? */
static void print_sockets(void)
{
	char *text = file_read("/proc/tcp_census/endpoints", NULL), *line, *rest = text;

	while (rest && (line = strsep(&rest, "\n")) && *line)
		printf("# %s\n", line);
	free(text);
}

static unsigned int compare(const struct strain *began, bool print)
{
	unsigned int n = 0, i;
	struct strain s;

	strain_read(&s);
	n += over(print, "open sockets", began->sockets.alloc, 0, s.sockets.alloc);
	n += over(print, "orphans", began->sockets.orphan, 0, s.sockets.orphan);
	n += over(print, "pages of TCP", began->sockets.mem, sockstat_slack(),
		  s.sockets.mem);
	n += over(print, "users of the module", began->users, 0, s.users);
	n += over(print, "open files", began->files,
		  FILES_EACH * sysconf(_SC_NPROCESSORS_CONF), s.files);
	for (i = 0; i < SLABS; i++)
		n += over(print, slabs[i], began->slab[i], i == SLAB_NET, s.slab[i]);
	n += over(print, "kB of kmalloc", began->kmalloc_kb, KMALLOC_KB, s.kmalloc_kb);
	n += over(print, "kB of percpu", began->percpu_kb, PERCPU_KB, s.percpu_kb);
	n += over(print, "kB of vmalloc", began->vmalloc_kb, VMALLOC_KB, s.vmalloc_kb);
	if (print && n)
		print_sockets();
	if (print || !n)
		printf("# left: kmalloc %+ld kB, percpu %+ld kB, vmalloc %+ld kB, files %+ld\n",
		       (long)(s.kmalloc_kb - began->kmalloc_kb),
		       (long)(s.percpu_kb - began->percpu_kb),
		       (long)(s.vmalloc_kb - began->vmalloc_kb),
		       (long)(s.files - began->files));
	return n;
}

/**
 * strain_left() - what has a stress left, once it has had time to go?
 * @began: how it was before
 *
 * Return: in how many places more than it may; it is printed.
 */
unsigned int strain_left(const struct strain *began)
{
	uint64_t until = now_ms() + SETTLE * 1000;
	unsigned int n = 0, next = 10, i, lines;

	for (i = 1; compare(began, false); i++) {
		if (now_ms() > until) {
			n = compare(began, true);
			break;
		}
		/* Ever later: where that is slow, it must not be what is waited for. */
		if (i == next) {
			free_namespaces();
			next *= 2;
		}
		nap_ms(200);
	}
	for (i = 0; i < REPORTS; i++) {
		lines = kmsg_lines(began->log[i], reports[i], "KCSAN");
		if (lines)
			printf("# %u lines with %s in the kernel's log\n", lines, reports[i]);
		n += lines;
	}
	return n;
}
