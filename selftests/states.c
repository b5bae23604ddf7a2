// SPDX-License-Identifier: GPL-2.0
/*
 * Every TCP state, by the family of the socket.
 *
 *	 one network namespace, lo
 *	+------------------------------------------------------+
 *	|  client  127.0.0.1 ------------> 127.0.0.1  AF_INET  |
 *	|  client  ::1       ------------> ::1        AF_INET6 |
 *	|  client  127.0.0.1 ------------> ::         AF_INET6 |
 *	+------------------------------------------------------+
 *
 * Where a segment has to be lost on the way, its receiver is made deaf: a socket
 * filter drops what arrives, and the sender waits in the state in question.
 * In the third line client and server are of different families.
 */

#include "lib/crowd.h"
#include "lib/test.h"

#define SIDES_MAX 16 /* more than any fate below has of a kind */

/**
 * struct fate - what becomes of some connections
 * @steps: taken one after the other, for all of them; see step()
 * @client: state in which the client's socket stays; 0: gone
 * @server: the same of the server's
 * @orphans: full sockets of each pair that are no longer anyone's descriptor
 * @n: how many; @n and variant's more are such that no two states have the
 *	same count and no state has as many IPv4 sockets as IPv6 ones
 */
static const struct fate {
	const char *steps;
	unsigned int client;
	unsigned int server;
	unsigned int orphans;
	unsigned int n;
} fates[] = {
	{ "", TCP_ESTABLISHED, TCP_ESTABLISHED, 0, 3 },
	{ "w.", TCP_FIN_WAIT2, TCP_CLOSE_WAIT, 0, 2 },
	/*
	 * A FIN_WAIT2 socket that is closed becomes a timewait minisock, unless
	 * it is to stay for longer than TIME_WAIT.
	 */
	{ "w.c", TCP_FIN_WAIT2, TCP_CLOSE_WAIT, 0, 6 },
	{ "lw.c", TCP_FIN_WAIT2, TCP_CLOSE_WAIT, 1, 2 },
	{ "Dw", TCP_FIN_WAIT1, TCP_ESTABLISHED, 0, 1 },
	{ "Dc", TCP_FIN_WAIT1, TCP_ESTABLISHED, 1, 4 },
	/* The client's FIN is lost, as are its ACKs; the server's FIN is not. */
	{ "DwW", TCP_CLOSING, TCP_FIN_WAIT1, 0, 3 },
	{ "DcW", TCP_CLOSING, TCP_FIN_WAIT1, 1, 1 },
	{ "w.dW", TCP_FIN_WAIT2, TCP_LAST_ACK, 0, 1 },
	{ "w.dC", TCP_FIN_WAIT2, TCP_LAST_ACK, 1, 1 },
	{ "w.cC", TCP_TIME_WAIT, 0, 0, 2 },
	{ "C,c", 0, TCP_TIME_WAIT, 0, 1 },
};

/* Connections that do not come about, and listeners nobody asks. */
enum { SYN_LOST = 2, SYN_ACK_LOST = 2, FASTOPEN = 3, IDLE_LISTENERS = 5 };

/**
 * struct flow - who connects to whom
 * @from: what the client connects to
 * @to: what the server listens at
 * @client: family of the client's socket
 * @server: family of the listener's and the server's
 * @more: added to every number of connections
 */
static const struct flow {
	const char *from;
	const char *to;
	enum family client;
	enum family server;
	unsigned int more;
} flows[] = {
	{ "127.0.0.1", "127.0.0.1", V4, V4, 0 },
	{ "::1", "::1", V6, V6, 2 },
	{ "127.0.0.1", "::", V4, V6, 2 },
};

FIXTURE(states) {
	struct counts want;
	unsigned int orphans;
};

FIXTURE_VARIANT(states) {
	unsigned int flows; /* a bit each */
};

FIXTURE_VARIANT_ADD(states, ipv4) { .flows = 1 << 0 };
FIXTURE_VARIANT_ADD(states, ipv6) { .flows = 1 << 1 };
FIXTURE_VARIANT_ADD(states, dual) { .flows = 1 << 2 };
FIXTURE_VARIANT_ADD(states, all) { .flows = 7 };

static void step(struct pair *p, char what)
{
	int long_time = 120; /* seconds; the most there is */

	switch (what) {
	case 'd':
		sock_deafen(p->client);
		break;
	case 'D':
		sock_deafen(p->server);
		break;
	case 'w':
		must(!shutdown(p->client, SHUT_WR));
		break;
	case 'W':
		must(!shutdown(p->server, SHUT_WR));
		break;
	case 'c':
		close(p->client);
		p->client = -1;
		break;
	case 'C':
		close(p->server);
		p->server = -1;
		break;
	case 'l':
		must(!setsockopt(p->client, IPPROTO_TCP, TCP_LINGER2, &long_time,
				 sizeof(long_time)));
		break;
	case '.': /* until the server has the client's FIN, and its ACK is back */
		must(wait_for(sock_state(p->server) == TCP_CLOSE_WAIT));
		must(wait_for(sock_state(p->client) == TCP_FIN_WAIT2));
		break;
	case ',': /* until the client has the server's FIN */
		must(wait_for(sock_state(p->client) == TCP_CLOSE_WAIT));
		break;
	}
}

