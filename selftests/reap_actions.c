// SPDX-License-Identifier: GPL-2.0
/*
 * What the reaper does to a connection: for every cause, action and role, of both
 * families, it does what it is told and nothing else.
 *
 *	 a network namespace for each action, lo
 *	+-----------------------------------------------------+
 *	|  far ---- FIN ----> near, in CLOSE_WAIT, long idle  |
 *	+-----------------------------------------------------+
 */

#include <poll.h>

#include "lib/listener.h"
#include "lib/reap_test.h"
#include "lib/setting.h"
#include "lib/test_module.h"

#define TARGETS (FLOWS * (2 * CAUSES - 1))

enum how { COUNT, PROBE, ABORT, ACTIONS };

/* So that none of the answers that probing asks for come while a test runs. */
enum { PROBE_TIMEOUT = 8000 };

static const struct keepalive usual = { .idle = 7200, .interval = 75, .count = 9 };
static const struct keepalive probed = {
	.on = 1, .idle = PROBE_TIMEOUT / 8, .interval = PROBE_TIMEOUT / 8, .count = 7,
};

/* More and more may be acted on. */
static const struct stage {
	const char *causes;
	const char *roles;
} stages[] = {
	{ "unaccepted drained", "server" },
	{ "unaccepted drained fin_pending", "server" },
	{ "unaccepted drained fin_pending", "server client" },
};

#define STAGES ARRAY_SIZE(stages)

/* As the module names them: the action, and what comes of it. */
static const struct action_name {
	const char *action;
	const char *accepted;
	const char *queued;
	unsigned int timeout;
} names[ACTIONS] = {
	[COUNT] = { "count", "candidate", "candidate", 1 },
	[PROBE] = { "probe", "probing", "probing", PROBE_TIMEOUT },
	[ABORT] = { "abort", "reset", "evicted", 1 },
};

/**
 * struct set - connections in a namespace of their own
 * @how: what is done to them
 * @netns: their namespace
 * @t: them
 * @idle: of each: it was idle when a pass came
 * @nr: how many
 */
struct set {
	enum how how;
	int netns;
	struct target t[TARGETS];
	bool idle[TARGETS];
	unsigned int nr;
};

FIXTURE(actions) {
	struct set set[ACTIONS];
	char began[32];
};

static void set_make(struct set *s, enum how how)
{
	unsigned int flow, cause, client;
	struct addr to;
	int fd;

	s->how = how;
	s->netns = net_new();
	for (flow = 0; flow < FLOWS; flow++) {
		for (client = 0; client < 2; client++) {
			for (cause = 0; cause < CAUSES; cause++) {
				if (client && cause == UNACCEPTED)
					continue;
				/* One each: what is unaccepted stays in the way. */
				fd = flow_listen(&flows[flow], &to);
				target_make(&s->t[s->nr++], fd, &to, cause, client);
			}
		}
	}
	must(s->nr == TARGETS);
	setting_set("action", names[how].action);
}

FIXTURE_SETUP(actions)
{
	unsigned int how;

	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	fds_raise(10000);
	time_text(self->began, sizeof(self->began));
	for (how = 0; how < ACTIONS; how++)
		set_make(&self->set[how], how);
}

FIXTURE_TEARDOWN(actions)
{
	EXPECT_FALSE(census_damaged());
}

/* Is the reaper to act on it, by then? */
static bool touched(const struct target *t, unsigned int stage)
{
	if (t->client && stage < 2)
		return false;
	return t->cause == UNACCEPTED || t->cause == DRAINED ||
	       (t->cause == FIN_PENDING && stage >= 1);
}

static unsigned int touched_sum(const struct set *s, unsigned int stage)
{
	unsigned int i, n = 0;

	for (i = 0; i < s->nr; i++)
		n += touched(&s->t[i], stage);
	return n;
}

static void set_age(const struct set *s)
{
	unsigned int i;

	for (i = 0; i < s->nr; i++)
		target_age(&s->t[i], AGES);
}

