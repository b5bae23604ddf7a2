// SPDX-License-Identifier: GPL-2.0
/*
 * Why a socket is in CLOSE_WAIT: close_wait, sockets and stat follow what its
 * application does.
 *
 *	 one network namespace, lo
 *	+----------------------------------------------------------+
 *	|  far ---- data, FIN ----> near, in CLOSE_WAIT            |
 *	|                                                          |
 *	|  server: near came out of the listener's accept queue    |
 *	|  client: near connected to the listener                  |
 *	+----------------------------------------------------------+
 *
 * far is in FIN_WAIT2, or made deaf where near is to wait for its ACK.
 */

#include <linux/sock_diag.h>

#include "lib/cause.h"
#include "lib/test.h"

/**
 * struct near - the end that is watched
 * @fd: its socket
 * @role: as it is to be shown, as are the next two
 * @endpoint: of it
 * @keepalive: is it on?
 */
struct near {
	int fd;
	const char *role;
	char endpoint[80];
	bool keepalive;
};

FIXTURE(cause) {
	int listener;
	struct addr to;
	struct near near;
	int far;
};

FIXTURE_VARIANT(cause) {
	unsigned int flow;
	bool client;
};

FIXTURE_VARIANT_ADD(cause, server_ipv4) { .flow = 0, .client = false };
FIXTURE_VARIANT_ADD(cause, server_ipv6) { .flow = 1, .client = false };
FIXTURE_VARIANT_ADD(cause, server_mapped) { .flow = 2, .client = false };
FIXTURE_VARIANT_ADD(cause, client_ipv4) { .flow = 0, .client = true };
FIXTURE_VARIANT_ADD(cause, client_ipv6) { .flow = 1, .client = true };
FIXTURE_VARIANT_ADD(cause, client_mapped) { .flow = 2, .client = true };

FIXTURE_SETUP(cause)
{
	const struct flow *flow = &flows[variant->flow];
	struct pair p;

	net_new();
	self->listener = flow_listen(flow, &self->to);
	p = pair_make(self->listener, &self->to);
	self->near.fd = variant->client ? p.client : p.server;
	self->far = variant->client ? p.server : p.client;
	self->near.role = variant->client ? "client" : "server";
	snprintf(self->near.endpoint, sizeof(self->near.endpoint),
		 variant->client ? flow->client : flow->server,
		 addr_port(&self->to));
}

FIXTURE_TEARDOWN(cause)
{
}

/* The keys of stat: is each what the whole table adds up to? */
static unsigned int stat_off(const struct close_wait *all)
{
	char *text = file_read(CENSUS_DIR "stat", NULL);
	unsigned long long by_cause[CAUSES];
	unsigned int i, n = 0;

	must(text);
	close_wait_stat(by_cause, text);
	for (i = 0; i < CAUSES; i++)
		n += off(cause_names[i], all->cause[i], by_cause[i]);
	free(text);
	return n;
}

/*
 * Do close_wait and stat show one socket in all, of that cause, at our endpoint?
 * Returns in how many places not.
 */
static unsigned int row_off(const struct near *near, enum cause cause,
			    unsigned int unread)
{
	struct close_wait row, all;
	unsigned int i, n = 0;

	close_wait_row(&all, NULL, NULL);
	close_wait_row(&row, near->role, near->endpoint);
	n += off("all rows", 1, all.rows);
	n += off(near->endpoint, 1, row.rows);
	n += off("sockets", 1, row.sockets);
	for (i = 0; i < CAUSES; i++)
		n += off(cause_names[i], i == cause, row.cause[i]);
	n += off("unread_small", cause == UNREAD && unread <= 512,
		 row.unread_small);
	n += off("keepalive", near->keepalive, row.keepalive);
	n += off("unread_bytes", unread, row.unread_bytes);
	return n + stat_off(&row);
}

/* The same of sockets too, for one that its application has. */
static unsigned int cause_off(const struct near *near, enum cause cause,
			      unsigned int unread)
{
	unsigned int n = row_off(near, cause, unread);
	struct socket_row s;
	struct close_wait row;

	close_wait_row(&row, near->role, near->endpoint);
	n += off("inode of the row", sock_inode(near->fd), row.inode);
	n += off("a row of sockets", 1, socket_of(&s, near->fd));
	n += off_text("role", near->role, s.role);
	n += off_text("cause", cause_names[cause], s.cause);
	n += off("keepalive", near->keepalive, s.keepalive);
	n += off("unread_bytes", unread, s.unread_bytes);
	n += off("inode", sock_inode(near->fd), s.inode);
	n += off("cookie", sock_cookie(near->fd), s.cookie);
	n += off_text("uid", "0", s.uid);
	return n;
}

