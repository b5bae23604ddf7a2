// SPDX-License-Identifier: GPL-2.0
/*
 * Listeners that ended badly leave a line: a queue that was over its limit, drops,
 * or dead connections in it. Those that were well leave none.
 *
 *	clients ----> listener, ends   (lo, one netns)
 */

#include <sched.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#include "lib/ended.h"
#include "lib/link.h"
#include "lib/peak.h"
#include "lib/queue.h"
#include "lib/test.h"
#include "lib/worker.h"

FIXTURE(ended) {
	int netns;
};

FIXTURE_SETUP(ended)
{
	struct ended e;

	self->netns = net_new();
	ASSERT_EQ(0, ended_last(&e));
}

FIXTURE_TEARDOWN(ended)
{
	EXPECT_FALSE(census_damaged());
}

TEST_F(ended, header)
{
	static const char *const names[] = {
		"netns", "time", "local", "cgroup", "uid", "peak", "limit",
		"filled", "drops", "lifetime_s",
	};
	struct table t;

	census_table(&t, "ended");
	EXPECT_EQ(ARRAY_SIZE(names), t.cols);
	EXPECT_EQ(0, table_columns(&t, names, ARRAY_SIZE(names)));
	table_free(&t);
}

TEST_F(ended, well)
{
	int listener = sock_listen("127.0.0.1", 80, 3), i, fd;
	struct addr to = sock_addr(listener);
	struct queue q = {};
	struct listener l;
	struct ended e;

	/* Full to the limit and not above, then taken; some wait at the end. */
	ASSERT_TRUE(burst_fill(listener, &to, 3));
	for (i = 0; i < 3; i++)
		sock_accept(listener);
	ASSERT_TRUE(burst_fill(listener, &to, 2));
	close(listener);
	EXPECT_EQ(0, ended_last(&e));

	/* Whatever became of them later, they were accepted. */
	listener = sock_listen("127.0.0.1", 81, 30);
	to = sock_addr(listener);
	queue_fill(&to, 10, &q);
	ASSERT_TRUE(queue_settles(&l, listener, &q));
	queue_accept_all(listener);
	ASSERT_EQ(0, shutdown(listener, SHUT_RD));
	close(listener);
	EXPECT_EQ(0, ended_last(&e));

	/* Not used, not even listening, or in vain. */
	to = addr("127.0.0.1", 82);
	listener = sock_bound(&to, 0);
	fd = sock_bound(&to, 0);
	ASSERT_EQ(0, listen(listener, 1));
	ASSERT_EQ(-1, listen(fd, 1));
	close(fd);
	close(listener);
	close(sock_bound(&to, 0));
	EXPECT_EQ(0, ended_last(&e));
}

/* Close a listener: is there one more line, and does it say what its row said? */
static unsigned int line_off(int listener, size_t before)
{
	struct ended want, got = {};
	unsigned int bad;

	ended_before(&want, listener);
	close(listener);
	bad = off("lines", before + 1, ended_last(&got));
	return bad + (bad ? 0 : ended_off(&want, &got));
}

TEST_F(ended, over_the_limit)
{
	int listener = listen_full("127.0.0.1", 80, 2);
	struct addr to = sock_addr(listener);
	struct ended e;

	ended_before(&e, listener);
	EXPECT_EQ(3, e.peak);
	EXPECT_EQ(2, e.limit);
	EXPECT_EQ(1, e.filled);
	EXPECT_EQ(0, e.drops);
	sock_accept(listener);
	ASSERT_TRUE(burst_fill(listener, &to, 1));
	ended_before(&e, listener);
	EXPECT_EQ(2, e.filled);
	/* Nothing of that is left at the end. */
	queue_accept_all(listener);
	EXPECT_EQ(0, line_off(listener, 0));

	/* The same port, another listener. */
	listener = sock_listen("127.0.0.1", 80, 5);
	ended_before(&e, listener);
	EXPECT_EQ(0, e.peak + e.filled + e.drops);
	close(listener);
	EXPECT_EQ(1, ended_last(&e));
}

static unsigned long long drops_of(int listener)
{
	struct ended e;

	ended_before(&e, listener);
	return e.drops;
}

