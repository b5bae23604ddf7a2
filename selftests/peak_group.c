// SPDX-License-Identifier: GPL-2.0
/*
 * Peaks where several listeners have one port: whose was it?
 *
 *	clients ---> 0.0.0.0:7000   \
 *	        `--> [::]:7000       \  by address, or by the kernel's hash among
 *	        `--> 127.0.0.2:7000  /  those of a SO_REUSEPORT group
 *	        `--> 127.0.0.2:7000 /                              (lo, one netns)
 *
 * Nobody accepts while a burst comes, unless a test says so. Queues are drained
 * before the module is asked, so that what it says is what the events told it.
 */

#include <linux/filter.h>

#include "lib/link.h"
#include "lib/peak.h"
#include "lib/test.h"
#include "lib/worker.h"

#define PORT 7000
#define BACKLOG 1000
#define MANY 100

static void begin(void)
{
	fds_raise(8000);
	net_new();
	file_set("/proc/sys/net/core/somaxconn", "%d", BACKLOG);
}

static unsigned int depths(unsigned int *depth, const int *fd, unsigned int n)
{
	unsigned int i, sum = 0;

	for (i = 0; i < n; i++) {
		depth[i] = sock_depth(fd[i]);
		sum += depth[i];
	}
	return sum;
}

/* So many come to those listeners, to whichever; how many each has. */
static void come(unsigned int *depth, const int *fd, unsigned int members,
		 const struct addr *to, unsigned int clients)
{
	unsigned int had = depths(depth, fd, members);

	burst_start(to, clients);
	must(wait_for(depths(depth, fd, members) == had + clients));
}

static void drain(const int *fd, const unsigned int *depth, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		must(burst_drain(fd[i]) == depth[i]);
}

/* Are peak and queued of each these? */
static unsigned int rows_off(const int *fd, const unsigned int *peak,
			     const unsigned int *queued, unsigned int n)
{
	unsigned int i, bad = 0;
	struct table t;
	struct peak p;

	census_table(&t, "listeners");
	for (i = 0; i < n; i++) {
		peak_in(&p, &t, sock_inode(fd[i]));
		if (p.peak == peak[i] && p.recent == peak[i] && !p.filled &&
		    p.queued == queued[i])
			continue;
		bad++;
		printf("# %u, %s: peak %llu, peak_recent %llu, filled %llu, queued %llu\n",
		       i, p.local, p.peak, p.recent, p.filled, p.queued);
		printf("# want %u, %u, 0, %u\n", peak[i], peak[i], queued[i]);
	}
	bad += off("rows", n, t.rows);
	table_free(&t);
	bad += off("records", n, census_stat("listener_records"));
	return bad + off("unmatched", 0, census_stat("accepts_unmatched"));
}

static unsigned long long queued_sum(void)
{
	unsigned long long sum;
	struct table t;

	census_table(&t, "listeners");
	sum = table_sum(&t, "queued");
	table_free(&t);
	return sum;
}

FIXTURE(group) {
	int fd[64];
	struct addr to;
	unsigned int depth[64];
	unsigned int peak[64];
	unsigned int queued[64];
};

FIXTURE_VARIANT(group) {
	const char *ip;
	const char *to;
	unsigned int members;
};

FIXTURE_VARIANT_ADD(group, ipv4_of_4) {
	.ip = "127.0.0.1", .members = 4,
};

FIXTURE_VARIANT_ADD(group, ipv6_of_4) {
	.ip = "::1", .members = 4,
};

/* All members are looked at, up to so many. */
FIXTURE_VARIANT_ADD(group, ipv4_of_16) {
	.ip = "127.0.0.1", .members = 16,
};

FIXTURE_VARIANT_ADD(group, ipv4_of_17) {
	.ip = "127.0.0.1", .members = 17,
};

FIXTURE_VARIANT_ADD(group, ipv4_of_64) {
	.ip = "127.0.0.1", .members = 64,
};

