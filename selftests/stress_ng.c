// SPDX-License-Identifier: GPL-2.0
/*
 * The stressors of stress-ng that have to do with sockets, with everything on: events,
 * readers of all files, the reaper at its fastest in the namespace they are in.
 *
 *	+-- the initial namespace ----+  +-- a namespace -------------------+
 *	| readers of /proc/tcp_census |  | stress-ng, reaper, readers of    |
 *	|                             |  | /proc/net/tcp_census             |
 *	+-----------------------------+  +----------------------------------+
 *
 * All of them at the same time, for $TCP_CENSUS_STRESS_SECONDS. See stress.c.
 */

#include "lib/setting.h"
#include "lib/stress.h"

#define KSFT_NONE 4

#define STRESSORS							\
	"--sock 1 --sockmany 1 --sockabuse 1 --sockdiag 1 --epoll 1 --sendfile 1"

/* Before there is a test, and after the module was looked for. */
static void __attribute__((constructor)) stress_ng_begin(void)
{
	if (!system("command -v stress-ng >/dev/null"))
		return;
	printf("TAP version 13\n1..0 # SKIP no stress-ng here: try tools/vm -r monitoring\n");
	exit(KSFT_NONE);
}

/*
 * What each of them did:
 * "stress-ng: metrc: [7] sock  123  4.00 0.10 3.20 ...": operations, and the time they took.
 * Returns how many did something.
 */
static unsigned int print_metrics(char *text)
{
	unsigned int active = 0;
	char *line, name[32];
	unsigned long ops;
	double took[3];

	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		line = strstr(line, "metrc: [");
		/* Others have a number there, too, but not as many. */
		if (!line || sscanf(line, "metrc: [%*d] %31s %lu %lf %lf %lf", name, &ops,
				    &took[0], &took[1], &took[2]) != 5)
			continue;
		printf("# %lu operations of %s\n", ops, name);
		active += ops > 0;
	}
	return active;
}

TEST_F_TIMEOUT(stress, stressors, TIMEOUT)
{
	char *command = strf("stress-ng " STRESSORS " -t %u --metrics --stdout 2>&1",
			     strain_seconds());
	struct crew *c = &self->crew;
	int home = net_open(), other;
	char *text;

	crew_add(c, 3, "files of all namespaces were read", 10, noise_readers, HOST_DIR);
	crew_add(c, 1, "crowds of dead connections were ended", 1, noise_dead, "abort");
	other = net_new();
	setting_set("action", "abort");
	setting_set("causes", "unaccepted drained fin_pending");
	setting_set("roles", "server client");
	setting_set("rate", "100000");
	setting_set("timeout", "1");
	crew_add(c, 2, "files were read", 10, noise_readers, CENSUS_DIR);
	text = run_output("sh", "-c", command, NULL);
	net_enter(home);
	close(other);
	EXPECT_EQ(6, print_metrics(text)) TH_LOG("%s", text);
	crew_work(c, 0);
	printf("# %llu actions of the reaper\n", actions_sum_host());
	ASSERT_EQ(0, crew_stop(c));
	EXPECT_EQ(0, left(&self->began));
	free(text);
	free(command);
}

TEST_HARNESS_MAIN
