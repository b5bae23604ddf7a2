// SPDX-License-Identifier: GPL-2.0
/*
 * metrics: the same as in the tables, within bounds, and no counter ever falls.
 *
 *	+-- initial netns --+   +-- netns ----------------------+  x 300
 *	| reader            |   | clients ---> listeners   (lo) |
 *	+-------------------+   +-------------------------------+
 */

#include <sys/mman.h>

#include "lib/crowd.h"
#include "lib/metrics.h"
#include "lib/peak.h"
#include "lib/rows.h"
#include "lib/test.h"
#include "lib/worker.h"

#define BYTES_MAX (60 * 1024)

enum { PORT = 8080, NETS = 300, GROUP = 64 };

FIXTURE(metrics) {
	int home;
	int netns;
};

FIXTURE_SETUP(metrics)
{
	fds_raise(8192);
	self->home = net_open();
	self->netns = net_new();
}

FIXTURE_TEARDOWN_PARENT(metrics)
{
	census_thaw();
	EXPECT_FALSE(census_damaged());
}

/* What is said of the queue at a port of 127.0.0.1; -1 if nothing is. */
static double queue(const struct metrics *m, const char *what, unsigned int port)
{
	char *start = strf("accept_queue_%s{local=\"127.0.0.1:%u\",", what, port);
	double value = -1;
	size_t i;

	for (i = 0; i < m->nr; i++) {
		if (strncmp(m->samples[i].series, start, strlen(start)))
			continue;
		must(value == -1);
		value = m->samples[i].value;
	}
	free(start);
	return value;
}

/* And again, now. */
static double queue_now(const char *path, const char *what, unsigned int port)
{
	struct metrics m;
	double value;

	metrics_read(&m, path);
	value = queue(&m, what, port);
	metrics_free(&m);
	return value;
}

TEST_F(metrics, as_in_the_tables)
{
	struct counts want = {}, c;
	struct close_wait row;
	struct metrics m;
	struct table t;
	size_t i;
	struct addr to;
	int listener;
	char *labels;

	crowd_add(&want, "127.0.0.1", 5, 4, 2);
	crowd_add(&want, "::1", 1, 3, 1);
	must(crowd_settled(&want));
	listener = sock_listen("127.0.0.1", PORT, 100);
	to = sock_addr(listener);
	burst_start(&to, 7);
	must(burst_queued(listener, 7));

	census_freeze();
	metrics_read(&m, METRICS_NET);
	census_counts(&c);
	for (i = 1; i < STATES; i++) {
		EXPECT_EQ(c.n[i][V4], metrics_value(&m, "sockets{state=\"%s\",family=\"ipv4\"}",
						    state_names[i]));
		EXPECT_EQ(c.n[i][V6], metrics_value(&m, "sockets{state=\"%s\",family=\"ipv6\"}",
						    state_names[i]));
	}
	census_table(&t, "close_wait");
	EXPECT_EQ(2, t.rows);
	for (i = 0; i < t.rows; i++) {
		close_wait_row(&row, "server", table_cell(&t, i, "endpoint"));
		labels = strf("role=\"server\",endpoint=\"%s\",cgroup=\"%s\"",
			      table_cell(&t, i, "endpoint"), row.cgroup);
		EXPECT_EQ(row.sockets,
			  metrics_value(&m, "close_wait_sockets{%s,cause=\"fin_pending\"}",
					labels));
		EXPECT_EQ(row.oldest_idle_s,
			  metrics_value(&m, "close_wait_oldest_idle_seconds{%s}", labels));
		free(labels);
	}
	/* And of no other cause. */
	EXPECT_EQ(2, metrics_count(&m, "close_wait_sockets"));
	EXPECT_EQ(7, metrics_sum(&m, "close_wait_sockets"));
	table_free(&t);

	census_table(&t, "listeners");
	EXPECT_EQ(3, t.rows);
	EXPECT_EQ(3, metrics_count(&m, "accept_queue_length"));
	for (i = 0; i < t.rows; i++) {
		static const char *const columns[][2] = {
			{ "depth", "length" }, { "depth", "length_max" }, { "limit", "limit" },
			{ "peak", "peak" }, { "peak_recent", "peak_recent" },
			{ "queued", "queued_total" }, { "filled", "filled_total" },
			{ "drops", "drops_total" },
		};
		size_t k;

		labels = strf("local=\"%s\",cgroup=\"%s\"", table_cell(&t, i, "local"),
			      table_cell(&t, i, "cgroup"));
		for (k = 0; k < ARRAY_SIZE(columns); k++)
			EXPECT_EQ(table_number(&t, i, columns[k][0]),
				  metrics_value(&m, "accept_queue_%s{%s}", columns[k][1], labels))
				TH_LOG("%s of %s", columns[k][1], labels);
		free(labels);
	}
	EXPECT_EQ(7, queue(&m, "length", PORT));
	table_free(&t);

	census_table(&t, "transitions");
	for (i = 0; i < t.rows; i++)
		EXPECT_EQ(table_number(&t, i, "entered"),
			  metrics_value(&m, "state_entered_total{state=\"%s\"}",
					table_cell(&t, i, "state")));
	table_free(&t);
	EXPECT_EQ(census_stat("close_wait_duration_count"),
		  metrics_value(&m, "close_wait_duration_seconds_count"));
	EXPECT_EQ(census_stat("close_wait_duration_count"),
		  metrics_value(&m, "close_wait_duration_seconds_bucket{le=\"+Inf\"}"));
	census_table(&t, "ports");
	EXPECT_EQ(table_number(&t, 0, "used"), metrics_value(&m, "ports_used"));
	EXPECT_EQ(table_number(&t, 0, "of"), metrics_value(&m, "ports_available"));
	table_free(&t);
	EXPECT_LT(0, metrics_value(&m, "walk_seconds"));
	/* Of the host. */
	EXPECT_EQ(-1, metrics_value(&m, "closed_unreleased_sockets"));
	EXPECT_EQ(0, metrics_sum(&m, "series_omitted"));
	EXPECT_EQ(1, metrics_sum(&m, "info"));
	metrics_free(&m);
}