/* Those that are sending may have sent again just before the pass. */
static bool set_was_idle(struct set *s)
{
	struct socket_row row;
	bool all = true;
	struct table t;
	unsigned int i;

	net_enter(s->netns);
	sockets_table(&t);
	for (i = 0; i < s->nr; i++) {
		s->idle[i] |= s->t[i].cause != SENDING ||
			      (socket_find(&row, &t, s->t[i].local, s->t[i].remote) &&
			       row.idle_s >= AGES);
		all &= s->idle[i];
	}
	table_free(&t);
	return all;
}

/* A pass over what has been idle for long; returns whether all was, once at least. */
static bool old_pass(struct set *sets)
{
	bool all = true;
	unsigned int i;

	for (i = 0; i < ACTIONS; i++)
		set_age(&sets[i]);
	reap_pass();
	for (i = 0; i < ACTIONS; i++)
		all &= set_was_idle(&sets[i]);
	return all;
}

/* Was that done to it, once, when it had been idle for so long at least? */
static unsigned int row_off(const struct target *t, const char *action,
			    const char *result, const char *began, unsigned int idle)
{
	char now[32];
	struct action a;
	unsigned int n;

	time_text(now, sizeof(now));
	n = off("rows of actions", 1, actions_of(&a, t));
	n += off_text("cause", cause_names[t->cause], a.cause);
	n += off_text("action", action, a.action);
	n += off_text("result", result, a.result);
	n += off_text("role", t->client ? "client" : "server", a.role);
	n += off_text("uid", "0", a.uid);
	n += off("idle_s is right", 1, a.idle_s >= idle);
	n += off("time is right", 1, strcmp(began, a.time) <= 0 && strcmp(a.time, now) <= 0);
	return n;
}

/* Nobody did anything to it. */
static unsigned int untouched_off(const struct target *t)
{
	struct action a;
	unsigned int n;

	n = off("rows of actions", 0, actions_of(&a, t));
	if (t->near < 0)
		return n;
	n += off("state", TCP_CLOSE_WAIT, sock_state(t->near));
	return n + keepalive_off(&usual, t->near);
}

static unsigned int in_close_wait_off(const struct target *t, bool keepalive)
{
	struct socket_row row;
	struct table s;
	unsigned int n;

	sockets_table(&s);
	n = off("a row of sockets", 1, socket_find(&row, &s, t->local, t->remote));
	n += off_text("cause", cause_names[t->cause], row.cause);
	n += off("keepalive", keepalive, row.keepalive);
	table_free(&s);
	return n;
}

static unsigned int depth_off(const struct target *t, unsigned int want)
{
	struct listener l;

	listener_of(&l, t->listener);
	return off("depth", want, l.depth);
}

/* What the other end reads, as soon as there is something to be read. */
static ssize_t far_reads(const struct target *t)
{
	struct pollfd far = { .fd = t->far, .events = POLLIN };
	char c;

	must(poll(&far, 1, WAIT_SECONDS * 1000) == 1);
	return recv(t->far, &c, 1, 0);
}

/* @now: or was it done by a pass before, and the other end has been told? */
static unsigned int aborted_off(const struct target *t, bool now)
{
	unsigned int n;

	if (t->cause == UNACCEPTED) {
		/* As if it had been accepted and closed. */
		n = depth_off(t, 0);
		n += off("the far end reads", 0, far_reads(t));
		return n + off("and it is over", 1,
			       wait_for(sock_state(t->far) == TCP_CLOSE));
	}
	n = off("state", TCP_CLOSE, sock_state(t->near));
	if (!now)
		return n;
	n += off("the far end reads", -1, far_reads(t));
	return n + off("errno", ECONNRESET, errno);
}

static unsigned int touched_off(const struct target *t, enum how what, bool now)
{
	unsigned int n;

	if (what == ABORT)
		return aborted_off(t, now);
	n = in_close_wait_off(t, what == PROBE);
	if (t->cause == UNACCEPTED)
		return n + depth_off(t, 1);
	return n + keepalive_off(what == PROBE ? &probed : &usual, t->near);
}

