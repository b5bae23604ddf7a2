// SPDX-License-Identifier: GPL-2.0
/*
 * How long applications take to close: the time from when the peer was last heard,
 * here its FIN, to close(), as percentiles that are known up to a bucket.
 *
 *	far ---- FIN ----> near, in CLOSE_WAIT ... close()   (lo, one netns)
 *
 * The test takes the time as well, before and behind both, so that a machine may
 * be as slow as it likes. tcp_census_test, where it is loaded, makes hours pass in
 * a moment.
 */

#include <limits.h>
#include <time.h>

#include "lib/closing.h"
#include "lib/test.h"
#include "lib/test_module.h"

FIXTURE(clock) {
	int listener;
	struct addr to;
};

FIXTURE_SETUP(clock)
{
	net_new();
	self->listener = sock_listen("127.0.0.1", 80, 128);
	self->to = sock_addr(self->listener);
}

FIXTURE_TEARDOWN(clock)
{
}

TEST_F(clock, nothing_closed)
{
	struct closings none = {}, got;
	struct pair p = pair_make(self->listener, &self->to);

	/* In CLOSE_WAIT still, or never there. */
	pair_close_wait(&p);
	p = pair_make(self->listener, &self->to);
	pair_close(&p);
	closings_read(&got);
	EXPECT_EQ(0, closings_off(&none, &got));
}

/* What the test waits is what the module counts. */
TEST_F(clock, of_the_test)
{
	enum { AT_ONCE = 8, LATER = 6, N = AT_ONCE + LATER };
	struct waited w[N];
	struct pair p[N];
	int i;

	for (i = 0; i < N; i++)
		p[i] = pair_make(self->listener, &self->to);
	for (i = AT_ONCE; i < N; i++)
		waited_begin(&w[i], p[i].client, p[i].server);
	nap_ms(700);
	for (i = AT_ONCE; i < N; i++)
		waited_end(&w[i], p[i].server);
	for (i = 0; i < AT_ONCE; i++) {
		waited_begin(&w[i], p[i].client, p[i].server);
		waited_end(&w[i], p[i].server);
	}
	/* Or the test shows nothing. */
	ASSERT_LE(700 - 50, w[AT_ONCE].least);
	EXPECT_EQ(0, waited_off(w, N));
}

TEST_F(clock, one)
{
	struct pair p = pair_make(self->listener, &self->to);
	struct waited w;

	waited_begin(&w, p.client, p.server);
	nap_ms(100);
	waited_end(&w, p.server);
	EXPECT_EQ(0, waited_off(&w, 1));
}

/* A client's end counts like a server's. */
TEST_F(clock, client)
{
	struct pair p = pair_make(self->listener, &self->to);
	struct waited w;

	waited_begin(&w, p.server, p.client);
	nap_ms(100);
	waited_end(&w, p.client);
	EXPECT_EQ(0, waited_off(&w, 1));
}

TEST(apart)
{
	struct closings none = {}, got;
	int a = net_new(), listener = sock_listen("::1", 80, 10);
	struct addr to = sock_addr(listener);
	struct pair p = pair_make(listener, &to);
	struct waited w;

	waited_begin(&w, p.client, p.server);
	net_new();
	waited_end(&w, p.server);
	closings_read(&got);
	EXPECT_EQ(0, closings_off(&none, &got));
	net_enter(a);
	EXPECT_EQ(0, waited_off(&w, 1));
}

FIXTURE(age) {
	int listener;
	struct addr to;
};

FIXTURE_VARIANT(age) {
	const char *listen;
	const char *connect;
};

FIXTURE_VARIANT_ADD(age, ipv4) {
	.listen = "127.0.0.1", .connect = "127.0.0.1",
};

FIXTURE_VARIANT_ADD(age, ipv6) {
	.listen = "::1", .connect = "::1",
};

FIXTURE_VARIANT_ADD(age, mapped) {
	.listen = "::", .connect = "::ffff:127.0.0.1",
};

FIXTURE_SETUP(age)
{
	if (!test_module_there())
		SKIP(return, "tcp_census_test is not loaded");
	net_new();
	self->listener = sock_listen(variant->listen, 80, 128);
	self->to = addr(variant->connect, 80);
}

FIXTURE_TEARDOWN(age)
{
}

/* @n connections whose server closes so many seconds after its client. */
static void close_after(int listener, const struct addr *to, unsigned int n,
			unsigned int seconds)
{
	struct pair p;

	while (n--) {
		p = pair_make(listener, to);
		sock_end(p.client, p.server, 0);
		must(!test_module("age %d %u", p.server, seconds));
		close(p.server);
		close(p.client);
	}
}

/*
 * Every bucket that a test can be sure to hit, in its middle, and what is more
 * than all of them.
 */
TEST_F(age, buckets)
{
	static const struct {
		unsigned int seconds;
		unsigned long long bucket;
	} of[] = {
		{ 48, 65536 }, { 98, 131072 }, { 190, 262144 }, { 390, 524288 },
		{ 780, 1048576 }, { 1570, 2097152 }, { 3100, 4194304 },
		{ 4300, CLOSING_MORE }, { 90000, CLOSING_MORE },
		{ 2000000, CLOSING_MORE },
	};
	struct closings want = {}, got;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(of); i++) {
		want.count++;
		close_after(self->listener, &self->to, 1, of[i].seconds);
		closings_read(&got);
		EXPECT_EQ(want.count, got.count);
		/* The newest is the longest. */
		EXPECT_EQ(0, off("p99", of[i].bucket, got.p99));
		EXPECT_EQ(0, off("p50", of[i / 2].bucket, got.p50));
	}
	EXPECT_EQ(0, got.otherwise + got.unknown);
}

