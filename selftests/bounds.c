// SPDX-License-Identifier: GPL-2.0
/*
 * However many endpoints a namespace has, its tables have max_endpoints lines at
 * most: the largest, with sums that are those of all.
 *
 *	+-- netns crowded ------------------------------------+  +-- netns quiet --+
 *	| 127.0.0.1 <==> 127.1.0.1:9000, 127.1.0.2:9000, ...  |  | the same, with  |
 *	|       clients closed by a server at 0.0.0.0:9000    |  | a few of them   |
 *	| 127.0.0.1 <==> 127.0.0.1:10000, 127.0.0.1:10001, ...|  |                 |
 *	|       servers that do not accept, clients closed    |  |                 |
 *	+-----------------------------------------------------+  +-----------------+
 */

#include "lib/rows.h"
#include "lib/test.h"

#define MAX_ENDPOINTS CENSUS_MODULE "/parameters/max_endpoints"

#define CLIENTS_PORT 9000
#define SERVERS_PORT 10000

/* Connections of an endpoint that is larger than the others. */
#define HEAVY 60

static pid_t owner;
static unsigned long long old_max;

/* Only the process that changed the setting puts it back, not its children. */
static void restore(void)
{
	char text[32];

	if (getpid() != owner)
		return;
	snprintf(text, sizeof(text), "%llu", old_max);
	file_write(MAX_ENDPOINTS, text);
}

static void __attribute__((constructor)) bounds_begin(void)
{
	owner = getpid();
	old_max = file_number(MAX_ENDPOINTS);
	atexit(restore);
}

enum file { CLOSE_WAIT, ENDPOINTS, PORTS, FILES };

static const char *const files[FILES] = { "close_wait", "endpoints", "ports" };

/**
 * struct truth - an endpoint as the test made it
 * @role: its role
 * @endpoint: as shown
 * @sockets: to be shown in each of the files
 * @seen: rows it was found in
 */
struct truth {
	const char *role;
	char endpoint[32];
	unsigned int sockets[FILES];
	unsigned int seen;
};

/**
 * struct world - a namespace
 * @netns: a descriptor of it
 * @truth: its endpoints
 * @nr: how many
 * @made: clients of the one listener, so far
 * @queued: clients in accept queues
 * @nr_queued: how many
 * @want: all that is to be in close_wait
 */
struct world {
	int netns;
	struct truth truth[1000];
	size_t nr;
	unsigned int made;
	int queued[200];
	unsigned int nr_queued;
	struct close_wait want;
};

static struct truth *truth_find(struct world *w, const char *role,
				const char *endpoint)
{
	size_t i;

	for (i = 0; i < w->nr; i++)
		if (!strcmp(w->truth[i].role, role) &&
		    !strcmp(w->truth[i].endpoint, endpoint))
			return &w->truth[i];
	return NULL;
}

static void truth_add(struct world *w, const char *role, const char *ip,
		      unsigned int port, unsigned int close_wait,
		      unsigned int others)
{
	char endpoint[32];
	struct truth *t;

	snprintf(endpoint, sizeof(endpoint), "%s:%u", ip, port);
	t = truth_find(w, role, endpoint);
	if (!t) {
		must(w->nr < ARRAY_SIZE(w->truth));
		t = &w->truth[w->nr++];
		t->role = role;
		strcpy(t->endpoint, endpoint);
	}
	t->sockets[CLOSE_WAIT] += close_wait;
	t->sockets[ENDPOINTS] += close_wait + others;
	if (!strcmp(role, "client"))
		t->sockets[PORTS] += close_wait + others;
}

/* By turns of three causes, and every fourth with keepalive. */
static void client_close_wait(struct world *w, const struct pair *p)
{
	static const unsigned int unread[] = { 100, 512, 513 };
	unsigned int made = w->made++, bytes = 0, one = 1;
	char c;

	switch (made % 3) {
	case 0:
		bytes = unread[made / 3 % 3];
		w->want.unread_bytes += bytes;
		w->want.unread_small += bytes <= 512;
		w->want.cause[UNREAD]++;
		sock_end_unheard(p->server, p->client, bytes);
		break;
	case 1:
		w->want.cause[FIN_PENDING]++;
		sock_end_unheard(p->server, p->client, 0);
		break;
	case 2:
		w->want.cause[DRAINED]++;
		sock_end_unheard(p->server, p->client, 0);
		must(read(p->client, &c, 1) == 0);
		break;
	}
	if (made % 4 == 0) {
		w->want.keepalive++;
		must(!setsockopt(p->client, SOL_SOCKET, SO_KEEPALIVE, &one,
				 sizeof(one)));
	}
}

