// SPDX-License-Identifier: GPL-2.0
/*
 * Allocations of the module, and copies to user space, that fail when they are told to:
 * the kernel's fault injection, see its Documentation/fault-injection.
 *
 * Only what is called from the module's text fails, by the filter for stack traces; so
 * runs are short, and what others do with a failure is not tried. What the kernel's
 * search for leaks allocates for itself is left out: it has a reserve.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base.h"
#include "inject.h"
#include "inject_tasks.h"

#define KSFT_SKIP 4

#define DEBUG "/sys/kernel/debug"

/* More than any operation has. */
#define FAULTS_MAX 1000

/* More than a test has fail at once. */
#define FAILURES_MAX 1000000

/* Another worker than those that were told to fail may have done it: once more. */
#define UNSEEN_MAX 100

enum { SLAB, PAGE, USER, KINDS };
enum { KNOBS = 14 };

static const char *const kinds[KINDS] = {
	[SLAB] = "failslab",
	[PAGE] = "fail_page_alloc",
	[USER] = "fail_usercopy",
};

/* What is set at first. Messages of the kernel's would be taken for reports. */
static const struct knob {
	const char *name;
	const char *value;
	bool of_memory; /* copying has none of it */
	bool of_pages;
} knobs[KNOBS] = {
	{ "probability", "0", false, false },
	{ "interval", "1", false, false },
	{ "times", "-1", false, false },
	{ "space", "0", false, false },
	{ "verbose", "0", false, false },
	{ "task-filter", "Y", false, false },
	{ "stacktrace-depth", "32", false, false },
	{ "require-start", "0", false, false },
	{ "require-end", "0", false, false },
	{ "reject-start", "0", false, false },
	{ "reject-end", "0", false, false },
	{ "ignore-gfp-wait", "N", true, false },
	{ "ignore-gfp-highmem", "N", true, true },
	{ "min-order", "0", true, true },
};

/**
 * struct range - where code is
 * @start: in the kernel's memory
 * @end: behind it
 */
struct range {
	unsigned long start;
	unsigned long end;
};

static pid_t owner;
static bool mounted;
static char *before[KINDS][KNOBS];
static struct range loading, leaks, interrupts;

static bool has(unsigned int kind, const struct knob *knob)
{
	return !(knob->of_memory && kind == USER) && !(knob->of_pages && kind != PAGE);
}

static char *knob_path(unsigned int kind, const char *name)
{
	return strf(DEBUG "/%s/%s", kinds[kind], name);
}

static void knob_set(unsigned int kind, const char *name, const char *value)
{
	char *path = knob_path(kind, name);

	file_set(path, "%s", value);
	free(path);
}

static void knobs_set(const char *name, unsigned long value)
{
	char *text = strf("%#lx", value);
	unsigned int i;

	for (i = 0; i < KINDS; i++)
		knob_set(i, name, text);
	free(text);
}

/* Of both kinds of memory. */
static void probability_set(unsigned int percent)
{
	char *text = strf("%u", percent);

	knob_set(SLAB, "probability", text);
	knob_set(PAGE, "probability", text);
	free(text);
}

/* Nothing of all this stays. Only the process that began puts it back. */
static void restore(void)
{
	unsigned int kind, i;
	char *path;

	if (getpid() != owner)
		return;
	/* A test that ended early may have left some that wait for their turn. */
	tasks_begin(true);
	tasks_arm(0, false);
	tasks_end();
	for (kind = 0; kind < KINDS; kind++) {
		for (i = 0; i < KNOBS; i++) {
			if (!before[kind][i])
				continue;
			path = knob_path(kind, knobs[i].name);
			file_write(path, before[kind][i]);
			free(path);
		}
	}
	if (mounted)
		umount(DEBUG);
}

static void skip(const char *why)
{
	printf("TAP version 13\n1..0 # SKIP %s\n", why);
	exit(KSFT_SKIP);
}

/* The address in a line of kallsyms, and the name; false if it is none of a function. */
static bool symbol(const char *line, unsigned long *at, const char **name)
{
	char *end;

	*at = strtoul(line, &end, 16);
	if (end == line || *end != ' ' || !strchr("tTwW", end[1]) || end[2] != ' ')
		return false;
	*name = end + 3;
	return true;
}

