// SPDX-License-Identifier: GPL-2.0
/*
 * What is in an accept queue: connections that live, whose peer has closed, and
 * whose peer has reset them, which are in no hash table any more.
 *
 *	clients ---SYN---> [accept queue] ---accept()---> closed at once
 *	   |                 live, half-closed, reset
 *	   `---FIN, RST----->                              (lo, one netns)
 */

#include "lib/queue.h"
#include "lib/rows.h"
#include "lib/test.h"
#include "lib/test_module.h"

/* How far the kernel's ticks, in which some ages are kept, may be behind. */
enum { LIMIT = 30, LATE_MS = 1000 };

/* The whole table: do close_wait and stat count the same queued sockets? */
static unsigned int unaccepted_off(const char *endpoint, unsigned int half)
{
	struct close_wait row;
	unsigned int n;

	close_wait_row(&row, "server", endpoint);
	n = off("unaccepted", half, row.cause[UNACCEPTED]);
	n += off("sockets", half, row.sockets);
	n += off("close_wait_unaccepted", half,
		 census_stat("close_wait_unaccepted"));
	return n;
}

FIXTURE(unaccepted) {
	int fd;
	struct addr to;
	char endpoint[80];
};

FIXTURE_VARIANT(unaccepted) {
	const char *listen;
	const char *connect;
	const char *endpoint;
	bool cookies;
};

FIXTURE_VARIANT_ADD(unaccepted, ipv4) {
	.listen = "127.0.0.1", .connect = "127.0.0.1",
	.endpoint = "127.0.0.1:%u",
};

FIXTURE_VARIANT_ADD(unaccepted, ipv6) {
	.listen = "::1", .connect = "::1", .endpoint = "[::1]:%u",
};

FIXTURE_VARIANT_ADD(unaccepted, mapped) {
	.listen = "::", .connect = "127.0.0.1", .endpoint = "[::]:%u",
};

/* Nothing is kept of a SYN: the request sock is made with the child. */
FIXTURE_VARIANT_ADD(unaccepted, cookies_ipv4) {
	.listen = "127.0.0.1", .connect = "127.0.0.1",
	.endpoint = "127.0.0.1:%u", .cookies = true,
};

FIXTURE_VARIANT_ADD(unaccepted, cookies_ipv6) {
	.listen = "::1", .connect = "::1", .endpoint = "[::1]:%u",
	.cookies = true,
};

FIXTURE_SETUP(unaccepted)
{
	struct addr a;

	net_new();
	file_set("/proc/sys/net/ipv4/tcp_syncookies", "%d",
		 variant->cookies ? 2 : 1);
	self->fd = sock_listen(variant->listen, 0, LIMIT);
	a = sock_addr(self->fd);
	self->to = addr(variant->connect, addr_port(&a));
	snprintf(self->endpoint, sizeof(self->endpoint), variant->endpoint,
		 addr_port(&a));
}

FIXTURE_TEARDOWN(unaccepted)
{
}

TEST_F(unaccepted, parts)
{
	struct queue p = {};
	struct listener l;
	unsigned int i;
	int kind;

	listener_of(&l, self->fd);
	EXPECT_EQ(0, l.depth);
	EXPECT_EQ(0, l.close_wait);
	EXPECT_EQ(0, l.reset);
	EXPECT_EQ(0, l.reuseport);
	for (i = 0; i < QUEUE_MIX; i++)
		queue_client(&self->to, queue_mix[i], &p);
	EXPECT_TRUE(queue_settles(&l, self->fd, &p));
	EXPECT_STREQ(self->endpoint, l.local);
	EXPECT_EQ(0, l.drops);
	EXPECT_EQ(0, l.syn_queue);
	EXPECT_EQ(0, unaccepted_off(self->endpoint, p.n[HALF]));
	EXPECT_EQ(queue_sum(&p) * 100 / (LIMIT + 1),
		  census_stat("accept_queue_worst_percent"));

	/* They leave in the order in which they came. */
	for (i = 0; i < QUEUE_MIX; i++) {
		kind = queue_accept(self->fd);
		EXPECT_EQ(queue_mix[i], kind);
		p.n[queue_mix[i]]--;
		EXPECT_TRUE(queue_is(&l, self->fd, &p));
	}
	EXPECT_EQ(0, unaccepted_off(self->endpoint, 0));
	EXPECT_EQ(0, census_stat("accept_queue_worst_percent"));
}

TEST_F(unaccepted, from_one_to_the_next)
{
	struct queue p = { .n[LIVE] = 1 };
	int fd = sock_connect(&self->to);
	struct listener l;

	EXPECT_TRUE(queue_settles(&l, self->fd, &p));
	/* What it sends makes no difference. */
	sock_send(fd, 10);
	EXPECT_TRUE(queue_settles(&l, self->fd, &p));
	EXPECT_EQ(0, unaccepted_off(self->endpoint, 0));

	ASSERT_EQ(0, shutdown(fd, SHUT_WR));
	p = (struct queue){ .n[HALF] = 1 };
	EXPECT_TRUE(queue_settles(&l, self->fd, &p));
	EXPECT_EQ(0, unaccepted_off(self->endpoint, 1));

	sock_reset_on_close(fd);
	close(fd);
	p = (struct queue){ .n[RESET] = 1 };
	EXPECT_TRUE(queue_settles(&l, self->fd, &p));
	EXPECT_EQ(0, unaccepted_off(self->endpoint, 0));

	EXPECT_EQ(RESET, queue_accept(self->fd));
	p = (struct queue){};
	EXPECT_TRUE(queue_is(&l, self->fd, &p));
}

