// SPDX-License-Identifier: GPL-2.0
/*
 * What the reaper does to one connection.
 *
 * It never waits for a socket's lock: who has it may stand on a page of user memory
 * for as long as he likes. It takes the spin lock, and if somebody owns the socket
 * leaves it for another time.
 */

#include <linux/bits.h>
#include <linux/minmax.h>
#include <net/tcp.h>

#include "act.h"
#include "compat.h"
#include "queue.h"

/*
 * How often a peer is asked, and between two an eighth of the timeout: it takes as
 * long again as the timeout until a connection ends whose peer does not answer.
 */
#define TCPC_ACT_PROBES 7
#define TCPC_ACT_PROBE_PART 8

/* The kernel takes no more, in seconds. */
#define TCPC_ACT_PROBE_MAX_S 32767

/**
 * tcpc_act_due() - may the reaper act on a connection?
 * @conn: it, in CLOSE_WAIT, with its socket; @cause, @role and @idle_s are set
 * @s: what it may do
 *
 * Whether the rules say otherwise is another question.
 *
 * Context: any.
 * Return: true if so.
 */
bool tcpc_act_due(const struct tcpc_conn *conn, const struct tcpc_settings *s)
{
	const struct sock *sk = conn->sk;

	u32 roles = BIT(conn->role);

	/*
	 * No listener's child has a port it was bound to: who has is a client at heart.
	 * data_race(): that bit stays, others beside it may be written.
	 */
	if (data_race(sk->sk_userlocks & SOCK_BINDPORT_LOCK))
		roles |= BIT(TCPC_CLIENT);
	/* TLS in the kernel, or a sockmap: they may have data nobody has read. */
	if (conn->cause != TCPC_CAUSE_UNACCEPTED &&
	    (READ_ONCE(inet_csk(sk)->icsk_ulp_ops) || READ_ONCE(sk->sk_user_data)))
		return false;
	return conn->idle_s >= s->timeout_s && s->causes & BIT(conn->cause) &&
	       !(roles & ~s->roles);
}

/* Is it still so? With the socket's lock. */
static bool tcpc_act_still(struct tcpc_conn *conn, const struct tcpc_settings *s)
{
	const struct sock *sk = conn->sk;
	struct tcpc_conn now = *conn;

	if (sk->sk_state != TCP_CLOSE_WAIT)
		return false;
	tcpc_conn_judge(&now, sk);
	if (now.cause != conn->cause || !tcpc_act_due(&now, s))
		return false;
	*conn = now;
	return true;
}

/**
 * tcpc_act_kept() - has the application told the kernel when to give a peer up?
 * @sk: a socket
 *
 * With TCP_USER_TIMEOUT, idle as it is, the first lost probe would end it.
 *
 * Context: any.
 * Return: true if so.
 */
bool tcpc_act_kept(const struct sock *sk)
{
	return sock_flag(sk, SOCK_KEEPOPEN) || READ_ONCE(inet_csk(sk)->icsk_user_timeout);
}

/**
 * tcpc_act_probe() - have keepalive find out whether the peer is still there
 * @conn: the connection, with its socket; brought up to date
 * @s: what the reaper may do
 *
 * Context: process.
 * Return: TCPC_RESULT_PROBING, TCPC_RESULT_GONE, TCPC_ACT_BUSY or
 * TCPC_ACT_KEEPALIVE.
 */
int tcpc_act_probe(struct tcpc_conn *conn, const struct tcpc_settings *s)
{
	u32 step = clamp_t(u32, s->timeout_s / TCPC_ACT_PROBE_PART, 1,
			   TCPC_ACT_PROBE_MAX_S);
	struct sock *sk = conn->sk;
	struct tcp_sock *tp = tcp_sk(sk);
	int ret = TCPC_RESULT_PROBING;

	local_bh_disable();
	bh_lock_sock(sk);
	if (sock_owned_by_user(sk)) {
		ret = TCPC_ACT_BUSY;
	} else if (!tcpc_act_still(conn, s)) {
		ret = TCPC_RESULT_GONE;
	} else if (tcpc_act_kept(sk)) {
		ret = TCPC_ACT_KEEPALIVE;
	} else {
		WRITE_ONCE(tp->keepalive_time, step * HZ);
		WRITE_ONCE(tp->keepalive_intvl, step * HZ);
		WRITE_ONCE(tp->keepalive_probes, TCPC_ACT_PROBES);
		/* As SO_KEEPALIVE does, which would own the socket. */
		sk->sk_prot->keepalive(sk, 1);
		sock_set_flag(sk, SOCK_KEEPOPEN);
	}
	bh_unlock_sock(sk);
	local_bh_enable();
	return ret;
}

/**
 * tcpc_act_abort() - reset a connection that was accepted
 * @conn: the connection, with its socket; brought up to date
 * @s: what the reaper may do
 *
 * Context: process; where the kernel cannot abort a socket that is owned, may sleep:
 * see tcpc_abort_owned().
 * Return: TCPC_RESULT_RESET, TCPC_RESULT_GONE or TCPC_ACT_BUSY.
 */
int tcpc_act_abort(struct tcpc_conn *conn, const struct tcpc_settings *s)
{
	struct sock *sk = conn->sk;

	if (!tcpc_sock_own(sk))
		return TCPC_ACT_BUSY;
	if (!tcpc_act_still(conn, s) || !sk->sk_socket) {
		release_sock(sk);
		return TCPC_RESULT_GONE;
	}
	/* On 5.10 it says 0 of a socket that is closed already. */
	return tcpc_abort_owned(sk, ECONNABORTED) ? TCPC_RESULT_GONE : TCPC_RESULT_RESET;
}