FIXTURE_VARIANT_ADD(group, ipv6_of_32) {
	.ip = "::1", .members = 32,
};

/*
 * Then the kernel's hash is of the wildcard address as well, not of the one that
 * a client has chosen.
 */
FIXTURE_VARIANT_ADD(group, any_of_32) {
	.ip = "0.0.0.0", .to = "127.0.0.7", .members = 32,
};

FIXTURE_VARIANT_ADD(group, any_ipv6_of_32) {
	.ip = "::", .to = "::1", .members = 32,
};

FIXTURE_VARIANT_ADD(group, dual_stack_of_32) {
	.ip = "::", .to = "127.0.0.7", .members = 32,
};

FIXTURE_SETUP(group)
{
	unsigned int i;

	begin();
	self->to = addr(variant->to ?: variant->ip, PORT);
	for (i = 0; i < variant->members; i++)
		self->fd[i] = sock_listen_shared(variant->ip, PORT, BACKLOG);
}

FIXTURE_TEARDOWN(group)
{
	EXPECT_FALSE(census_damaged());
}

TEST_F(group, each_its_own)
{
	const unsigned int n = variant->members, clients = 60 + 3 * n;
	unsigned int burst, i;

	for (burst = 1; burst <= 3; burst++) {
		come(self->depth, self->fd, n, &self->to, clients / burst);
		drain(self->fd, self->depth, n);
		for (i = 0; i < n; i++) {
			self->queued[i] += self->depth[i];
			if (self->peak[i] < self->depth[i])
				self->peak[i] = self->depth[i];
		}
		EXPECT_EQ(0, rows_off(self->fd, self->peak, self->queued, n)) {
			TH_LOG("burst %u", burst);
		}
	}
}

/* Others take its place in the group, and nothing else changes. */
TEST_F(group, one_leaves)
{
	const unsigned int n = variant->members, gone = n / 2;

	come(self->depth, self->fd, n, &self->to, 2 * n);
	close(self->fd[gone]);
	self->fd[gone] = self->fd[n - 1];
	self->depth[gone] = self->depth[n - 1];
	come(self->depth, self->fd, n - 1, &self->to, 4 * n);
	drain(self->fd, self->depth, n - 1);
	EXPECT_EQ(0, rows_off(self->fd, self->depth, self->depth, n - 1));
}

static void accept_on(struct worker *me, void *arg)
{
	const int *fd = arg;

	for (;;) {
		close(sock_accept(*fd));
		worker_round(me);
	}
}

/* Are all in a queue, or taken from the first two, which are empty then? */
static bool all_taken(unsigned int *depth, const int *fd, unsigned int n,
		      struct worker *const *w, unsigned int clients)
{
	unsigned int taken = worker_rounds(w[0]) + worker_rounds(w[1]);

	/* Who is taken meanwhile is missed, and not counted twice. */
	return taken + depths(depth, fd, n) == clients && !depth[0] && !depth[1];
}

/*
 * Whoever is accepted before his event is looked at counts for the member that
 * the kernel would choose, or did: for one of them.
 */
TEST_F(group, somebody_accepts)
{
	const unsigned int n = variant->members, clients = 400;
	struct worker *w[2];
	unsigned long taken = 0;
	struct table t;
	struct peak p;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(w); i++)
		w[i] = worker_start(accept_on, &self->fd[i], i);
	burst_start(&self->to, clients);
	ASSERT_TRUE(wait_for(all_taken(self->depth, self->fd, n, w, clients)));
	for (i = 0; i < ARRAY_SIZE(w); i++)
		taken += worker_stop(w[i]);
	EXPECT_LT(0, taken);
	census_table(&t, "listeners");
	EXPECT_EQ(clients, table_sum(&t, "queued"));
	for (i = ARRAY_SIZE(w); i < n; i++) {
		peak_in(&p, &t, sock_inode(self->fd[i]));
		EXPECT_EQ(self->depth[i], p.depth);
		EXPECT_EQ(self->depth[i], p.peak);
	}
	table_free(&t);
}

