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
		"a timeout. Restarting it frees them; until then close_wait_timeout can\n"
		"reset them, but the descriptors stay.\n",
	[IDLE_POOL] =
		"Set the pool's maximum lifetime or idle time below the timeout of the\n"
		"server, or have it test a connection before use. A few are normal.\n",
	[NOT_READ] =
		"See where the process reads from its sockets, and what it waits for\n"
		"instead: a lock, a full queue, another server.\n",
	[NOT_ACCEPTED] =
		"See why the process does not call accept().\n",
	[DEAD_QUEUE] =
		"See why the process does not call accept(). Its clients have given up:\n"
		"close_wait_action=abort with close_wait_timeout frees the queue for\n"
		"others.\n",
	[STUCK_MEMBER] =
		"Its siblings do accept: restart this one, or see what it waits for. The\n"
		"kernel goes on giving it its share of clients.\n",
	[LOW_LIMIT] =
		"The program asks for a short queue in listen(): raise its backlog\n"
		"(nginx: backlog=, Go and others: somaxconn at its start).\n",
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
 * @process: of it; its pid is 0 if it is not known
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
static bool waits_for_process(enum verdict verdict)
{
	return verdict == NOT_ACCEPTED || verdict == DEAD_QUEUE || verdict == STUCK_MEMBER ||
	       verdict == NOT_READ;
}

/* Why the process does not do what it should. */
static void diagnose(struct patient *p)
{
	const struct process *proc = &p->process;
	unsigned long long left;

	if (waits_for_process(p->finding->verdict)) {
		if (proc->fds && proc->fds + 1 >= proc->fds_max)
			snprintf(p->cause, sizeof(p->cause),
				 "it is out of descriptors: %lu of %lu files are open, so accept() fails (EMFILE)",
				 proc->fds, proc->fds_max);
		else if (proc->frozen)
			strcpy(p->cause, "its cgroup is frozen");
		else if (proc->state == 'T')
			strcpy(p->cause, "it is stopped (SIGSTOP): kill -CONT lets it go on");
		else if (proc->state == 't')
			strcpy(p->cause, "it is stopped by a debugger");
		else if (proc->state == 'D')
			strcpy(p->cause, "it waits for a disk or a file server (state D)");
		else if (proc->throttled >= THROTTLED)
			snprintf(p->cause, sizeof(p->cause),
				 "its cgroup is short of CPU time: cut off in %u %% of the periods (cpu.max)",
				 proc->throttled);
	} else if (p->finding->verdict == LEAKED && proc->fds && proc->fds_max > proc->fds) {
		left = proc->fds_max - proc->fds;
		snprintf(p->cause, sizeof(p->cause),
			 "%lu of %lu files are open: %llu more and it cannot accept or connect any more, at this pace in %llu min",
			 proc->fds, proc->fds_max, left,
			 left * p->finding->pace_s / p->finding->n / 60);
	}
}

/* Whose socket is it? Returns false if some processes could not be looked at. */
static bool find_processes(struct patient *p, size_t n)
{
	struct holder *holder = calloc(n + 1, sizeof(*holder));
	size_t i, k, wanted = 0;
	bool all;

	if (!holder)
		return false;
	for (i = 0; i < n; i++)
		if (p[i].finding->inode)
			holder[wanted++].inode = p[i].finding->inode;
	all = holders_find(holder, wanted);
	for (i = 0; i < n; i++) {
		for (k = 0; k < wanted; k++) {
			if (!holder[k].pid || holder[k].inode != p[i].finding->inode)
				continue;
			if (!process_read(&p[i].process, holder[k].pid))
				p[i].process.pid = 0;
			p[i].others = holder[k].others;
			diagnose(&p[i]);
			break;
		}
	}
	free(holder);
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

static void print(const struct patient *p)
{
	const struct finding *f = p->finding;

	printf("%s: %llu, %s", verdict_names[f->verdict], f->n, f->who);
	if (strcmp(f->cgroup, "-"))
		printf(", %s", f->cgroup);
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
 * Return: HEALTHY or FINDINGS, or a negative errno.
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
			print(&p[i]);
		if (!f.n && !json)
			puts("nothing is wrong");
		else if (!all && !json)
			puts("not all processes could be looked at: as root they can");
		err = err ?: f.n ? FINDINGS : HEALTHY;
	}
	free(p);
	findings_free(&f);
	return err;
}