static unsigned int none_off(void)
{
	struct close_wait all;
	struct table t;
	unsigned int n;

	close_wait_row(&all, NULL, NULL);
	n = off("rows", 0, all.rows);
	n += stat_off(&all);
	sockets_table(&t);
	n += off("rows of sockets", 0, t.rows);
	table_free(&t);
	return n;
}

TEST_F(cause, follows_the_application)
{
	char some[64];

	EXPECT_EQ(0, none_off());

	/* As long as far keeps them for another try, data and FIN stay apart. */
	sock_deafen(self->far);
	sock_end_unheard(self->far, self->near.fd, 600);
	EXPECT_EQ(0, cause_off(&self->near, UNREAD, 600));
	EXPECT_EQ(64, recv(self->near.fd, some, sizeof(some), MSG_PEEK));
	EXPECT_EQ(0, cause_off(&self->near, UNREAD, 600));
	sock_receive(self->near.fd, 87);
	EXPECT_EQ(0, cause_off(&self->near, UNREAD, 513));
	sock_receive(self->near.fd, 1);
	EXPECT_EQ(0, cause_off(&self->near, UNREAD, 512));
	sock_receive(self->near.fd, 511);
	EXPECT_EQ(0, cause_off(&self->near, UNREAD, 1));
	sock_receive(self->near.fd, 1);
	EXPECT_EQ(0, cause_off(&self->near, FIN_PENDING, 0));
	EXPECT_EQ(0, recv(self->near.fd, some, sizeof(some), 0));
	EXPECT_EQ(0, cause_off(&self->near, DRAINED, 0));

	/* An answer, which takes its time. */
	sock_send(self->near.fd, 100);
	EXPECT_EQ(100, sock_unacked(self->near.fd));
	EXPECT_EQ(0, cause_off(&self->near, SENDING, 0));
	sock_hear(self->far);
	ASSERT_TRUE(wait_for(!sock_unacked(self->near.fd)));
	EXPECT_EQ(0, cause_off(&self->near, DRAINED, 0));

	ASSERT_EQ(0, close(self->near.fd));
	EXPECT_EQ(0, none_off());
}

/* Whatever has not been read: the socket is at work. */
TEST_F(cause, sending_comes_first)
{
	sock_end(self->far, self->near.fd, 30);
	EXPECT_EQ(0, cause_off(&self->near, UNREAD, 30));
	sock_deafen(self->far);
	sock_send(self->near.fd, 1);
	EXPECT_EQ(0, cause_off(&self->near, SENDING, 30));
	sock_hear(self->far);
	ASSERT_TRUE(wait_for(!sock_unacked(self->near.fd)));
	EXPECT_EQ(0, cause_off(&self->near, UNREAD, 30));
}

