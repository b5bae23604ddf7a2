// SPDX-License-Identifier: GPL-2.0
/*
 * A line for each CLOSE_WAIT socket, and what it says.
 *
 *	 one network namespace, lo
 *	+----------------------------------------------------------+
 *	|  far ---- data, FIN ----> near, in CLOSE_WAIT            |
 *	|                                                          |
 *	|  server: near came out of the listener's accept queue,   |
 *	|          or is still in it                               |
 *	|  client: near connected to the listener                  |
 *	+----------------------------------------------------------+
 */

#include <sys/fsuid.h>

#include "lib/rows.h"
#include "lib/test.h"

#define UID 4242

/**
 * struct near - a socket to be shown
 * @row: how; its ages are not looked at
 * @seen: rows it was found in
 */
struct near {
	struct socket_row row;
	unsigned int seen;
};

/**
 * struct all - what is to be shown
 * @near: each of them
 * @nr: how many
 */
struct all {
	struct near near[100];
	size_t nr;
};

static void text_set(char *to, size_t size, char *text)
{
	must((size_t)snprintf(to, size, "%s", text) < size);
	free(text);
}

static struct socket_row *near_add(struct all *all, struct addr local,
				   struct addr remote, const char *role,
				   enum cause cause, unsigned int unread)
{
	struct socket_row *row;

	must(all->nr < ARRAY_SIZE(all->near));
	row = &all->near[all->nr++].row;
	text_set(row->local, sizeof(row->local), addr_text(&local));
	text_set(row->remote, sizeof(row->remote), addr_text(&remote));
	strcpy(row->role, role);
	strcpy(row->cause, cause_names[cause]);
	strcpy(row->uid, "0");
	row->unread_bytes = unread;
	return row;
}

static struct near *near_find(struct all *all, const struct table *t, size_t row)
{
	const char *local = table_cell(t, row, "local");
	const char *remote = table_cell(t, row, "remote");
	size_t i;

	for (i = 0; i < all->nr; i++)
		if (!strcmp(all->near[i].row.local, local) &&
		    !strcmp(all->near[i].row.remote, remote))
			return &all->near[i];
	return NULL;
}

static unsigned int row_off(struct near *near, const struct table *t, size_t row)
{
	const struct socket_row *want = &near->row;
	unsigned int bad = 0;

	near->seen++;
	bad += off_text("role", want->role, table_cell(t, row, "role"));
	bad += off_text("cause", want->cause, table_cell(t, row, "cause"));
	bad += off_text("uid", want->uid, table_cell(t, row, "uid"));
	bad += off_text("cgroup", want->cgroup, table_cell(t, row, "cgroup"));
	bad += off("keepalive", want->keepalive, table_number(t, row, "keepalive"));
	bad += off("unread_bytes", want->unread_bytes,
		   table_number(t, row, "unread_bytes"));
	bad += off("inode", want->inode, table_number(t, row, "inode"));
	bad += off("idle_s, if a test takes minutes", 0,
		   table_number(t, row, "idle_s") / 300);
	if (table_number(t, row, "data_idle_s") < table_number(t, row, "idle_s"))
		bad += off("data_idle_s, less than idle_s", 0, 1);
	/* Of one that is not accepted it is known only later. */
	if (want->cookie)
		bad += off("cookie", want->cookie, table_number(t, row, "cookie"));
	else if (!table_number(t, row, "cookie"))
		bad += off("no cookie", 1, 0);
	return bad;
}

/* Does the file show all of them, each once, and nothing else? How often not? */
static unsigned int sockets_off(struct all *all)
{
	unsigned int bad = 0, wrong;
	struct near *near;
	struct table t;
	size_t i;

	sockets_table(&t);
	for (i = 0; i < all->nr; i++)
		all->near[i].seen = 0;
	for (i = 0; i < t.rows; i++) {
		near = near_find(all, &t, i);
		if (!near)
			die("sockets: what is %s %s?", table_cell(&t, i, "local"),
			    table_cell(&t, i, "remote"));
		wrong = row_off(near, &t, i);
		if (wrong)
			printf("# in the row %s %s\n", near->row.local,
			       near->row.remote);
		bad += wrong;
	}
	for (i = 0; i < all->nr; i++)
		bad += off(all->near[i].row.local, 1, all->near[i].seen);
	table_free(&t);
	return bad;
}

