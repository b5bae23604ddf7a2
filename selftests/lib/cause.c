// SPDX-License-Identifier: GPL-2.0
/* Connections brought into CLOSE_WAIT, for any cause. */

#include <netinet/tcp.h>

#include "base.h"
#include "cause.h"

const struct flow flows[FLOWS] = {
	{ "127.0.0.1", "127.0.0.1", "127.0.0.1:%u", "127.0.0.1:%u" },
	{ "::1", "::1", "[::1]:%u", "[::1]:%u" },
	/* Of AF_INET6, all of them. */
	{ "::", "::ffff:127.0.0.1", "[::]:%u", "127.0.0.1:%u" },
};

/* A listener, and what its clients connect to. */
int flow_listen(const struct flow *flow, struct addr *to)
{
	int fd = sock_listen(flow->listen, 0, 64);
	struct addr a = sock_addr(fd);

	*to = addr(flow->connect, addr_port(&a));
	return fd;
}

/* Bring a connection there; @near may be -1 if it is to stay unaccepted. */
void cause_make(enum cause cause, int near, int far)
{
	int on = 1;
	char c;

	switch (cause) {
	case UNACCEPTED:
		must(!shutdown(far, SHUT_WR));
		must(wait_for(sock_state(far) == TCP_FIN_WAIT2));
		break;
	case EXEMPT:
		sock_end(far, near, 7);
		must(!setsockopt(near, IPPROTO_TCP, TCP_REPAIR, &on,
				 sizeof(on)));
		break;
	case SENDING:
		sock_end(far, near, 7);
		sock_deafen(far);
		sock_send(near, 1);
		break;
	case UNREAD:
		sock_end(far, near, 7);
		break;
	case FIN_PENDING:
		sock_end(far, near, 0);
		break;
	case DRAINED:
		sock_end(far, near, 0);
		must(recv(near, &c, 1, 0) == 0);
		break;
	case CAUSES:
		break;
	}
}
