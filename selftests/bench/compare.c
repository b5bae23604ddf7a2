// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs to know of many connections: from the module, and from whatever else
 * says it, by turns and side by side.
 *
 *	compare [CONNECTIONS [RUNS]]		default: 100000 5
 *
 *	+-- netns -----------------------+  +-- netns --+      +-- netns --+
 *	| 98 % of them, of 51 listeners  |  | of one    |  ... | of one    |
 *	+--------------------------------+  +-----------+ 2..50+-----------+
 *
 * Of each connection both ends are here, and half of the clients have shut down. All
 * sockets are in the one table that everybody walks, and who asks is in the first
 * namespace: what others do not show of the remaining 2 % makes no difference.
 *
 * A line is: what; milliseconds that pass; milliseconds of processors' time, of whoever
 * worked meanwhile; kB that a command takes at its largest, or that the kernel keeps when
 * somebody has read a file and still has it open: of a fresh one the snapshot too. Medians
 * of RUNS; of three where each took more than ten seconds. Files and sock_diag are read by
 * this process; of a command what it takes to start the same programs with nothing to do
 * is taken off. All must say what is true before anything is measured.
 */

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base.h"
#include "census.h"
#include "cost.h"
#include "diag.h"
#include "exporter.h"
#include "load.h"
#include "metrics.h"
#include "net.h"
#include "rows.h"
#include "worker.h"

#define NAMESPACES 50
#define LISTENERS 51

/* What takes so long is not run more often than that. */
#define LONG_MS 10000
#define LONG_RUNS 3

enum freshness { ANY, FRESH, WARM };

/* As sock_diag takes states. */
enum { CLOSE_WAIT = 1 << TCP_CLOSE_WAIT };

/**
 * struct item - something that tells of connections
 * @name: as it is printed
 * @file: to be read, or
 * @states: to be asked for over sock_diag, or
 * @command: to be run, and
 * @idle: the same without anything to do
 * @how: from a walk of its own, or from a snapshot
 * @host: in the namespace of the host
 * @said: how many in CLOSE_WAIT its text says there are; of listeners, how many they are
 */
struct item {
	const char *name;
	const char *file;
	unsigned int states;
	const char *command;
	const char *idle;
	enum freshness how;
	bool host;
	unsigned long (*said)(const char *text, size_t len);
};

static unsigned long said_states(const char *text, size_t len)
{
	struct counts c;

	counts_parse(&c, text, len, census_netns());
	return c.n[TCP_CLOSE_WAIT][V4];
}

static unsigned long column(const char *text, size_t len, const char *name)
{
	unsigned long sum;
	struct table t;

	table_parse(&t, text, len);
	sum = name ? table_sum(&t, name) : t.rows;
	table_free(&t);
	return sum;
}

static unsigned long said_close_wait(const char *text, size_t len)
{
	return column(text, len, "sockets");
}

static unsigned long said_endpoints(const char *text, size_t len)
{
	return column(text, len, "close_wait");
}

static unsigned long said_rows(const char *text, size_t len)
{
	return column(text, len, NULL);
}

static unsigned long said_metrics(const char *text, size_t len)
{
	struct metrics m;
	unsigned long n;

	metrics_parse(&m, strf("%s", text), len);
	n = metrics_value(&m, "sockets{state=\"close_wait\",family=\"ipv4\"}");
	metrics_free(&m);
	return n;
}

static unsigned long said_number(const char *text, size_t len)
{
	(void)len;
	return strtoul(text, NULL, 10);
}

/* The number behind the only place of a word. */
static unsigned long behind(const char *text, const char *word)
{
	const char *at = strstr(text, word);

	must(at);
	return strtod(at + strlen(word), NULL);
}

static unsigned long said_awk(const char *text, size_t len)
{
	(void)len;
	return behind(text, "CLOSE-WAIT ");
}

static unsigned long said_exporter(const char *text, size_t len)
{
	(void)len;
	return behind(text, "node_tcp_connection_states{state=\"close_wait\"} ");
}

static unsigned long said_iterator(const char *text, size_t len)
{
	(void)len;
	return behind(text, "\n8 ");
}

static unsigned long said_proc_net(const char *text, size_t len)
{
	unsigned int state;
	unsigned long n = 0;

	(void)len;
	for (; text; text = strchr(text, '\n'), text += !!text)
		n += sscanf(text, " %*u: %*[0-9A-F]:%*x %*[0-9A-F]:%*x %x ", &state) == 1 &&
		     state == TCP_CLOSE_WAIT;
	return n;
}