/**
 * struct flow - who connects to whom
 * @listen: the listener's address
 * @connect: what the client connects to
 */
static const struct flow {
	const char *listen;
	const char *connect;
} flows[] = {
	{ "127.0.0.1", "127.0.0.1" },
	{ "::1", "::1" },
	/* Of AF_INET6, all of them. */
	{ "::", "::ffff:127.0.0.1" },
};

FIXTURE(sockets) {
	struct all all;
	int listener;
	struct addr to;
	char cgroup[300];
};

FIXTURE_VARIANT(sockets) {
	unsigned int flow;
	bool client;
};

FIXTURE_VARIANT_ADD(sockets, server_ipv4) { .flow = 0, .client = false };
FIXTURE_VARIANT_ADD(sockets, server_ipv6) { .flow = 1, .client = false };
FIXTURE_VARIANT_ADD(sockets, server_mapped) { .flow = 2, .client = false };
FIXTURE_VARIANT_ADD(sockets, client_ipv4) { .flow = 0, .client = true };
FIXTURE_VARIANT_ADD(sockets, client_ipv6) { .flow = 1, .client = true };
FIXTURE_VARIANT_ADD(sockets, client_mapped) { .flow = 2, .client = true };

static int listen_for(const struct flow *flow, struct addr *to)
{
	int fd = sock_listen(flow->listen, 0, 64);
	struct addr a = sock_addr(fd);

	*to = addr(flow->connect, addr_port(&a));
	return fd;
}

FIXTURE_SETUP(sockets)
{
	struct table t;

	net_new();
	self->listener = listen_for(&flows[variant->flow], &self->to);
	census_table(&t, "listeners");
	ASSERT_EQ(1, t.rows);
	table_copy(self->cgroup, sizeof(self->cgroup), &t, 0, "cgroup");
	table_free(&t);
}

FIXTURE_TEARDOWN(sockets)
{
	EXPECT_FALSE(census_damaged());
}

TEST_F(sockets, none)
{
	ASSERT_EQ(0, sockets_off(&self->all));
	pair_make(self->listener, &self->to);
	EXPECT_EQ(0, sockets_off(&self->all));
}

/* One of each cause, for two owners, with and without keepalive. */
TEST_F(sockets, every_cause)
{
	static const struct {
		enum cause cause;
		unsigned int unread;
	} kinds[] = {
		{ SENDING, 0 }, { SENDING, 7 }, { UNREAD, 1 }, { UNREAD, 8000 },
		{ FIN_PENDING, 0 }, { DRAINED, 0 },
	};
	struct socket_row *row;
	unsigned int i, one = 1;
	struct pair p;
	int near, far;
	char c;

	for (i = 0; i < 2 * ARRAY_SIZE(kinds); i++) {
		enum cause cause = kinds[i / 2].cause;
		unsigned int unread = kinds[i / 2].unread;

		/* Whoever calls socket() or accept(). */
		setfsuid(i % 2 ? UID : 0);
		p = pair_make(self->listener, &self->to);
		setfsuid(0);
		near = variant->client ? p.client : p.server;
		far = variant->client ? p.server : p.client;
		sock_end(far, near, unread);
		if (cause == DRAINED)
			ASSERT_EQ(0, read(near, &c, 1));
		if (cause == SENDING) {
			sock_deafen(far);
			sock_send(near, 10);
		}
		row = near_add(&self->all, sock_addr(near), sock_peer(near),
			       variant->client ? "client" : "server", cause, unread);
		row->inode = sock_inode(near);
		row->cookie = sock_cookie(near);
		strcpy(row->cgroup, self->cgroup);
		if (i % 2)
			snprintf(row->uid, sizeof(row->uid), "%u", UID);
		if (i % 3 == 0) {
			row->keepalive = 1;
			ASSERT_EQ(0, setsockopt(near, SOL_SOCKET, SO_KEEPALIVE,
						&one, sizeof(one)));
		}
	}
	EXPECT_EQ(0, sockets_off(&self->all));
}

