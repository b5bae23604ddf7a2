// SPDX-License-Identifier: GPL-2.0
/* MPTCP sockets, and the ends of their subflows. */

#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "census.h"
#include "mptcp.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* Does this kernel have them? */
bool have_mptcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

int mptcp_listen(const char *ip, unsigned short port)
{
	struct addr a = addr(ip, port);
	int fd = sock_bound(&a, IPPROTO_MPTCP);

	must(!listen(fd, 10));
	return fd;
}

int mptcp_connect(const struct addr *to)
{
	int fd = socket(to->sa.sa_family, SOCK_STREAM, IPPROTO_MPTCP);

	must(fd >= 0);
	must(!connect(fd, &to->sa, to->len));
	return fd;
}

/* An IPv4 packet with a TCP segment, as a raw socket gives it. */
struct segment {
	struct iphdr ip;
	struct tcphdr tcp;
};

/* The newest segment that was sent from that port; what it was, in @last. */
static void last_segment(int raw, unsigned short port, struct segment *last)
{
	struct pollfd pfd = { .fd = raw, .events = POLLIN };
	union {
		struct segment s;
		char bytes[2048];
	} in;
	unsigned int head;
	ssize_t len;

	while (poll(&pfd, 1, 0) > 0) {
		len = recv(raw, &in, sizeof(in), 0);
		must(len >= (ssize_t)sizeof(in.s));
		if (in.s.ip.ihl != 5 || ntohs(in.s.tcp.source) != port)
			continue;
		head = sizeof(in.s.ip) + 4 * in.s.tcp.doff;
		*last = in.s;
		last->tcp.seq = htonl(ntohl(in.s.tcp.seq) + len - head +
				      in.s.tcp.syn);
	}
}

static uint32_t sum(const void *data, size_t len, uint32_t so_far)
{
	const uint16_t *p = data;

	for (; len; len -= 2)
		so_far += *p++;
	return so_far;
}

/*
 * An MPTCP socket ends with a sequence number of its own and leaves its subflows
 * open for a while. So send what it will send then: the FIN of a subflow.
 */
static void forge_fin(int raw, const struct segment *last)
{
	struct tcphdr fin = {
		.source = last->tcp.source,
		.dest = last->tcp.dest,
		.seq = last->tcp.seq,
		.ack_seq = last->tcp.ack_seq,
		.doff = sizeof(fin) / 4,
		.fin = 1,
		.ack = 1,
		.window = last->tcp.window,
	};
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = last->ip.daddr,
	};
	uint32_t check;

	check = sum(&last->ip.saddr, 8, 0);
	check += htons(IPPROTO_TCP) + htons(sizeof(fin));
	check = sum(&fin, sizeof(fin), check);
	while (check >> 16)
		check = (check & 0xffff) + (check >> 16);
	fin.check = ~check;
	must(sendto(raw, &fin, sizeof(fin), 0, (struct sockaddr *)&to,
		    sizeof(to)) == sizeof(fin));
}

/*
 * The server's subflow of that client comes into CLOSE_WAIT, while the server has
 * not closed. ss says whether it is one.
 */
bool end_subflow(int raw, int client)
{
	struct addr from = sock_addr(client);
	struct segment last = {};
	struct counts c;
	bool is_one;
	char *ss;

	last_segment(raw, addr_port(&from), &last);
	must(last.tcp.seq);
	forge_fin(raw, &last);
	must(wait_for((ss_counts(&c), c.n[TCP_CLOSE_WAIT][V4] == 1)));
	ss = run_output("ss", "-Htin", "state", "close-wait", NULL);
	is_one = strstr(ss, "tcp-ulp-mptcp");
	free(ss);
	return is_one;
}

/* A client whose subflow waits in the accept queue, in CLOSE_WAIT; -1 if it is none. */
int mptcp_queue(const struct addr *to)
{
	int raw = socket(AF_INET, SOCK_RAW, IPPROTO_TCP), client;
	bool is_one;

	must(raw >= 0);
	client = mptcp_connect(to);
	sock_send(client, 10);
	must(wait_for(!sock_unacked(client)));
	must(!shutdown(client, SHUT_WR));
	is_one = end_subflow(raw, client);
	close(raw);
	return is_one ? client : -1;
}
