// SPDX-License-Identifier: GPL-2.0
/* Sockets in numbers, and what is to be counted of them. */

#include <limits.h>
#include <stdio.h>
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

/* How many sockets are too many or too few. */
static unsigned int counts_apart(const struct counts *a, const struct counts *b)
{
	unsigned int state, family, n = 0;

	for (state = 1; state < STATES; state++)
		for (family = 0; family < FAMILIES; family++)
			n += abs((int)(a->n[state][family] - b->n[state][family]));
	return n;
}

/*
 * Does ss, after a while, count so many? If not, says where it came closest: later on, some
 * of them are over.
 */
bool crowd_settled(const struct counts *want)
{
	unsigned int apart, least = UINT_MAX;
	struct wait wait = wait_begin();
	struct counts ss, closest = {};
	uint64_t began = now_ms(), when = began;

	do {
		ss_counts(&ss);
		apart = counts_apart(want, &ss);
		if (apart < least) {
			least = apart;
			closest = ss;
			when = now_ms();
		}
	} while (apart && wait_more(&wait));
	if (!apart)
		return true;
	printf("# closest after %llu ms, looked for %llu ms\n",
	       (unsigned long long)(when - began), (unsigned long long)(now_ms() - began));
	counts_diff("ss", want, &closest);
	return false;
}