FIXTURE(unaccepted) {
	struct all all;
	char cgroup[300];
};

FIXTURE_SETUP(unaccepted)
{
	net_new();
}

FIXTURE_TEARDOWN(unaccepted)
{
}

/* Nobody has these yet; what is shown of them stays so when somebody does. */
TEST_F(unaccepted, all)
{
	unsigned long long cookie[ARRAY_SIZE(flows)];
	int listener[ARRAY_SIZE(flows)], server;
	struct socket_row *row, got;
	struct addr to;
	struct table t;
	int client;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flows); i++) {
		setfsuid(UID);
		listener[i] = listen_for(&flows[i], &to);
		setfsuid(0);
		client = sock_connect(&to);
		sock_send(client, 10 * i);
		ASSERT_EQ(0, shutdown(client, SHUT_WR));
		ASSERT_TRUE(wait_for(sock_state(client) == TCP_FIN_WAIT2));
		row = near_add(&self->all, sock_peer(client), sock_addr(client),
			       "server", UNACCEPTED, 10 * i);
		snprintf(row->uid, sizeof(row->uid), "%u", UID);
	}
	census_table(&t, "listeners");
	for (i = 0; i < ARRAY_SIZE(flows); i++) {
		table_copy(self->all.near[i].row.cgroup,
			   sizeof(self->all.near[i].row.cgroup), &t, i, "cgroup");
	}
	table_free(&t);
	ASSERT_EQ(0, sockets_off(&self->all));

	sockets_table(&t);
	for (i = 0; i < ARRAY_SIZE(flows); i++) {
		row = &self->all.near[i].row;
		ASSERT_TRUE(socket_find(&got, &t, row->local, row->remote));
		cookie[i] = got.cookie;
	}
	table_free(&t);
	for (i = 0; i < ARRAY_SIZE(flows); i++) {
		server = sock_accept(listener[i]);
		row = &self->all.near[i].row;
		row->inode = sock_inode(server);
		row->cookie = sock_cookie(server);
		EXPECT_EQ(cookie[i], row->cookie);
		strcpy(row->uid, "0");
		strcpy(row->cause, cause_names[i ? UNREAD : FIN_PENDING]);
	}
	EXPECT_EQ(0, sockets_off(&self->all));
}

FIXTURE(apart) {
};

FIXTURE_SETUP(apart)
{
}

FIXTURE_TEARDOWN(apart)
{
}

/* Two namespaces, one established table: each shows its own. */
TEST_F(apart, namespaces)
{
	struct socket_row row;
	struct table t;
	int netns[2], fd[2], listener;
	struct addr to;
	struct pair p;
	size_t i;

	for (i = 0; i < 2; i++) {
		netns[i] = net_new();
		listener = sock_listen("127.0.0.1", 80, 8);
		to = sock_addr(listener);
		p = pair_make(listener, &to);
		pair_close_wait(&p);
		fd[i] = p.server;
	}
	for (i = 0; i < 2; i++) {
		net_enter(netns[i]);
		sockets_table(&t);
		EXPECT_EQ(1, t.rows);
		table_free(&t);
		ASSERT_TRUE(socket_of(&row, fd[i]));
		EXPECT_EQ(sock_inode(fd[i]), row.inode);
		EXPECT_EQ(sock_cookie(fd[i]), row.cookie);
	}
}

TEST_HARNESS_MAIN
