/* SPDX-License-Identifier: GPL-2.0 */
/* What the reaper does to one connection. */
#ifndef TCPC_ACT_H
#define TCPC_ACT_H

#include "action.h"
#include "conn.h"

/* Nothing was done: somebody has the socket, or keepalive is on already. */
#define TCPC_ACT_BUSY (-1)
#define TCPC_ACT_KEEPALIVE (-2)

bool tcpc_act_kept(const struct sock *sk);
int tcpc_act_probe(struct tcpc_conn *conn, const struct tcpc_settings *s);
int tcpc_act_abort(struct tcpc_conn *conn, const struct tcpc_settings *s);
bool tcpc_act_due(const struct tcpc_conn *conn, const struct tcpc_settings *s);

#endif /* TCPC_ACT_H */