static void choose(int fd, unsigned int member)
{
	struct sock_filter code = BPF_STMT(BPF_RET | BPF_K, member);
	struct sock_fprog prog = { .len = 1, .filter = &code };

	must(!setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &prog,
			 sizeof(prog)));
}

/*
 * A program of the application's chooses the member, where the kernel's hash
 * would choose others. The module asks no such program. What it promises then:
 *
 *   - in a group of at most 16 nothing changes, as every member is looked at;
 *   - in a larger one the member is looked at when it is among the 16 that the
 *     hash points to, and by every walk. So its peak is one that there was, may
 *     be too low while nobody reads, and is right for a queue that stays;
 *   - who got nothing has no peak;
 *   - queued is right as a sum.
 */
TEST_F(group, steered_by_a_program)
{
	const unsigned int n = variant->members, at = n - 1, clients = 100;
	struct table t;
	struct peak p;
	unsigned int i;

	choose(self->fd[0], at);
	come(self->depth, self->fd, n, &self->to, clients);
	ASSERT_EQ(clients, self->depth[at]);
	drain(self->fd, self->depth, n);

	census_table(&t, "listeners");
	EXPECT_EQ(clients, table_sum(&t, "queued"));
	for (i = 0; i < n; i++) {
		peak_in(&p, &t, sock_inode(self->fd[i]));
		if (n <= 16 || i != at) {
			EXPECT_EQ(self->depth[i], p.peak);
		} else {
			EXPECT_GE(self->depth[i], p.peak);
			printf("# %llu seen of %u\n", p.peak, self->depth[i]);
		}
		if (n <= 16)
			EXPECT_EQ(self->depth[i], p.queued);
	}
	table_free(&t);

	/* A queue that stays. */
	come(self->depth, self->fd, n, &self->to, clients + 10);
	peak_of(&p, self->fd[at]);
	EXPECT_EQ(clients + 10, p.peak);
	EXPECT_EQ(clients + 10, burst_drain(self->fd[at]));
	peak_of(&p, self->fd[at]);
	EXPECT_EQ(clients + 10, p.peak);
	EXPECT_EQ(2 * clients + 10, queued_sum());
}

/* A port's listeners on different addresses, and who comes to which. */
#define PLACES 4

enum { V6ONLY = 1, SHARED = 2 };

struct place {
	const char *ip;
	unsigned int how;
};

FIXTURE(places) {
	int fd[PLACES];
	unsigned int n;
	unsigned int depth[PLACES];
	unsigned int want[PLACES];
};

FIXTURE_VARIANT(places) {
	struct place listen[PLACES];
	struct {
		const char *to;
		unsigned int clients;
		unsigned int at;
	} burst[PLACES];
};

FIXTURE_VARIANT_ADD(places, dual_stack) {
	.listen = { { "::", 0 } },
	.burst = { { "127.0.0.1", 5, 0 }, { "::1", 3, 0 }, { "127.0.0.9", 2, 0 } },
};

FIXTURE_VARIANT_ADD(places, mapped) {
	.listen = { { "::ffff:127.0.0.2", 0 } },
	.burst = { { "127.0.0.2", 7, 0 } },
};

FIXTURE_VARIANT_ADD(places, one_address_each) {
	.listen = { { "127.0.0.1", 0 }, { "::ffff:127.0.0.2", 0 }, { "::1", 0 } },
	.burst = {
		{ "127.0.0.1", 2, 0 }, { "127.0.0.2", 3, 1 }, { "::1", 4, 2 },
		{ "127.0.0.1", 5, 0 },
	},
};

FIXTURE_VARIANT_ADD(places, beside_any) {
	.listen = { { "0.0.0.0", SHARED }, { "127.0.0.2", SHARED } },
	.burst = {
		{ "127.0.0.1", 3, 0 }, { "127.0.0.2", 8, 1 }, { "127.0.0.3", 2, 0 },
	},
};

