// SPDX-License-Identifier: GPL-2.0
/*
 * Depths of an accept queue, probed where the kernel appends to it.
 *
 * Two kprobes, in a trace instance of our own. What happens for every child of a
 * listener, in one softirq, which nobody on the same CPU can interrupt:
 *
 *	inet_csk_complete_hashdance()	probed at its entry: enqueue
 *	    the child is appended, sk_ack_backlog is one more
 *	tracepoint inet_sock_set_state: SYN_RECV -> ESTABLISHED
 *	sock_def_readable(listener)	probed at its entry: wake
 *
 * Where sk_ack_backlog is in a struct sock differs from kernel to kernel. It is
 * the word that follows the depths of a queue that we make.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"
#include "depths.h"
#include "net.h"
#include "peak.h"

#define TRACING "/sys/kernel/tracing/"
#define GROUP "tcp_census_depths"
#define INSTANCE TRACING "instances/" GROUP "/"
#define EVENTS TRACING "kprobe_events"
#define ENQUEUE "inet_csk_complete_hashdance"
#define WAKE "sock_def_readable"

static const char *const events[] = { "search", "enqueue", "wake" };

/* What an argument of an event can hold, and so many of a struct sock with large locks. */
#define ARRAY 64
#define ARRAYS 5
#define WORDS (ARRAYS * ARRAY)
#define SEARCHED "a=+0($arg1):u32[64] b=+256($arg1):u32[64] c=+512($arg1):u32[64] " \
	"d=+768($arg1):u32[64] e=+1024($arg1):u32[64]"

static void enable(const char *event, bool on)
{
	char *path = strf(INSTANCE "events/" GROUP "/%s/enable", event);

	file_set(path, "%d", on);
	free(path);
}

/* Those there are. */
static void remove_all(void)
{
	unsigned int i;
	char *text;

	for (i = 0; i < sizeof(events) / sizeof(*events); i++) {
		text = strf(INSTANCE "events/" GROUP "/%s/enable", events[i]);
		file_write(text, "0");
		free(text);
		text = strf("-:" GROUP "/%s", events[i]);
		file_write(EVENTS, text);
		free(text);
	}
}

/**
 * depths_there() - can this kernel be asked?
 * @mounted: set to true if the trace file system had to be mounted
 *
 * Return: true if so.
 */
bool depths_there(bool *mounted)
{
	*mounted = access(TRACING "trace", F_OK) &&
		   !mount("tracefs", TRACING, "tracefs", 0, NULL);
	return !access(EVENTS, W_OK) && !access(TRACING "instances", W_OK);
}

/* Leave nothing behind. */
void depths_teardown(bool mounted)
{
	remove_all();
	rmdir(INSTANCE);
	if (mounted)
		umount(TRACING);
}