TEST_F(ended, full_and_dropping)
{
	int listener = listen_full("127.0.0.1", 80, 2), late;
	struct addr to = sock_addr(listener);
	struct ended want, e;

	late = sock_start(&to, false);
	ASSERT_TRUE(wait_for(drops_of(listener)));
	/* It would try again between the reading and the end. */
	close(late);
	ended_before(&want, listener);
	ASSERT_EQ(0, shutdown(listener, SHUT_RD));
	ASSERT_EQ(1, ended_last(&e));
	EXPECT_EQ(0, ended_off(&want, &e));

	/* Those were drops of its life before. */
	ASSERT_EQ(0, listen(listener, 2));
	ASSERT_LT(0, drops_of(listener));
	close(listener);
	EXPECT_EQ(1, ended_last(&e));
}

/* A SYN queue can be full when the accept queue never was. */
TEST_F(ended, dropping_alone)
{
	struct ended want, got;
	int listener, late;
	struct addr to;

	file_set("/proc/sys/net/ipv4/tcp_syncookies", "%d", 0);
	listener = sock_listen("127.0.0.1", 80, 1);
	to = sock_addr(listener);
	sock_start(&to, true);
	late = sock_start(&to, true);
	ASSERT_TRUE(wait_for(drops_of(listener)));
	close(late);
	ended_before(&want, listener);
	EXPECT_EQ(0, want.peak);
	EXPECT_EQ(0, want.filled);
	close(listener);
	ASSERT_EQ(1, ended_last(&got));
	/* The first one may have tried again in between. */
	EXPECT_LE(want.drops, got.drops);
	want.drops = got.drops;
	EXPECT_EQ(0, ended_off(&want, &got));
}

/* @live clients and then one that is dead: that is enough. */
static unsigned int dead_off(enum queued kind, unsigned int live, size_t before)
{
	int listener = sock_listen("127.0.0.1", 80, 300);
	struct addr to = sock_addr(listener);
	struct queue q = {};
	struct listener l;

	while (live--)
		queue_client(&to, LIVE, &q);
	queue_client(&to, kind, &q);
	must(queue_settles(&l, listener, &q));
	return line_off(listener, before);
}

TEST_F(ended, dead_in_the_queue)
{
	struct ended e;

	EXPECT_EQ(0, dead_off(HALF, 0, 0));
	EXPECT_EQ(0, dead_off(RESET, 0, 1));
	EXPECT_EQ(0, dead_off(HALF, 20, 2));
	EXPECT_EQ(0, dead_off(RESET, 20, 3));
	EXPECT_EQ(0, dead_off(HALF, 255, 4));
	EXPECT_EQ(5, ended_last(&e));
	EXPECT_EQ(0, e.filled + e.drops);
	EXPECT_EQ(256, e.peak);
}

static const struct where {
	const char *ip;
	const char *local;
} wheres[] = {
	{ "0.0.0.0", "0.0.0.0:80" },
	{ "127.0.0.2", "127.0.0.2:80" },
	{ "::", "[::]:80" },
	{ "::1", "[::1]:80" },
	{ "::ffff:127.0.0.3", "127.0.0.3:80" },
	{ "fe80::1%lo", "[fe80::1%lo]:80" },
};

TEST_F(ended, addresses)
{
	struct ended want = { .uid = "0", .peak = 2, .limit = 1, .filled = 1 };
	struct ended got;
	size_t i;
	int fd;

	link_addr6("lo", "fe80::1");
	for (i = 0; i < ARRAY_SIZE(wheres); i++) {
		fd = listen_full(wheres[i].ip, 80, 1);
		ended_before(&got, fd);
		close(fd);
		/* As in listeners; the rest is known. */
		strcpy(want.cgroup, got.cgroup);
		strcpy(want.local, wheres[i].local);
		want.netns = census_netns();
		ASSERT_EQ(i + 1, ended_last(&got));
		EXPECT_EQ(0, ended_off(&want, &got));
	}
}

TEST_F(ended, uid)
{
	struct ended e;
	int fd;

	setfsuid(4242);
	fd = listen_full("127.0.0.1", 8080, 1);
	setfsuid(0);
	EXPECT_EQ(0, line_off(fd, 0));
	ended_last(&e);
	EXPECT_STREQ("4242", e.uid);

	/* It has been given to another one since. */
	fd = listen_full("127.0.0.1", 8080, 1);
	ASSERT_EQ(0, fchown(fd, 4343, -1));
	EXPECT_EQ(0, line_off(fd, 1));
	ended_last(&e);
	EXPECT_STREQ("4343", e.uid);
}