FIXTURE_VARIANT_ADD(places, beside_any_ipv6) {
	.listen = { { "::", SHARED }, { "::1", SHARED } },
	.burst = { { "127.0.0.1", 3, 0 }, { "::1", 8, 1 }, { "fd00::1", 2, 0 } },
};

FIXTURE_VARIANT_ADD(places, mapped_beside_any_ipv6) {
	.listen = { { "::", SHARED }, { "::ffff:127.0.0.2", SHARED } },
	.burst = { { "127.0.0.1", 3, 0 }, { "127.0.0.2", 4, 1 }, { "::1", 5, 0 } },
};

FIXTURE_VARIANT_ADD(places, both_anys) {
	.listen = { { "0.0.0.0", 0 }, { "::", V6ONLY } },
	.burst = { { "127.0.0.1", 6, 0 }, { "::1", 4, 1 } },
};

/* IPv4 clients prefer an IPv4 listener to one that takes both. */
FIXTURE_VARIANT_ADD(places, all_kinds) {
	.listen = {
		{ "::", SHARED }, { "0.0.0.0", SHARED }, { "::1", SHARED },
		{ "127.0.0.2", SHARED },
	},
	.burst = {
		{ "127.0.0.1", 3, 1 }, { "::1", 5, 2 }, { "127.0.0.2", 4, 3 },
		{ "fd00::1", 6, 0 },
	},
};

static int listen_at(const struct place *place)
{
	struct addr a = addr(place->ip, PORT);
	int fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	must(fd >= 0);
	if (place->how & SHARED)
		must(!setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)));
	if (place->how & V6ONLY)
		must(!setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)));
	must(!bind(fd, &a.sa, a.len));
	must(!listen(fd, BACKLOG));
	return fd;
}

FIXTURE_SETUP(places)
{
	begin();
	link_addr6("lo", "fd00::1");
	for (; self->n < PLACES && variant->listen[self->n].ip; self->n++)
		self->fd[self->n] = listen_at(&variant->listen[self->n]);
}

FIXTURE_TEARDOWN(places)
{
	EXPECT_FALSE(census_damaged());
}

TEST_F(places, whose)
{
	unsigned int i, k;

	for (i = 0; i < PLACES && variant->burst[i].to; i++) {
		struct addr to = addr(variant->burst[i].to, PORT);

		come(self->depth, self->fd, self->n, &to, variant->burst[i].clients);
		self->want[variant->burst[i].at] += variant->burst[i].clients;
		for (k = 0; k < self->n; k++)
			ASSERT_EQ(self->want[k], self->depth[k]);
	}
	drain(self->fd, self->depth, self->n);
	EXPECT_EQ(0, rows_off(self->fd, self->want, self->want, self->n));
}

/* Nobody's queue is another's, however many share the port. */
TEST(a_hundred_addresses)
{
	unsigned int depth[MANY] = {}, want[MANY], i;
	int fd[MANY];
	char ip[32];

	begin();
	for (i = 0; i < MANY; i++) {
		snprintf(ip, sizeof(ip), "127.0.%u.%u", i % 7, 1 + i);
		fd[i] = sock_listen(ip, PORT, BACKLOG);
	}
	for (i = 0; i < MANY; i++) {
		struct addr to = sock_addr(fd[i]);

		want[i] = i * 37 % 11;
		burst_start(&to, want[i]);
	}
	for (i = 0; i < MANY; i++) {
		ASSERT_TRUE(burst_queued(fd[i], want[i]));
		depth[i] = want[i];
	}
	drain(fd, depth, MANY);
	EXPECT_EQ(0, rows_off(fd, want, want, MANY));
	EXPECT_EQ(0, census_stat("listener_records_missed"));
	for (i = 0; i < MANY; i++)
		close(fd[i]);
	EXPECT_EQ(0, census_stat("listener_records"));
	EXPECT_FALSE(census_damaged());
}

TEST_HARNESS_MAIN
