// SPDX-License-Identifier: GPL-2.0
/*
 * Dead connections leave the accept queue to live ones, which keep their order.
 *
 *	clients ---SYN---> [accept queue] ---accept()--->     (lo, one netns)
 *	   |                 live, half-closed, vanished, reset
 *	   `---FIN, RST----->
 */

#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "lib/queue.h"
#include "lib/reap_test.h"
#include "lib/setting.h"
#include "lib/test_module.h"
#include "lib/worker.h"

/* What else a client does: it half-closes, and then its machine is gone. */
enum { VANISHED = QUEUED, KINDS };

enum { BACKLOG = 1024, FULL = BACKLOG + 1, MIXED = 600 };

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must(!sched_setaffinity(0, sizeof(set), &set));
}

/*
 * A client of that kind; its port in @port, which no other had: the SYN of the next
 * would end what is still queued of it. On one CPU, or segments would overtake each
 * other. Returns its socket, or -1 if it has none any more. One that is to vanish has
 * to do so later, when its FIN has been acknowledged.
 */
static int client(const struct addr *to, unsigned int kind, unsigned short *port)
{
	static unsigned short last = 10000;
	struct addr from = *to;
	int fd;

	*port = ++last;
	from.in.sin_port = htons(last);
	fd = sock_bound(&from, 0);
	must(!connect(fd, &to->sa, to->len));
	if (kind == HALF || kind == VANISHED)
		must(!shutdown(fd, SHUT_WR));
	if (kind != RESET)
		return fd;
	sock_reset_on_close(fd);
	close(fd);
	return -1;
}

static void vanish(int fd)
{
	must(wait_for(sock_state(fd) == TCP_FIN_WAIT2));
	sock_vanish(fd);
}

static unsigned int depth(int fd)
{
	struct listener l;

	listener_of(&l, fd);
	return l.depth;
}

/* The next of the queue; the client's port in @port, also of one that was reset. */
static int accept_from(int listener, unsigned short *port)
{
	struct addr a = { .len = sizeof(a.in6) };
	int fd = accept4(listener, &a.sa, &a.len, SOCK_CLOEXEC);

	must(fd >= 0);
	*port = addr_port(&a);
	return fd;
}

/* Do both ends get what the other one sends? */
static void talk(int client, int server)
{
	sock_send(client, 30);
	sock_receive(server, 30);
	sock_send(server, 40);
	sock_receive(client, 40);
}

FIXTURE(queue) {
	struct sockstat began;
	int first;
};

FIXTURE_SETUP(queue)
{
	fds_raise(10000);
	run_on(sched_getcpu());
	file_set(CENSUS_MODULE "/parameters/max_rate", "100000");
	sockstat_read(&self->began);
	self->first = net_open();
}

FIXTURE_TEARDOWN(queue)
{
	must(!syscall(SYS_close_range, self->first + 1, ~0U, 0));
	EXPECT_TRUE(sockstat_returns(&self->began));
	EXPECT_FALSE(census_damaged());
}

static int listener_make(const char *ip, int backlog, struct addr *to)
{
	int fd;

	net_new();
	setting_set("rate", "100000");
	fd = sock_listen(ip, 0, backlog);
	*to = sock_addr(fd);
	return fd;
}

/**
 * struct full - a queue without a place, of dead connections
 * @ip: where
 * @action: what the reaper does
 * @kind: of its clients
 * @netns: their namespace
 * @fd: the listener
 * @to: what it listens at
 * @late: a live client, for which there is no place
 */
struct full {
	const char *ip;
	const char *action;
	unsigned int kind[3];
	int netns;
	int fd;
	struct addr to;
	int late;
};

static struct full fulls[] = {
	{ .ip = "127.0.0.1", .action = "probe", .kind = { VANISHED, VANISHED, RESET } },
	{ .ip = "::1", .action = "abort", .kind = { HALF, VANISHED, RESET } },
};

static void full_make(struct full *f)
{
	unsigned int i, kind;
	struct queue q = {};
	unsigned short port;
	struct listener l;
	int fd[FULL];

	f->fd = listener_make(f->ip, BACKLOG, &f->to);
	f->netns = net_open();
	for (i = 0; i < FULL; i++) {
		kind = f->kind[i % 3];
		fd[i] = client(&f->to, kind, &port);
		q.n[kind == RESET ? RESET : HALF]++;
	}
	for (i = 0; i < FULL; i++)
		if (f->kind[i % 3] == VANISHED)
			vanish(fd[i]);
	must(queue_settles(&l, f->fd, &q));
	must(l.limit == BACKLOG);
	setting_set("action", f->action);
}

