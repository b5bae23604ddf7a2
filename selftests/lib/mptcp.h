/* SPDX-License-Identifier: GPL-2.0 */
/* MPTCP sockets, and the ends of their subflows. */
#ifndef LIB_MPTCP_H
#define LIB_MPTCP_H

#include <stdbool.h>

#include "net.h"

bool have_mptcp(void);
int mptcp_listen(const char *ip, unsigned short port);
int mptcp_connect(const struct addr *to);
bool end_subflow(int raw, int client);
int mptcp_queue(const struct addr *to);

#endif /* LIB_MPTCP_H */
