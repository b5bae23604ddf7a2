// SPDX-License-Identifier: GPL-2.0
/*
 * The peak of an accept queue: bursts that come and are gone between two looks.
 *
 *	            ,-- sampler: depth, every 100 ms
 *	clients ---SYN---> [accept queue] ---> listener: sleeps, takes all at once
 *	127.0.0.1, ::1                                             (lo, one netns)
 *
 * The module's file is $TCP_CENSUS_KO, or /tcp_census.ko.
 */

#include <pthread.h>

#include "lib/listener.h"
#include "lib/module.h"
#include "lib/peak.h"
#include "lib/test.h"

#define BACKLOG 1000

FIXTURE(peak) {
	int fd;
	struct addr to;
};

FIXTURE_VARIANT(peak) {
	const char *ip;
};

FIXTURE_VARIANT_ADD(peak, ipv4) {
	.ip = "127.0.0.1",
};

FIXTURE_VARIANT_ADD(peak, ipv6) {
	.ip = "::1",
};

FIXTURE_SETUP(peak)
{
	fds_raise(8000);
	net_new();
	file_set("/proc/sys/net/core/somaxconn", "%d", BACKLOG);
	self->fd = sock_listen(variant->ip, 7000, BACKLOG);
	self->to = sock_addr(self->fd);
}

FIXTURE_TEARDOWN(peak)
{
	EXPECT_FALSE(census_damaged());
}

/**
 * struct sampler - a thread that looks every 100 ms, as a scraper would
 * @held: who has it keeps the sampler from looking
 * @fd: the listener it looks at
 * @samples: how often it has looked
 * @most: the highest depth it saw
 * @over: it shall end
 */
struct sampler {
	pthread_t thread;
	pthread_mutex_t held;
	int fd;
	unsigned long samples;
	unsigned long long most;
	bool over;
};

static void *sample(void *arg)
{
	struct sampler *s = arg;
	struct listener l;

	while (!__atomic_load_n(&s->over, __ATOMIC_ACQUIRE)) {
		nap_ms(100);
		pthread_mutex_lock(&s->held);
		listener_of(&l, s->fd);
		if (l.depth > s->most)
			s->most = l.depth;
		pthread_mutex_unlock(&s->held);
		__atomic_add_fetch(&s->samples, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static unsigned long samples(struct sampler *s)
{
	return __atomic_load_n(&s->samples, __ATOMIC_ACQUIRE);
}

/* It has looked, from beginning to end, since this was called. */
static bool sampled(struct sampler *s)
{
	unsigned long had = samples(s);

	return wait_for(samples(s) >= had + 2);
}

static void sampler_start(struct sampler *s, int fd)
{
	memset(s, 0, sizeof(*s));
	s->fd = fd;
	must(!pthread_mutex_init(&s->held, NULL));
	must(!pthread_create(&s->thread, NULL, sample, s));
	must(sampled(s));
}

static void sampler_stop(struct sampler *s)
{
	__atomic_store_n(&s->over, true, __ATOMIC_RELEASE);
	must(!pthread_join(s->thread, NULL));
}

TEST_F(peak, sampler_misses_what_peak_has)
{
	static const unsigned int bursts[] = { 1, 7, 64, 900, 64, 7, 1 };
	unsigned int i, most = 0, queued = 0;
	struct sampler s;

	sampler_start(&s, self->fd);
	for (i = 0; i < ARRAY_SIZE(bursts); i++) {
		/* Made and drained between two of its samples: it is held up. */
		pthread_mutex_lock(&s.held);
		ASSERT_TRUE(burst_fill(self->fd, &self->to, bursts[i]));
		ASSERT_EQ(bursts[i], burst_drain(self->fd));
		pthread_mutex_unlock(&s.held);
		ASSERT_TRUE(sampled(&s));

		queued += bursts[i];
		if (most < bursts[i])
			most = bursts[i];
		EXPECT_EQ(0, peak_off(self->fd, most, 0, queued)) {
			TH_LOG("burst of %u", bursts[i]);
		}
		EXPECT_EQ(0, s.most);
	}
	printf("# %lu samples, highest %llu; peak %u\n", samples(&s), s.most, most);

	/* It is not blind: it sees what stays. */
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 3));
	ASSERT_TRUE(sampled(&s));
	EXPECT_EQ(3, s.most);
	sampler_stop(&s);
}

TEST_F(peak, reading_resets_nothing)
{
	unsigned int i;
	struct peak p;

	ASSERT_TRUE(burst_fill(self->fd, &self->to, 12));
	ASSERT_EQ(12, burst_drain(self->fd));
	for (i = 0; i < 10; i++) {
		EXPECT_EQ(0, peak_off(self->fd, 12, 0, 12));
		census_stat("sockets");
	}
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 5));
	for (i = 0; i < 10; i++) {
		EXPECT_EQ(0, peak_off(self->fd, 12, 0, 17));
		peak_of(&p, self->fd);
		EXPECT_EQ(5, p.depth);
	}
}

