// SPDX-License-Identifier: GPL-2.0
/*
 * Accept queues of many: those of a SO_REUSEPORT group, a long one, and some
 * that others take from meanwhile.
 *
 *	clients ---SYN---> [accept queue] ---> listener \
 *	        `--SYN---> [accept queue] ---> listener  one address and port
 *	        `--SYN---> [accept queue] ---> listener /     (lo, one netns)
 */

#include "lib/queue.h"
#include "lib/test.h"
#include "lib/worker.h"

FIXTURE(group) {
	int fd[4];
	struct addr to;
};

FIXTURE_VARIANT(group) {
	const char *ip;
	unsigned int members;
	unsigned int clients;
};

FIXTURE_VARIANT_ADD(group, ipv4) {
	.ip = "127.0.0.1", .members = 4, .clients = 120,
};

FIXTURE_VARIANT_ADD(group, ipv6) {
	.ip = "::1", .members = 4, .clients = 120,
};

/* Longer than what is looked at without a break. */
FIXTURE_VARIANT_ADD(group, long_ipv4) {
	.ip = "127.0.0.1", .members = 1, .clients = 600,
};

FIXTURE_VARIANT_ADD(group, long_ipv6) {
	.ip = "::1", .members = 1, .clients = 600,
};

FIXTURE_SETUP(group)
{
	unsigned int i;

	fds_raise(4000);
	net_new();
	file_set("/proc/sys/net/core/somaxconn", "%d", 4096);
	self->to = addr(variant->ip, 7000);
	for (i = 0; i < variant->members; i++)
		self->fd[i] = sock_listen_shared(variant->ip, 7000, 4000);
}

FIXTURE_TEARDOWN(group)
{
	EXPECT_FALSE(census_damaged());
}

static bool rows_add_up(const int *fd, unsigned int members,
			const struct queue *p)
{
	unsigned long long depth = 0, half = 0, reset = 0;
	struct listener l;

	while (members--) {
		listener_of(&l, fd[members]);
		depth += l.depth;
		half += l.close_wait;
		reset += l.reset;
	}
	if (depth == queue_sum(p) && half == p->n[HALF] && reset == p->n[RESET])
		return true;
	printf("# depth %llu, close_wait %llu, reset %llu; want %u, %u, %u\n", depth,
	       half, reset, queue_sum(p), p->n[HALF], p->n[RESET]);
	return false;
}

TEST_F(group, each_its_own)
{
	struct queue p = {}, own;
	struct listener l;
	unsigned int i;

	queue_fill(&self->to, variant->clients, &p);
	ASSERT_TRUE(wait_for(rows_add_up(self->fd, variant->members, &p)));
	EXPECT_EQ(p.n[HALF], census_stat("close_wait_unaccepted"));
	for (i = 0; i < variant->members; i++) {
		listener_of(&l, self->fd[i]);
		EXPECT_EQ(1, l.reuseport);
		own = queue_accept_all(self->fd[i]);
		EXPECT_EQ(queue_sum(&own), l.depth);
		EXPECT_EQ(own.n[HALF], l.close_wait);
		EXPECT_EQ(own.n[RESET], l.reset);
		listener_of(&l, self->fd[i]);
		EXPECT_EQ(0, l.depth);
	}
	EXPECT_EQ(0, census_stat("close_wait_unaccepted"));
}

static void accept_on(struct worker *me, void *arg)
{
	int *fd = arg;

	for (;;) {
		close(sock_accept(*fd));
		worker_round(me);
	}
}

static void connect_on(struct worker *me, void *arg)
{
	struct queue p = {};
	unsigned int i, k;
	int fd[QUEUE_MIX];

	for (;;) {
		for (i = 0; i < QUEUE_MIX; i++) {
			fd[i] = sock_connect(arg);
			if (queue_mix[i] == HALF)
				must(!shutdown(fd[i], SHUT_WR));
			p.n[queue_mix[i]]++;
			worker_round(me);
		}
		for (k = 0; k < QUEUE_MIX; k++) {
			sock_reset_on_close(fd[k]);
			close(fd[k]);
		}
	}
}

/* listener_of() ends the test if a row's parts are more than the whole. */
TEST_F(group, somebody_accepts)
{
	struct worker *in, *out[4];
	unsigned int i, reads;
	unsigned long taken = 0;
	struct queue p = {};
	struct listener l;

	queue_fill(&self->to, variant->clients, &p);
	for (i = 0; i < variant->members; i++)
		out[i] = worker_start(accept_on, &self->fd[i], i % 2);
	in = worker_start(connect_on, &self->to, 1);
	for (reads = 0; reads < 50 || !worker_rounds(in); reads++)
		listener_of(&l, self->fd[reads % variant->members]);
	worker_stop(in);
	for (i = 0; i < variant->members; i++)
		taken += worker_stop(out[i]);
	printf("# %u reads, %lu connections taken meanwhile\n", reads, taken);
	EXPECT_LT(0, taken);
	for (i = 0; i < variant->members; i++)
		queue_accept_all(self->fd[i]);
	p = (struct queue){};
	EXPECT_TRUE(wait_for(rows_add_up(self->fd, variant->members, &p)));
}

/* The fullest of the namespace, and of no other. */
TEST(worst_percent)
{
	static const unsigned int backlog[] = { 9, 4, 99 }, depth[] = { 5, 4, 7 };
	int fd = (net_new(), sock_listen("127.0.0.1", 0, 0));
	struct addr to = sock_addr(fd);
	struct queue p = {};
	unsigned int i;

	queue_fill(&to, 1, &p);
	ASSERT_TRUE(wait_for(census_stat("accept_queue_worst_percent") == 100));
	net_new();
	EXPECT_EQ(0, census_stat("accept_queue_worst_percent"));
	for (i = 0; i < ARRAY_SIZE(depth); i++) {
		fd = sock_listen("127.0.0.1", 0, backlog[i]);
		to = sock_addr(fd);
		queue_fill(&to, depth[i], &p);
	}
	EXPECT_TRUE(wait_for(census_stat("accept_queue_worst_percent") == 80));
}

TEST_HARNESS_MAIN