static bool named(const char *name, const char *want)
{
	size_t len = strlen(want);

	return !strncmp(name, want, len) && (!name[len] || strchr("\n\t", name[len]));
}

/* From where the function begins to where the next one does. */
static void range_end(char *text, struct range *r)
{
	const char *line, *name;
	unsigned long at;

	r->end = ULONG_MAX;
	for (line = text; *line; line += strcspn(line, "\n") + 1)
		if (symbol(line, &at, &name) && at > r->start && at < r->end)
			r->end = at;
}

/* Where are functions of the kernel's? That of kmemleak is not there without it. */
static void ranges_find(void)
{
	char *text = file_read("/proc/kallsyms", NULL);
	const char *line, *name;
	unsigned long at;

	must(text);
	for (line = text; *line; line += strcspn(line, "\n") + 1) {
		if (!symbol(line, &at, &name))
			continue;
		if (named(name, "do_init_module"))
			loading.start = at;
		else if (named(name, "irq_exit_rcu"))
			interrupts.start = at;
		/* The second is what calls the first, which a compiler may put into it. */
		else if (named(name, "mem_pool_alloc") ||
			 (named(name, "__alloc_object") && !leaks.start))
			leaks.start = at;
	}
	must(loading.start && interrupts.start);
	range_end(text, &loading);
	range_end(text, &interrupts);
	if (leaks.start)
		range_end(text, &leaks);
	free(text);
}

/* What is called from there does not fail. */
static void spare(const struct range *r)
{
	knobs_set("reject-end", 0);
	knobs_set("reject-start", r->start);
	knobs_set("reject-end", r->end);
}

/**
 * inject_begin() - be ready to have allocations fail
 *
 * Until this process exits, which puts back what was set before. Skips the whole
 * program where the kernel has no fault injection.
 */
void inject_begin(void)
{
	unsigned int kind, i;
	char *path;

	if (access("/proc/thread-self/fail-nth", F_OK))
		skip("the kernel has no fault injection");
	if (access(DEBUG "/failslab", F_OK))
		mounted = !mount("debugfs", DEBUG, "debugfs", 0, NULL);
	owner = getpid();
	atexit(restore);
	for (kind = 0; kind < KINDS; kind++) {
		for (i = 0; i < KNOBS; i++) {
			if (!has(kind, &knobs[i]))
				continue;
			path = knob_path(kind, knobs[i].name);
			before[kind][i] = file_read(path, NULL);
			if (!before[kind][i])
				skip("the kernel's fault injection lacks a kind or the filter");
			free(path);
			knob_set(kind, knobs[i].name, knobs[i].value);
		}
	}
	ranges_find();
	spare(&leaks);
}

static void below(const struct range *r)
{
	/* Never all there is, in between. */
	knobs_set("require-end", 0);
	knobs_set("require-start", r->start);
	knobs_set("require-end", r->end);
}

/** inject_module() - what is called from the module's text is to fail */
void inject_module(void)
{
	char *text = file_read("/proc/modules", NULL), *line;
	struct range r;
	unsigned long size;

	must(text);
	for (line = text; *line; line += strcspn(line, "\n") + 1)
		if (!strncmp(line, "tcp_census ", 11))
			break;
	must(sscanf(line, "tcp_census %lu %*s %*s %*s %lx", &size, &r.start) == 2);
	must(r.start);
	r.end = r.start + size;
	below(&r);
	free(text);
}

/** inject_loading() - what is called while a module is being loaded is to fail */
void inject_loading(void)
{
	below(&loading);
}

/* One round: the nth fails, or all from there on. Returns whether it came to that. */
static bool round_of(const struct injection *in, unsigned int n, bool rest,
		     unsigned int *bad)
{
	unsigned int unseen = 0;
	enum tasks_left left;

	for (;;) {
		tasks_arm(n, rest);
		in->work(in->arg);
		left = tasks_disarm();
		*bad += in->check(in->arg, left == TASKS_FIRED);
		if (left != TASKS_UNSEEN || !in->workers)
			return left == TASKS_FIRED;
		must(++unseen < UNSEEN_MAX);
	}
}