/* Is every connection as it is to be then? In how many places not. */
static unsigned int set_off(const struct set *s, unsigned int stage)
{
	const struct target *t = s->t;
	unsigned int n = 0, bad;

	for (; t < s->t + s->nr; t++) {
		if (touched(t, stage))
			bad = touched_off(t, s->how, !stage || !touched(t, stage - 1));
		else
			bad = untouched_off(t);
		if (bad)
			printf("# %s: %s, %s %s, stage %u\n", names[s->how].action,
			       cause_names[t->cause], t->client ? "client" : "server",
			       t->local, stage);
		n += bad;
	}
	return n + off("actions", touched_sum(s, stage), actions_sum());
}

/* As if nothing had been. */
static void goes_on(const struct target *t)
{
	int none = -1; /* TCP_REPAIR_OFF_NO_WP */

	if (t->cause == EXEMPT)
		must(!setsockopt(t->near, IPPROTO_TCP, TCP_REPAIR, &none,
				 sizeof(none)));
	if (t->cause == EXEMPT || t->cause == SENDING || t->cause == UNREAD)
		sock_receive(t->near, 7);
	sock_send(t->near, 30);
	/* The other end is deaf, and it would be long until it tries again. */
	if (t->cause == SENDING)
		must(sock_unacked(t->near) == 31);
	else
		sock_receive(t->far, 30);
}

/* Each is there once. */
static unsigned int rows_off(const struct set *s, const char *began)
{
	const struct action_name *name = &names[s->how];
	unsigned int n = 0, want = touched_sum(s, STAGES - 1);
	const struct target *t = s->t;
	struct table rows;

	for (; t < s->t + s->nr; t++)
		if (touched(t, STAGES - 1))
			n += row_off(t, name->action, t->near < 0 ? name->queued :
				     name->accepted, began, AGES);
	census_table(&rows, "actions");
	n += off("rows", want, rows.rows);
	table_free(&rows);
	n += off("actions_missed", 0, census_stat("actions_missed"));
	n += off("unaccepted", FLOWS, actions_done("unaccepted", name->action, name->queued));
	n += off("drained", 2 * FLOWS, actions_done("drained", name->action, name->accepted));
	return n + off("fin_pending", 2 * FLOWS,
		       actions_done("fin_pending", name->action, name->accepted));
}

/* All the others, and what was only asked. A second later they are candidates again. */
static void set_goes_on(struct set *s)
{
	struct target *t = s->t;

	for (; t < s->t + s->nr; t++) {
		if (s->how == ABORT && touched(t, STAGES - 1))
			continue;
		if (t->near < 0)
			t->near = sock_accept(t->listener);
		goes_on(t);
	}
}

TEST_F(actions, do_what_they_say)
{
	unsigned int stage;
	struct set *s, *end = self->set + ACTIONS;

	for (stage = 0; stage < STAGES; stage++) {
		for (s = self->set; s < end; s++) {
			net_enter(s->netns);
			/* Now, or a pass might come before. */
			if (!stage)
				set_age(s);
			setting_set("causes", stages[stage].causes);
			setting_set("roles", stages[stage].roles);
			setting_set("timeout", "%u", names[s->how].timeout);
			memset(s->idle, 0, sizeof(s->idle));
		}
		ASSERT_TRUE(wait_for(old_pass(self->set)));
		for (s = self->set; s < end; s++) {
			net_enter(s->netns);
			EXPECT_EQ(0, set_off(s, stage));
		}
	}
	for (s = self->set; s < end; s++) {
		net_enter(s->netns);
		EXPECT_EQ(0, rows_off(s, self->began));
		set_goes_on(s);
	}
}

/* Without a timeout there is none, whatever else is set. */
TEST_F(actions, need_a_timeout)
{
	struct set *s, *end = self->set + ACTIONS;
	unsigned int i;

	for (s = self->set; s < end; s++) {
		net_enter(s->netns);
		setting_set("causes", "unaccepted drained fin_pending");
		setting_set("roles", "server client");
	}
	old_pass(self->set);
	for (s = self->set; s < end; s++) {
		net_enter(s->netns);
		EXPECT_EQ(0, reap_candidates());
		for (i = 0; i < s->nr; i++) {
			EXPECT_EQ(0, untouched_off(&s->t[i]));
			EXPECT_EQ(0, in_close_wait_off(&s->t[i], false));
		}
	}
}