/* In a user namespace that knows nobody. */
static void read_elsewhere(struct worker *me, void *arg)
{
	struct ended e;

	(void)me;
	(void)arg;
	must(!unshare(CLONE_NEWUSER));
	must(ended_last(&e) == 1);
	must(!strcmp(e.uid, "-"));
}

TEST_F(ended, uid_elsewhere)
{
	close(listen_full("127.0.0.1", 80, 1));
	worker_wait(worker_start(read_elsewhere, NULL, -1));
}

/* There were more than the limit is now, but never more than it was. */
TEST_F(ended, lowered_limit)
{
	int listener = sock_listen("127.0.0.1", 80, 5);
	struct addr to = sock_addr(listener);
	struct ended e;

	ASSERT_TRUE(burst_fill(listener, &to, 4));
	queue_accept_all(listener);
	ASSERT_EQ(0, listen(listener, 1));
	ASSERT_TRUE(burst_fill(listener, &to, 1));
	ended_before(&e, listener);
	EXPECT_EQ(4, e.peak);
	EXPECT_EQ(1, e.limit);
	close(listener);
	EXPECT_EQ(0, ended_last(&e));

	/* Here it is lowered below what is there. */
	listener = sock_listen("127.0.0.1", 80, 5);
	ASSERT_TRUE(burst_fill(listener, &to, 4));
	ASSERT_EQ(0, listen(listener, 1));
	EXPECT_EQ(0, line_off(listener, 0));
}

/* listen() without bind(): the kernel chooses the port, a moment later. */
TEST_F(ended, port_chosen)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct addr to;

	ASSERT_EQ(0, listen(listener, 2));
	to = sock_addr(listener);
	ASSERT_TRUE(burst_fill(listener, &to, 3));
	EXPECT_EQ(0, line_off(listener, 0));
}