/**
 * inject_each() - have each allocation fail, one after the other
 * @in: where
 *
 * First each alone; then each together with all that follow it, since memory from
 * kvmalloc() is only short if a second attempt fails as well. It ends with the first
 * round in which none was left to fail.
 *
 * Return: in how many places something was not as it must be; it is printed.
 */
unsigned int inject_each(const struct injection *in)
{
	unsigned int bad = 0, n, fired, rest, step;

	tasks_begin(in->workers);
	for (rest = 0; rest < 2; rest++) {
		step = (rest ? in->stride : in->alone) ?: 1;
		probability_set(rest ? 100 : 0);
		for (n = 1, fired = 0; round_of(in, n, rest, &bad); n += step) {
			if (bad) {
				printf("# %s: failure %u%s\n", in->what, n,
				       rest ? " and all after it" : "");
				break;
			}
			fired++;
			if (n > FAULTS_MAX)
				die("%s: there is no end of failures", in->what);
		}
		probability_set(0);
		printf("# %s: %u failures%s\n", in->what, fired,
		       rest ? ", with all after them" : "");
		if (fired < (in->least + step - 1) / step) {
			printf("# %s: fewer than %u failures\n", in->what, in->least);
			bad++;
		}
		if (bad)
			break;
	}
	tasks_end();
	return bad;
}

/**
 * inject_fired() - has an allocation failed by now?
 *
 * Return: true if so; for what waits in struct injection's @work.
 */
bool inject_fired(void)
{
	return tasks_left() == TASKS_FIRED;
}

/**
 * inject_storm() - any of the module's allocations may fail, in any context
 * @percent: so many of a hundred; 0: none
 *
 * But not those of the network, which an interrupt brings in while the module's code is
 * running: its stack is below theirs.
 */
void inject_storm(unsigned int percent)
{
	spare(percent ? &interrupts : &leaks);
	knob_set(SLAB, "task-filter", percent ? "N" : "Y");
	knob_set(PAGE, "task-filter", percent ? "N" : "Y");
	probability_set(percent);
}

/* So many allocations are to fail, whoever makes them, below a function of the module's. */
static void fail_below(const char *function, unsigned int kind, unsigned int times)
{
	char *text = file_read("/proc/kallsyms", NULL), *number = strf("%u", times);
	struct range r = {};
	const char *line, *name;
	unsigned long at;

	must(text);
	for (line = text; *line; line += strcspn(line, "\n") + 1)
		if (symbol(line, &at, &name) && named(name, function))
			r.start = at;
	if (!r.start)
		die("there is no function %s", function);
	range_end(text, &r);
	below(&r);
	free(text);
	knob_set(kind, "times", number);
	knob_set(kind, "task-filter", "N");
	knob_set(kind, "probability", "100");
	free(number);
}

/* No more. Returns how many were left. */
static unsigned int fail_no_more(unsigned int kind)
{
	char *path = knob_path(kind, "times");
	unsigned int left = file_number(path);

	knob_set(kind, "probability", "0");
	knob_set(kind, "task-filter", "Y");
	knob_set(kind, "times", "-1");
	free(path);
	return left;
}

/**
 * inject_once() - one allocation is to fail, whoever makes it
 * @function: of the module's, below which it is
 */
void inject_once(const char *function)
{
	fail_below(function, SLAB, 1);
}

/**
 * inject_once_done() - it is not to fail any more
 *
 * Return: true if it has.
 */
bool inject_once_done(void)
{
	return !fail_no_more(SLAB);
}

/**
 * inject_all() - all allocations are to fail, whoever makes them
 * @function: of the module's, below which they are
 */
void inject_all(const char *function)
{
	fail_below(function, SLAB, FAILURES_MAX);
	fail_below(function, PAGE, FAILURES_MAX);
}

/**
 * inject_all_done() - they are not to fail any more
 *
 * Return: how many have.
 */
unsigned int inject_all_done(void)
{
	return 2 * FAILURES_MAX - fail_no_more(SLAB) - fail_no_more(PAGE);
}
