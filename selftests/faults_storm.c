// SPDX-License-Identifier: GPL-2.0
/*
 * Any of the module's allocations may fail, also in softirqs, while connections, listeners
 * and namespaces come and go, files are read and the reaper is at work. What is missing
 * is counted, and afterwards all is counted again, exactly.
 *
 *	+-- the initial namespace --------+  +-- a namespace for each maker of --+
 *	| readers of /proc/tcp_census     |  | sockets, or one after the other,  |
 *	|                                 |  | and one of the test itself        |
 *	+---------------------------------+  +-----------------------------------+
 */

#include <fcntl.h>

#include "lib/crowd.h"
#include "lib/inject.h"
#include "lib/listener.h"
#include "lib/peak.h"
#include "lib/rows.h"
#include "lib/stress.h"

INJECT_TEST

enum { PERCENT = 30, LISTENERS = 20, PORT = 2000, CLIENTS = 3 };

#define ACTION ((void *)"abort")

static const char *const files[] = {
	"states", "transitions", "listeners", "close_wait", "endpoints", "ports", "ended",
	"actions", "stat", "metrics",
};

/* The reader's own pages, too, may be missing where the module writes to them. */
static bool lacks_memory(void)
{
	return errno == ENOMEM || errno == EFAULT;
}

/* A file a round: what there is of it is whole, or there is no memory. */
static void readers(struct worker *me, void *dir)
{
	char *path, *text;
	struct table t;
	unsigned int i;
	size_t len;

	worker_stand_back();
	for (i = 0;; i++) {
		path = strf("%s%s", (const char *)dir, files[i % ARRAY_SIZE(files)]);
		text = file_read(path, &len);
		must(text || lacks_memory());
		if (text && strcmp(files[i % ARRAY_SIZE(files)], "stat") &&
		    strcmp(files[i % ARRAY_SIZE(files)], "metrics")) {
			table_parse(&t, text, len);
			table_free(&t);
		} else if (text) {
			must(text[len - 1] == '\n');
		}
		free(text);
		free(path);
		worker_round(me);
	}
}

/*
 * Listeners on ports that the kernel chose: what is kept of them is put right in the
 * softirq of their first connection.
 */
static void portless(struct worker *me, void *unused)
{
	struct addr to;
	int fd, client;

	(void)unused;
	net_new();
	for (;;) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		must(fd >= 0 && !listen(fd, 4));
		to = sock_addr(fd);
		to = addr("127.0.0.1", addr_port(&to));
		client = sock_connect(&to);
		sock_reset_on_close(client);
		close(client);
		close(fd);
		worker_round(me);
	}
}

/* Sums of the host's; in the storm it may take more than one attempt. */
static unsigned long long host_stat(const char *key)
{
	unsigned long long n;
	char *text;

	while (!(text = file_read(HOST_DIR "stat", NULL)))
		must(lacks_memory());
	n = stat_value(text, key);
	free(text);
	return n;
}

static bool all_have_files(void)
{
	return !host_stat("netns_without_files");
}

static bool records_there(unsigned int n)
{
	return census_stat("listener_records") == n;
}

static bool counts_are(const struct counts *want)
{
	struct counts got;

	census_counts(&got);
	return counts_same(want, &got);
}

/* What came in the storm is known after it, and what happens then is counted exactly. */
static unsigned int exact_off(const int *listener)
{
	static const char *const missed[] = {
		"listeners_missed", "conns_missed", "served_missed", "close_wait_missed",
		"endpoints_missed", "ports_missed",
	};
	struct counts want = {};
	struct listener l;
	struct addr to;
	unsigned int i, k, n = 0;

	n += off("a record of each listener", 1, wait_for(records_there(LISTENERS)));
	for (i = 0; i < LISTENERS; i++) {
		to = sock_addr(listener[i]);
		for (k = 0; k < CLIENTS; k++)
			sock_connect(&to);
		listener_of(&l, listener[i]);
		n += off("depth", CLIENTS, l.depth);
	}
	want.n[TCP_LISTEN][V4] = LISTENERS;
	want.n[TCP_ESTABLISHED][V4] = 2 * LISTENERS * CLIENTS;
	n += off("ss counts what there is", 1, crowd_settled(&want));
	n += off("sockets are exact", 1, wait_for(counts_are(&want)));
	for (i = 0; i < ARRAY_SIZE(missed); i++)
		n += off(missed[i], 0, census_stat(missed[i]));
	return n;
}