TEST_F(peak, filled_counts_every_time)
{
	enum { LIMIT = 4 };
	unsigned int i;
	struct peak p;

	ASSERT_EQ(0, listen(self->fd, LIMIT));
	ASSERT_TRUE(burst_fill(self->fd, &self->to, LIMIT));
	EXPECT_EQ(0, peak_off(self->fd, LIMIT, 0, LIMIT));
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 1));
	EXPECT_EQ(0, peak_off(self->fd, LIMIT + 1, 1, LIMIT + 1));

	/* One goes, one comes: once more, and nobody looked meanwhile. */
	close(sock_accept(self->fd));
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 1));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, peak_off(self->fd, LIMIT + 1, 2, LIMIT + 2));
	close(sock_accept(self->fd));
	EXPECT_EQ(0, peak_off(self->fd, LIMIT + 1, 2, LIMIT + 2));
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 1));
	EXPECT_EQ(0, peak_off(self->fd, LIMIT + 1, 3, LIMIT + 3));

	/* Up to the limit is not over it. */
	EXPECT_EQ(LIMIT + 1, burst_drain(self->fd));
	ASSERT_TRUE(burst_fill(self->fd, &self->to, LIMIT));
	EXPECT_EQ(LIMIT, burst_drain(self->fd));
	EXPECT_EQ(0, peak_off(self->fd, LIMIT + 1, 3, 2 * LIMIT + 3));
	peak_of(&p, self->fd);
	EXPECT_EQ(LIMIT, p.limit);
	EXPECT_EQ(0, p.depth);
}

/* Who is refused is not queued. */
TEST_F(peak, refused_ones_do_not_count)
{
	struct listener l;
	unsigned int i;

	ASSERT_EQ(0, listen(self->fd, 2));
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 3));
	for (i = 0; i < 4; i++)
		sock_start(&self->to, false);
	ASSERT_TRUE(wait_for((listener_of(&l, self->fd), l.drops >= 4)));
	EXPECT_EQ(0, peak_off(self->fd, 3, 1, 3));
}

/* The same listener, with another limit. */
TEST_F(peak, another_backlog_is_no_new_listener)
{
	struct peak p;

	ASSERT_TRUE(burst_fill(self->fd, &self->to, 9));
	ASSERT_EQ(9, burst_drain(self->fd));
	ASSERT_EQ(0, listen(self->fd, 5));
	EXPECT_EQ(0, peak_off(self->fd, 9, 0, 9));
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 6));
	ASSERT_EQ(6, burst_drain(self->fd));
	EXPECT_EQ(0, peak_off(self->fd, 9, 1, 15));
	peak_of(&p, self->fd);
	EXPECT_EQ(5, p.limit);
}

TEST_F(peak, who_listens_again_is_new)
{
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 9));
	ASSERT_EQ(9, burst_drain(self->fd));
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 2));
	EXPECT_EQ(0, peak_off(self->fd, 9, 0, 11));
	EXPECT_EQ(1, census_stat("listener_records"));

	/* The same socket. */
	ASSERT_EQ(0, shutdown(self->fd, SHUT_RD));
	EXPECT_EQ(0, census_stat("listener_records"));
	ASSERT_EQ(0, listen(self->fd, 2));
	EXPECT_EQ(0, peak_off(self->fd, 0, 0, 0));
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 3));
	ASSERT_EQ(3, burst_drain(self->fd));
	EXPECT_EQ(0, peak_off(self->fd, 3, 1, 3));
	EXPECT_EQ(1, census_stat("listener_records"));

	/* Another one at its place. */
	close(self->fd);
	EXPECT_EQ(0, census_stat("listener_records"));
	self->fd = sock_listen(variant->ip, 7000, 8);
	EXPECT_EQ(0, peak_off(self->fd, 0, 0, 0));
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 1));
	ASSERT_EQ(1, burst_drain(self->fd));
	EXPECT_EQ(0, peak_off(self->fd, 1, 0, 1));
	EXPECT_EQ(0, census_stat("listener_records_missed"));
}

/* It was in LISTEN for a moment, and without a port of its own. */
TEST_F(peak, refused_listen_changes_nothing)
{
	int fd;

	close(self->fd);
	self->fd = sock_bound(&self->to, 0);
	fd = sock_bound(&self->to, 0);
	ASSERT_EQ(0, listen(self->fd, 8));
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 3));
	ASSERT_EQ(-1, listen(fd, 8));
	ASSERT_EQ(EADDRINUSE, errno);
	EXPECT_EQ(1, census_stat("listener_records"));
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 2));
	ASSERT_EQ(5, burst_drain(self->fd));
	EXPECT_EQ(0, peak_off(self->fd, 5, 0, 5));

	/* Now it may. */
	close(self->fd);
	ASSERT_EQ(0, listen(fd, 8));
	ASSERT_TRUE(burst_fill(fd, &self->to, 4));
	ASSERT_EQ(4, burst_drain(fd));
	EXPECT_EQ(0, peak_off(fd, 4, 0, 4));
	EXPECT_EQ(1, census_stat("listener_records"));
}