TEST_F(age, percentiles)
{
	struct closings want = { .count = 100, .p50 = 65536, .p90 = 524288,
				 .p99 = CLOSING_MORE };
	struct closings got;

	close_after(self->listener, &self->to, 30, 390);
	close_after(self->listener, &self->to, 65, 48);
	close_after(self->listener, &self->to, 5, 5000);
	closings_read(&got);
	EXPECT_EQ(0, closings_off(&want, &got));
}

/* As many as the percentage says are in that bucket or before it, no fewer. */
TEST_F(age, percentiles_to_the_last)
{
	struct closings want = {}, got;

	close_after(self->listener, &self->to, 5, 48);
	close_after(self->listener, &self->to, 4, 190);
	close_after(self->listener, &self->to, 1, 1570);
	want = (struct closings){ .count = 10, .p50 = 65536, .p90 = 262144,
				  .p99 = 2097152 };
	closings_read(&got);
	EXPECT_EQ(0, closings_off(&want, &got));

	/* One more, and half of them are no longer there. */
	close_after(self->listener, &self->to, 1, 1570);
	want = (struct closings){ .count = 11, .p50 = 262144, .p90 = 2097152,
				  .p99 = 2097152 };
	closings_read(&got);
	EXPECT_EQ(0, closings_off(&want, &got));
}

/* The kernel's ages are jiffies in 32 bits, and half of them are not past. */
TEST_F(age, longer_than_can_be_told)
{
	struct pair p = pair_make(self->listener, &self->to);
	struct closings want = { .unknown = 1 }, got;
	unsigned int seconds;
	struct timespec tick;

	ASSERT_EQ(0, clock_getres(CLOCK_MONOTONIC_COARSE, &tick));
	seconds = INT_MAX / (1000000000 / tick.tv_nsec);
	sock_end(p.client, p.server, 0);
	ASSERT_EQ(0, test_module("age %d %u", p.server, seconds));
	ASSERT_EQ(0, test_module("age %d %u", p.server, 1000));
	close(p.server);
	closings_read(&got);
	EXPECT_EQ(0, closings_off(&want, &got));
}

/* What happened before the FIN was no waiting. */
TEST_F(age, before_the_fin)
{
	struct pair p = pair_make(self->listener, &self->to);
	struct waited w;

	ASSERT_EQ(0, test_module("age %d %d", p.server, 5000));
	waited_begin(&w, p.client, p.server);
	waited_end(&w, p.server);
	EXPECT_EQ(0, waited_off(&w, 1));
}

/* A peer that acknowledges is there, and has been heard. */
TEST_F(age, acknowledged)
{
	struct pair p = pair_make(self->listener, &self->to);
	struct waited w;

	sock_end(p.client, p.server, 0);
	ASSERT_EQ(0, test_module("age %d %d", p.server, 5000));
	waited_hear(&w);
	sock_send(p.server, 1);
	ASSERT_TRUE(wait_for(!sock_unacked(p.server)));
	waited_heard(&w);
	waited_age(&w, p.server, 390);
	waited_end(&w, p.server);
	EXPECT_EQ(0, waited_off(&w, 1));
}

/* One that does not has been spoken to, that is all. */
TEST_F(age, not_acknowledged)
{
	struct pair p = pair_make(self->listener, &self->to);
	struct waited w;

	waited_begin(&w, p.client, p.server);
	waited_age(&w, p.server, 390);
	sock_deafen(p.client);
	sock_send(p.server, 1);
	waited_end(&w, p.server);
	EXPECT_EQ(0, waited_off(&w, 1));
}

/* It answers a keepalive probe. Afterwards keepalive is off. */
TEST_F(age, probed)
{
	struct pair p = pair_make(self->listener, &self->to);
	int on = 1, none = 0, second = 1, minutes = 600;
	struct tcp_info info;
	socklen_t len;
	struct waited w;

	sock_end(p.client, p.server, 0);
	ASSERT_EQ(0, test_module("age %d %d", p.server, 5000));
	ASSERT_EQ(0, setsockopt(p.server, IPPROTO_TCP, TCP_KEEPINTVL, &minutes,
				sizeof(minutes)));
	ASSERT_EQ(0, setsockopt(p.server, IPPROTO_TCP, TCP_KEEPIDLE, &second,
				sizeof(second)));
	waited_hear(&w);
	ASSERT_EQ(0, setsockopt(p.server, SOL_SOCKET, SO_KEEPALIVE, &on,
				sizeof(on)));
	ASSERT_TRUE(wait_for((len = sizeof(info),
			      !getsockopt(p.server, IPPROTO_TCP, TCP_INFO, &info,
					  &len)) && info.tcpi_last_ack_recv < 4000000));
	waited_heard(&w);
	ASSERT_EQ(0, setsockopt(p.server, SOL_SOCKET, SO_KEEPALIVE, &none,
				sizeof(none)));
	waited_age(&w, p.server, 780);
	waited_end(&w, p.server);
	EXPECT_EQ(0, waited_off(&w, 1));
}

TEST_HARNESS_MAIN
