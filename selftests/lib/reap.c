// SPDX-License-Identifier: GPL-2.0
/* What the reaper may act on, when it has looked, and what it did. */

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "census.h"
#include "reap.h"
#include "setting.h"
#include "test_module.h"

/**
 * target_make() - a connection in CLOSE_WAIT
 * @t: filled
 * @listener: to connect to; nobody else does, and its queue is empty, but for those
 *	that are UNACCEPTED
 * @to: where it listens
 * @cause: why it is to be there
 * @client: which of its two ends; a client cannot be UNACCEPTED
 */
void target_make(struct target *t, int listener, const struct addr *to,
		 enum cause cause, bool client)
{
	struct addr near, far;
	struct pair p;

	must(cause != UNACCEPTED || !client);
	memset(t, 0, sizeof(*t));
	t->cause = cause;
	t->client = client;
	t->listener = listener;
	t->near = -1;
	if (cause == UNACCEPTED) {
		t->far = sock_connect(to);
	} else {
		p = pair_make(listener, to);
		t->near = client ? p.client : p.server;
		t->far = client ? p.server : p.client;
	}
	far = sock_addr(t->far);
	near = sock_peer(t->far);
	t->local = addr_text(&near);
	t->remote = addr_text(&far);
	cause_make(cause, t->near, t->far);
}

/* It, and all that wait with it, have been idle for so much longer. */
void target_age(const struct target *t, unsigned int seconds)
{
	errno = test_module("age %d %u", t->near < 0 ? t->listener : t->near, seconds);
	must(!errno);
}

void action_row(struct action *a, const struct table *t, size_t row)
{
	table_copy(a->time, sizeof(a->time), t, row, "time");
	table_copy(a->cause, sizeof(a->cause), t, row, "cause");
	table_copy(a->action, sizeof(a->action), t, row, "action");
	table_copy(a->result, sizeof(a->result), t, row, "result");
	table_copy(a->role, sizeof(a->role), t, row, "role");
	table_copy(a->local, sizeof(a->local), t, row, "local");
	table_copy(a->remote, sizeof(a->remote), t, row, "remote");
	table_copy(a->cgroup, sizeof(a->cgroup), t, row, "cgroup");
	table_copy(a->uid, sizeof(a->uid), t, row, "uid");
	a->idle_s = table_number(t, row, "idle_s");
}

/**
 * actions_of() - what was done to a connection
 * @a: filled with the last, if there is any
 * @t: the connection
 *
 * Return: how many rows of actions are about it.
 */
unsigned int actions_of(struct action *a, const struct target *t)
{
	unsigned int n = 0;
	struct table rows;
	long row = -1;

	memset(a, 0, sizeof(*a));
	census_table(&rows, "actions");
	while ((row = table_match(&rows, row, "local", t->local, "remote", t->remote,
				  NULL)) >= 0) {
		action_row(a, &rows, row);
		n++;
	}
	table_free(&rows);
	return n;
}

/* Now, as it is shown in column time. */
void time_text(char *text, size_t size)
{
	time_t now = time(NULL);
	struct tm tm;

	must(gmtime_r(&now, &tm));
	must(strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &tm));
}

/* How often that was done in this namespace. */
unsigned long long actions_done(const char *cause, const char *action,
				const char *result)
{
	char *key = strf("actions_%s_%s_%s", cause, action, result);
	char *text = file_read(CENSUS_DIR "stat", NULL);
	long long n;

	must(text);
	n = stat_find(text, key);
	free(text);
	free(key);
	return n < 0 ? 0 : n;
}

/* All of these counters in that file, added up. */
static unsigned long long sum_of(const char *path)
{
	char *text = file_read(path, NULL), *line;
	unsigned long long sum = 0;

	must(text);
	for (line = text; *line; line += strcspn(line, "\n") + 1) {
		if (strncmp(line, "actions_", 8) || !strncmp(line, "actions_missed ", 15))
			continue;
		sum += strtoull(line + strcspn(line, " "), NULL, 10);
	}
	free(text);
	return sum;
}

/* All of this namespace. */
unsigned long long actions_sum(void)
{
	return sum_of(CENSUS_DIR "stat");
}

/* And of all namespaces, those that are gone included. */
unsigned long long actions_sum_host(void)
{
	return sum_of("/proc/tcp_census/stat");
}

/* A namespace with one candidate, to see the reaper at work. */
static struct {
	int netns; /* 0: not there yet */
	unsigned short port;
	bool spared;
} mark;