/* Read what is there. */
static bool read_on(int fd)
{
	static char data[1 << 16];

	while (recv(fd, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	return true;
}

/* More than far is ready to take: data that has not even been sent. */
TEST_F(cause, sending_what_has_no_room)
{
	static char data[1 << 16];

	sock_end(self->far, self->near.fd, 0);
	while (send(self->near.fd, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	ASSERT_EQ(EAGAIN, errno);
	ASSERT_LT(0, sock_unacked(self->near.fd));
	EXPECT_EQ(0, cause_off(&self->near, SENDING, 0));
	/* It is read at last. */
	ASSERT_TRUE(wait_for(read_on(self->far) && !sock_unacked(self->near.fd)));
	EXPECT_EQ(0, cause_off(&self->near, FIN_PENDING, 0));
}

/* What read() does when it asks for more than there is. */
TEST_F(cause, one_read_takes_the_fin_too)
{
	char data[200];

	sock_end(self->far, self->near.fd, 100);
	EXPECT_EQ(100, recv(self->near.fd, data, sizeof(data), 0));
	EXPECT_EQ(0, cause_off(&self->near, DRAINED, 0));
	ASSERT_EQ(0, shutdown(self->near.fd, SHUT_WR));
	EXPECT_EQ(0, none_off());
}

TEST_F(cause, keepalive)
{
	int yes = 1, no = 0;

	sock_end(self->far, self->near.fd, 0);
	EXPECT_EQ(0, cause_off(&self->near, FIN_PENDING, 0));
	ASSERT_EQ(0, setsockopt(self->near.fd, SOL_SOCKET, SO_KEEPALIVE, &yes,
				sizeof(yes)));
	self->near.keepalive = true;
	EXPECT_EQ(0, cause_off(&self->near, FIN_PENDING, 0));
	ASSERT_EQ(0, setsockopt(self->near.fd, SOL_SOCKET, SO_KEEPALIVE, &no,
				sizeof(no)));
	self->near.keepalive = false;
	EXPECT_EQ(0, cause_off(&self->near, FIN_PENDING, 0));
}

TEST_F(cause, repaired_is_exempt)
{
	int yes = 1, no = -1; /* without a window probe */

	sock_end(self->far, self->near.fd, 30);
	ASSERT_EQ(0, setsockopt(self->near.fd, IPPROTO_TCP, TCP_REPAIR, &yes,
				sizeof(yes)));
	EXPECT_EQ(0, cause_off(&self->near, EXEMPT, 30));
	ASSERT_EQ(0, setsockopt(self->near.fd, IPPROTO_TCP, TCP_REPAIR, &no,
				sizeof(no)));
	EXPECT_EQ(0, cause_off(&self->near, UNREAD, 30));
}

static bool memory_as_asked(const struct near *near)
{
	uint32_t mem[SK_MEMINFO_VARS];
	socklen_t len = sizeof(mem);
	struct close_wait row;

	close_wait_row(&row, near->role, near->endpoint);
	must(!getsockopt(near->fd, SOL_SOCKET, SO_MEMINFO, mem, &len));
	return row.mem_bytes == mem[SK_MEMINFO_RMEM_ALLOC] +
		mem[SK_MEMINFO_WMEM_QUEUED] + mem[SK_MEMINFO_FWD_ALLOC];
}

TEST_F(cause, memory)
{
	struct close_wait row;

	sock_deafen(self->far);
	sock_end_unheard(self->far, self->near.fd, 5000);
	EXPECT_TRUE(wait_for(memory_as_asked(&self->near)));
	sock_send(self->near.fd, 8000);
	EXPECT_TRUE(wait_for(memory_as_asked(&self->near)));
	close_wait_row(&row, self->near.role, self->near.endpoint);
	EXPECT_LT(13000, row.mem_bytes);
}

/* A TLS connection that ends leaves about 30 bytes that nobody reads. */
TEST_F(cause, unread_small)
{
	static const unsigned int sizes[] = { 1, 30, 511, 512, 513, 4000 };
	unsigned int i, bytes = 0, small = 0;
	struct close_wait row;
	struct pair p;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p = pair_make(self->listener, &self->to);
		if (variant->client)
			sock_end(p.server, p.client, sizes[i]);
		else
			sock_end(p.client, p.server, sizes[i]);
		bytes += sizes[i];
		small += sizes[i] <= 512;
		close_wait_row(&row, self->near.role, self->near.endpoint);
		EXPECT_EQ(i + 1, row.sockets);
		EXPECT_EQ(i + 1, row.cause[UNREAD]);
		EXPECT_EQ(small, row.unread_small);
		EXPECT_EQ(bytes, row.unread_bytes);
	}
	EXPECT_EQ(1, row.rows);
}

/* Nobody has the other end yet: it is to be known by its addresses. */
static unsigned int unaccepted_off(const struct flow *flow)
{
	struct near near = { .role = "server", .keepalive = true };
	struct close_wait row;
	struct socket_row s;
	int listener, far, on = 1;
	unsigned int n;
	struct addr to;

	listener = flow_listen(flow, &to);
	snprintf(near.endpoint, sizeof(near.endpoint), flow->server,
		 addr_port(&to));
	/* The child has what the listener had. */
	must(!setsockopt(listener, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)));
	far = sock_connect(&to);
	sock_send(far, 30);
	must(!shutdown(far, SHUT_WR));
	must(wait_for(sock_state(far) == TCP_FIN_WAIT2));

	n = row_off(&near, UNACCEPTED, 30);
	close_wait_row(&row, near.role, near.endpoint);
	n += off("inode of the row", sock_inode(listener), row.inode);
	n += off_text("uid of the row", "0", row.uid);
	n += off("a row of sockets", 1, socket_peer_of(&s, far));
	n += off_text("cause", "unaccepted", s.cause);
	n += off_text("role", near.role, s.role);
	n += off("inode", 0, s.inode);
	n += off("keepalive", 1, s.keepalive);
	n += off("unread_bytes", 30, s.unread_bytes);

	near.fd = sock_accept(listener);
	n += off("cookie", sock_cookie(near.fd), s.cookie);
	return n + cause_off(&near, UNREAD, 30);
}

TEST(unaccepted)
{
	unsigned int i;

	for (i = 0; i < FLOWS; i++) {
		net_new();
		EXPECT_EQ(0, unaccepted_off(&flows[i]))
			TH_LOG("%s", flows[i].listen);
	}
}

/* So many of each that no two causes have the same number. */
static unsigned int how_many(enum cause cause, bool client)
{
	if (client)
		return cause == UNACCEPTED ? 0 : 8 + 2 * cause;
	return 1 + cause;
}

static void make_all(const struct flow *flow, unsigned short *port)
{
	struct addr to;
	int listener = flow_listen(flow, &to);
	unsigned int i, cause;
	struct pair p;

	for (cause = 0; cause < CAUSES; cause++) {
		if (cause == UNACCEPTED)
			continue;
		for (i = 0; i < how_many(cause, false); i++) {
			p = pair_make(listener, &to);
			cause_make(cause, p.server, p.client);
		}
		for (i = 0; i < how_many(cause, true); i++) {
			p = pair_make(listener, &to);
			cause_make(cause, p.client, p.server);
		}
	}
	for (i = 0; i < how_many(UNACCEPTED, false); i++)
		cause_make(UNACCEPTED, -1, sock_connect(&to));
	*port = addr_port(&to);
}

static unsigned int all_off(const struct flow *flow, unsigned short port,
			    bool client)
{
	const char *role = client ? "client" : "server";
	char *endpoint = strf(client ? flow->client : flow->server, port);
	struct close_wait row;
	unsigned int i, n = 0;

	close_wait_row(&row, role, endpoint);
	n += off(endpoint, 1, row.rows);
	for (i = 0; i < CAUSES; i++)
		n += off(cause_names[i], how_many(i, client), row.cause[i]);
	n += off("unread_small", row.cause[UNREAD], row.unread_small);
	n += off("unread_bytes", 7 * (row.cause[EXEMPT] + row.cause[SENDING] +
				      row.cause[UNREAD]), row.unread_bytes);
	free(endpoint);
	return n;
}

TEST(all_at_once)
{
	unsigned short port[FLOWS];
	struct close_wait all;
	struct table t;
	unsigned int i;

	net_new();
	for (i = 0; i < FLOWS; i++)
		make_all(&flows[i], &port[i]);
	for (i = 0; i < FLOWS; i++) {
		EXPECT_EQ(0, all_off(&flows[i], port[i], false));
		EXPECT_EQ(0, all_off(&flows[i], port[i], true));
	}
	close_wait_row(&all, NULL, NULL);
	EXPECT_EQ(2 * FLOWS, all.rows);
	EXPECT_EQ(0, stat_off(&all));

	/* The same, socket by socket. */
	sockets_table(&t);
	EXPECT_EQ(all.sockets, t.rows);
	EXPECT_EQ(all.unread_bytes, table_sum(&t, "unread_bytes"));
	for (i = 0; i < CAUSES; i++) {
		long row = -1;

		while ((row = table_match(&t, row, "cause", cause_names[i],
					  NULL)) >= 0)
			all.cause[i]--;
		EXPECT_EQ(0, all.cause[i]) TH_LOG("%s", cause_names[i]);
	}
	table_free(&t);
}

TEST(header)
{
	static const char *const names[] = {
		"netns", "role", "endpoint", "cgroup", "uid", "inode", "sockets",
		"unaccepted", "sending", "unread", "unread_small", "fin_pending",
		"drained", "exempt", "keepalive", "unread_bytes", "mem_bytes",
		"oldest_idle_s", "oldest_data_idle_s",
	};
	struct table t;

	net_new();
	census_table(&t, "close_wait");
	EXPECT_EQ(0, t.rows);
	EXPECT_EQ(0, table_columns(&t, names, ARRAY_SIZE(names)));
	table_free(&t);
}

TEST_HARNESS_MAIN
