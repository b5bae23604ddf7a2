// SPDX-License-Identifier: GPL-2.0
/*
 * Link-local addresses, which mean something only together with an interface.
 *
 *	+-- netns near --------+           +-- netns far ---------+
 *	| near0  fe80::2       | --------- | far0  fe80::1        |
 *	| near1  fe80::2       | --------- | far1  fe80::1        |
 *	+----------------------+           +----------------------+
 *
 * The same addresses twice: two services, and two peers.
 */

#include "lib/link.h"
#include "lib/rows.h"
#include "lib/test.h"

FIXTURE(scope) {
	int near;
	int far;
};

static void set_up(const char *dev, int i, const char *ip)
{
	char *name = strf("%s%d", dev, i);

	run("ip link set %s up", name);
	link_addr6(name, ip);
	free(name);
}

FIXTURE_SETUP(scope)
{
	int i;

	self->near = net_new();
	self->far = net_new();
	for (i = 0; i < 2; i++) {
		run("ip link add far%d type veth peer name near%d netns /proc/%d/fd/%d", i, i,
		    getpid(), self->near);
		set_up("far", i, "fe80::1");
		net_enter(self->near);
		set_up("near", i, "fe80::2");
		net_enter(self->far);
	}
}

FIXTURE_TEARDOWN(scope)
{
}

/* A connection from near over pair @i; @listener is in far. */
static struct pair pair_over(int near, int i, unsigned short port, int listener)
{
	struct addr to;
	char *ip = strf("fe80::1%%near%d", i);
	struct pair p;

	net_enter(near);
	to = addr(ip, port);
	p = pair_make(listener, &to);
	free(ip);
	return p;
}

static unsigned int row_off(const char *role, const char *endpoint,
			    unsigned int want)
{
	struct close_wait row;
	struct endpoint e;

	close_wait_row(&row, role, endpoint);
	endpoint_row(&e, role, endpoint);
	return off(endpoint, want, row.sockets) +
	       off(endpoint, want, e.n[TCP_CLOSE_WAIT]);
}

TEST_F(scope, clients)
{
	int listener = sock_listen("::", 80, 10), i;
	struct close_wait all;
	struct pair p[5];
	struct socket_row s;
	struct endpoint e;

	for (i = 0; i < 5; i++) {
		p[i] = pair_over(self->near, i > 1, 80, listener);
		sock_end(p[i].server, p[i].client, 0);
	}
	EXPECT_EQ(0, row_off("client", "[fe80::1%near0]:80", 2));
	EXPECT_EQ(0, row_off("client", "[fe80::1%near1]:80", 3));
	close_wait_row(&all, NULL, NULL);
	EXPECT_EQ(2, all.rows);
	for (i = 0; i < 5; i++) {
		EXPECT_TRUE(socket_of(&s, p[i].client));
		EXPECT_STREQ("client", s.role);
	}

	net_enter(self->far);
	EXPECT_TRUE(wait_for((endpoint_row(&e, "server", "[::]:80"),
			      e.n[TCP_FIN_WAIT2] == 5)));
	EXPECT_EQ(1, e.n[TCP_LISTEN]);

	/* Without its interface, an address still is what it was. */
	run("ip link delete far0");
	net_enter(self->near);
	EXPECT_EQ(0, row_off("client", "[fe80::1%near1]:80", 3));
	close_wait_row(&all, "client", NULL);
	EXPECT_EQ(2, all.rows);
	EXPECT_EQ(5, all.sockets);
}

TEST_F(scope, servers)
{
	int listener[] = {
		sock_listen("fe80::1%far0", 81, 10),
		sock_listen("fe80::1%far1", 81, 10),
	};
	int any = sock_listen("::", 80, 10), i;
	struct addr deaf;
	struct socket_row s;
	struct endpoint e;
	struct pair p[5];

	for (i = 0; i < 5; i++) {
		p[i] = pair_over(self->near, i > 1, 81, listener[i > 1]);
		sock_end(p[i].client, p[i].server, 0);
	}
	deaf = addr("fe80::1%near1", 81);
	sock_start(&deaf, true);
	net_enter(self->far);
	EXPECT_EQ(0, row_off("server", "[fe80::1%far0]:81", 2));
	EXPECT_EQ(0, row_off("server", "[fe80::1%far1]:81", 3));
	for (i = 0; i < 5; i++) {
		EXPECT_TRUE(socket_of(&s, p[i].server));
		EXPECT_STREQ("server", s.role);
	}
	EXPECT_TRUE(wait_for((endpoint_row(&e, "server", "[fe80::1%far1]:81"),
			      e.n[TCP_SYN_RECV] == 1)));
	EXPECT_EQ(1, e.n[TCP_LISTEN]);

	/* One service, for all the addresses it is asked at. */
	for (i = 0; i < 2; i++) {
		p[i] = pair_over(self->near, i, 80, any);
		sock_end(p[i].client, p[i].server, 0);
	}
	net_enter(self->far);
	EXPECT_EQ(0, row_off("server", "[::]:80", 2));

	/* Who closes first is in TIME_WAIT, and remembers his interface. */
	for (i = 0; i < 2; i++) {
		p[i] = pair_over(self->near, i, 81, listener[i]);
		sock_end(p[i].server, p[i].client, 0);
		close(p[i].client);
		net_enter(self->far);
		EXPECT_TRUE(wait_for((endpoint_row(&e, "server",
						   i ? "[fe80::1%far1]:81" :
						       "[fe80::1%far0]:81"),
				      e.n[TCP_TIME_WAIT] == 1)));
	}
}

/* The loopback interface is one as well, and always there. */
TEST(loopback)
{
	struct addr to;
	struct pair p[2];
	int listener;

	net_new();
	link_addr6("lo", "fe80::1");
	listener = sock_listen("fe80::1%lo", 81, 10);
	to = addr("fe80::1%lo", 81);
	p[0] = pair_make(listener, &to);
	p[1] = pair_make(listener, &to);
	sock_end(p[0].client, p[0].server, 0);
	EXPECT_EQ(0, row_off("server", "[fe80::1%lo]:81", 1));
	EXPECT_EQ(0, row_off("client", "[fe80::1%lo]:81", 0));
	sock_end(p[1].server, p[1].client, 0);
	EXPECT_EQ(0, row_off("server", "[fe80::1%lo]:81", 1));
	EXPECT_EQ(0, row_off("client", "[fe80::1%lo]:81", 1));
}

TEST_HARNESS_MAIN
