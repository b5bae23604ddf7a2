// SPDX-License-Identifier: GPL-2.0
/* Sockets in numbers, and what is to be counted of them. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "crowd.h"
#include "net.h"

/**
 * crowd_add() - make connections, both ends ours
 * @want: what this adds to the namespace is added
 * @ip: where, "127.0.0.1" or "::1": one more listener there
 * @established: so many pairs stay so
 * @close_wait: so many have a server that does not close; their clients are in
 *	FIN_WAIT2
 * @time_wait: so many are over
 */
void crowd_add(struct counts *want, const char *ip, unsigned int established,
	       unsigned int close_wait, unsigned int time_wait)
{
	enum family family = strchr(ip, ':') ? V6 : V4;
	int listener = sock_listen(ip, 0, 64);
	struct addr to = sock_addr(listener);
	unsigned int i, half = close_wait + time_wait;
	struct pair *p = calloc(half + 1, sizeof(*p));

	must(p);
	for (i = 0; i < established; i++)
		pair_make(listener, &to);
	for (i = 0; i < half; i++)
		p[i] = pair_make(listener, &to);
	pairs_close_wait(p, half);
	for (i = close_wait; i < half; i++) {
		close(p[i].server);
		close(p[i].client);
	}
	free(p);
	want->n[TCP_LISTEN][family]++;
	want->n[TCP_ESTABLISHED][family] += 2 * established;
	want->n[TCP_CLOSE_WAIT][family] += close_wait;
	want->n[TCP_FIN_WAIT2][family] += close_wait;
	want->n[TCP_TIME_WAIT][family] += time_wait;
}

static bool ss_agrees(const struct counts *want)
{
	struct counts ss;

	ss_counts(&ss);
	return counts_same(want, &ss);
}

/* Does ss, after a while, count so many? If not, says where. */
bool crowd_settled(const struct counts *want)
{
	struct counts ss;

	if (wait_for(ss_agrees(want)))
		return true;
	ss_counts(&ss);
	counts_diff("ss", want, &ss);
	return false;
}
