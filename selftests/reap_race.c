// SPDX-License-Identifier: GPL-2.0
/*
 * While the reaper probes, resets and evicts, the same sockets are accepted, closed,
 * reset, listened on again, and go with their namespaces.
 *
 *	a process and a namespace each, and all of them in every pass
 *	+-- probe ----------------------+  +-- abort ----------------------+
 *	| accept  relisten  disconnect  |  | accept  relisten  disconnect  |
 *	| close   unlisten  reset  exit |  | close   unlisten  reset  exit |
 *	+-------------------------------+  +-------------------------------+
 */

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/peak.h"
#include "lib/reap_test.h"
#include "lib/setting.h"
#include "lib/test_module.h"
#include "lib/worker.h"

/* Connections a process makes for each pass, and listeners where there are some. */
enum { CONNS = 80, LISTENERS = 8 };

#define SECONDS 7
#define ROUNDS 4 /* at least, however long they take */

/**
 * struct arena - what all processes share
 * @ready: passes that begin at once
 * @begun: of these
 * @over: of these
 */
struct arena {
	unsigned long ready;
	unsigned long begun;
	unsigned long over;
};

/**
 * struct racer - a process
 * @arena: shared
 * @race: what it does
 * @action: what the reaper does
 * @w: it
 * @raced: connections it had itself, shared
 * @acted: and the reaper had, shared
 * @listener: in this round
 * @client: likewise
 * @server: likewise
 */
struct racer {
	struct arena *arena;
	const struct race *race;
	const char *action;
	struct worker *w;
	unsigned long *raced;
	unsigned long *acted;
	int listener[LISTENERS];
	int client[CONNS];
	int server[CONNS];
};

/**
 * struct race - something that happens to sockets meanwhile
 * @name: of it
 * @prepare: makes the sockets
 * @run: does it; returns to how many
 * @exact: every connection is then with one of the two, or still queued
 */
struct race {
	const char *name;
	void (*prepare)(struct racer *r);
	unsigned long (*run)(struct racer *r);
	bool exact;
};

static unsigned long get(const unsigned long *n)
{
	return __atomic_load_n(n, __ATOMIC_ACQUIRE);
}

static void set(unsigned long *n, unsigned long value)
{
	__atomic_store_n(n, value, __ATOMIC_RELEASE);
}

static void *shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);

	must(p != MAP_FAILED);
	return p;
}

/* Somewhere in a pass. */
static void dither(void)
{
	unsigned int n = rand() % 16;

	while (n--)
		sched_yield();
}

static void make_old(int fd)
{
	must(!test_module("age %d %d", fd, AGES));
}

/* Nobody leaves a timewait sock behind. */
static int half_closed(const struct addr *to)
{
	int fd = sock_connect(to);

	must(!shutdown(fd, SHUT_WR));
	/* Else it may send that once more, and be heard again. */
	must(wait_for(sock_state(fd) == TCP_FIN_WAIT2));
	sock_reset_on_close(fd);
	return fd;
}

static void queues_make(struct racer *r, unsigned int listeners)
{
	struct addr to[LISTENERS];
	unsigned int i;

	for (i = 0; i < listeners; i++) {
		r->listener[i] = sock_listen(i % 2 ? "::1" : "127.0.0.1", 0, CONNS);
		to[i] = sock_addr(r->listener[i]);
	}
	for (i = 0; i < CONNS; i++)
		r->client[i] = half_closed(&to[i % listeners]);
}

static void queues_make_old(struct racer *r, unsigned int listeners)
{
	unsigned int i;

	for (i = 0; i < listeners; i++)
		make_old(r->listener[i]);
}

static void prepare_queue(struct racer *r)
{
	queues_make(r, 1);
	queues_make_old(r, 1);
}

static void prepare_many(struct racer *r)
{
	queues_make(r, LISTENERS);
	queues_make_old(r, LISTENERS);
}

static void prepare_accepted(struct racer *r)
{
	int fd = sock_listen("127.0.0.1", 0, CONNS);
	struct addr to = sock_addr(fd);
	unsigned int i;
	char c;

	for (i = 0; i < CONNS; i++) {
		r->client[i] = half_closed(&to);
		r->server[i] = sock_accept(fd);
		must(recv(r->server[i], &c, 1, 0) == 0);
		make_old(r->server[i]);
	}
}