static void meet_fate(struct counts *want, const struct flow *flow,
		      const struct fate *fate, int listener,
		      const struct addr *to)
{
	unsigned int n = fate->n + flow->more, i;
	struct pair pairs[SIDES_MAX];
	const char *what;

	must(n <= SIDES_MAX);
	for (i = 0; i < n; i++)
		pairs[i] = pair_make(listener, to);
	for (what = fate->steps; *what; what++)
		for (i = 0; i < n; i++)
			step(&pairs[i], *what);
	if (fate->client)
		want->n[fate->client][flow->client] += n;
	if (fate->server)
		want->n[fate->server][flow->server] += n;
}

/* A SYN with data and without a cookie: the child is there before the ACK. */
static void start_fastopen(const struct addr *to)
{
	int fd = socket(to->sa.sa_family,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	must(fd >= 0);
	sock_deafen(fd);
	must(sendto(fd, "x", 1, MSG_FASTOPEN, &to->sa, to->len) == 1 ||
	     errno == EINPROGRESS);
}

static void add_flow(struct counts *want, unsigned int *orphans,
		     const struct flow *flow)
{
	int listener = sock_listen(flow->to, 0, 64);
	int deaf = sock_listen(flow->to, 0, 64);
	int fast = sock_listen(flow->to, 0, 64);
	unsigned int i, qlen = 64;
	struct addr to, to_deaf, to_fast;

	to = addr(flow->from, ntohs(sock_addr(listener).in.sin_port));
	to_deaf = addr(flow->from, ntohs(sock_addr(deaf).in.sin_port));
	to_fast = addr(flow->from, ntohs(sock_addr(fast).in.sin_port));

	for (i = 0; i < ARRAY_SIZE(fates); i++) {
		meet_fate(want, flow, &fates[i], listener, &to);
		*orphans += fates[i].orphans * (fates[i].n + flow->more);
	}

	sock_deafen(deaf);
	for (i = 0; i < SYN_LOST + flow->more; i++)
		sock_start(&to_deaf, false);
	want->n[TCP_SYN_SENT][flow->client] += i;

	for (i = 0; i < SYN_ACK_LOST + flow->more; i++)
		sock_start(&to, true);
	want->n[TCP_SYN_SENT][flow->client] += i;
	want->n[TCP_SYN_RECV][flow->server] += i;

	/* The only full sockets in SYN_RECV; the others are request socks. */
	must(!setsockopt(fast, IPPROTO_TCP, TCP_FASTOPEN, &qlen, sizeof(qlen)));
	for (i = 0; i < FASTOPEN + flow->more; i++)
		start_fastopen(&to_fast);
	want->n[TCP_SYN_SENT][flow->client] += i;
	want->n[TCP_SYN_RECV][flow->server] += i;

	for (i = 0; i < IDLE_LISTENERS + flow->more; i++)
		sock_listen(flow->to, 0, 1);
	want->n[TCP_LISTEN][flow->server] += i + 3;
}

/* Would two rows or the two columns, exchanged, go unnoticed? */
static bool counts_tell_all(const struct counts *c)
{
	unsigned int a, b, family;

	for (a = 1; a < STATES; a++) {
		if (c->n[a][V4] && c->n[a][V4] == c->n[a][V6])
			return false;
		for (b = 1; b < a; b++)
			for (family = V4; family < FAMILIES; family++)
				if (c->n[a][family] &&
				    c->n[a][family] == c->n[b][family])
					return false;
	}
	return true;
}

FIXTURE_SETUP(states)
{
	unsigned int i;

	net_new();
	/* Fast open without cookies, for clients (1, 4) and servers (2, 0x200). */
	file_set("/proc/sys/net/ipv4/tcp_fastopen", "%d", 0x207);
	for (i = 0; i < ARRAY_SIZE(flows); i++)
		if (variant->flows & (1 << i))
			add_flow(&self->want, &self->orphans, &flows[i]);
	ASSERT_TRUE(counts_tell_all(&self->want));
}

FIXTURE_TEARDOWN(states)
{
}

TEST_F(states, rows)
{
	struct counts got;
	struct table t;

	ASSERT_TRUE(crowd_settled(&self->want));
	census_counts(&got);
	EXPECT_EQ(0, counts_diff("states", &self->want, &got));

	EXPECT_EQ(counts_sum(&self->want), census_stat("sockets"));
	EXPECT_EQ(self->orphans, census_stat("orphans"));
	EXPECT_EQ(0, census_stat("listeners_missed"));
	census_table(&t, "listeners");
	EXPECT_EQ(self->want.n[TCP_LISTEN][V4] + self->want.n[TCP_LISTEN][V6],
		  t.rows);
	table_free(&t);
	EXPECT_TRUE(crowd_settled(&self->want));
}

FIXTURE(empty) {
	int netns;
};

FIXTURE_SETUP(empty)
{
	self->netns = net_new();
}

FIXTURE_TEARDOWN(empty)
{
}

TEST_F(empty, rows)
{
	struct counts none = {}, got;

	census_counts(&got);
	EXPECT_EQ(0, counts_diff("states", &none, &got));
	EXPECT_EQ(0, census_stat("sockets"));
	EXPECT_EQ(0, census_stat("orphans"));
}

TEST_HARNESS_MAIN
