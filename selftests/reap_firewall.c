// SPDX-License-Identifier: GPL-2.0
/*
 * Clients behind a firewall that masquerades them, and that has forgotten them: what
 * the server asks them does not get there, though they are alive. As with a peer that
 * is gone, their connections end: nobody could use them any more.
 *
 *	+-- inside -------+     +-- firewall -------------+     +-- outside ------+
 *	| clients  .1.2  in2 === in1  .1.1  .2.1  out1 === out2  .2.2  server |
 *	+-----------------+     +-------------------------+     +-----------------+
 */

#include "lib/link.h"
#include "lib/queue.h"
#include "lib/reap_test.h"
#include "lib/setting.h"

#define CONNTRACK "/proc/sys/net/netfilter/nf_conntrack_"

/* Seconds for which it remembers a client that has closed. */
#define REMEMBERED 3

static const struct {
	const char *any;
	const char *server;
} ips[FAMILIES] = {
	[V4] = { "0.0.0.0", "10.9.2.2" },
	[V6] = { "::", "fd09:2::2" },
};

/**
 * struct service - a listener and two clients
 * @listener: it
 * @accepted: the server's end of the first
 * @client: of both; nobody has accepted the second
 */
struct service {
	int listener;
	int accepted;
	int client[2];
};

FIXTURE(firewall) {
	int inside;
	int between;
	int outside;
	struct service service[FAMILIES];
};

FIXTURE_VARIANT(firewall) {
	const char *verdict;
	int error;
};

/* The answer to who asks for a client it does not know is none, or a reset. */
FIXTURE_VARIANT_ADD(firewall, drops) { .verdict = "drop", .error = ETIMEDOUT };
FIXTURE_VARIANT_ADD(firewall, refuses) { .verdict = "accept", .error = EPIPE };

static bool can_masquerade(void)
{
	return !system("nft add table inet probe 2>/dev/null && nft delete table inet probe");
}

static void raise_firewall(const char *verdict)
{
	run("sysctl -q net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
	run("nft 'table inet fw {"
	    " chain nat { type nat hook postrouting priority 100; oifname out1 masquerade; };"
	    " chain input { type filter hook input priority 0;"
	    "  iifname out1 meta l4proto tcp %s; }; }'", verdict);
	file_set(CONNTRACK "tcp_timeout_fin_wait", "%d", REMEMBERED);
	file_set(CONNTRACK "tcp_timeout_close_wait", "%d", REMEMBERED);
}

static void half_close(int fd)
{
	must(!shutdown(fd, SHUT_WR));
	must(wait_for(sock_state(fd) == TCP_FIN_WAIT2));
}

static void service_make(struct service *s, unsigned int family, int inside, int outside)
{
	struct addr listener, to;
	unsigned int i;

	s->listener = sock_listen(ips[family].any, 0, 10);
	listener = sock_addr(s->listener);
	to = addr(ips[family].server, addr_port(&listener));
	net_enter(inside);
	for (i = 0; i < 2; i++)
		s->client[i] = sock_connect(&to);
	net_enter(outside);
	s->accepted = sock_accept(s->listener);
	for (i = 0; i < 2; i++)
		half_close(s->client[i]);
}

FIXTURE_SETUP(firewall)
{
	unsigned int i;

	self->inside = net_new();
	self->between = net_new();
	if (!can_masquerade())
		SKIP(return, "no nftables");
	self->outside = net_new();
	link_make("in", self->between, self->inside, 1);
	link_make("out", self->between, self->outside, 2);
	net_enter(self->inside);
	run("ip route add default via 10.9.1.1 && ip -6 route add default via fd09:1::1");
	net_enter(self->between);
	raise_firewall(variant->verdict);
	net_enter(self->outside);
	for (i = 0; i < FAMILIES; i++)
		service_make(&self->service[i], i, self->inside, self->outside);
}

FIXTURE_TEARDOWN(firewall)
{
	EXPECT_FALSE(census_damaged());
}

static bool is_empty(int listener)
{
	struct listener l;

	listener_of(&l, listener);
	return !l.depth;
}

TEST_F(firewall, has_forgotten)
{
	struct service *s;
	unsigned int i;
	char c;

	nap_ms((REMEMBERED + 1) * 1000);
	setting_set("causes", "unaccepted drained fin_pending");
	setting_set("action", "probe");
	setting_set("timeout", "1");
	for (i = 0; i < FAMILIES; i++) {
		s = &self->service[i];
		EXPECT_TRUE(wait_for(sock_state(s->accepted) == TCP_CLOSE));
		EXPECT_TRUE(wait_for(is_empty(s->listener)));
		EXPECT_EQ(0, recv(s->accepted, &c, 1, 0));
		EXPECT_EQ(-1, send(s->accepted, "x", 1, MSG_NOSIGNAL));
		EXPECT_EQ(variant->error, errno);
		/* Nobody has told them. */
		EXPECT_EQ(TCP_FIN_WAIT2, sock_state(s->client[0]));
		EXPECT_EQ(TCP_FIN_WAIT2, sock_state(s->client[1]));
	}
	EXPECT_EQ(FAMILIES, actions_done("fin_pending", "probe", "probing"));
	EXPECT_EQ(FAMILIES, actions_done("unaccepted", "probe", "probing"));
	EXPECT_EQ(FAMILIES, actions_done("unaccepted", "probe", "evicted"));
}

TEST_HARNESS_MAIN
