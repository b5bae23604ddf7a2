// SPDX-License-Identifier: GPL-2.0
/* What the module shows. */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"
#include "census.h"

#define KSFT_SKIP 4

/* By the names of the file's column, which are node_exporter's. */
const char *const state_names[STATES] = {
	[TCP_ESTABLISHED] = "established",
	[TCP_SYN_SENT] = "syn_sent",
	[TCP_SYN_RECV] = "syn_recv",
	[TCP_FIN_WAIT1] = "fin_wait1",
	[TCP_FIN_WAIT2] = "fin_wait2",
	[TCP_TIME_WAIT] = "time_wait",
	[TCP_CLOSE] = "close",
	[TCP_CLOSE_WAIT] = "close_wait",
	[TCP_LAST_ACK] = "last_ack",
	[TCP_LISTEN] = "listen",
	[TCP_CLOSING] = "closing",
};

static pid_t owner;
static unsigned long long old_census_ms;
static unsigned long long old_taint;

static unsigned long long taint(void)
{
	return file_number("/proc/sys/kernel/tainted");
}

/* Only the process that changed the setting puts it back, not its children. */
static void restore(void)
{
	char text[32];

	if (getpid() != owner)
		return;
	snprintf(text, sizeof(text), "%llu", old_census_ms);
	file_write(CENSUS_MS, text);
}

/**
 * census_begin() - make every open() of the module's files walk afresh
 *
 * Until this process exits. Skips the whole program if the module is not there.
 */
void census_begin(void)
{
	if (access(CENSUS_MODULE, F_OK)) {
		printf("TAP version 13\n1..0 # SKIP tcp_census is not loaded\n");
		exit(KSFT_SKIP);
	}
	owner = getpid();
	old_census_ms = file_number(CENSUS_MS);
	old_taint = taint();
	file_set(CENSUS_MS, "0");
	atexit(restore);
}

/* Has the kernel warned or oopsed since the test program began? */
bool census_damaged(void)
{
	const unsigned long long die = 1ULL << 7, warn = 1ULL << 9;

	return taint() & ~old_taint & (die | warn);
}

/* The number in column netns of all that this process reads. */
unsigned int census_netns(void)
{
	struct stat st;

	must(!stat("/proc/thread-self/ns/net", &st));
	return st.st_ino;
}

/**
 * counts_parse() - parse a file states, or end the test
 * @c: filled
 * @text: the file
 * @len: its length
 * @netns: which namespace every row must name
 */
void counts_parse(struct counts *c, const char *text, size_t len,
		  unsigned int netns)
{
	struct table t;
	size_t row;

	memset(c, 0, sizeof(*c));
	table_parse(&t, text, len);
	if (t.rows != STATES - 1)
		die("states has %zu rows", t.rows);
	for (row = 0; row < t.rows; row++) {
		const char *name = state_names[row + 1];

		if (strcmp(table_cell(&t, row, "state"), name))
			die("row %zu of states is not %s", row, name);
		if (table_number(&t, row, "netns") != netns)
			die("states: %s is not of netns %u", name, netns);
		c->n[row + 1][V4] = table_number(&t, row, "ipv4");
		c->n[row + 1][V6] = table_number(&t, row, "ipv6");
	}
	table_free(&t);
}

/* Count what this process's namespace has. */
void census_counts(struct counts *c)
{
	size_t len;
	char *text = file_read(CENSUS_DIR "states", &len);

	if (!text)
		die("%sstates: %m", CENSUS_DIR);
	counts_parse(c, text, len, census_netns());
	free(text);
}

/* Read and parse one of the module's tables, every row of this namespace. */
void census_table(struct table *t, const char *file)
{
	char *path = strf("%s%s", CENSUS_DIR, file);
	unsigned int netns = census_netns();
	size_t row;

	table_read(t, path);
	for (row = 0; row < t->rows; row++)
		if (table_number(t, row, "netns") != netns)
			die("%s: row %zu is not of netns %u", file, row, netns);
	free(path);
}

/* The value of a key in the text of a file stat, or -1 if it has no such line. */
long long stat_find(const char *text, const char *key)
{
	size_t len = strlen(key);
	long long n;
	char *end;

	for (; *text; text += strcspn(text, "\n") + 1) {
		if (strncmp(text, key, len) || text[len] != ' ')
			continue;
		n = strtoll(text + len + 1, &end, 10);
		if (!isdigit((unsigned char)text[len + 1]) || *end != '\n')
			die("stat: no number: %.*s", (int)strcspn(text, "\n"), text);
		return n;
	}
	return -1;
}

/* The same of a key that must be there. */
unsigned long long stat_value(const char *text, const char *key)
{
	long long n = stat_find(text, key);

	if (n < 0)
		die("stat has no key %s", key);
	return n;
}

/* The value of a key, freshly read. */
unsigned long long census_stat(const char *key)
{
	char *text = file_read(CENSUS_DIR "stat", NULL);
	unsigned long long n;

	if (!text)
		die("%sstat: %m", CENSUS_DIR);
	n = stat_value(text, key);
	free(text);
	return n;
}

bool counts_same(const struct counts *a, const struct counts *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* Print where @got is not what was wanted; returns in how many places. */
unsigned int counts_diff(const char *who, const struct counts *want,
			 const struct counts *got)
{
	static const char *const families[] = { "ipv4", "ipv6" };
	unsigned int state, family, n = 0;

	for (state = 1; state < STATES; state++) {
		for (family = 0; family < FAMILIES; family++) {
			if (want->n[state][family] == got->n[state][family])
				continue;
			n++;
			printf("# %s: %s %s: %u, want %u\n", who, state_names[state],
			       families[family], got->n[state][family],
			       want->n[state][family]);
		}
	}
	return n;
}

unsigned int counts_sum(const struct counts *c)
{
	unsigned int state, sum = 0;

	for (state = 1; state < STATES; state++)
		sum += c->n[state][V4] + c->n[state][V6];
	return sum;
}
