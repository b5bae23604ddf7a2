// SPDX-License-Identifier: GPL-2.0
/* Many processes that work side by side, and what each kind of them got done. */

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base.h"
#include "crew.h"

/* What takes so much longer than it should does not get on at all. */
enum { MORE_SECONDS = 400 };

/* When the first of them began, or all of them again. */
static uint64_t began;

/**
 * crew_add() - start processes of a kind
 * @c: to which they are added
 * @n: how many
 * @what: they count, for the figure
 * @least: so many are done before crew_work() ends, by all of the kind together, and one
 *	by each of them; 0: none need be
 * @work: what they do, for ever
 * @arg: passed on
 */
void crew_add(struct crew *c, unsigned int n, const char *what, unsigned long least,
	      void (*work)(struct worker *me, void *arg), void *arg)
{
	must(c->nr + n <= CREW_MAX && c->kinds < CREW_KINDS);
	if (!c->nr)
		began = now_ms();
	c->what[c->kinds] = what;
	c->least[c->kinds] = least;
	while (n--) {
		c->kind[c->nr] = c->kinds;
		c->w[c->nr++] = worker_start(work, arg, -1);
	}
	c->kinds++;
}

static unsigned long rounds(const struct crew *c, unsigned int i)
{
	return worker_rounds(c->w[i]) - c->had[i];
}

static unsigned long done(const struct crew *c, unsigned int kind)
{
	unsigned long n = 0;
	unsigned int i;

	for (i = 0; i < c->nr; i++)
		if (c->kind[i] == kind)
			n += rounds(c, i);
	return n;
}

/* One that has ended by itself has failed, and has said why. */
static void alive(const struct crew *c)
{
	siginfo_t info = {};
	unsigned int i;

	for (i = 0; i < c->nr; i++) {
		must(!waitid(P_PID, c->w[i]->pid, &info, WEXITED | WNOHANG | WNOWAIT));
		if (info.si_pid)
			die("who makes %s ended by itself", c->what[c->kind[i]]);
	}
}

/* Those of a kind who did nothing at all. */
static unsigned int idle(const struct crew *c, unsigned int kind)
{
	unsigned int n = 0, i;

	for (i = 0; i < c->nr; i++)
		n += c->kind[i] == kind && !rounds(c, i);
	return n;
}

/**
 * crew_ready() - has each of them begun?
 * @c: they
 *
 * Return: true if so.
 */
bool crew_ready(const struct crew *c)
{
	unsigned int i;

	alive(c);
	for (i = 0; i < c->kinds; i++)
		if (idle(c, i))
			return false;
	return true;
}

static bool enough(const struct crew *c, unsigned int kind)
{
	return !c->least[kind] || (done(c, kind) >= c->least[kind] && !idle(c, kind));
}

static bool all_enough(const struct crew *c)
{
	unsigned int i;

	for (i = 0; i < c->kinds; i++)
		if (!enough(c, i))
			return false;
	return true;
}

/**
 * crew_again() - what they did and how long it took does not count
 * @c: they
 */
void crew_again(struct crew *c)
{
	unsigned int i;

	for (i = 0; i < c->nr; i++)
		c->had[i] = worker_rounds(c->w[i]);
	began = now_ms();
}

/**
 * crew_work() - let them work
 * @c: they
 * @seconds: for so long, and until each kind has done enough, within reason
 */
void crew_work(const struct crew *c, unsigned int seconds)
{
	uint64_t end = began + seconds * 1000, last = end + MORE_SECONDS * 1000;

	while (now_ms() < end || (!all_enough(c) && now_ms() < last)) {
		alive(c);
		nap_ms(20);
	}
}

/**
 * crew_stop() - stop them all, and say what they did
 * @c: they; empty afterwards
 *
 * Return: kinds that did less than they should.
 */
unsigned int crew_stop(struct crew *c)
{
	double seconds = (now_ms() - began) / 1000.0;
	unsigned int bad = 0, i;
	unsigned long n;

	for (i = 0; i < c->kinds; i++) {
		n = done(c, i);
		printf("# %lu %s in %.1f s\n", n, c->what[i], seconds);
		if (enough(c, i))
			continue;
		printf("# which should be %lu; %u did nothing\n", c->least[i], idle(c, i));
		bad++;
	}
	for (i = 0; i < c->nr; i++)
		worker_stop(c->w[i]);
	memset(c, 0, sizeof(*c));
	return bad;
}