/* Clients of one more endpoint, of the listener at all addresses. */
static void clients_make(struct world *w, int listener, unsigned int i,
			 unsigned int connections)
{
	char ip[32];
	struct addr to;
	struct pair p;

	snprintf(ip, sizeof(ip), "127.1.%u.%u", i / 250, i % 250 + 1);
	to = addr(ip, CLIENTS_PORT);
	truth_add(w, "client", ip, CLIENTS_PORT, connections, 0);
	truth_add(w, "server", "0.0.0.0", CLIENTS_PORT, 0, connections);
	w->want.sockets += connections;
	while (connections--) {
		p = pair_make(listener, &to);
		client_close_wait(w, &p);
	}
}

/* A server of its own, and a client in its accept queue that has closed. */
static void server_make(struct world *w, unsigned int i)
{
	unsigned short port = SERVERS_PORT + i;
	int listener = sock_listen("127.0.0.1", port, 4), client;
	struct addr to = sock_addr(listener);

	client = sock_connect(&to);
	must(!shutdown(client, SHUT_WR));
	must(w->nr_queued < ARRAY_SIZE(w->queued));
	w->queued[w->nr_queued++] = client;
	truth_add(w, "server", "127.0.0.1", port, 1, 1);
	truth_add(w, "client", "127.0.0.1", port, 0, 1);
	w->want.sockets++;
	w->want.cause[UNACCEPTED]++;
}

/* A namespace with so many endpoints of each kind; @heavy of the clients' are. */
static struct world *world_new(unsigned int clients, unsigned int servers,
			       unsigned int heavy)
{
	struct world *w = calloc(1, sizeof(*w));
	unsigned int i;
	int listener;

	must(w);
	w->netns = net_new();
	listener = sock_listen("0.0.0.0", CLIENTS_PORT, 128);
	truth_add(w, "server", "0.0.0.0", CLIENTS_PORT, 0, 1);
	for (i = 0; i < clients; i++)
		clients_make(w, listener, i,
			     heavy && i % (clients / heavy) == 3 ? HEAVY : 1);
	for (i = 0; i < servers; i++)
		server_make(w, i);
	return w;
}

static unsigned long long row_sockets(const struct table *t, size_t row,
				      enum file f)
{
	unsigned long long n = 0;
	unsigned int state;

	if (f == CLOSE_WAIT)
		return table_number(t, row, "sockets");
	if (f == PORTS)
		return table_number(t, row, "used");
	for (state = 1; state < STATES; state++)
		n += table_number(t, row, state_names[state]);
	return n;
}

/* Look at one row. Returns in how many ways it is wrong. */
static unsigned int row_off(struct world *w, const struct table *t, size_t row,
			    enum file f, unsigned int *marks)
{
	const char *shown = table_cell(t, row, "endpoint");
	unsigned long long n = row_sockets(t, row, f);
	bool marked = *shown == '~';
	struct truth *truth;

	if (f == PORTS && strcmp(table_cell(t, row, "source"), "127.0.0.1"))
		die("ports: source %s", table_cell(t, row, "source"));
	truth = truth_find(w, f == PORTS ? "client" :
					      table_cell(t, row, "role"),
			   shown + marked);
	if (!truth)
		die("%s: no such endpoint: %s", files[f], shown);
	if (truth->seen++)
		die("%s: twice: %s", files[f], shown);
	*marks += marked;
	if (marked && n >= truth->sockets[f])
		return 0;
	return off(shown, truth->sockets[f], n);
}

/*
 * Is a file of this process's namespace what it must be with so many lines? Returns
 * in how many ways not.
 */
static unsigned int file_off(struct world *w, enum file f, unsigned int max)
{
	unsigned int keys = 0, hits = 0, marks = 0, bad = 0;
	unsigned long long n, sum = 0, before = -1ULL, replaced;
	struct table t;
	size_t row, i;

	for (i = 0; i < w->nr; i++) {
		w->truth[i].seen = 0;
		keys += w->truth[i].sockets[f] > 0;
		hits += w->truth[i].sockets[f];
	}
	census_table(&t, files[f]);
	/* The first row of ports is of no endpoint. */
	for (row = f == PORTS; row < t.rows; row++) {
		bad += row_off(w, &t, row, f, &marks);
		n = row_sockets(&t, row, f);
		if (n > before)
			bad += off("a row larger than the one before", before, n);
		before = n;
		sum += n;
	}
	bad += off("rows", (keys < max ? keys : max) + (f == PORTS), t.rows);
	bad += off("the sum of all rows", hits, sum);
	for (i = 0; i < w->nr; i++)
		if (w->truth[i].sockets[f] > hits / max && !w->truth[i].seen)
			bad += off(w->truth[i].endpoint, 1, 0);
	table_free(&t);

	replaced = census_stat(strf("%s_replaced", files[f]));
	if (keys <= max)
		bad += off("lines replaced", 0, replaced + marks);
	else if (!marks || marks > replaced || replaced < keys - max ||
		 replaced > hits - max)
		bad += off("lines replaced, of which are there", replaced, marks);
	if (bad)
		printf("# %s with %u lines, of %u endpoints\n", files[f], max,
		       keys);
	return bad;
}

