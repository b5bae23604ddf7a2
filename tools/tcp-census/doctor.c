// SPDX-License-Identifier: GPL-2.0
/* What is wrong, why, and what to do. */

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dead.h"
#include "doctor.h"
#include "finding.h"
#include "process.h"

/* Processes with dead descriptors that are told of. */
#define DEAD_PROCESSES 5

/* Percent of the periods from which on a cgroup is short of CPU time. */
#define THROTTLED 20

/* Lines as they are printed. */
static const char *const advice[VERDICTS] = {
	[LEAKED] =
		"Find where the program forgets close(), often on the way of an error or\n"
		"a timeout. Restarting it frees them; until then close_wait_timeout with\n"
		"close_wait_action=abort can reset them, but the descriptors stay.\n",
	[IDLE_POOL] =
		"Set the pool's maximum lifetime or idle time below the timeout of the\n"
		"server, or have it test a connection before use. A few are normal.\n",
	[NOT_READ] =
		"See where the process reads from its sockets, and what it waits for\n"
		"instead: a lock, a full queue, another server.\n",
	[NOT_ACCEPTED] =
		"See why the process does not call accept().\n",
	[DEAD_QUEUE] =
		"See why the process does not call accept(). Its clients have closed:\n"
		"close_wait_action=abort with close_wait_timeout frees the queue for\n"
		"others. It ends as well who has only half-closed and waits for an answer;\n"
		"close_wait_action=probe does not.\n",
	[STUCK_MEMBER] =
		"Its siblings do accept: restart this one, or see what it waits for. The\n"
		"kernel goes on giving it its share of clients.\n",
	[LOW_LIMIT] =
		"Raise the backlog in the program's listen() (nginx: backlog=), and\n"
		"net.core.somaxconn, which bounds it and is what Go and others take, at\n"
		"their start. Or accept faster: see what the process does in between.\n",
	[PORTS] =
		"Keep connections and use them again. tcp_tw_reuse=1 lets connect() take\n"
		"ports of TIME_WAIT sockets (tcp_tw_recycle is gone); more ports:\n"
		"ip_local_port_range, or another source or destination address.\n",
	[SILENT] =
		"The peers may have gone without a word. Turn keepalive on in the program\n"
		"(SO_KEEPALIVE, TCP_KEEPIDLE), or a heartbeat in its protocol.\n",
	[DEAD_FDS] =
		"The connections are over and their programs do not close them: they will\n"
		"run out of descriptors. Find where they forget close() after an error.\n",
};

/**
 * struct patient - a finding and who it is about
 * @finding: it
 * @process: of it; its pid is 0 if it is not known. Of several one in trouble
 * @others: processes that have the same socket
 * @cause: what the process's state has to do with it; "" if nothing
 */
struct patient {
	const struct finding *finding;
	struct process process;
	unsigned int others;
	char cause[300];
};

/* Which of the verdicts come of a process that does not run as it should? */
static bool waits_for_accept(enum verdict verdict)
{
	return verdict == NOT_ACCEPTED || verdict == DEAD_QUEUE || verdict == STUCK_MEMBER;
}

/* Why a process does not do what it should. */
static void diagnose(char *cause, size_t size, const struct finding *f,
		     const struct process *proc)
{
	bool full = proc->fds && proc->fds >= proc->fds_max;

	*cause = '\0';
	if (full && (waits_for_accept(f->verdict) || f->verdict == LEAKED))
		snprintf(cause, size,
			 "it is out of descriptors: %lu of %lu files are open, so accept() fails (EMFILE)",
			 proc->fds, proc->fds_max);
	else if (f->verdict == LEAKED && proc->fds && f->pace_s)
		snprintf(cause, size,
			 "%lu of %lu files are open: %lu more and it cannot accept or connect any more, at this pace in %llu min",
			 proc->fds, proc->fds_max, proc->fds_max - proc->fds,
			 (proc->fds_max - proc->fds) * f->pace_s / f->n / 60);
	else if (!waits_for_accept(f->verdict) && f->verdict != NOT_READ)
		return;
	else if (proc->frozen)
		snprintf(cause, size, "its cgroup is frozen");
	else if (proc->state == 'T')
		snprintf(cause, size, "it is stopped (SIGSTOP): kill -CONT lets it go on");
	else if (proc->state == 't')
		snprintf(cause, size, "it is stopped by a debugger");
	else if (proc->state == 'D')
		snprintf(cause, size, "it waits for a disk or a file server (state D)");
	else if (proc->throttled >= THROTTLED)
		snprintf(cause, size,
			 "its cgroup is short of CPU time: since it is there it was cut off in %u %% of the periods (cpu.max)",
			 proc->throttled);
}

/**
 * struct known - processes that were read
 * @all: them
 * @n: how many
 */
struct known {
	struct process *all;
	size_t n;
};

/* A process, read once; NULL if it has ended. */
static const struct process *known_process(struct known *known, pid_t pid)
{
	struct process *more;
	size_t i;

	for (i = 0; i < known->n; i++)
		if (known->all[i].pid == pid)
			return &known->all[i];
	more = realloc(known->all, (known->n + 1) * sizeof(*more));
	if (!more)
		return NULL;
	known->all = more;
	if (!process_read(&more[known->n], pid))
		return NULL;
	return &more[known->n++];
}

/* Of those who have its socket the first in trouble, or the first. */
static void attend(struct patient *p, const struct holder *holder, struct known *known)
{
	const struct process *proc;
	unsigned int i;

	for (i = 0; i < holder->n && i < HOLDERS && !*p->cause; i++) {
		proc = known_process(known, holder->pid[i]);
		if (!proc)
			continue;
		diagnose(p->cause, sizeof(p->cause), p->finding, proc);
		if (!p->process.pid || *p->cause)
			p->process = *proc;
	}
	p->others = holder->n - 1;
}

