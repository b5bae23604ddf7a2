// SPDX-License-Identifier: GPL-2.0
/*
 * How many connections a second are accepted here, in this network namespace.
 *
 *	accepted SECONDS
 *
 * One process, on the last CPU, is client and server, so that nobody ever waits; it
 * connects to 127.0.0.1:3, accepts, and closes both. TIME_WAIT is switched off so that
 * ports do not run out. Prints connections a second.
 */

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base.h"
#include "net.h"

#define TW_BUCKETS "/proc/sys/net/ipv4/tcp_max_tw_buckets"
#define PORT 3
#define WARM_UP 100
#define BETWEEN_LOOKS 20

int main(int argc, char **argv)
{
	double seconds = argc == 2 ? strtod(argv[1], NULL) : 0;
	unsigned long n = 0;
	uint64_t began, now;
	struct addr to;
	struct pair p;
	cpu_set_t last;
	int listener;

	if (!(seconds >= 0.1 && seconds <= 3600))
		die("accepted SECONDS: 0.1 to 3600");
	CPU_ZERO(&last);
	CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) - 1, &last);
	must(!sched_setaffinity(0, sizeof(last), &last));
	file_set(TW_BUCKETS, "0");
	listener = sock_listen("127.0.0.1", PORT, 128);
	to = sock_addr(listener);
	for (began = now_ms();;) {
		p = pair_make(listener, &to);
		close(p.client);
		close(p.server);
		n++;
		if (n == WARM_UP)
			began = now_ms();
		if (n <= WARM_UP || n % BETWEEN_LOOKS)
			continue;
		now = now_ms();
		if (now >= began + 1000 * seconds)
			break;
	}
	printf("%.1f\n", (n - WARM_UP) * 1e3 / (now - began));
	return 0;
}
