// SPDX-License-Identifier: GPL-2.0
/*
 * Which side of a connection a socket is, and what it is shown under: a server's
 * under its listener's address, a client's under that of its peer.
 *
 *	clients  127.0.0.1  ::1  ::ffff:127.0.0.1 ---> listeners  (lo, one netns)
 */

#include "lib/crowd.h"
#include "lib/rows.h"
#include "lib/test.h"

#define PORT_RANGE "/proc/sys/net/ipv4/ip_local_port_range"

enum { PORT = 45000, LOW = 40000, HIGH = 50000 };

/* Is a row of endpoints there, with so many sockets in a state? */
static unsigned int state_off(const char *role, const char *endpoint,
			      unsigned int state, unsigned int want)
{
	struct endpoint e;

	endpoint_row(&e, role, endpoint);
	return off(state_names[state], want, e.n[state]);
}

/* The same of close_wait. */
static unsigned int sockets_off(const char *role, const char *endpoint,
				unsigned int want)
{
	struct close_wait row;

	close_wait_row(&row, role, endpoint);
	return off(endpoint, want, row.sockets) +
	       state_off(role, endpoint, TCP_CLOSE_WAIT, want);
}

/* Rows of close_wait in all: is there nothing under another name? */
static size_t rows(void)
{
	struct table t;
	size_t n;

	census_table(&t, "close_wait");
	n = t.rows;
	table_free(&t);
	return n;
}

/* Clients of @to that hang up; the server, if it accepts at all, does not. */
static void hang_up(int listener, const struct addr *to, unsigned int n,
		    bool accepted)
{
	struct pair p = { .server = -1 };

	while (n--) {
		p.client = sock_connect(to);
		if (accepted)
			p.server = sock_accept(listener);
		must(!shutdown(p.client, SHUT_WR));
		must(wait_for(sock_state(p.client) == TCP_FIN_WAIT2));
	}
}

FIXTURE(role) {
	int netns;
};

FIXTURE_SETUP(role)
{
	self->netns = net_new();
	file_set(PORT_RANGE, "%d %d", LOW, HIGH);
}

FIXTURE_TEARDOWN(role)
{
}

/**
 * struct service - two listeners of one port
 * @any: address of one
 * @any_shown: as it is to be shown
 * @to_any: an address that leads to it
 * @one: address of the other
 * @one_shown: as it is to be shown
 * @to_one: an address that leads to it
 */
static const struct service {
	const char *any;
	const char *any_shown;
	const char *to_any;
	const char *one;
	const char *one_shown;
	const char *to_one;
} services[] = {
	{ "0.0.0.0", "0.0.0.0:45000", "127.0.0.1",
	  "127.0.0.2", "127.0.0.2:45000", "127.0.0.2" },
	{ "::", "[::]:45000", "127.0.0.1", "::1", "[::1]:45000", "::1" },
	/* A dual-stack one leaves IPv4 to one of its own. */
	{ "::", "[::]:45000", "::1",
	  "0.0.0.0", "0.0.0.0:45000", "127.0.0.1" },
	{ "::", "[::]:45000", "127.0.0.1",
	  "::ffff:127.0.0.2", "127.0.0.2:45000", "127.0.0.2" },
};

TEST_F(role, wildcard_and_specific)
{
	struct addr to_any, to_one;
	const struct service *s;
	int any, one;

	for (s = services; s < services + ARRAY_SIZE(services); s++) {
		net_new();
		any = sock_listen_shared(s->any, PORT, 50);
		one = sock_listen_shared(s->one, PORT, 50);
		to_any = addr(s->to_any, PORT);
		to_one = addr(s->to_one, PORT);

		hang_up(any, &to_any, 2, true);
		hang_up(any, &to_any, 3, false);
		hang_up(one, &to_one, 1, true);
		hang_up(one, &to_one, 6, false);
		EXPECT_EQ(0, sockets_off("server", s->any_shown, 5));
		EXPECT_EQ(0, sockets_off("server", s->one_shown, 7));
		EXPECT_EQ(2, rows()) TH_LOG("%s, %s", s->any, s->one);
		EXPECT_EQ(0, state_off("server", s->any_shown, TCP_LISTEN, 1));
		EXPECT_EQ(0, state_off("server", s->one_shown, TCP_LISTEN, 1));
		close(any);
		close(one);
	}
}

