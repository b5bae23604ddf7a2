/* SPDX-License-Identifier: GPL-2.0 */
/* Accept events: a connection is in an accept queue. */
#ifndef TCPC_ACCEPT_H
#define TCPC_ACCEPT_H

struct sock;
struct tcpc_net;

void tcpc_accept_event(struct tcpc_net *tn, const struct sock *child);

#endif /* TCPC_ACCEPT_H */