/* When it enters LISTEN it has no port yet: listen() looks for a free one. */
TEST_F(peak, port_chosen_by_listen)
{
	int fd = socket(self->to.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct addr to = self->to;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, listen(fd, 8));
	to.in.sin_port = sock_addr(fd).in.sin_port;
	ASSERT_NE(0, addr_port(&to));
	ASSERT_TRUE(burst_fill(fd, &to, 6));
	ASSERT_EQ(6, burst_drain(fd));
	EXPECT_EQ(0, peak_off(fd, 6, 0, 6));
	EXPECT_EQ(0, peak_off(self->fd, 0, 0, 0));
	EXPECT_EQ(2, census_stat("listener_records"));
	EXPECT_EQ(0, census_stat("accepts_unmatched"));
}

/* And many such, before anybody comes to any of them. */
TEST_F(peak, ports_chosen_by_listen)
{
	unsigned int i, n = 40;
	struct addr to[40];
	int fd[40];

	for (i = 0; i < n; i++) {
		fd[i] = socket(self->to.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ASSERT_LE(0, fd[i]);
		ASSERT_EQ(0, listen(fd[i], 8));
		to[i] = self->to;
		to[i].in.sin_port = sock_addr(fd[i]).in.sin_port;
	}
	for (i = n; i-- > 0;) {
		ASSERT_TRUE(burst_fill(fd[i], &to[i], 1 + i % 5));
		ASSERT_EQ(1 + i % 5, burst_drain(fd[i]));
	}
	for (i = 0; i < n; i++)
		EXPECT_EQ(0, peak_off(fd[i], 1 + i % 5, 0, 1 + i % 5));
	EXPECT_EQ(n + 1, census_stat("listener_records"));
	EXPECT_EQ(0, census_stat("accepts_unmatched"));
}

/* Same port, and nobody of one namespace sees what happens in the other. */
TEST_F(peak, namespaces_apart)
{
	int first = net_open(), second = net_new();
	int fd = sock_listen(variant->ip, 7000, 8);

	ASSERT_TRUE(burst_fill(fd, &self->to, 5));
	ASSERT_EQ(5, burst_drain(fd));
	EXPECT_EQ(0, peak_off(fd, 5, 0, 5));
	net_enter(first);
	EXPECT_EQ(0, peak_off(self->fd, 0, 0, 0));
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 20));
	ASSERT_EQ(20, burst_drain(self->fd));
	EXPECT_EQ(0, peak_off(self->fd, 20, 0, 20));
	EXPECT_EQ(1, census_stat("listener_records"));
	net_enter(second);
	EXPECT_EQ(0, peak_off(fd, 5, 0, 5));
	EXPECT_EQ(1, census_stat("listener_records"));
}

FIXTURE(adopted) {
	int fd;
	struct addr to;
};

FIXTURE_SETUP(adopted)
{
	if (access(module_file(), R_OK))
		SKIP(return, "%s is not there: set TCP_CENSUS_KO", module_file());
	net_new();
	self->fd = sock_listen("127.0.0.1", 7000, 16);
	self->to = sock_addr(self->fd);
}

/* In the parent, which outlives a test that failed between the two. */
FIXTURE_TEARDOWN_PARENT(adopted)
{
	if (!loaded() && !access(module_file(), R_OK))
		load();
	EXPECT_FALSE(census_damaged());
}

/* What was before the module is forgotten; what is there, and what comes, counts. */
TEST_F(adopted, was_there_before_the_module)
{
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 11));
	ASSERT_EQ(11, burst_drain(self->fd));
	EXPECT_EQ(0, peak_off(self->fd, 11, 0, 11));
	unload();
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 10));
	ASSERT_EQ(10, burst_drain(self->fd));
	load();
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 4));
	ASSERT_EQ(4, burst_drain(self->fd));
	EXPECT_EQ(0, peak_off(self->fd, 4, 0, 4));
	EXPECT_EQ(1, census_stat("listener_records"));
}

TEST_F(adopted, with_a_queue)
{
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 3));
	unload();
	load();
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 4));
	ASSERT_EQ(7, burst_drain(self->fd));
	EXPECT_EQ(0, peak_off(self->fd, 7, 0, 4));
}

/* Nobody comes any more: the walk alone has it. */
TEST_F(adopted, full_before_the_module)
{
	ASSERT_EQ(0, listen(self->fd, 4));
	unload();
	ASSERT_TRUE(burst_fill(self->fd, &self->to, 5));
	load();
	EXPECT_EQ(0, peak_off(self->fd, 5, 0, 0));
	EXPECT_EQ(5, burst_drain(self->fd));
	EXPECT_EQ(0, peak_off(self->fd, 5, 0, 0));
}

TEST_HARNESS_MAIN
