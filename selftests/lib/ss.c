// SPDX-License-Identifier: GPL-2.0
/* The same as ss counts it: over sock_diag, another road to the same tables. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "census.h"

static const char *const ss_names[STATES] = {
	[TCP_ESTABLISHED] = "ESTAB",
	[TCP_SYN_SENT] = "SYN-SENT",
	[TCP_SYN_RECV] = "SYN-RECV",
	[TCP_FIN_WAIT1] = "FIN-WAIT-1",
	[TCP_FIN_WAIT2] = "FIN-WAIT-2",
	[TCP_TIME_WAIT] = "TIME-WAIT",
	[TCP_CLOSE] = "UNCONN",
	[TCP_CLOSE_WAIT] = "CLOSE-WAIT",
	[TCP_LAST_ACK] = "LAST-ACK",
	[TCP_LISTEN] = "LISTEN",
	[TCP_CLOSING] = "CLOSING",
};

static void count_line(struct counts *c, const char *line, enum family family)
{
	size_t len = strcspn(line, " ");
	unsigned int state;

	for (state = 1; state < STATES; state++) {
		if (strlen(ss_names[state]) == len &&
		    !strncmp(line, ss_names[state], len)) {
			c->n[state][family]++;
			return;
		}
	}
	die("ss: unknown state: %.*s", (int)strcspn(line, "\n"), line);
}

/* All TCP sockets of this process's namespace. */
void ss_counts(struct counts *c)
{
	static const char *const options[] = { "-4Htan", "-6Htan" };
	char *text, *line;
	int family;

	memset(c, 0, sizeof(*c));
	for (family = V4; family < FAMILIES; family++) {
		text = run_output("ss", options[family], NULL);
		for (line = text; *line; line += strcspn(line, "\n") + 1)
			count_line(c, line, family);
		free(text);
	}
}

static unsigned long long number_after(const char *line, const char *mark)
{
	const char *p = strstr(line, mark);

	if (!p)
		die("ss: no %s in: %s", mark, line);
	return strtoull(p + strlen(mark), NULL, 10);
}

/* The one listener at a port of this process's namespace. */
void ss_listener(struct ss_listener *l, unsigned short port)
{
	char *sport = strf(":%u", port);
	char *line = run_output("ss", "-HOltnem", "sport", "=", sport, NULL);
	const char *skmem;

	if (!*line || strcspn(line, "\n") + 1 != strlen(line))
		die("ss: not one listener at %s: %s", sport, line);
	if (sscanf(line, "LISTEN %llu %llu ", &l->depth, &l->limit) != 2)
		die("ss: %s", line);
	l->inode = number_after(line, " ino:");
	skmem = strstr(line, "skmem:(");
	l->drops = number_after(skmem ?: line, ",d");
	free(line);
	free(sport);
}