static void full_comes_late(struct full *f)
{
	struct listener l;

	net_enter(f->netns);
	f->late = sock_start(&f->to, false);
	must(wait_for((listener_of(&l, f->fd), l.drops)));
	must(sock_state(f->late) == TCP_SYN_SENT);
	setting_set("timeout", "1");
}

static bool all_evicted(const struct full *f, unsigned int n)
{
	net_enter(f->netns);
	return actions_done("unaccepted", f->action, "evicted") == n;
}

static unsigned int full_off(const struct full *f)
{
	struct addr from = sock_addr(f->late);
	unsigned short port;
	unsigned int n;
	int fd;

	n = off("all evicted", 1, wait_for(all_evicted(f, FULL)));
	if (n)
		die("%s %s", f->action, f->ip);
	fd = accept_from(f->fd, &port);
	n += off("the late one's port", addr_port(&from), port);
	n += off("it is connected", 1,
		 wait_for(sock_state(f->late) == TCP_ESTABLISHED));
	talk(f->late, fd);
	return n + off("depth", 0, depth(f->fd));
}

TEST_F(queue, is_freed_for_the_next)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fulls); i++)
		full_make(&fulls[i]);
	for (i = 0; i < ARRAY_SIZE(fulls); i++)
		full_comes_late(&fulls[i]);
	for (i = 0; i < ARRAY_SIZE(fulls); i++)
		EXPECT_EQ(0, full_off(&fulls[i]));
}

/**
 * struct mixed - a queue of connections dead and alive
 * @action: what the reaper does
 * @keeps: kinds of clients that it leaves there
 * @netns: their namespace
 * @fd: the listener
 * @n: clients by kind
 * @kind: of each client, in their order
 * @port: of each
 * @client: the socket of each, or -1
 */
struct mixed {
	const char *action;
	bool keeps[KINDS];
	int netns;
	int fd;
	unsigned int n[KINDS];
	unsigned char kind[MIXED];
	unsigned short port[MIXED];
	int client[MIXED];
};

static struct mixed mixeds[] = {
	{ .action = "count", .keeps = { true, true, true, true } },
	{ .action = "probe", .keeps = { [LIVE] = true, [HALF] = true } },
	{ .action = "abort", .keeps = { [LIVE] = true } },
};

static void mixed_make(struct mixed *m)
{
	struct addr to;
	unsigned int i;

	m->fd = listener_make("127.0.0.1", MIXED, &to);
	m->netns = net_open();
	for (i = 0; i < MIXED; i++) {
		unsigned int kind = queue_mix[i % QUEUE_MIX];

		if (kind == RESET && i % 3)
			kind = VANISHED;
		m->kind[i] = kind;
		m->n[kind]++;
		m->client[i] = client(&to, kind, &m->port[i]);
	}
	for (i = 0; i < MIXED; i++)
		if (m->kind[i] == VANISHED)
			vanish(m->client[i]);
	setting_set("action", m->action);
}

/* Whoever stays is as he was, but that he is asked whether he is there. */
static void check_kept(unsigned int kind, int client, int server, bool probe)
{
	struct keepalive want = { .idle = 7200, .interval = 75, .count = 9 };
	char c;

	if (probe && kind == HALF)
		want = (struct keepalive){
			.on = 1, .idle = 1, .interval = 1, .count = 7,
		};
	must(!keepalive_off(&want, server));
	if (kind == LIVE) {
		talk(client, server);
	} else if (kind == HALF) {
		must(recv(server, &c, 1, 0) == 0);
		sock_send(server, 40);
		sock_receive(client, 40);
	}
}

static unsigned int kept(const struct mixed *m)
{
	unsigned int i, n = 0;

	for (i = 0; i < KINDS; i++)
		n += m->keeps[i] * m->n[i];
	return n;
}

static unsigned int mixed_settles_off(const struct mixed *m)
{
	net_enter(m->netns);
	/* Of these none goes, but all are seen. */
	if (kept(m) == MIXED)
		return off("all are seen", 1, wait_for(reap_candidates() ==
						       MIXED - m->n[LIVE]));
	return off("all go", 1, wait_for(depth(m->fd) == kept(m)));
}

static unsigned int mixed_off(const struct mixed *m)
{
	unsigned int n, i;
	unsigned short port;
	int fd;

	printf("# %s\n", m->action);
	net_enter(m->netns);
	n = off("depth", kept(m), depth(m->fd));
	n += off("evicted", MIXED - kept(m),
		 actions_done("unaccepted", m->action, "evicted"));
	for (i = 0; i < MIXED && !n; i++) {
		if (!m->keeps[m->kind[i]])
			continue;
		fd = accept_from(m->fd, &port);
		n += off("the next one's port", m->port[i], port);
		check_kept(m->kind[i], m->client[i], fd, !strcmp(m->action, "probe"));
	}
	return n + off("depth", 0, depth(m->fd));
}

