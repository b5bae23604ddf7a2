// SPDX-License-Identifier: GPL-2.0
/*
 * Memory is short for the reaper, and for what is kept of listeners: it is counted, made
 * good soon, and nothing is done twice or to somebody else.
 */

#include "lib/cgroup.h"
#include "lib/inject.h"
#include "lib/listener.h"
#include "lib/reap_test.h"
#include "lib/rows.h"
#include "lib/setting.h"
#include "lib/test_module.h"

INJECT_TEST

#define FAIL_NTH "/proc/thread-self/fail-nth"

/* Ports that are noted as served are kept in pieces of so many. */
enum { CHUNK = 1024 };

/**
 * struct passes - the reaper passes over and over, each time with two more to be seen
 * @listener: whose connections they are: of one they are accepted
 * @to: where they listen
 * @made: how many of each kind there were
 * @accepted: what is done to those that were accepted
 * @queued: and to those that were not
 * @action: what it is told to do
 * @starved: passes that said they lacked memory, as far as that is known
 * @initial: where that is said
 */
struct passes {
	int listener[2];
	struct addr to[2];
	unsigned int made;
	const char *accepted;
	const char *queued;
	const char *action;
	unsigned long long starved;
	int initial;
};

FIXTURE(reap) {
	struct passes p;
	char cgroup[600];
};

FIXTURE_SETUP(reap)
{
	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	fds_raise(2000);
	self->p.initial = net_open();
	/* Its own namespace comes first. */
	reap_pass();
	cgroup_join_new(self->cgroup, sizeof(self->cgroup));
	net_new();
	inject_module();
}

FIXTURE_TEARDOWN_PARENT(reap)
{
	census_thaw();
	if (*self->cgroup)
		EXPECT_TRUE(wait_for(!rmdir(self->cgroup))) TH_LOG("%m");
	EXPECT_FALSE(census_damaged());
}

static unsigned long long host_stat(const struct passes *p, const char *key)
{
	unsigned long long n;
	int here = net_open();

	net_enter(p->initial);
	n = census_stat(key);
	net_enter(here);
	close(here);
	return n;
}

/* One that was accepted and one that was not, both dead for ages. */
static void two_more(struct passes *p)
{
	struct target t;

	target_make(&t, p->listener[0], &p->to[0], DRAINED, false);
	target_age(&t, AGES);
	target_make(&t, p->listener[1], &p->to[1], UNACCEPTED, false);
	target_age(&t, AGES);
	p->made++;
}

static void pass_run(void *arg)
{
	(void)arg;
	reap_pass_begin();
	must(wait_for(inject_fired() || reap_pass_over()));
}

static bool all_done(const struct passes *p)
{
	return actions_done("drained", p->action, p->accepted) == p->made &&
	       actions_done("unaccepted", p->action, p->queued) == p->made;
}

/* What somebody had just then waits for another pass, as ever; and that is far off. */
static bool done_at_last(const struct passes *p)
{
	unsigned long long busy;

	if (all_done(p))
		return true;
	busy = reap_skipped("busy");
	if (busy) {
		printf("# %s: %llu were busy\n", p->action, busy);
		reap_pass();
	}
	return false;
}

/* Whatever failed, all is done, each once: soon, and not after an eighth of the timeout. */
static unsigned int pass_off(void *arg, bool fired)
{
	struct passes *p = arg;
	unsigned int n = 0;

	reap_pass_end();
	n += off("all are done, each once", 1, wait_for(done_at_last(p)));
	n += off("actions in all", 2 * p->made, actions_sum());
	if (!strcmp(p->action, "count"))
		n += off("candidates", 1, wait_for(reap_candidates() == 2 * p->made));
	if (!fired)
		n += off("passes starved for nothing", p->starved,
			 host_stat(p, "reaper_passes_starved"));
	p->starved = host_stat(p, "reaper_passes_starved");
	two_more(p);
	return n;
}

static unsigned int passes_off(struct passes *p)
{
	struct injection in = {
		.what = p->action, .work = pass_run, .check = pass_off, .arg = p,
		.workers = true, .stride = 3, .least = 8,
	};
	unsigned long long starved = host_stat(p, "reaper_passes_starved");
	unsigned int n;

	p->starved = starved;
	for (n = 0; n < 2; n++) {
		p->listener[n] = sock_listen("127.0.0.1", 0, 256);
		p->to[n] = sock_addr(p->listener[n]);
	}
	two_more(p);
	setting_set("action", "%s", p->action);
	/* Rules about cgroups take memory for names. */
	setting_set("only", "server:%u server:%u cgroup:/nobody/is/here",
		    addr_port(&p->to[0]), addr_port(&p->to[1]));
	setting_set("timeout", "8000");
	census_still();
	n = inject_each(&in);
	census_thaw();
	if (p->starved <= starved) {
		printf("# no pass has said that it lacked memory\n");
		n++;
	}
	return n;
}