/* How long applications took, added up: of one it is in its bucket. */
TEST_F(metrics, sum_of_durations)
{
	int listener = sock_listen("127.0.0.1", PORT, 10);
	struct addr to = sock_addr(listener);
	struct pair p = pair_make(listener, &to);
	struct metrics m;
	unsigned int ms;
	double sum;

	sock_end(p.client, p.server, 0);
	nap_ms(300);
	close(p.server);
	metrics_read(&m, METRICS_NET);
	sum = metrics_value(&m, "close_wait_duration_seconds_sum");
	EXPECT_EQ(1, metrics_value(&m, "close_wait_duration_seconds_count"));
	for (ms = 8; ms < 60000; ms *= 2)
		if (metrics_value(&m, "close_wait_duration_seconds_bucket{le=\"%u.%03u\"}",
				  ms / 1000, ms % 1000) == 1)
			break;
	EXPECT_LT(8, ms);
	EXPECT_GE(ms / 1000.0, sum);
	EXPECT_LT(ms / 2000.0, sum);
	metrics_free(&m);
}

/* One series, whoever of them has the connections. */
TEST_F(metrics, reuseport_group)
{
	int member[GROUP], i;
	struct metrics m;
	struct addr to;
	struct table t;
	double peak = 0;

	for (i = 0; i < GROUP; i++)
		member[i] = sock_listen_shared("127.0.0.1", PORT, i == 7 ? 300 : 200);
	to = sock_addr(member[0]);
	burst_start(&to, 150);
	census_freeze();
	must(wait_for((census_thaw(), census_freeze(), census_table(&t, "listeners"),
		       i = table_sum(&t, "depth"), table_free(&t), i == 150)));
	census_table(&t, "listeners");
	metrics_read(&m, METRICS_NET);
	EXPECT_EQ(GROUP, t.rows);
	EXPECT_EQ(1, metrics_count(&m, "accept_queue_length"));
	EXPECT_EQ(150, queue(&m, "length", PORT));
	EXPECT_EQ(150, queue(&m, "queued_total", PORT));
	EXPECT_EQ(300, queue(&m, "limit", PORT));
	for (i = 0; i < GROUP; i++)
		if (peak < table_number(&t, i, "peak"))
			peak = table_number(&t, i, "peak");
	EXPECT_LT(1, peak);
	EXPECT_EQ(peak, queue(&m, "peak", PORT));
	EXPECT_EQ(peak, queue(&m, "length_max", PORT));
	table_free(&t);
	metrics_free(&m);

	/* Half of them go, and what they counted stays. */
	for (i = 0; i < GROUP / 2; i++)
		close(member[i]);
	census_thaw();
	EXPECT_EQ(150, queue_now(METRICS_NET, "queued_total", PORT));
	EXPECT_GT(150, queue_now(METRICS_NET, "length", PORT));
}

/* A service that is restarted counts on: for its namespace, and for the host. */
static void served(int netns, int home, double want, double want_host)
{
	struct metrics m;

	metrics_read(&m, METRICS_NET);
	must(queue(&m, "queued_total", PORT) == want);
	metrics_free(&m);
	net_enter(home);
	metrics_read(&m, METRICS_HOST);
	if (queue(&m, "queued_total", PORT) != want_host)
		die("host: %.0f, not %.0f", queue(&m, "queued_total", PORT), want_host);
	metrics_free(&m);
	net_enter(netns);
}