TEST_F(queue, of_the_rest_keeps_its_order)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mixeds); i++)
		mixed_make(&mixeds[i]);
	for (i = 0; i < ARRAY_SIZE(mixeds); i++) {
		net_enter(mixeds[i].netns);
		setting_set("timeout", "1");
	}
	for (i = 0; i < ARRAY_SIZE(mixeds); i++)
		EXPECT_EQ(0, mixed_settles_off(&mixeds[i]));
	reap_pass();
	for (i = 0; i < ARRAY_SIZE(mixeds); i++)
		EXPECT_EQ(0, mixed_off(&mixeds[i]));
}

/* Where not all may go, those who came first do. */
TEST_F(queue, loses_the_oldest_first)
{
	enum { ALL = 30 };
	unsigned short port[ALL];
	struct table rows;
	struct action a;
	struct addr to;
	int fd, i;

	net_new();
	fd = flow_listen(&flows[0], &to);
	for (i = 0; i < ALL; i++)
		client(&to, HALF, &port[i]);
	setting_set("action", "abort");
	setting_set("rate", "%u", ALL / 3);
	setting_set("timeout", "1");
	ASSERT_TRUE(wait_for(actions_done("unaccepted", "abort", "evicted") == ALL));
	EXPECT_EQ(0, depth(fd));
	census_table(&rows, "actions");
	ASSERT_EQ(ALL, rows.rows);
	for (i = 0; i < ALL; i++) {
		struct addr from = addr("127.0.0.1", port[i]);
		char *text = addr_text(&from);

		action_row(&a, &rows, i);
		EXPECT_STREQ(text, a.remote);
		free(text);
	}
	table_free(&rows);
}

/**
 * struct taken - what a process gets from accept(), one after the other
 * @listener: where
 * @port: of the last one's client
 * @state: and its state
 */
struct taken {
	int listener;
	unsigned short port;
	int state;
};

static void accept_all(struct worker *me, void *arg)
{
	struct taken *t = arg;
	unsigned short port;
	int fd;

	for (;;) {
		fd = accept_from(t->listener, &port);
		t->state = sock_state(fd);
		t->port = port;
		worker_round(me);
	}
}

/* Does it sleep? What it sleeps in is accept(). */
static bool asleep(const struct worker *w)
{
	return worker_state(w) == 'S';
}

static void urgent(bool yes)
{
	struct sched_param param = { .sched_priority = yes };

	must(!sched_setscheduler(0, yes ? SCHED_FIFO : SCHED_OTHER, &param));
}

/* Connections in the queue of a listener, without sleeping. */
static unsigned int queued(int fd)
{
	socklen_t len = sizeof(struct tcp_info);
	struct tcp_info info;

	must(!getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	return info.tcpi_unacked;
}

/*
 * While this process, which is urgent and does not sleep, has the CPU of the one that
 * is in accept(), a connection comes for that one, wakes it, and is evicted. Returns
 * false if it could take it all the same.
 */
static bool lose_one(int fd, const struct addr *to)
{
	unsigned long long was = actions_done("unaccepted", "abort", "evicted");
	unsigned short port;
	uint64_t until;

	/* So that the next pass comes at once. */
	nap_ms(1100);
	urgent(true);
	client(to, HALF, &port);
	must(!test_module("age %d %u", fd, AGES));
	setting_set("timeout", "8000");
	until = now_ms() + 800;
	while (queued(fd) && now_ms() < until)
		;
	urgent(false);
	return actions_done("unaccepted", "abort", "evicted") == was + 1;
}

TEST_F(queue, is_empty_and_accept_waits)
{
	struct taken *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned short port;
	unsigned long had;
	struct worker *w;
	struct addr to;

	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "the reaper needs a processor of its own");
	ASSERT_NE(MAP_FAILED, t);
	net_new();
	t->listener = flow_listen(&flows[0], &to);
	setting_set("action", "abort");
	w = worker_start(accept_all, t, 1);
	run_on(1);

	ASSERT_TRUE(wait_for(asleep(w) && lose_one(t->listener, &to)));
	had = worker_rounds(w);
	ASSERT_TRUE(wait_for(asleep(w)));
	EXPECT_EQ(had, worker_rounds(w));

	client(&to, LIVE, &port);
	ASSERT_TRUE(wait_for(worker_rounds(w) > had));
	EXPECT_EQ(had + 1, worker_rounds(w));
	EXPECT_EQ(port, t->port);
	EXPECT_EQ(TCP_ESTABLISHED, t->state);
	worker_stop(w);
}

TEST_HARNESS_MAIN