TEST_F(reap, where_it_counts)
{
	self->p.action = "count";
	self->p.accepted = "candidate";
	self->p.queued = "candidate";
	EXPECT_EQ(0, passes_off(&self->p));
}

/* Whose last word was never said waits for no answer. */
static bool none_waits(void)
{
	struct counts c;

	census_counts(&c);
	return !c.n[TCP_LAST_ACK][V4];
}

TEST_F(reap, where_it_aborts)
{
	self->p.action = "abort";
	self->p.accepted = "reset";
	self->p.queued = "evicted";
	EXPECT_EQ(0, passes_off(&self->p));
	EXPECT_TRUE(wait_for(none_waits()));
}

/**
 * struct listening - listeners that appear, one after the other
 * @fd: the next, bound to a port
 * @port: that
 * @there: so many listen
 * @err: of listen()
 * @adopted: its record is not made at once, but by a worker
 * @missed: listener_records_missed so far
 */
struct listening {
	int fd;
	unsigned short port;
	unsigned int there;
	int err;
	bool adopted;
	unsigned long long missed;
};

static void next_bound(struct listening *l, unsigned int step)
{
	struct addr a = addr("127.0.0.1", l->port += step);

	l->fd = sock_bound(&a, 0);
}

static bool records_there(const struct listening *l)
{
	return census_stat("listener_records") == l->there;
}

static void listen_now(void *arg)
{
	struct listening *l = arg;

	l->err = listen(l->fd, 4) ? errno : 0;
}

/* It listens in any case, its port is a server's, and its peak is known. */
static unsigned int listen_off(void *arg, bool fired)
{
	struct listening *l = arg;
	struct addr to = addr("127.0.0.1", l->port);
	unsigned long long missed = census_stat("listener_records_missed");
	struct table t;
	unsigned int n;
	char *local;
	long row;
	int fd;

	must(!l->err);
	l->there++;
	if (!fired)
		n = off("missed for nothing", l->missed, missed);
	else
		n = off("missed at most one", 1, missed <= l->missed + 1);
	n += off("there is a record of each", 1, wait_for(records_there(l)));
	l->missed = census_stat("listener_records_missed");
	fd = sock_connect(&to);
	local = addr_text(&to);
	census_table(&t, "listeners");
	row = table_find(&t, "local", local, -1);
	must(row >= 0);
	n += off("peak", 1, table_number(&t, row, "peak"));
	n += off("queued", 1, table_number(&t, row, "queued"));
	table_free(&t);
	census_table(&t, "endpoints");
	n += off("its port is a server's", 1,
		 table_match(&t, -1, "role", "server", "endpoint", local, NULL) >= 0);
	table_free(&t);
	free(local);
	close(fd);
	next_bound(l, CHUNK);
	return n;
}

/* The first listener in its part of the ports. */
TEST_F(reap, not_of_listeners)
{
	struct listening l = { .port = CHUNK };
	struct injection in = {
		.what = "listen()", .work = listen_now, .check = listen_off, .arg = &l,
		.least = 2,
	};

	next_bound(&l, CHUNK);
	EXPECT_EQ(0, inject_each(&in));
	EXPECT_LT(0, l.missed);
}

/* It has no record at first, and gets one from a worker. */
static void listen_unrecorded(void *arg)
{
	struct listening *l = arg;

	file_set(FAIL_NTH, "1");
	must(!listen(l->fd, 4));
	file_set(FAIL_NTH, "0");
	l->there++;
	must(wait_for(inject_fired() || records_there(l)));
}

static unsigned int adopted_off(void *arg, bool fired)
{
	struct listening *l = arg;
	unsigned long long missed = l->missed;
	unsigned int n;

	(void)fired;
	n = off("there is a record of each", 1, wait_for(records_there(l)));
	l->missed = census_stat("listener_records_missed");
	n += off("that it was missing is counted", 1, l->missed > missed);
	next_bound(l, 1);
	return n;
}

TEST_F(reap, not_of_listeners_later)
{
	struct listening l = { .port = CHUNK };
	struct injection in = {
		.what = "listen() without a record", .work = listen_unrecorded,
		.check = adopted_off, .arg = &l, .workers = true, .least = 5,
	};

	/* So that there is room to note the port. */
	l.there++;
	sock_listen("127.0.0.1", l.port, 1);
	next_bound(&l, 1);
	census_still();
	EXPECT_EQ(0, inject_each(&in));
}

TEST_HARNESS_MAIN