TEST_F(metrics, restarts)
{
	unsigned int i, k, filled;
	double drops, before;
	int listener, refused[6];
	struct addr to;

	/* What others may have counted there before. */
	listener = sock_listen("127.0.0.1", PORT, 3);
	net_enter(self->home);
	before = queue_now(METRICS_HOST, "queued_total", PORT);
	must(before >= 0);
	net_enter(self->netns);
	close(listener);
	for (i = 1; i <= 5; i++) {
		listener = sock_listen("127.0.0.1", PORT, 3);
		to = sock_addr(listener);
		must(burst_fill(listener, &to, 4));
		/* No place is left for these. */
		for (k = 0; k < ARRAY_SIZE(refused); k++)
			refused[k] = sock_start(&to, false);
		served(self->netns, self->home, 4 * i, before + 4 * i);
		filled = queue_now(METRICS_NET, "filled_total", PORT);
		EXPECT_EQ(i, filled);
		drops = queue_now(METRICS_NET, "drops_total", PORT);
		EXPECT_LE(ARRAY_SIZE(refused) * i, drops);
		for (k = 0; k < ARRAY_SIZE(refused); k++)
			close(refused[k]);
		close(listener);
		/* While nobody listens it is not there. */
		EXPECT_EQ(-1, queue_now(METRICS_NET, "queued_total", PORT));
	}
	/* Another address is another series. */
	listener = sock_listen("127.0.0.1", PORT + 1, 3);
	EXPECT_EQ(0, queue_now(METRICS_NET, "queued_total", PORT + 1));
}

/* Of many services that are gone those shown last are remembered. */
TEST_F(metrics, remembered)
{
	enum { ROUNDS = 10, EACH = 30 };
	int listener[EACH];
	struct metrics m;
	unsigned int i, k;
	struct addr to;

	for (i = 0; i < ROUNDS; i++) {
		for (k = 0; k < EACH; k++) {
			listener[k] = sock_listen("127.0.0.1", 20000 + i * EACH + k, 10);
			to = sock_addr(listener[k]);
			must(burst_fill(listener[k], &to, 1));
		}
		metrics_read(&m, METRICS_NET);
		must(metrics_count(&m, "accept_queue_queued_total") == EACH);
		metrics_free(&m);
		for (k = 0; k < EACH; k++)
			close(listener[k]);
	}
	for (i = 0; i < 3; i++) {
		sock_listen("127.0.0.1", 20000 + i, 10);
		EXPECT_EQ(0, queue_now(METRICS_NET, "queued_total", 20000 + i));
		sock_listen("127.0.0.1", 20000 + ROUNDS * EACH - 250 + i, 10);
		EXPECT_EQ(1, queue_now(METRICS_NET, "queued_total",
				       20000 + ROUNDS * EACH - 250 + i));
	}
}

/* More than there is room for: the rest is added up, or said to be missing. */
TEST_F(metrics, too_many)
{
	unsigned int i, shown, omitted;
	struct metrics m;
	struct addr to;
	int listener;

	for (i = 0; i < 200; i++) {
		listener = sock_listen("127.0.0.1", PORT + i, 10);
		to = sock_addr(listener);
		burst_start(&to, i < 3 ? 5 : 1);
		must(burst_queued(listener, i < 3 ? 5 : 1));
	}
	metrics_read(&m, METRICS_NET);
	EXPECT_GT(BYTES_MAX, m.size);
	shown = metrics_count(&m, "accept_queue_limit");
	EXPECT_LE(20, shown);
	EXPECT_GE(64, shown);
	/* Those with most are there, and all are in the sum. */
	for (i = 0; i < 3; i++)
		EXPECT_EQ(5, queue(&m, "peak_recent", PORT + i));
	EXPECT_EQ(200 + 3 * 4, metrics_sum(&m, "accept_queue_length"));
	EXPECT_EQ(200 - shown,
		  metrics_value(&m, "accept_queue_length{local=\"other\",cgroup=\"other\"}"));
	EXPECT_EQ(1, metrics_value(&m, "accept_queue_peak{local=\"other\",cgroup=\"other\"}"));
	/* Not of what is counted. */
	EXPECT_EQ(shown, metrics_count(&m, "accept_queue_queued_total"));
	omitted = metrics_value(&m, "series_omitted{table=\"accept_queue\"}");
	EXPECT_EQ(8 * (200 - shown), omitted);
	metrics_free(&m);
}

/* How long a look takes, in ms. */
static unsigned long *look_ms;