/* All other columns: they add up to what there is. */
static unsigned int sums_off(const struct world *w)
{
	const struct close_wait *want = &w->want;
	unsigned long long by_state[STATES];
	struct close_wait got;
	unsigned int i, bad = 0;
	struct counts ss;
	struct table t;

	close_wait_row(&got, NULL, NULL);
	bad += off("sockets", want->sockets, got.sockets);
	for (i = 0; i < CAUSES; i++)
		bad += off(cause_names[i], want->cause[i], got.cause[i]);
	bad += off("unread_small", want->unread_small, got.unread_small);
	bad += off("unread_bytes", want->unread_bytes, got.unread_bytes);
	bad += off("keepalive", want->keepalive, got.keepalive);

	ss_counts(&ss);
	census_table(&t, "endpoints");
	endpoints_sum(by_state, &t);
	table_free(&t);
	for (i = 1; i < STATES; i++)
		bad += off(state_names[i], ss.n[i][V4] + ss.n[i][V6], by_state[i]);
	return bad;
}

/* All there is to say of a namespace. */
static unsigned int world_off(struct world *w, unsigned int max)
{
	unsigned int bad = 0, i;
	enum file f;

	net_enter(w->netns);
	/* Then what it is connected to is in CLOSE_WAIT. */
	for (i = 0; i < w->nr_queued; i++)
		must(wait_for(sock_state(w->queued[i]) == TCP_FIN_WAIT2));
	for (f = 0; f < FILES; f++)
		bad += file_off(w, f, max);
	return bad + sums_off(w);
}

FIXTURE(bounds) {
	unsigned int max;
};

FIXTURE_SETUP(bounds)
{
	fds_raise(10000);
}

FIXTURE_TEARDOWN(bounds)
{
	EXPECT_FALSE(census_damaged());
}

/* Ten times as many endpoints as lines, next to a namespace that has few. */
TEST_F(bounds, crowded)
{
	static const unsigned int max[] = { 65536, 32, 64, 16 };
	struct world *before = world_new(5, 3, 0);
	struct world *crowded = world_new(160, 160, 3);
	struct world *after = world_new(4, 4, 0);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(max); i++) {
		file_set(MAX_ENDPOINTS, "%u", max[i]);
		EXPECT_EQ(0, world_off(crowded, max[i]));
		EXPECT_EQ(0, world_off(before, max[i]));
		EXPECT_EQ(0, world_off(after, max[i]));
	}
}

/* Two that have too many do not share their lines. */
TEST_F(bounds, each_its_own)
{
	struct world *w[2];

	file_set(MAX_ENDPOINTS, "%u", 32);
	w[0] = world_new(100, 0, 2);
	w[1] = world_new(40, 40, 2);
	EXPECT_EQ(0, world_off(w[0], 32));
	EXPECT_EQ(0, world_off(w[1], 32));
}

/* The last line that fits, and the first that does not. */
TEST_F(bounds, one_by_one)
{
	struct world *w = world_new(0, 0, 0);
	unsigned int i;

	file_set(MAX_ENDPOINTS, "%u", 16);
	for (i = 0; i < 18; i++) {
		server_make(w, i);
		ASSERT_EQ(0, world_off(w, 16)) TH_LOG("with %u", i + 1);
	}
}

TEST_F(bounds, values)
{
	static const char *const bad[] = {
		"15", "65537", "0", "-1", "-32", "4294967328", "1.5", "32 33", "32x",
		"x", "\n", "99999999999999999999",
	};
	static const char *const good[] = { "16", "65536", "4096\n" };
	size_t i;

	file_set(MAX_ENDPOINTS, "%u", 100);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(EINVAL, file_write(MAX_ENDPOINTS, bad[i]))
			TH_LOG("\"%s\"", bad[i]);
		EXPECT_EQ(100, file_number(MAX_ENDPOINTS));
	}
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(0, file_write(MAX_ENDPOINTS, good[i]));
		EXPECT_EQ(strtoull(good[i], NULL, 10),
			  file_number(MAX_ENDPOINTS));
	}
}

TEST_HARNESS_MAIN
