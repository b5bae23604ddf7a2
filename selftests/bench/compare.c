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
 * worked meanwhile, and a tenth of a millisecond or two for looking; kB that a command
 * takes at its largest. Medians of RUNS. Files and sock_diag are read by this process; of
 * a command what it takes to start the same programs with nothing to do is taken off.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "census.h"
#include "diag.h"
#include "load.h"
#include "net.h"
#include "rows.h"
#include "worker.h"

#define NAMESPACES 50
#define LISTENERS 51
#define RUNS_MAX 100
#define EXPORTER_PORT 9100

enum freshness { ANY, FRESH, WARM };

/**
 * struct item - something that tells of connections
 * @name: as it is printed
 * @file: to be read, or
 * @states: to be asked for over sock_diag, or
 * @command: to be run, and
 * @idle: the same without anything to do
 * @how: from a walk of its own, or from a snapshot
 * @host: in the namespace of the host
 */
struct item {
	const char *name;
	const char *file;
	unsigned int states;
	const char *command;
	const char *idle;
	enum freshness how;
	bool host;
};

/* As sock_diag takes states. */
enum { CLOSE_WAIT = 1 << TCP_CLOSE_WAIT };

#define FRESH_FILE(name_) \
	{ .name = #name_ " fresh", .file = CENSUS_DIR #name_, .how = FRESH }
#define WARM_FILE(name_) \
	{ .name = #name_ " warm", .file = CENSUS_DIR #name_, .how = WARM }

static const struct item items[] = {
	FRESH_FILE(states), FRESH_FILE(close_wait), FRESH_FILE(endpoints),
	FRESH_FILE(listeners), FRESH_FILE(metrics), FRESH_FILE(sockets),
	{ .name = "host metrics fresh", .file = "/proc/tcp_census/metrics", .how = FRESH,
	  .host = true },
	WARM_FILE(states), WARM_FILE(close_wait), WARM_FILE(endpoints),
	WARM_FILE(listeners), WARM_FILE(metrics),
	{ .name = "host metrics warm", .file = "/proc/tcp_census/metrics", .how = WARM,
	  .host = true },
	{ .name = "sock_diag, all states", .states = -1U },
	{ .name = "sock_diag, CLOSE_WAIT", .states = CLOSE_WAIT },
	{ .name = "ss state close-wait | wc -l",
	  .command = "ss -Htan state close-wait | wc -l", .idle = "ss -V | wc -l" },
	{ .name = "ss | awk, by state",
	  .command = "ss -Htan | awk '{ n[$1]++ } END { for (s in n) print s, n[s] }'",
	  .idle = "ss -V | awk '{ n[$1]++ } END { for (s in n) print s, n[s] }'" },
	{ .name = "cat /proc/net/tcp", .file = "/proc/net/tcp" },
	{ .name = "node_exporter tcpstat" },
	{ .name = "BPF iterator", .file = "/sys/fs/bpf/tcp_states" },
};

#define ITEMS (sizeof(items) / sizeof(*items))

/**
 * struct cost - of one run
 * @ms: that passed
 * @cpu_ms: of all processors' time
 * @kb: the largest that a command was
 */
struct cost {
	double ms;
	double cpu_ms;
	double kb;
};

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

/* What all processors have worked so far, in milliseconds; 0 if the kernel does not say. */
static double worked(void)
{
	unsigned long long ns, sum = 0;
	char *text, *line;

	/* This process's own is added when another takes its place. */
	nap_ms(2);
	text = file_read("/proc/schedstat", NULL);
	for (line = text; line; line = strchr(line, '\n'), line += !!line)
		if (sscanf(line, "cpu%*u %*u %*u %*u %*u %*u %*u %llu", &ns) == 1)
			sum += ns;
	free(text);
	return sum / 1e6;
}

static void read_whole(const char *path)
{
	static char text[131072];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		die("%s: %m", path);
	do	/* A BPF iterator that has said nothing for long wants to be asked again. */
		n = read(fd, text, sizeof(text));
	while (n > 0 || (n < 0 && errno == EAGAIN));
	must(!n);
	close(fd);
}

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

/* What node_exporter says, which is running. */
static void scrape(void)
{
	static const char request[] = "GET /metrics HTTP/1.0\r\n\r\n";
	struct addr to = addr("127.0.0.1", EXPORTER_PORT);
	int fd = sock_connect(&to);
	static char text[65536];
	size_t used = 0;
	ssize_t n;

	must(write(fd, request, sizeof(request) - 1) == sizeof(request) - 1);
	while ((n = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += n;
	must(!n);
	text[used] = '\0';
	must(strstr(text, "node_tcp_connection_states{state=\"close_wait\"}"));
	close(fd);
}

static struct cost once(const struct item *item, const char *command)
{
	double had = worked(), began = now_us();
	struct cost cost = {};
	struct counts c;

	if (command)
		cost.kb = run_command(command);
	else if (item->file)
		read_whole(item->file);
	else if (item->states)
		diag_counts(&c, item->states);
	else
		scrape();
	cost.ms = (now_us() - began) / 1e3;
	cost.cpu_ms = worked() - had;
	return cost;
}

static void prepare(const struct item *item)
{
	switch (item->how) {
	case FRESH:
		census_thaw();
		break;
	case WARM:
		census_freeze();
		/* What is made of a snapshot once for all who read it is there. */
		read_whole(item->file);
		break;
	case ANY:
		break;
	}
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *x, unsigned int n)
{
	qsort(x, n, sizeof(*x), ascending);
	return x[n / 2];
}

static bool there(const struct item *item, bool exporter)
{
	if (item->file)
		return !access(item->file, R_OK);
	return item->states || item->command || exporter;
}

/* By turns, so that what else the machine does falls on all of them alike. */
static void measure(unsigned int runs, int here, int host, bool exporter)
{
	static double ms[ITEMS][RUNS_MAX], cpu[ITEMS][RUNS_MAX], kb[ITEMS][RUNS_MAX];
	struct cost cost, idle;
	unsigned int run, i;

	for (run = 0; run < runs; run++) {
		for (i = 0; i < ITEMS; i++) {
			const struct item *item = &items[i];

			net_enter(item->host ? host : here);
			if (!there(item, exporter))
				continue;
			prepare(item);
			cost = once(item, item->command);
			memset(&idle, 0, sizeof(idle));
			if (item->idle)
				idle = once(item, item->idle);
			ms[i][run] = cost.ms - idle.ms;
			cpu[i][run] = cost.cpu_ms - idle.cpu_ms;
			kb[i][run] = cost.kb;
		}
	}
	net_enter(here);
	printf("%-40s %10s %10s %10s\n", "#", "ms", "cpu_ms", "kB");
	for (i = 0; i < ITEMS; i++)
		if (there(&items[i], exporter))
			printf("%-40s %10.3f %10.3f %10.0f\n", items[i].name,
			       median(ms[i], runs), median(cpu[i], runs),
			       median(kb[i], runs));
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

/* All of them say the same, or what they cost is of no interest. */
static void agree(unsigned int n)
{
	struct counts c;

	diag_counts(&c, -1U);
	must(c.n[TCP_CLOSE_WAIT][V4] == n / 2 && c.n[TCP_FIN_WAIT2][V4] == n / 2);
	diag_counts(&c, CLOSE_WAIT);
	must(counts_sum(&c) == n / 2);
}

static bool exporter_runs(void)
{
	struct addr to = addr("127.0.0.1", EXPORTER_PORT);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool runs = !connect(fd, &to.sa, to.len);

	close(fd);
	return runs;
}

static pid_t exporter_start(void)
{
	pid_t pid = fork();

	must(pid >= 0);
	if (!pid) {
		must(!dup2(open("/dev/null", O_RDWR), 0));
		dup2(0, 1);
		dup2(0, 2);
		execlp("prometheus-node-exporter", "prometheus-node-exporter",
		       "--collector.disable-defaults", "--collector.tcpstat",
		       "--web.listen-address=127.0.0.1:9100", NULL);
		_exit(127);
	}
	return pid;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
	unsigned long runs = argc > 2 ? strtoul(argv[2], NULL, 10) : 5;
	unsigned int each, many;
	struct worker *others;
	int here, host, status;
	struct load load;
	pid_t exporter;
	bool exports;

	if (n < 200 || n % 200 || n > 4000000 || runs < 1 || runs > RUNS_MAX)
		die("compare [CONNECTIONS [RUNS]]: a multiple of 200 to 4000000, 1 to %u",
		    RUNS_MAX);
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
	agree(many);

	exporter = exporter_start();
	exports = wait_for(exporter_runs() || waitpid(exporter, &status, WNOHANG) == exporter) &&
		  exporter_runs();
	measure(runs, here, host, exports);
	printf("%-40s %10.3f\n", "the full walk itself", census_stat("walk_us") / 1e3);

	kill(exporter, SIGKILL);
	worker_stop(others);
	load_end(&load);
	return 0;
}
