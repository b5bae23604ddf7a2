// SPDX-License-Identifier: GPL-2.0
/* Processes that make noise in the background until they are stopped. */

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base.h"
#include "net.h"
#include "worker.h"

/**
 * worker_start() - start a process
 * @work: what it does: for ever, calling worker_round(), or until it is done
 * @arg: passed on
 * @cpu: the processor to stay on; -1 for any. One that is not there is not asked
 *	for.
 *
 * It inherits the namespace and the descriptors, and dies with its parent.
 */
struct worker *worker_start(void (*work)(struct worker *me, void *arg),
			    void *arg, int cpu)
{
	struct worker *w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t parent = getpid(), pid;
	cpu_set_t set;

	must(w != MAP_FAILED);
	pid = fork();
	must(pid >= 0);
	if (pid) {
		w->pid = pid;
		return w;
	}

	must(!prctl(PR_SET_PDEATHSIG, SIGKILL));
	if (getppid() != parent)
		_exit(1);
	if (cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		sched_setaffinity(0, sizeof(set), &set);
	}
	work(w, arg);
	_exit(0);
}

/*
 * From now on whoever has work to do comes first. For one that goes on for ever beside
 * what is tested, which is work for the same processors: loading a module, say.
 */
void worker_stand_back(void)
{
	must(nice(19) == 19);
}

/* Another round is done. */
void worker_round(struct worker *me)
{
	__atomic_add_fetch(&me->rounds, 1, __ATOMIC_RELAXED);
}

unsigned long worker_rounds(const struct worker *w)
{
	return __atomic_load_n(&w->rounds, __ATOMIC_RELAXED);
}

/**
 * worker_does() - wait until a process has done so many rounds
 * @w: it
 * @rounds: how many
 *
 * However long that takes, as long as it gets on.
 *
 * Return: has it?
 */
bool worker_does(const struct worker *w, unsigned long rounds)
{
	unsigned long had = worker_rounds(w);

	while (had < rounds && wait_for(worker_rounds(w) > had))
		had = worker_rounds(w);
	return had >= rounds;
}

/**
 * worker_state() - what a process is at
 * @w: it
 *
 * Return: as in /proc/PID/stat: R, S, D and so on.
 */
char worker_state(const struct worker *w)
{
	char *path = strf("/proc/%d/stat", w->pid);
	char *text = file_read(path, NULL), *end, state;

	must(text);
	end = strrchr(text, ')');
	must(end);
	state = end[2];
	free(text);
	free(path);
	return state;
}

/**
 * worker_show() - print how far a process is, and where the kernel has it
 * @w: it
 * @name: what it does
 */
void worker_show(const struct worker *w, const char *name)
{
	char *path = strf("/proc/%d/stack", w->pid);
	char *stack = file_read(path, NULL);

	printf("# %s: round %lu\n%s", name, worker_rounds(w), stack ?: "");
	free(stack);
	free(path);
}

/**
 * worker_stop() - stop a process that works for ever
 * @w: it; not to be used again
 *
 * One that has ended by itself, because something failed, ends the test.
 *
 * Return: its rounds.
 */
unsigned long worker_stop(struct worker *w)
{
	unsigned long rounds;
	int status;

	must(!kill(w->pid, SIGKILL));
	must(waitpid(w->pid, &status, 0) == w->pid);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		die("a worker ended by itself: status %#x", status);
	rounds = w->rounds;
	munmap(w, sizeof(*w));
	return rounds;
}

/* Wait for one that works until it is done. */
void worker_wait(struct worker *w)
{
	int status;

	must(waitpid(w->pid, &status, 0) == w->pid);
	if (status)
		die("a worker failed: status %#x", status);
	munmap(w, sizeof(*w));
}

/* Connections that come and are reset: never in CLOSE_WAIT, no TIME_WAIT. */
void churn_reset(struct worker *me, void *ip)
{
	int listener = sock_listen(ip, 0, 8);
	struct addr to = sock_addr(listener);
	struct pair p;

	for (;;) {
		p = pair_make(listener, &to);
		pair_close(&p);
		worker_round(me);
	}
}

/* Connections that come and end as they should, through every state there is. */
void churn_finish(struct worker *me, void *ip)
{
	int listener = sock_listen(ip, 0, 8);
	struct addr to = sock_addr(listener);
	struct pair p;
	char c;

	for (;;) {
		p = pair_make(listener, &to);
		close(p.client);
		must(read(p.server, &c, 1) == 0);
		close(p.server);
		worker_round(me);
	}
}