/* So many actions, and are the gauges of what is there now? */
static unsigned int once_off(const struct set *s, unsigned int want)
{
	unsigned int n = off("actions", want, actions_sum());

	/* Of those that are gone one pass may have said so, or not any more. */
	if (s->how == ABORT)
		return n;
	n += off("candidates", want, reap_candidates());
	return n + off("skipped_keepalive", s->how == PROBE ? want : 0,
		       reap_skipped("keepalive"));
}

TEST_F(actions, are_done_once)
{
	unsigned int want = touched_sum(self->set, 0), i;
	struct set *s, *end = self->set + ACTIONS;
	struct target more[ACTIONS];
	struct addr to;

	for (s = self->set; s < end; s++) {
		net_enter(s->netns);
		setting_set("timeout", "%u", names[s->how].timeout);
	}
	for (i = 0; i < 3; i++)
		old_pass(self->set);
	for (s = self->set; s < end; s++) {
		net_enter(s->netns);
		EXPECT_EQ(0, once_off(s, want));
		/* One more: that alone. */
		target_make(&more[s->how], flow_listen(&flows[0], &to), &to, DRAINED, false);
		target_age(&more[s->how], AGES);
	}
	old_pass(self->set);
	/* And then one that finds that one asked already. */
	target_age(&more[PROBE], AGES);
	old_pass(self->set);
	for (s = self->set; s < end; s++) {
		net_enter(s->netns);
		EXPECT_EQ(0, once_off(s, want + 1));
		EXPECT_EQ(0, row_off(&more[s->how], names[s->how].action,
				     names[s->how].accepted, self->began, 1));
		/* Without a timeout there is nothing. */
		setting_set("timeout", "0");
	}
	reap_pass();
	for (s = self->set; s < end; s++) {
		net_enter(s->netns);
		EXPECT_EQ(want + 1, actions_sum());
		EXPECT_EQ(0, reap_candidates());
		EXPECT_EQ(0, reap_skipped("keepalive"));
	}
}

/* One that is not idle for long enough, as is the last by what it sends. */
static void one_is_younger(const struct target *t, unsigned int age)
{
	char c;

	target_age(t, age);
	if (age < AGES)
		return;
	sock_send(t->near, 1);
	must(recv(t->far, &c, 1, 0) == 1);
	must(wait_for(!sock_unacked(t->near)));
}

/* What was not idle for so long is left alone, and what is at work again. */
TEST_F(actions, wait_for_the_timeout)
{
	struct set *s, *end = self->set + ACTIONS;
	struct target *t[ACTIONS] = {};
	unsigned int i, age;

	for (s = self->set; s < end; s++) {
		for (i = 0; i < s->nr; i++)
			if (s->t[i].cause == DRAINED && !s->t[i].client)
				t[s->how] = &s->t[i];
		ASSERT_NE(NULL, t[s->how]);
		net_enter(s->netns);
		setting_set("causes", "drained");
		setting_set("timeout", "%u", AGES / 2);
	}
	for (age = AGES / 4; age <= AGES; age *= 4) {
		for (i = 0; i < ACTIONS; i++)
			one_is_younger(t[i], age);
		reap_pass();
		for (s = self->set; s < end; s++) {
			net_enter(s->netns);
			EXPECT_EQ(0, reap_candidates());
			EXPECT_EQ(0, untouched_off(t[s->how]));
			target_age(t[s->how], AGES);
		}
	}
	reap_pass();
	for (s = self->set; s < end; s++) {
		net_enter(s->netns);
		EXPECT_EQ(1, actions_sum());
		EXPECT_EQ(0, row_off(t[s->how], names[s->how].action,
				     names[s->how].accepted, self->began, AGES));
	}
}

TEST_HARNESS_MAIN