/* The queue's head, which the reaper takes, too. */
static unsigned long run_accept(struct racer *r)
{
	unsigned int i;
	int fd;

	must(!fcntl(r->listener[0], F_SETFL, O_NONBLOCK));
	for (i = 0; i < CONNS / 2; i++) {
		fd = accept4(r->listener[0], NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			break;
		must(!close(fd));
		dither();
	}
	must(i == CONNS / 2 || errno == EAGAIN);
	return i;
}

static unsigned long run_relisten(struct racer *r)
{
	unsigned int i;

	for (i = 0; i < CONNS; i++) {
		must(!listen(r->listener[0], 1 + rand() % (2 * CONNS)));
		dither();
	}
	return 0;
}

static unsigned long run_disconnect(struct racer *r)
{
	unsigned int i;

	for (i = 0; i < LISTENERS; i += 2) {
		must(!shutdown(r->listener[i], SHUT_RD));
		dither();
		must(!listen(r->listener[i], CONNS));
	}
	return CONNS / 2;
}

static unsigned long run_unlisten(struct racer *r)
{
	unsigned int i;

	for (i = 0; i < LISTENERS; i += 2) {
		must(!close(r->listener[i]));
		dither();
	}
	return CONNS / 2;
}

static unsigned long run_close(struct racer *r)
{
	unsigned int i;
	char c = 0;

	for (i = 0; i < CONNS; i += 2) {
		switch (rand() % 4) {
		case 0:
			shutdown(r->server[i], SHUT_WR);
			break;
		case 1:
			send(r->server[i], &c, 1, MSG_NOSIGNAL);
			break;
		case 2:
			recv(r->server[i], &c, 1, 0);
			break;
		}
		must(!close(r->server[i]));
		dither();
	}
	return CONNS / 2;
}

/* The clients' side: half of what is queued. */
static unsigned long run_reset(struct racer *r)
{
	unsigned int i;

	for (i = 0; i < CONNS; i += 2) {
		must(!close(r->client[i]));
		dither();
	}
	return CONNS / 2;
}

static void settings(const char *action)
{
	setting_set("action", action);
	setting_set("rate", "100000");
	/* Nobody is asked before it is over. */
	setting_set("timeout", "8000");
}

/* A namespace that is only for one pass. */
static void short_life(struct racer *r)
{
	unsigned int i;

	must(!prctl(PR_SET_PDEATHSIG, SIGKILL));
	net_new();
	settings(r->action);
	queues_make(r, LISTENERS);
	/* Before a pass, which the settings ask for, may take them. */
	for (i = 0; i < LISTENERS; i++)
		close(sock_accept(r->listener[i]));
	queues_make_old(r, LISTENERS);
	must(!raise(SIGSTOP));
	_exit(0);
}

static void prepare_exit(struct racer *r)
{
	int status;
	pid_t pid = fork();

	must(pid >= 0);
	if (!pid)
		short_life(r);
	must(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	r->server[0] = pid;
}

/* All of its sockets, and then the namespace. */
static unsigned long run_exit(struct racer *r)
{
	pid_t pid = r->server[0];

	dither();
	must(!kill(pid, SIGCONT));
	must(waitpid(pid, NULL, 0) == pid);
	return CONNS;
}

static const struct race races[] = {
	{ "accept", prepare_queue, run_accept, true },
	{ "relisten", prepare_queue, run_relisten, true },
	{ "disconnect", prepare_many, run_disconnect, false },
	{ "unlisten", prepare_many, run_unlisten, false },
	{ "close", prepare_accepted, run_close, false },
	{ "reset", prepare_many, run_reset, false },
	{ "exit", prepare_exit, run_exit, false },
};

/* Before each pass it says that it is ready, by worker_round(). */
static void race_on(struct worker *me, void *arg)
{
	unsigned long round, raced, acted, had = 0;
	struct racer *r = arg;
	int first;

	srand(getpid());
	net_new();
	settings(r->action);
	first = net_open();
	for (round = 1;; round++) {
		r->race->prepare(r);
		worker_round(me);
		/* Who is not ready yet needs the CPU more. */
		while (get(&r->arena->ready) < round)
			nap_ms(5);
		while (get(&r->arena->begun) < round)
			usleep(100);
		raced = r->race->run(r);
		while (get(&r->arena->over) < round)
			nap_ms(1);
		acted = actions_sum() - had;
		had += acted;
		if (r->race->exact && !strcmp(r->action, "abort"))
			must(raced + acted + sock_depth(r->listener[0]) == CONNS);
		__atomic_add_fetch(r->raced, raced, __ATOMIC_RELAXED);
		__atomic_add_fetch(r->acted, acted, __ATOMIC_RELAXED);
		must(!syscall(SYS_close_range, first + 1, ~0U, 0));
	}
}

FIXTURE(race) {
	unsigned long long expedited;
	struct sockstat began;
};

FIXTURE_SETUP(race)
{
	/* Unloading waits for grace periods. */
	self->expedited = expedite();
	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	fds_raise(10000);
	file_set(CENSUS_MODULE "/parameters/max_rate", "100000");
	net_new();
	/* It makes sockets that stay. */
	reap_pass();
	sockstat_read(&self->began);
}

FIXTURE_TEARDOWN_PARENT(race)
{
	expedite_as(self->expedited);
	if (!loaded())
		load_fast("");
	EXPECT_FALSE(census_damaged());
}

#define RACERS (2 * ARRAY_SIZE(races))

/* Those that are not are printed, if asked for. */
static bool all_ready(const struct racer *r, unsigned long round, bool show)
{
	bool ready = true;
	size_t i;

	for (i = 0; i < RACERS; i++) {
		if (worker_rounds(r[i].w) >= round)
			continue;
		ready = false;
		if (show)
			worker_show(r[i].w, r[i].race->name);
	}
	return ready;
}

TEST_F(race, with_the_application)
{
	unsigned long rounds, raced = 0, acted = 0;
	uint64_t last = now_ms(), until = last + SECONDS * 1000;
	static struct racer r[RACERS];
	struct arena *arena = shared(sizeof(*arena));
	unsigned long *sums = shared(2 * RACERS * sizeof(*sums));
	size_t i;

	for (i = 0; i < RACERS; i++) {
		r[i].arena = arena;
		r[i].race = &races[i / 2];
		r[i].action = i % 2 ? "abort" : "probe";
		r[i].raced = &sums[2 * i];
		r[i].acted = &sums[2 * i + 1];
		r[i].w = worker_start(race_on, &r[i], -1);
	}
	for (rounds = 0; rounds < ROUNDS || now_ms() < until; rounds++) {
		ASSERT_TRUE(wait_for(all_ready(r, rounds + 1, false)))
			all_ready(r, rounds + 1, true);
		/* Now it comes at once. */
		while (now_ms() < last + 1000)
			nap_ms(1);
		set(&arena->ready, rounds + 1);
		nap_ms(20);
		/* Sometimes they are first, sometimes the reaper is. */
		if (rounds % 2)
			reap_pass_begin();
		set(&arena->begun, rounds + 1);
		if (!(rounds % 2))
			reap_pass_begin();
		reap_pass_end();
		last = now_ms();
		set(&arena->over, rounds + 1);
	}
	/* Then they have added up the last one, too. */
	ASSERT_TRUE(wait_for(all_ready(r, rounds + 1, false)));
	for (i = 0; i < RACERS; i++) {
		worker_stop(r[i].w);
		printf("# %s, %s: %lu raced, %lu acted on\n", r[i].race->name,
		       r[i].action, *r[i].raced, *r[i].acted);
		if (strcmp(r[i].race->name, "exit"))
			EXPECT_LT(0, *r[i].acted);
		raced += *r[i].raced;
		acted += *r[i].acted;
	}
	printf("# %lu passes over %lu connections, %lu raced, %lu acted on\n", rounds,
	       rounds * RACERS * CONNS, raced, acted);
	EXPECT_LT(0, raced);
	EXPECT_LT(0, acted);
	EXPECT_TRUE(sockstat_returns(&self->began));
}

/* Of those that were queued, how many were closed? */
static unsigned long closed_clients(const struct racer *r)
{
	unsigned long n = 0;
	unsigned int i;

	for (i = 0; i < CONNS; i++)
		n += sock_state(r->client[i]) == TCP_CLOSE;
	return n;
}

/* And how many are there still? */
static unsigned long all_queued(const struct racer *r)
{
	unsigned long n = 0;
	unsigned int i;

	for (i = 0; i < LISTENERS; i++)
		n += sock_depth(r->listener[i]);
	return n;
}

/* The module goes in the middle of a pass: what it began it ends. */
TEST_F(race, with_the_module)
{
	unsigned long rounds, evicted = 0, left = 0;
	uint64_t until = now_ms() + SECONDS * 1000 / 2;
	static struct racer queues, accepted;
	int first = net_open();

	srand(getpid());
	/* Until it went before they were reached and after. */
	for (rounds = 0; now_ms() < until || ((!evicted || !left) && rounds < 50); rounds++) {
		prepare_many(&queues);
		prepare_accepted(&accepted);
		settings("abort");
		/* The first write began a pass, the last is for the next. */
		nap_ms(990 + rand() % 30);
		unload();
		EXPECT_TRUE(wait_for(all_queued(&queues) + closed_clients(&queues) ==
				     CONNS));
		evicted += closed_clients(&queues);
		left += all_queued(&queues);
		must(!syscall(SYS_close_range, first + 1, ~0U, 0));
		load_fast("max_rate=100000");
	}
	printf("# %lu rounds, %lu evicted, %lu left\n", rounds, evicted, left);
	EXPECT_TRUE(sockstat_returns(&self->began));
}

TEST_HARNESS_MAIN