/* Who listens in the storm, and looks after it: a round each. */
static void listen_through(struct worker *me, void *unused)
{
	int listener[LISTENERS];
	unsigned int i;

	(void)unused;
	net_new();
	worker_round(me);
	must(wait_for(worker_rounds(me) == 2));
	for (i = 0; i < LISTENERS; i++)
		listener[i] = sock_listen("127.0.0.1", PORT + i, CLIENTS);
	worker_round(me);
	/* However long that is. */
	while (worker_rounds(me) != 4)
		nap_ms(20);
	must(!exact_off(listener));
}

TEST_F_TIMEOUT(stress, storm, TIMEOUT)
{
	struct crew *c = &self->crew;
	struct worker *w;

	w = worker_start(listen_through, NULL, -1);
	crew_add(c, 2, "namespaces with sockets came and went", 5, noise_namespaces,
		 ACTION);
	crew_add(c, 2, "listeners, or groups of them, came and went", 10, noise_listeners,
		 ACTION);
	crew_add(c, 1, "connections came and went", 50, noise_connections, ACTION);
	crew_add(c, 1, "listeners on any port came and went", 20, portless, NULL);
	crew_add(c, 3, "files of all namespaces were asked for", 20, readers, HOST_DIR);
	ASSERT_TRUE(wait_for(crew_ready(c) && worker_rounds(w) == 1));
	inject_module();
	inject_storm(PERCENT);
	/* From now on. */
	crew_again(c);
	worker_round(w);
	ASSERT_TRUE(wait_for(worker_rounds(w) == 3));
	crew_work(c, 2 * strain_seconds());
	EXPECT_TRUE(wait_for(host_stat("listener_records_missed") &&
			     host_stat("reaper_passes_starved")));
	inject_storm(0);
	ASSERT_EQ(0, crew_stop(c));

	printf("# %llu records missed, %llu passes starved, %llu lines of actions missed\n",
	       host_stat("listener_records_missed"), host_stat("reaper_passes_starved"),
	       host_stat("actions_missed"));
	EXPECT_TRUE(wait_for(all_have_files()));
	worker_round(w);
	worker_wait(w);
	EXPECT_EQ(0, left(&self->began));
}

/* Is its port known to be a server's, by what was noted of it alone? */
static bool served(const char *local)
{
	struct table t;
	bool found;

	sockets_table(&t);
	found = table_match(&t, -1, "role", "server", "local", local, NULL) >= 0;
	table_free(&t);
	return found;
}

/*
 * The softirq in which the first connection to a listener on a port that the kernel chose
 * is complete notes that port; if it cannot, a worker does soon, and no walk has to.
 */
TEST_F(stress, in_a_softirq)
{
	struct addr to;
	int fd, client;

	net_new();
	census_still();
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, listen(fd, 4));
	to = sock_addr(fd);
	to = addr("127.0.0.1", addr_port(&to));
	inject_once("tcpc_listener_serve");
	client = sock_connect(&to);
	ASSERT_TRUE(wait_for(sock_depth(fd) == 1));
	EXPECT_TRUE(inject_once_done());
	ASSERT_EQ(0, shutdown(client, SHUT_WR));
	EXPECT_TRUE(wait_for(served(strf("127.0.0.1:%u", addr_port(&to)))));
	census_thaw();
}

TEST_HARNESS_MAIN