static int by_inode(const void *key, const void *holder)
{
	unsigned long long inode = *(const unsigned long long *)key;
	const struct holder *h = holder;

	return inode < h->inode ? -1 : inode > h->inode;
}

/* Whose socket is it? Returns false if some processes could not be looked at. */
static bool find_processes(struct patient *p, size_t n)
{
	struct holder *holders = calloc(n + 1, sizeof(*holders)), *holder;
	struct known known = {};
	size_t i, wanted = 0;
	bool all;

	if (!holders)
		return false;
	for (i = 0; i < n; i++)
		if (p[i].finding->inode)
			holders[wanted++].inode = p[i].finding->inode;
	all = holders_find(holders, wanted);
	for (i = 0; i < n && wanted; i++) {
		holder = bsearch(&p[i].finding->inode, holders, wanted, sizeof(*holders),
				 by_inode);
		if (holder && holder->n)
			attend(&p[i], holder, &known);
	}
	free(known.all);
	free(holders);
	return all;
}

static void print_dead(void)
{
	struct dead dead[DEAD_PROCESSES];
	struct process proc;
	size_t i, n;
	bool all;

	n = dead_find(dead, DEAD_PROCESSES, &all);
	for (i = 0; i < n; i++)
		if (process_read(&proc, dead[i].pid))
			printf("   process   %d %s: %u, with %lu of %lu files open\n",
			       proc.pid, proc.name, dead[i].n, proc.fds, proc.fds_max);
	if (!all)
		printf("   process   not all could be looked at: as root they can\n");
}

/* A text of lines, each as far in as the first. */
static void print_lines(const char *before, const char *lines)
{
	size_t len;

	for (; *lines; lines += len + 1, before = "") {
		len = strcspn(lines, "\n");
		printf("%-13s%.*s\n", before, (int)len, lines);
	}
}

/* Of several namespaces @all it says which. */
static void print(const struct patient *p, bool all)
{
	const struct finding *f = p->finding;

	printf("%s: %llu, %s", verdict_names[f->verdict], f->n, f->who);
	if (strcmp(f->cgroup, "-"))
		printf(", %s", f->cgroup);
	if (all && f->netns)
		printf(", netns %llu", f->netns);
	printf("\n   evidence  %s\n", f->evidence);
	if (p->process.pid) {
		printf("   process   %d %s", p->process.pid, p->process.name);
		if (p->others)
			printf(" and %u others", p->others);
		putchar('\n');
	}
	if (f->verdict == DEAD_FDS)
		print_dead();
	if (*p->cause)
		printf("   cause     %s\n", p->cause);
	print_lines("   next      ", advice[f->verdict]);
	putchar('\n');
}

/* A text of lines, as one. */
static json_t *json_lines(const char *lines)
{
	char *text = strdup(lines), *c;
	json_t *value;

	if (!text)
		return NULL;
	for (c = text; *c; c++)
		if (*c == '\n')
			*c = c[1] ? ' ' : '\0';
	value = json_string(text);
	free(text);
	return value;
}

static json_t *object(const struct patient *p)
{
	const struct finding *f = p->finding;
	json_t *o;

	o = json_pack("{s:s, s:I, s:s, s:s, s:I, s:I, s:s, s:s, s:o}",
		      "verdict", verdict_names[f->verdict], "sockets", (json_int_t)f->n,
		      "who", f->who, "cgroup", f->cgroup, "netns", (json_int_t)f->netns,
		      "inode", (json_int_t)f->inode, "evidence", f->evidence,
		      "cause", p->cause, "next", json_lines(advice[f->verdict]));
	if (o && p->process.pid &&
	    (json_object_set_new(o, "pid", json_integer(p->process.pid)) ||
	     json_object_set_new(o, "process", json_string(p->process.name)))) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static int print_json(const struct patient *p, size_t n)
{
	json_t *all = json_array();
	int err = 0;
	size_t i;

	for (i = 0; i < n && !err; i++)
		if (json_array_append_new(all, object(&p[i])))
			err = -ENOMEM;
	if (!err && json_dumpf(all, stdout, JSON_INDENT(1) | JSON_ENSURE_ASCII))
		err = -EIO;
	if (!err)
		putchar('\n');
	json_decref(all);
	return err;
}

/**
 * doctor() - print what is wrong
 * @place: where
 * @json: as JSON
 * @file: set to the name of the file that cannot be read, if one cannot
 *
 * Return: the exit status, or a negative errno.
 */
int doctor(const struct place *place, bool json, const char **file)
{
	struct patient *p = NULL;
	struct findings f;
	bool all = true;
	size_t i;
	int err;

	err = findings_read(&f, place, file);
	if (!err) {
		p = calloc(f.n + 1, sizeof(*p));
		err = p ? 0 : -ENOMEM;
	}
	if (!err) {
		for (i = 0; i < f.n; i++)
			p[i].finding = &f.all[i];
		all = find_processes(p, f.n);
		if (json)
			err = print_json(p, f.n);
		for (i = 0; i < f.n && !json; i++)
			print(&p[i], place->all);
		if (!f.n && !*f.missed && !json)
			puts("nothing is wrong");
		if (!all && !json)
			puts("not all processes could be looked at: as root they can");
		if (*f.missed)
			fprintf(stderr, "tcp-census: there may be more: %s\n", f.missed);
		err = err ?: f.n ? FINDINGS : *f.missed ? CANNOT_TELL : HEALTHY;
	}
	free(p);
	findings_free(&f);
	return err;
}