/* Nobody can have waited for longer than since before its connect(). */
static bool waited_since(const struct listener *l, uint64_t before)
{
	return l->oldest_wait_ms <= now_ms() - before + LATE_MS;
}

TEST_F(unaccepted, oldest_wait)
{
	uint64_t first, second;
	struct listener l, then;

	listener_of(&l, self->fd);
	EXPECT_EQ(0, l.oldest_wait_ms);

	first = now_ms();
	sock_connect(&self->to);
	ASSERT_TRUE(wait_for((listener_of(&l, self->fd), l.oldest_wait_ms)));
	EXPECT_TRUE(waited_since(&l, first));
	then = l;
	EXPECT_TRUE(wait_for((listener_of(&l, self->fd),
			      l.oldest_wait_ms >= then.oldest_wait_ms + 100)));
	EXPECT_TRUE(waited_since(&l, first));

	/* It is still the first that counts. */
	second = now_ms();
	sock_connect(&self->to);
	EXPECT_TRUE(wait_for((listener_of(&l, self->fd), l.depth == 2)));
	EXPECT_LE(100, l.oldest_wait_ms);
	close(sock_accept(self->fd));
	listener_of(&l, self->fd);
	EXPECT_EQ(1, l.depth);
	EXPECT_TRUE(waited_since(&l, second));
	close(sock_accept(self->fd));
	listener_of(&l, self->fd);
	EXPECT_EQ(0, l.oldest_wait_ms);
}

TEST_F(unaccepted, oldest_wait_aged)
{
	uint64_t before = now_ms();
	struct queue p = {};
	struct listener l;

	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	queue_client(&self->to, HALF, &p);
	queue_client(&self->to, LIVE, &p);
	ASSERT_TRUE(queue_settles(&l, self->fd, &p));
	ASSERT_EQ(0, test_module("age %d 3", self->fd));
	queue_client(&self->to, LIVE, &p);
	ASSERT_TRUE(queue_settles(&l, self->fd, &p));
	EXPECT_LE(3000, l.oldest_wait_ms);
	EXPECT_TRUE(waited_since(&l, before - 3000));
	EXPECT_EQ(HALF, queue_accept(self->fd));
	EXPECT_EQ(LIVE, queue_accept(self->fd));
	listener_of(&l, self->fd);
	EXPECT_TRUE(waited_since(&l, before));
}

FIXTURE(early) {
	int fd;
	struct addr to;
};

FIXTURE_VARIANT(early) {
	const char *ip;
};

FIXTURE_VARIANT_ADD(early, ipv4) { .ip = "127.0.0.1" };
FIXTURE_VARIANT_ADD(early, ipv6) { .ip = "::1" };

FIXTURE_SETUP(early)
{
	net_new();
	self->fd = sock_listen(variant->ip, 0, LIMIT);
	self->to = sock_addr(self->fd);
}

FIXTURE_TEARDOWN(early)
{
}

/* A connection is queued when its first data are there. */
TEST_F(early, deferred)
{
	int seconds = 60, talks, hangs_up, resets;
	uint64_t before = now_ms();
	struct queue p = {};
	struct listener l;

	ASSERT_EQ(0, setsockopt(self->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT,
				&seconds, sizeof(seconds)));
	talks = sock_connect(&self->to);
	hangs_up = sock_connect(&self->to);
	resets = sock_connect(&self->to);
	EXPECT_TRUE(wait_for((listener_of(&l, self->fd), l.syn_queue == 3)));
	EXPECT_EQ(0, l.depth);
	EXPECT_EQ(0, l.oldest_wait_ms);

	sock_send(talks, 1);
	p.n[LIVE]++;
	EXPECT_TRUE(queue_settles(&l, self->fd, &p));
	ASSERT_EQ(0, shutdown(hangs_up, SHUT_WR));
	p.n[HALF]++;
	EXPECT_TRUE(queue_settles(&l, self->fd, &p));
	sock_reset_on_close(resets);
	close(resets);
	EXPECT_TRUE(wait_for((listener_of(&l, self->fd), !l.syn_queue)));
	EXPECT_TRUE(queue_is(&l, self->fd, &p));
	EXPECT_TRUE(waited_since(&l, before));

	sock_reset_on_close(talks);
	close(talks);
	p.n[LIVE]--;
	p.n[RESET]++;
	EXPECT_TRUE(queue_settles(&l, self->fd, &p));
	EXPECT_EQ(RESET, queue_accept(self->fd));
	EXPECT_EQ(HALF, queue_accept(self->fd));
}

/* Of its own kind in the queue: not connected yet, but to be accepted. */
TEST_F(early, fast_open)
{
	int fd, qlen = 5;
	struct queue p = { .n[LIVE] = 1 };
	uint64_t before = now_ms();
	struct listener l;

	file_set("/proc/sys/net/ipv4/tcp_fastopen", "%d", 0x207);
	ASSERT_EQ(0, setsockopt(self->fd, IPPROTO_TCP, TCP_FASTOPEN, &qlen,
				sizeof(qlen)));
	fd = socket(self->to.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ASSERT_LE(0, fd);
	sock_deafen(fd);
	ASSERT_TRUE(sendto(fd, "x", 1, MSG_FASTOPEN, &self->to.sa,
			   self->to.len) == 1 || errno == EINPROGRESS);
	EXPECT_TRUE(queue_settles(&l, self->fd, &p));
	EXPECT_TRUE(waited_since(&l, before));
}

TEST_HARNESS_MAIN