/* A wildcard listener is one service, whatever address was asked for. */
TEST_F(role, wildcard_is_one_row)
{
	static const char *const asked[] = {
		"127.0.0.1", "127.0.0.2", "127.1.2.3", "::1", "::ffff:127.0.0.1",
	};
	int listener = sock_listen("::", PORT, 50);
	struct addr to;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(asked); i++) {
		to = addr(asked[i], PORT);
		hang_up(listener, &to, 1, true);
		hang_up(listener, &to, 1, false);
	}
	EXPECT_EQ(0, sockets_off("server", "[::]:45000", 2 * i));
	EXPECT_EQ(1, rows());
}

FIXTURE(gone) {
	int listener;
	struct addr to;
};

FIXTURE_VARIANT(gone) {
	const char *listen;
	const char *connect;
	const char *server;
	const char *client;
};

FIXTURE_VARIANT_ADD(gone, any_ipv4) {
	.listen = "0.0.0.0", .connect = "127.0.0.1",
	.server = "0.0.0.0:45000", .client = "127.0.0.1:45000",
};

FIXTURE_VARIANT_ADD(gone, any_ipv6) {
	.listen = "::", .connect = "::1",
	.server = "[::]:45000", .client = "[::1]:45000",
};

FIXTURE_VARIANT_ADD(gone, any_mapped) {
	.listen = "::", .connect = "127.0.0.1",
	.server = "[::]:45000", .client = "127.0.0.1:45000",
};

FIXTURE_VARIANT_ADD(gone, one_ipv4) {
	.listen = "127.0.0.2", .connect = "127.0.0.2",
	.server = "127.0.0.2:45000", .client = "127.0.0.2:45000",
};

FIXTURE_VARIANT_ADD(gone, one_ipv6) {
	.listen = "::1", .connect = "::1",
	.server = "[::1]:45000", .client = "[::1]:45000",
};

FIXTURE_SETUP(gone)
{
	net_new();
	file_set(PORT_RANGE, "%d %d", LOW, HIGH);
	self->listener = sock_listen(variant->listen, PORT, 50);
	self->to = addr(variant->connect, PORT);
}

FIXTURE_TEARDOWN(gone)
{
}

/* Its port is one a client might have: only what was there before tells. */
TEST_F(gone, stays_a_server)
{
	struct pair served, asked, over;
	struct endpoint e;
	struct counts c;

	served = pair_make(self->listener, &self->to);
	asked = pair_make(self->listener, &self->to);
	over = pair_make(self->listener, &self->to);
	/* Somebody looks while it is there. */
	census_counts(&c);
	close(self->listener);

	EXPECT_EQ(0, state_off("server", variant->server, TCP_LISTEN, 0));
	EXPECT_EQ(0, state_off("server", variant->server, TCP_ESTABLISHED, 3));
	EXPECT_EQ(0, state_off("client", variant->client, TCP_ESTABLISHED, 3));
	sock_end(served.client, served.server, 5);
	sock_end(asked.server, asked.client, 7);
	EXPECT_EQ(0, sockets_off("server", variant->server, 1));
	EXPECT_EQ(0, sockets_off("client", variant->client, 1));
	EXPECT_EQ(2, rows());

	/* Who closes first stays for a while. */
	sock_end(over.server, over.client, 0);
	close(over.client);
	close(over.server);
	EXPECT_TRUE(wait_for((endpoint_row(&e, "server", variant->server),
			      e.n[TCP_TIME_WAIT] == 1)));
	EXPECT_EQ(0, state_off("client", variant->client, TCP_TIME_WAIT, 0));
}

/* A port of its own choice, where no client is looked for. */
TEST_F(role, port_outside_the_range)
{
	static const struct {
		unsigned short port;
		const char *role;
		const char *endpoint;
	} bound[] = {
		{ LOW - 1, "server", "127.0.0.3:39999" },
		{ LOW, "client", "127.0.0.1:80" },
		{ HIGH, "client", "127.0.0.1:80" },
		{ HIGH + 1, "server", "127.0.0.3:50001" },
	};
	int listener = sock_listen("127.0.0.1", 80, 50), client;
	struct addr to = addr("127.0.0.1", 80), from;
	struct socket_row s;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bound); i++) {
		from = addr("127.0.0.3", bound[i].port);
		client = sock_bound(&from, 0);
		ASSERT_EQ(0, connect(client, &to.sa, to.len));
		sock_end(sock_accept(listener), client, 0);
		ASSERT_TRUE(socket_of(&s, client));
		EXPECT_STREQ(bound[i].role, s.role);
	}
	EXPECT_EQ(0, sockets_off("server", bound[0].endpoint, 1));
	EXPECT_EQ(0, sockets_off("client", "127.0.0.1:80", 2));
	EXPECT_EQ(0, sockets_off("server", bound[3].endpoint, 1));
	EXPECT_EQ(3, rows());

	/* The range as it is now. */
	file_set(PORT_RANGE, "%d %d", LOW - 1, HIGH);
	EXPECT_EQ(0, sockets_off("client", "127.0.0.1:80", 3));
	EXPECT_EQ(2, rows());
}