static void mark_make(void)
{
	struct target t;
	struct addr to;
	int listener;

	mark.netns = net_new();
	listener = flow_listen(&flows[0], &to);
	mark.port = addr_port(&to);
	target_make(&t, listener, &to, DRAINED, false);
	/* No passes but those that are asked for, where that can be had. */
	if (test_module_there()) {
		target_age(&t, AGES);
		setting_set("timeout", "%d", AGES / 2);
	} else {
		setting_set("timeout", "1");
	}
}

/**
 * reap_pass_begin() - have a pass begin, as soon as one may
 *
 * That is a second after the last.
 */
void reap_pass_begin(void)
{
	int here = net_open();

	if (mark.netns)
		net_enter(mark.netns);
	else
		mark_make();
	/* Only a pass that knows of it changes what is skipped. */
	mark.spared = !mark.spared;
	if (mark.spared)
		setting_set("except", "server:%u", mark.port);
	else
		setting_set("except", "\n");
	net_enter(here);
	close(here);
}

/**
 * reap_pass_over() - is that pass over?
 *
 * Return: true if so.
 */
bool reap_pass_over(void)
{
	int here = net_open();
	bool over;

	net_enter(mark.netns);
	over = reap_skipped("except") == mark.spared;
	net_enter(here);
	close(here);
	return over;
}

/**
 * reap_pass_end() - wait until that pass is over
 *
 * Every pass publishes what it skipped in the order in which namespaces were created,
 * at its end. So the last to be created tells of all, and is made by the first
 * reap_pass_begin(): of those created later all is done by then, but the gauges.
 */
void reap_pass_end(void)
{
	must(wait_for(reap_pass_over()));
}

/* Wait until a pass that has yet to begin is over. */
void reap_pass(void)
{
	reap_pass_begin();
	reap_pass_end();
}

/* The gauge, of the last pass. */
unsigned long long reap_candidates(void)
{
	return census_stat("reaper_candidates");
}

/* The same of what it left alone, and why: "busy", ... */
unsigned long long reap_skipped(const char *why)
{
	char *key = strf("skipped_%s", why);
	unsigned long long n = census_stat(key);

	free(key);
	return n;
}

static int option(int fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int value;

	must(!getsockopt(fd, level, name, &value, &len));
	return value;
}

/* Is it otherwise? Returns in how many places. */
unsigned int keepalive_off(const struct keepalive *want, int fd)
{
	unsigned int n;

	n = off("SO_KEEPALIVE", want->on, option(fd, SOL_SOCKET, SO_KEEPALIVE));
	n += off("TCP_KEEPIDLE", want->idle, option(fd, IPPROTO_TCP, TCP_KEEPIDLE));
	n += off("TCP_KEEPINTVL", want->interval,
		 option(fd, IPPROTO_TCP, TCP_KEEPINTVL));
	n += off("TCP_KEEPCNT", want->count, option(fd, IPPROTO_TCP, TCP_KEEPCNT));
	return n;
}

void sockstat_read(struct sockstat *s)
{
	char *text = file_read("/proc/net/sockstat", NULL), *line;

	must(text);
	line = strstr(text, "TCP:");
	if (!line || sscanf(line, "TCP: inuse %lu orphan %lu tw %lu alloc %lu mem %lu",
			    &s->inuse, &s->orphan, &s->tw, &s->alloc, &s->mem) != 5)
		die("sockstat: %s", text);
	free(text);
}

/* Pages that processors may keep for themselves: since 5.19 or so, up to 256 each. */
unsigned long sockstat_slack(void)
{
	return 256 * sysconf(_SC_NPROCESSORS_CONF);
}

static bool sockstat_is(const struct sockstat *began, struct sockstat *s)
{
	sockstat_read(s);
	return s->alloc <= began->alloc && s->mem <= began->mem + sockstat_slack();
}

/**
 * sockstat_returns() - do sockets and their memory come back to where they began?
 * @began: where
 *
 * Nobody else on the host may be at work.
 *
 * Return: true if so; else it is printed.
 */
bool sockstat_returns(const struct sockstat *began)
{
	struct sockstat s;

	if (wait_for(sockstat_is(began, &s)))
		return true;
	printf("# sockstat: alloc %lu, began at %lu; mem %lu, began at %lu\n", s.alloc,
	       began->alloc, s.mem, began->mem);
	return false;
}

/*
 * Close a socket without a word to the other end, as if its machine had lost its
 * power; whatever that sends from now on is answered with a reset.
 */
void sock_vanish(int fd)
{
	int on = 1;

	/* If it has sent its FIN the other end has answered that. */
	must(wait_for(sock_state(fd) != TCP_FIN_WAIT1));
	must(!setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)));
	must(!close(fd));
}