/* Forget what was. */
void depths_begin(void)
{
	int fd = open(INSTANCE "trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	must(fd >= 0);
	close(fd);
}

static unsigned long long number(const char *line, const char *name, int base)
{
	const char *p = strstr(line, name);

	if (!p)
		die("trace: no %s in: %s", name, line);
	return strtoull(p + strlen(name), NULL, base);
}

/* What was traced; nothing may have been lost. */
static char *trace_read(void)
{
	char *text = file_read(INSTANCE "trace", NULL);
	char *profile = file_read(TRACING "kprobe_profile", NULL), *line;
	unsigned long long hits, missed;
	const char *entries;

	must(text && profile);
	entries = strstr(text, "entries-in-buffer/entries-written: ");
	must(entries);
	entries = strchr(entries, ':') + 1;
	if (strtoull(entries, NULL, 10) !=
	    strtoull(strchr(entries, '/') + 1, NULL, 10))
		die("trace: events were lost");
	for (line = profile; *line; line += strcspn(line, "\n") + 1)
		if (sscanf(line, "%*s %llu %llu", &hits, &missed) == 2 && missed)
			die("kprobe_profile: %.*s", (int)strcspn(line, "\n"), line);
	free(profile);
	return text;
}

/* A line's event is behind "comm-pid [cpu] flags time". */
static bool is_event(const char *line, const char *event)
{
	char *mark = strf(": %s: (", event);
	bool is = *line != '#' && strstr(line, mark);

	free(mark);
	return is;
}

/* Forget the words of a listener that are not its depth. */
static void compare(bool *may_be, const char *line, unsigned int depth)
{
	static const char *const arrays[ARRAYS] = { " a={", " b={", " c={", " d={", " e={" };
	unsigned int i, k;

	for (i = 0; i < ARRAYS; i++) {
		const char *p = strstr(line, arrays[i]);
		char *end;

		must(p);
		p += strlen(arrays[i]);
		for (k = 0; k < ARRAY; k++, p = end + 1) {
			may_be[i * ARRAY + k] &= strtoul(p, &end, 10) == depth;
			must(*end == (k < ARRAY - 1 ? ',' : '}'));
		}
	}
}

/* Offset of sk_ack_backlog in a struct sock. */
static unsigned int find_depth(void)
{
	/* Before each connection; and so many are accepted after it. */
	static const unsigned int depth[] = { 0, 1, 2, 3, 4, 2, 3, 0, 1 };
	static const unsigned int taken[] = { 0, 0, 0, 0, 3, 0, 4, 0, 2 };
	const unsigned int n = sizeof(depth) / sizeof(*depth);
	int fd = sock_listen("127.0.0.1", 0, 16);
	unsigned int i, k, found = 0, at = 0;
	struct addr to = sock_addr(fd);
	char *text, *rest, *line;
	bool may_be[WORDS];

	file_set(EVENTS, "p:%s/search %s %s", GROUP, ENQUEUE, SEARCHED);
	enable("search", true);
	depths_begin();
	for (i = 0; i < n; i++) {
		must(sock_depth(fd) == depth[i]);
		must(burst_fill(fd, &to, 1));
		for (k = 0; k < taken[i]; k++)
			close(sock_accept(fd));
	}
	close(fd);

	memset(may_be, true, sizeof(may_be));
	text = trace_read();
	rest = text;
	for (i = 0; (line = strsep(&rest, "\n"));) {
		if (!is_event(line, "search"))
			continue;
		must(i < n);
		compare(may_be, line, depth[i++]);
	}
	must(i == n);
	free(text);
	/* Takes the event's lines out of the trace. */
	remove_all();
	for (i = 0; i < WORDS; i++) {
		if (!may_be[i])
			continue;
		found++;
		at = 4 * i;
	}
	if (found != 1)
		die("%u words of a listener may be its depth", found);
	return at;
}

/**
 * depths_setup() - start to probe
 *
 * Makes connections in this namespace, and has this process stay on its CPU.
 */
void depths_setup(void)
{
	unsigned int at;

	remove_all();
	must(!mkdir(INSTANCE, 0700) || errno == EEXIST);
	at = find_depth();
	file_set(EVENTS, "p:%s/enqueue %s sk=$arg1:x64 own=$arg4:u8 depth=+%u($arg1):u32",
		 GROUP, ENQUEUE, at);
	file_set(EVENTS, "p:%s/wake %s sk=$arg1:x64 depth=+%u($arg1):u32", GROUP,
		 WAKE, at);
	enable("enqueue", true);
	enable("wake", true);
}

static unsigned int largest(unsigned int a, unsigned int b)
{
	return a > b ? a : b;
}

/* What was seen; of one listener, and nothing may go on. */
void depths_end(struct depths *d)
{
	char *text = trace_read(), *rest = text, *line;
	unsigned long long sk = 0, cpus = 0;

	memset(d, 0, sizeof(*d));
	while ((line = strsep(&rest, "\n"))) {
		if (is_event(line, "enqueue")) {
			/* Another CPU was quicker with the same connection. */
			if (!number(line, " own=", 10))
				continue;
			if (!d->enqueues++)
				sk = number(line, " sk=", 16);
			if (number(line, " sk=", 16) != sk)
				die("trace: another listener: %s", line);
			cpus |= 1ULL << number(line, " [", 10) % 64;
			d->before = largest(d->before, number(line, " depth=", 10));
		} else if (is_event(line, "wake")) {
			if (number(line, " sk=", 16) != sk)
				continue;
			d->wakeups++;
			d->after = largest(d->after, number(line, " depth=", 10));
		}
	}
	d->cpus = __builtin_popcountll(cpus);
	free(text);
}