/* One port is a listener's on one address and a client's on another. */
TEST_F(role, port_with_a_listener)
{
	int listener = sock_listen("127.0.0.1", 80, 50), other, client;
	struct addr to = addr("127.0.0.1", 80), from;
	struct socket_row s;

	from = addr("127.0.0.3", PORT);
	client = sock_bound(&from, 0);
	ASSERT_EQ(0, connect(client, &to.sa, to.len));
	sock_end(sock_accept(listener), client, 0);
	EXPECT_EQ(0, sockets_off("client", "127.0.0.1:80", 1));

	/* From now on, and after it has gone. */
	other = sock_listen("127.0.0.4", PORT, 1);
	ASSERT_TRUE(socket_of(&s, client));
	EXPECT_STREQ("server", s.role);
	EXPECT_EQ(0, sockets_off("client", "127.0.0.1:80", 0));
	close(other);
	ASSERT_TRUE(socket_of(&s, client));
	EXPECT_STREQ("server", s.role);

	/* In this namespace alone. */
	net_new();
	file_set(PORT_RANGE, "%d %d", LOW, HIGH);
	listener = sock_listen("127.0.0.1", 80, 50);
	client = sock_bound(&from, 0);
	ASSERT_EQ(0, connect(client, &to.sa, to.len));
	sock_end(sock_accept(listener), client, 0);
	EXPECT_EQ(0, sockets_off("client", "127.0.0.1:80", 1));
}

/* Otherwise every port some server got from the kernel would be one for good. */
TEST_F(role, port_nobody_uses_any_more_is_forgotten)
{
	struct addr to = addr("127.0.0.1", PORT), from = addr("127.0.0.1", LOW + 7);
	int listener, client, server;

	/* The port serves, then nothing at all is bound to it. */
	server = sock_listen("127.0.0.1", LOW + 7, 1);
	ASSERT_EQ(0, sockets_off("server", "127.0.0.1:40007", 0));
	must(!close(server));
	ASSERT_EQ(0, state_off("server", "127.0.0.1:40007", TCP_LISTEN, 0));

	listener = sock_listen("127.0.0.1", PORT, 1);
	client = sock_bound(&from, IPPROTO_TCP);
	must(!connect(client, &to.sa, to.len));
	server = sock_accept(listener);
	must(!shutdown(server, SHUT_WR));
	must(wait_for(sock_state(client) == TCP_CLOSE_WAIT));
	EXPECT_EQ(0, sockets_off("client", "127.0.0.1:45000", 1));
	EXPECT_EQ(1, rows());
}

/* AF_INET and AF_INET6 sockets with one IPv4 peer are one client. */
TEST_F(role, mapped_client)
{
	int listener = sock_listen("127.0.0.1", 80, 50);
	struct addr v4 = addr("127.0.0.1", 80);
	struct addr v6 = addr("::ffff:127.0.0.1", 80);
	struct pair p[] = {
		pair_make(listener, &v4),
		pair_make(listener, &v6),
		pair_make(listener, &v6),
	};
	struct socket_row s;
	unsigned int i;

	EXPECT_EQ(0, state_off("client", "127.0.0.1:80", TCP_ESTABLISHED, 3));
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		sock_end(p[i].server, p[i].client, 0);
		EXPECT_TRUE(socket_of(&s, p[i].client));
		EXPECT_STREQ("127.0.0.1:80", s.remote);
	}
	EXPECT_EQ(0, sockets_off("client", "127.0.0.1:80", 3));
	EXPECT_EQ(1, rows());
}

FIXTURE(every) {
	int listener;
	struct addr to;
};