#define FRESH_FILE(name_, said_)						\
	{ .name = #name_ " fresh", .file = CENSUS_DIR #name_, .how = FRESH, .said = said_ }
#define WARM_FILE(name_, said_)							\
	{ .name = #name_ " warm", .file = CENSUS_DIR #name_, .how = WARM, .said = said_ }

static const struct item items[] = {
	FRESH_FILE(states, said_states),
	FRESH_FILE(close_wait, said_close_wait),
	FRESH_FILE(endpoints, said_endpoints),
	FRESH_FILE(listeners, said_rows),
	FRESH_FILE(metrics, said_metrics),
	FRESH_FILE(sockets, said_rows),
	{ .name = "host metrics fresh", .file = "/proc/tcp_census/metrics", .how = FRESH,
	  .host = true, .said = said_metrics },
	WARM_FILE(states, said_states),
	WARM_FILE(close_wait, said_close_wait),
	WARM_FILE(endpoints, said_endpoints),
	WARM_FILE(listeners, said_rows),
	WARM_FILE(metrics, said_metrics),
	{ .name = "host metrics warm", .file = "/proc/tcp_census/metrics", .how = WARM,
	  .host = true, .said = said_metrics },
	{ .name = "sock_diag, all states", .states = -1U },
	{ .name = "sock_diag, CLOSE_WAIT", .states = CLOSE_WAIT },
	{ .name = "ss state close-wait | wc -l",
	  .command = "ss -Htan state close-wait | wc -l", .idle = "ss -V | wc -l",
	  .said = said_number },
	{ .name = "ss | awk, by state",
	  .command = "ss -Htan | awk '{ n[$1]++ } END { for (s in n) print s, n[s] }'",
	  .idle = "ss -V | awk '{ n[$1]++ } END { for (s in n) print s, n[s] }'",
	  .said = said_awk },
	{ .name = "cat /proc/net/tcp", .file = "/proc/net/tcp", .said = said_proc_net },
	{ .name = "node_exporter tcpstat", .said = said_exporter },
	{ .name = "BPF iterator", .file = "/sys/fs/bpf/tcp_states", .said = said_iterator },
};

#define ITEMS (sizeof(items) / sizeof(*items))

/* Returns the most memory it had, in kB. */
static long run_command(const char *command)
{
	struct rusage usage;
	pid_t pid = fork();
	int status, null;

	must(pid >= 0);
	if (!pid) {
		null = open("/dev/null", O_WRONLY);
		dup2(null, 1);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	must(wait4(pid, &status, 0, &usage) == pid);
	if (status)
		die("%s: status %#x", command, status);
	return usage.ru_maxrss;
}

/* One run; *@kb is what a command takes. */
static void once(const struct item *item, const char *command, struct cost *cost, double *kb)
{
	struct counts c;
	size_t len;

	cost_begin(cost);
	if (command)
		*kb = run_command(command);
	else if (item->file)
		cost_read(item->file);
	else if (item->states)
		diag_counts(&c, item->states);
	else
		free(exporter_ask(&len));
	cost_end(cost);
}

static bool there(const struct item *item, bool exporter)
{
	if (item->file)
		return !access(item->file, R_OK);
	return item->states || item->command || exporter;
}

/* Did it take long, and often enough? */
static bool enough(const struct costs *costs)
{
	unsigned int i;

	for (i = 0; i < costs->n; i++)
		if (costs->ms[i] < LONG_MS)
			return false;
	return costs->n >= LONG_RUNS;
}

/* Of each of these items one run more. */
static void measure_once(struct costs *costs, bool warm, int here, int host, bool exporter)
{
	struct cost cost, idle;
	unsigned int i;
	double kb;

	for (i = 0; i < ITEMS; i++) {
		const struct item *item = &items[i];
		bool of_these = item->how == WARM ? warm : !warm;

		net_enter(item->host ? host : here);
		if (!of_these || !there(item, exporter) || enough(&costs[i]))
			continue;
		/* What is made of a snapshot once for all who read it is there. */
		if (warm)
			cost_read(item->file);
		once(item, item->command, &cost, &costs[i].kb);
		if (item->command)
			costs[i].has_kb = true;
		if (item->idle)
			once(item, item->idle, &idle, &kb);
		cost_add(&costs[i], &cost, item->idle ? &idle : NULL);
	}
	net_enter(here);
}

/* The same of those that are warm, all from one snapshot; and how long its walk took. */
static void measure_warm(struct costs *costs, struct costs *walk, int here, int host)
{
	struct cost cost = {};
	unsigned long long age;

	census_still();
	age = census_stat("snapshot_age_ms");
	measure_once(costs, true, here, host, false);
	must(census_stat("snapshot_age_ms") >= age);
	cost.ms = census_stat("walk_us") / 1e3;
	cost_add(walk, &cost, NULL);
	census_thaw();
}

/* Of fresh ones. Nobody may have a snapshot then: it goes a second after it was last wanted. */
static void measure_memory(struct costs *costs)
{
	unsigned int i;

	for (i = 0; i < ITEMS; i++) {
		if (items[i].how != FRESH || items[i].host)
			continue;
		nap_ms(2000);
		costs[i].kb = cost_memory_kb(items[i].file);
		costs[i].has_kb = true;
	}
}

/* By turns, so that what else the machine does falls on all of them alike. */
static void measure(unsigned int runs, int here, int host, bool exporter)
{
	static struct costs costs[ITEMS], walk;
	unsigned int run, i;

	for (run = 0; run < runs; run++) {
		measure_once(costs, false, here, host, exporter);
		measure_warm(costs, &walk, here, host);
	}
	measure_memory(costs);
	cost_head();
	for (i = 0; i < ITEMS; i++) {
		if (costs[i].n)
			cost_print(items[i].name, &costs[i]);
		else
			printf("# not here: %s\n", items[i].name);
	}
	cost_print_ms("the full walk itself", &walk);
}

/* So many in each of the other namespaces, half of them in CLOSE_WAIT. */
static void others_make(struct worker *me, void *arg)
{
	unsigned int each = *(unsigned int *)arg, i, k;
	struct addr to = addr("127.0.0.1", 1);
	struct pair p;
	int listener;

	fds_raise(NAMESPACES * (2 * each + 2) + 100);
	for (i = 1; i < NAMESPACES; i++) {
		net_new();
		listener = sock_listen("127.0.0.1", 1, 128);
		for (k = 0; k < each; k++) {
			p = pair_make(listener, &to);
			if (k % 2)
				must(!shutdown(p.client, SHUT_WR));
		}
	}
	worker_round(me);
	pause();
}

/* Until the last FIN and its ACK are there. */
static void settle(unsigned int n)
{
	struct counts c;

	must(wait_for((census_counts(&c),
		       c.n[TCP_CLOSE_WAIT][V4] == n / 2 &&
		       c.n[TCP_FIN_WAIT2][V4] == n / 2)));
	printf("connections %u close_wait %u fin_wait2 %u established %u\n", n,
	       c.n[TCP_CLOSE_WAIT][V4], c.n[TCP_FIN_WAIT2][V4],
	       c.n[TCP_ESTABLISHED][V4]);
}

static unsigned int close_wait(void)
{
	struct counts c;

	census_counts(&c);
	return c.n[TCP_CLOSE_WAIT][V4];
}

/* A file that may have nothing to say for a while, as a BPF iterator; to be freed. */
static char *read_patiently(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char part[65536], *text;
	FILE *out;
	ssize_t n;

	must(fd >= 0);
	out = open_memstream(&text, len);
	must(out);
	while ((n = read(fd, part, sizeof(part))) > 0 || (n < 0 && errno == EAGAIN))
		if (n > 0)
			must(fwrite(part, n, 1, out) == 1);
	must(!n && !fclose(out));
	close(fd);
	return text;
}

/* What it says, as text; to be freed. */
static char *ask(const struct item *item, size_t *len)
{
	char *text;

	if (item->command) {
		text = run_output("sh", "-c", item->command, NULL);
		must(text);
		*len = strlen(text);
		return text;
	}
	if (!item->file)
		return exporter_ask(len);
	return read_patiently(item->file, len);
}

/*
 * All of them say what is true, or what they cost is of no interest: @n in CLOSE_WAIT here,
 * and @all on the host.
 */
static void agree(unsigned int n, unsigned int all, int here, int host, bool exporter)
{
	unsigned long said, want;
	struct counts c;
	unsigned int i;
	char *text;
	size_t len;

	for (i = 0; i < ITEMS; i++) {
		const struct item *item = &items[i];

		census_thaw();
		if (!there(item, exporter))
			continue;
		net_enter(here);
		/* Those over which the exporter was asked go. */
		must(wait_for(close_wait() == n));
		if (item->how == WARM)
			census_freeze();
		net_enter(item->host ? host : here);
		want = item->host ? all : n;
		if (strstr(item->name, "listeners"))
			want = LISTENERS + exporter;
		if (item->states) {
			diag_counts(&c, item->states);
			said = c.n[TCP_CLOSE_WAIT][V4];
		} else {
			text = ask(item, &len);
			said = item->said(text, len);
			free(text);
		}
		if (said != want)
			die("%s: it says %lu, not %lu", item->name, said, want);
	}
	net_enter(here);
	census_thaw();
	/* What commands take is not to have what this leaves behind. */
	malloc_trim(0);
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
	unsigned long runs = argc > 2 ? strtoul(argv[2], NULL, 10) : 5;
	unsigned int each, many;
	struct worker *others;
	int here, host;
	struct load load;
	pid_t exporter;
	bool exports;

	if (n < 200 || n % 200 || n > 4000000 || runs < 1 || runs > COST_RUNS_MAX)
		die("compare [CONNECTIONS [RUNS]]: a multiple of 200 to 4000000, 1 to %u",
		    COST_RUNS_MAX);
	census_begin();
	setlinebuf(stdout);
	each = n / 50 / (NAMESPACES - 1);
	many = n - n / 50;
	host = open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);
	must(host >= 0);
	others = worker_start(others_make, &each, -1);
	here = net_new();
	load_begin(&load, many, 2, LISTENERS);
	must(wait_for(worker_rounds(others)));
	settle(many);

	exporter = exporter_start();
	exports = exporter > 0;
	agree(many / 2, many / 2 + (NAMESPACES - 1) * (each / 2), here, host, exports);
	measure(runs, here, host, exports);

	if (exports)
		kill(exporter, SIGKILL);
	worker_stop(others);
	load_end(&load);
	return 0;
}