/* The same address on two devices: two listeners, and one of them was well. */
TEST_F(ended, devices)
{
	struct addr a = addr("127.0.0.1", 80);
	int well, bad;
	struct ended e;

	if (system("ip link add one type veth peer name two 2>/dev/null"))
		SKIP(return, "no veth interfaces can be made");
	well = sock_bound(&a, 0);
	ASSERT_EQ(0, setsockopt(well, SOL_SOCKET, SO_BINDTODEVICE, "one", 4));
	ASSERT_EQ(0, listen(well, 5));
	bad = socket(AF_INET, SOCK_STREAM, 0);
	ASSERT_EQ(0, setsockopt(bad, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
	ASSERT_EQ(0, bind(bad, &a.sa, a.len));
	ASSERT_EQ(0, listen(bad, 2));
	ASSERT_TRUE(burst_fill(bad, &a, 3));
	EXPECT_EQ(0, line_off(bad, 0));
	close(well);
	EXPECT_EQ(1, ended_last(&e));
}

/* Seconds of this clock. */
static time_t seconds(clockid_t clock)
{
	struct timespec ts;

	must(!clock_gettime(clock, &ts));
	return ts.tv_sec;
}

TEST_F(ended, times)
{
	time_t made = seconds(CLOCK_BOOTTIME), end, closed;
	int fd = listen_full("127.0.0.1", 80, 1);
	time_t listening = seconds(CLOCK_BOOTTIME);
	struct addr to;
	struct ended e;

	ASSERT_TRUE(wait_for(seconds(CLOCK_BOOTTIME) >= listening + 3));
	end = seconds(CLOCK_BOOTTIME);
	closed = seconds(CLOCK_REALTIME);
	close(fd);
	ASSERT_EQ(1, ended_last(&e));
	/* The kernel's clock of seconds may be a tick behind. */
	EXPECT_LE(closed - 1, e.time);
	EXPECT_GE(seconds(CLOCK_REALTIME), e.time);
	EXPECT_LE(end - listening - 1, (time_t)e.lifetime_s);
	EXPECT_GE(seconds(CLOCK_BOOTTIME) - made + 1, (time_t)e.lifetime_s);

	/* A socket that listens again begins anew. */
	fd = listen_full("127.0.0.1", 80, 1);
	to = sock_addr(fd);
	ASSERT_EQ(0, shutdown(fd, SHUT_RD));
	listening = seconds(CLOCK_BOOTTIME);
	ASSERT_TRUE(wait_for(seconds(CLOCK_BOOTTIME) >= listening + 4));
	made = seconds(CLOCK_BOOTTIME);
	ASSERT_EQ(0, listen(fd, 2));
	ASSERT_TRUE(burst_fill(fd, &to, 3));
	close(fd);
	EXPECT_EQ(3, ended_last(&e));
	EXPECT_EQ(3, e.peak);
	EXPECT_EQ(1, e.filled);
	EXPECT_GE(seconds(CLOCK_BOOTTIME) - made + 1, (time_t)e.lifetime_s);
}

static void live(struct worker *me, void *arg)
{
	(void)arg;
	listen_full("127.0.0.1", 80, 1);
	worker_round(me);
	pause();
}

TEST_F(ended, however)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct worker *w;
	struct ended e;
	int fd, copy;

	fd = listen_full("127.0.0.1", 80, 1);
	copy = dup(fd);
	close(fd);
	EXPECT_EQ(0, ended_last(&e));
	close(copy);
	EXPECT_EQ(1, ended_last(&e));

	fd = listen_full("127.0.0.1", 80, 1);
	ASSERT_EQ(0, shutdown(fd, SHUT_RDWR));
	EXPECT_EQ(2, ended_last(&e));
	close(fd);

	fd = listen_full("127.0.0.1", 80, 1);
	ASSERT_EQ(0, connect(fd, &none, sizeof(none)));
	EXPECT_EQ(3, ended_last(&e));
	close(fd);

	w = worker_start(live, NULL, -1);
	ASSERT_TRUE(wait_for(worker_rounds(w)));
	worker_stop(w);
	EXPECT_TRUE(wait_for(ended_last(&e) == 4));
	EXPECT_EQ(2, e.peak);
}

/* Of a reuseport group every member for itself. */
TEST_F(ended, reuseport)
{
	struct addr to = addr("127.0.0.1", 80);
	struct ended e[3];
	struct queue q = {};
	int fd[3], i;

	for (i = 0; i < 3; i++)
		fd[i] = sock_listen_shared("127.0.0.1", 80, 50);
	for (i = 0; i < 40; i++)
		queue_client(&to, HALF, &q);
	ASSERT_TRUE(wait_for(sock_depth(fd[0]) + sock_depth(fd[1]) + sock_depth(fd[2]) == 40));
	for (i = 0; i < 3; i++)
		ended_before(&e[i], fd[i]);
	EXPECT_EQ(40, e[0].peak + e[1].peak + e[2].peak);
	for (i = 0; i < 3; i++) {
		ASSERT_LT(0, e[i].peak);
		EXPECT_EQ(0, line_off(fd[i], i));
	}
}

TEST_F(ended, the_last_256)
{
	enum { N = 300 };
	struct ended e;
	struct table t;
	char *local;
	size_t i;
	int k;

	for (i = 0; i < N; i++) {
		int fd = listen_full("127.0.0.1", 10000 + i, 1);

		close(fd);
		/* The clients. */
		for (k = fd + 1; k <= fd + 2; k++)
			close(k);
		if (i == ENDED_MAX - 1)
			EXPECT_EQ(ENDED_MAX, ended_last(&e));
	}
	census_table(&t, "ended");
	ASSERT_EQ(ENDED_MAX, t.rows);
	for (i = 0; i < t.rows; i++) {
		local = strf("127.0.0.1:%zu", 10000 + N - ENDED_MAX + i);
		EXPECT_STREQ(local, table_cell(&t, i, "local"));
		free(local);
	}
	table_free(&t);
}

TEST_F(ended, apart)
{
	struct ended e;
	int b;

	close(listen_full("127.0.0.1", 80, 1));
	b = net_new();
	EXPECT_EQ(0, ended_last(&e));
	close(listen_full("::1", 81, 2));
	close(listen_full("::1", 82, 2));
	EXPECT_EQ(2, ended_last(&e));
	net_enter(self->netns);
	EXPECT_EQ(1, ended_last(&e));
	EXPECT_STREQ("127.0.0.1:80", e.local);
	net_enter(b);
	EXPECT_EQ(2, ended_last(&e));
	EXPECT_STREQ("[::1]:82", e.local);
}

TEST_HARNESS_MAIN
