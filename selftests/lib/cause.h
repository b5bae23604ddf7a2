/* SPDX-License-Identifier: GPL-2.0 */
/* Connections brought into CLOSE_WAIT, for any cause. */
#ifndef LIB_CAUSE_H
#define LIB_CAUSE_H

#include "rows.h"

#define FLOWS 3

/**
 * struct flow - who connects to whom
 * @listen: the listener's address
 * @connect: what the client connects to
 * @server: the server's endpoint, for a port
 * @client: the client's
 */
struct flow {
	const char *listen;
	const char *connect;
	const char *server;
	const char *client;
};

extern const struct flow flows[FLOWS];

int flow_listen(const struct flow *flow, struct addr *to);
void cause_make(enum cause cause, int near, int far);

#endif /* LIB_CAUSE_H */
