// SPDX-License-Identifier: GPL-2.0
/*
 * Whose allocations fail: the caller's, or those of all the kernel's workers.
 *
 * Each task has a counter, fail-nth, which the kernel takes down at each of its calls
 * that may fail; the one that takes it to 0 does. Any task's may be written, also that of
 * a worker, of which nobody knows which will do a piece of work.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "inject_tasks.h"

enum { TASKS_MAX = 512 };

/**
 * struct task - one of them
 * @nth: file fail-nth
 * @make: file make-it-fail: it may fail after that, too
 */
static struct task {
	int nth;
	int make;
} tasks[TASKS_MAX];

static unsigned int nr;
static unsigned int armed;
static long seen;
static bool of_workers;

static void task_add(const char *dir)
{
	struct task *t = &tasks[nr];
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/fail-nth", dir);
	t->nth = open(path, O_RDWR | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%s/make-it-fail", dir);
	t->make = open(path, O_RDWR | O_CLOEXEC);
	if (t->nth >= 0 && t->make >= 0) {
		must(++nr < TASKS_MAX);
		return;
	}
	/* A worker may have ended by now. */
	must(of_workers && (errno == ENOENT || errno == ESRCH));
	close(t->nth);
	close(t->make);
}

static void task_remove(unsigned int i)
{
	close(tasks[i].nth);
	close(tasks[i].make);
	tasks[i] = tasks[--nr];
}

/* Those that came since the last time: pids only rise, and nobody becomes a worker later. */
static void workers_find(void)
{
	DIR *proc = opendir("/proc");
	long pid, last = seen;
	struct dirent *d;
	char path[64], *comm, *end;

	must(proc);
	while ((d = readdir(proc))) {
		pid = strtol(d->d_name, &end, 10);
		if (*end || pid <= last)
			continue;
		seen = pid > seen ? pid : seen;
		snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
		comm = file_read(path, NULL);
		if (comm && !strncmp(comm, "kworker/", 8))
			task_add(d->d_name);
		free(comm);
	}
	closedir(proc);
}

static bool put(int fd, unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(fd, text, len, 0) == len)
		return true;
	must(errno == ESRCH);
	return false;
}

/**
 * tasks_begin() - begin with nobody's failing
 * @workers: it is about the kernel's workers; else about the caller
 */
void tasks_begin(bool workers)
{
	must(!nr);
	of_workers = workers;
	seen = 0;
	if (workers)
		workers_find();
	else
		task_add("thread-self");
}

/**
 * tasks_arm() - have allocations fail
 * @n: in each task that many's, from now on; 0: none's
 * @rest: if all after that are to fail, which is then up to the probability that is set
 */
void tasks_arm(unsigned int n, bool rest)
{
	unsigned int i;

	if (of_workers && n)
		workers_find();
	armed = n;
	for (i = 0; i < nr;) {
		/* The counter goes last, and with it the file that says who it is. */
		if (!put(tasks[i].make, rest) || !put(tasks[i].nth, n))
			task_remove(i);
		else
			i++;
	}
}

/**
 * tasks_left() - how far did they come?
 *
 * Return: the farthest.
 */
enum tasks_left tasks_left(void)
{
	enum tasks_left left = TASKS_UNSEEN;
	unsigned long n;
	unsigned int i;
	char text[16];
	ssize_t len;

	for (i = 0; i < nr; i++) {
		len = pread(tasks[i].nth, text, sizeof(text) - 1, 0);
		if (len <= 0) {
			must(of_workers && errno == ESRCH);
			continue;
		}
		text[len] = '\0';
		n = strtoul(text, NULL, 10);
		if (!n)
			return TASKS_FIRED;
		if (n < armed)
			left = TASKS_PASSED;
	}
	return left;
}

/* The same, and no more is to fail. */
enum tasks_left tasks_disarm(void)
{
	enum tasks_left left = tasks_left();

	tasks_arm(0, false);
	return left;
}

/* Nobody's any more. */
void tasks_end(void)
{
	while (nr)
		task_remove(nr - 1);
}