FIXTURE_VARIANT(every) {
	const char *listen;
	const char *connect;
	const char *server;
	const char *client;
};

FIXTURE_VARIANT_ADD(every, any_ipv4) {
	.listen = "0.0.0.0", .connect = "127.0.0.1",
	.server = "0.0.0.0:45000", .client = "127.0.0.1:45000",
};

FIXTURE_VARIANT_ADD(every, one_ipv6) {
	.listen = "::1", .connect = "::1",
	.server = "[::1]:45000", .client = "[::1]:45000",
};

FIXTURE_VARIANT_ADD(every, any_mapped) {
	.listen = "::", .connect = "127.0.0.1",
	.server = "[::]:45000", .client = "127.0.0.1:45000",
};

FIXTURE_SETUP(every)
{
	net_new();
	file_set(PORT_RANGE, "%d %d", LOW, HIGH);
	self->listener = sock_listen(variant->listen, PORT, 50);
	self->to = addr(variant->connect, PORT);
}

FIXTURE_TEARDOWN(every)
{
}

/* Sockets that are no full ones, too: TIME_WAIT, and requests. */
TEST_F(every, state)
{
	unsigned long long server[STATES] = {}, client[STATES] = {};
	struct endpoint s, c;
	unsigned int i, state;
	struct pair p;

	for (i = 0; i < 3; i++) {
		p = pair_make(self->listener, &self->to);
		sock_end(p.client, p.server, 0);
		close(p.server);
		close(p.client);
	}
	client[TCP_TIME_WAIT] = i;
	for (i = 0; i < 5; i++) {
		p = pair_make(self->listener, &self->to);
		sock_end(p.server, p.client, 0);
		close(p.client);
		close(p.server);
	}
	server[TCP_TIME_WAIT] = i;
	for (i = 0; i < 2; i++)
		sock_start(&self->to, true);
	client[TCP_SYN_SENT] = i;
	server[TCP_SYN_RECV] = i;
	for (i = 0; i < 4; i++) {
		p = pair_make(self->listener, &self->to);
		sock_end(p.server, p.client, 0);
	}
	server[TCP_FIN_WAIT2] = i;
	client[TCP_CLOSE_WAIT] = i;
	/* Kept by the kernel, as a timewait socket. */
	p = pair_make(self->listener, &self->to);
	sock_end(p.client, p.server, 0);
	close(p.client);
	client[TCP_FIN_WAIT2] = 1;
	server[TCP_CLOSE_WAIT] = 1;
	for (i = 0; i < 6; i++)
		p = pair_make(self->listener, &self->to);
	server[TCP_ESTABLISHED] = i;
	client[TCP_ESTABLISHED] = i;
	server[TCP_LISTEN] = 1;

	/* ACKs may come late. */
	wait_for((endpoint_row(&s, "server", variant->server),
		  endpoint_row(&c, "client", variant->client),
		  !memcmp(s.n, server, sizeof(server)) &&
		  !memcmp(c.n, client, sizeof(client))));
	for (state = 1; state < STATES; state++) {
		EXPECT_EQ(0, off("a server's", server[state], s.n[state]))
			TH_LOG("%s", state_names[state]);
		EXPECT_EQ(0, off("a client's", client[state], c.n[state]))
			TH_LOG("%s", state_names[state]);
	}
}

TEST_F(role, endpoints_add_up_to_states)
{
	unsigned long long sum[STATES];
	struct addr to = addr("127.0.0.1", PORT);
	struct counts want = {}, c;
	unsigned int state, i;
	struct table t;

	/* First: its port is one that the kernel may give to the others. */
	sock_listen("::", PORT, 10);
	crowd_add(&want, "127.0.0.1", 5, 3, 2);
	crowd_add(&want, "::1", 4, 2, 1);
	for (i = 0; i < 3; i++) {
		sock_start(&to, true);
		sock_start(&to, false);
	}
	census_freeze();
	census_counts(&c);
	census_table(&t, "endpoints");
	census_thaw();
	endpoints_sum(sum, &t);
	for (state = 1; state < STATES; state++) {
		EXPECT_EQ(c.n[state][V4] + c.n[state][V6], sum[state])
			TH_LOG("%s", state_names[state]);
	}
	EXPECT_EQ(3, sum[TCP_LISTEN]);
	EXPECT_EQ(5, sum[TCP_CLOSE_WAIT]);
	table_free(&t);
}

TEST_HARNESS_MAIN