/* Services that come and go, at odd ports each time in a namespace of its own. */
static void services(struct worker *me, void *arg)
{
	unsigned short first = *(unsigned short *)arg;
	struct pair p[4];
	struct addr to;
	int netns = net_new(), home = net_open();
	int listener;
	size_t i;

	for (;;) {
		if (first % 2) {
			close(netns);
			netns = net_new();
		}
		listener = sock_listen("127.0.0.1", first + 2 * (random() % 4), 2);
		to = sock_addr(listener);
		for (i = 0; i < ARRAY_SIZE(p); i++) {
			p[i] = pair_make(listener, &to);
			pair_close_wait(&p[i]);
		}
		burst_start(&to, 3);
		/* So that it is seen every now and then. */
		nap_ms(random() % (200 + 2 * __atomic_load_n(look_ms, __ATOMIC_RELAXED)));
		for (i = 0; i < ARRAY_SIZE(p); i++)
			pair_close(&p[i]);
		close(listener);
		net_enter(home);
		worker_round(me);
	}
}

/* A host with many namespaces; all in one series, a port for each, or one of them a group. */
static void crowd_of_namespaces(void)
{
	unsigned int i, k;
	struct pair p;
	struct addr to;
	int listener;

	for (i = 0; i < NETS; i++) {
		net_new();
		listener = sock_listen("127.0.0.1", PORT, 10);
		to = sock_addr(listener);
		p = pair_make(listener, &to);
		pair_close_wait(&p);
		sock_listen("127.0.0.1", 10000 + i, 10);
		for (k = 0; i == 1 && k < GROUP; k++)
			sock_listen_shared("127.0.0.1", 443, 10);
	}
}

/* Those that are compared with each other; and of services of each kind that were met. */
enum { LOOKS = 40, MET = 5, PATIENCE = 200 };

static void meet(unsigned int *met, const struct metrics *m)
{
	unsigned int port;

	for (port = 20000; port < 20008; port++)
		met[port % 2] += queue(m, "queued_total", port) > 0;
}

TEST_F(metrics, nothing_falls)
{
	unsigned short ports[] = { 20000, 20001 };
	struct worker *w[ARRAY_SIZE(ports)];
	struct metrics m[LOOKS], more;
	unsigned int i, k, longest = 0, met[2] = {};
	double first, last;
	uint64_t until, ms;

	look_ms = mmap(NULL, sizeof(*look_ms), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, look_ms);
	crowd_of_namespaces();
	net_enter(self->home);
	census_thaw();
	for (i = 0; i < ARRAY_SIZE(ports); i++)
		w[i] = worker_start(services, &ports[i], -1);
	for (i = 0; i < LOOKS; i++) {
		/* Between any two one has come or gone. */
		must(wait_for(worker_rounds(w[0]) + worker_rounds(w[1]) > i));
		ms = now_ms();
		metrics_read(&m[i], METRICS_HOST);
		__atomic_store_n(look_ms, now_ms() - ms, __ATOMIC_RELAXED);
		ASSERT_GT(BYTES_MAX, m[i].size);
		if (longest < m[i].size)
			longest = m[i].size;
		for (k = 0; k < i; k++)
			ASSERT_EQ(0, metrics_fallen(&m[k], &m[i])) TH_LOG("look %u, %u", k, i);
		meet(met, &m[i]);
	}
	/* Some are quicker than it can look. */
	until = now_ms() + PATIENCE * 1000;
	while ((met[0] <= MET || met[1] <= MET) && now_ms() < until) {
		metrics_read(&more, METRICS_HOST);
		ASSERT_EQ(0, metrics_fallen(&m[LOOKS - 1], &more));
		meet(met, &more);
		metrics_free(&more);
	}
	TH_LOG("%u bytes at most, %lu services came and went, met %u and %u times", longest,
	       worker_rounds(w[0]) + worker_rounds(w[1]), met[0], met[1]);
	/* There was something that might have. */
	EXPECT_LT(0, worker_rounds(w[0]));
	EXPECT_LT(0, worker_rounds(w[1]));
	EXPECT_LT(MET, met[0]);
	EXPECT_LT(MET, met[1]);
	first = metrics_value(&m[0], "state_entered_total{state=\"close_wait\"}");
	last = metrics_value(&m[LOOKS - 1], "state_entered_total{state=\"close_wait\"}");
	EXPECT_LT(first, last);
	/* Gauges are the sum of all. */
	EXPECT_LE(2 * NETS + GROUP,
		  metrics_value(&m[0], "sockets{state=\"listen\",family=\"ipv4\"}"));
	EXPECT_LT(0, metrics_value(&m[0], "series_omitted{table=\"accept_queue\"}"));
	EXPECT_LE(NETS, metrics_sum(&m[0], "close_wait_sockets"));
	for (i = 0; i < ARRAY_SIZE(w); i++)
		worker_stop(w[i]);
	for (i = 0; i < LOOKS; i++)
		metrics_free(&m[i]);
}

TEST_HARNESS_MAIN
