// SPDX-License-Identifier: GPL-2.0
/*
 * What the reaper does to one connection.
 *
 * It never waits for a socket's lock: who has it may stand on a page of user memory
 * for as long as he likes. It takes the spin lock, and if somebody owns the socket
 * leaves it for another time.
 */

#include <linux/bits.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/slab.h>
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

	/* TLS in the kernel, or a sockmap: they may have data nobody has read. */
	if (conn->cause != TCPC_CAUSE_UNACCEPTED &&
	    (inet_csk(sk)->icsk_ulp_ops || READ_ONCE(sk->sk_user_data)))
		return false;
	return conn->idle_s >= s->timeout_s && s->causes & BIT(conn->cause) &&
	       s->roles & BIT(conn->role);
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
 * struct tcpc_keepalive - what makes the keepalive timer end a connection
 * @on: SO_KEEPALIVE
 * @time: before the first probe, in jiffies; as the others 0 for the sysctl's
 * @probes: how many are sent
 * @probes_out: and how many were sent, without an answer
 * @user_timeout: TCP_USER_TIMEOUT, in ms
 * @error: that of a connection that times out, if not ETIMEDOUT
 */
struct tcpc_keepalive {
	bool on;
	unsigned int time;
	u8 probes;
	u8 probes_out;
	u32 user_timeout;
	int error;
};

/**
 * struct tcpc_armed - a socket for which that was changed, for a moment
 * @node: among those that somebody had when it was to be put back
 * @sk: the socket, with a reference
 * @was: before
 * @made: and after
 */
struct tcpc_armed {
	struct list_head node;
	struct sock *sk;
	struct tcpc_keepalive was;
	struct tcpc_keepalive made;
};

/* The reaper's own, as all that follows. */
static LIST_HEAD(tcpc_act_armed);

/* With the socket's spin lock; nobody owns it. */
static void tcpc_act_arm(struct tcpc_armed *a)
{
	struct sock *sk = a->sk;
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	a->was = (struct tcpc_keepalive) {
		.on = sock_flag(sk, SOCK_KEEPOPEN),
		.time = tp->keepalive_time,
		.probes = tp->keepalive_probes,
		.probes_out = icsk->icsk_probes_out,
		.user_timeout = icsk->icsk_user_timeout,
		.error = sk->sk_err_soft,
	};
	WRITE_ONCE(tp->keepalive_time, a->made.time);
	WRITE_ONCE(tp->keepalive_probes, a->made.probes);
	WRITE_ONCE(icsk->icsk_probes_out, a->made.probes_out);
	WRITE_ONCE(icsk->icsk_user_timeout, a->made.user_timeout);
	WRITE_ONCE(sk->sk_err_soft, a->made.error);
	sock_set_flag(sk, SOCK_KEEPOPEN);
}

/* Back to what it was, but for what the application has set since. As above. */
static void tcpc_act_disarm(struct tcpc_armed *a)
{
	struct sock *sk = a->sk;
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	if (tp->keepalive_time == a->made.time)
		WRITE_ONCE(tp->keepalive_time, a->was.time);
	if (tp->keepalive_probes == a->made.probes)
		WRITE_ONCE(tp->keepalive_probes, a->was.probes);
	if (icsk->icsk_probes_out == a->made.probes_out)
		WRITE_ONCE(icsk->icsk_probes_out, a->was.probes_out);
	if (icsk->icsk_user_timeout == a->made.user_timeout)
		WRITE_ONCE(icsk->icsk_user_timeout, a->was.user_timeout);
	if (sk->sk_err_soft == a->made.error)
		WRITE_ONCE(sk->sk_err_soft, a->was.error);
	/* The timer is only begun where the option is off. */
	sock_reset_flag(sk, SOCK_KEEPOPEN);
	sk->sk_prot->keepalive(sk, a->was.on);
	sock_valbool_flag(sk, SOCK_KEEPOPEN, a->was.on);
}

/* The same, if nobody owns it; else the timer shall at least not come. Process context. */
static bool tcpc_act_put_back(struct tcpc_armed *a)
{
	struct sock *sk = a->sk;
	bool mine;

	local_bh_disable();
	bh_lock_sock(sk);
	mine = !sock_owned_by_user(sk);
	if (mine)
		tcpc_act_disarm(a);
	else
		sk_stop_timer(sk, tcpc_keepalive_timer(sk));
	bh_unlock_sock(sk);
	local_bh_enable();
	return mine;
}

/**
 * tcpc_act_settle() - put back what could not be because somebody had the socket
 * @last: there will be no other time: let go of those that still are somebody's
 *
 * Context: process, may sleep.
 * Return: true if there are none any more.
 */
bool tcpc_act_settle(bool last)
{
	struct tcpc_armed *a, *next;

	list_for_each_entry_safe(a, next, &tcpc_act_armed, node) {
		if (!tcpc_act_put_back(a) && !last)
			continue;
		list_del(&a->node);
		sock_gen_put(a->sk);
		kfree(a);
		cond_resched();
	}
	return list_empty(&tcpc_act_armed);
}

/*
 * Arm it, and call the timer, if all is still so. The timer takes the lock again: if
 * somebody came between, it goes away and wants to come back. Process context.
 */
static int tcpc_act_fire(struct tcpc_armed *a, struct tcpc_conn *conn,
			 const struct tcpc_settings *s)
{
	struct timer_list *timer = tcpc_keepalive_timer(a->sk);
	struct sock *sk = a->sk;
	int ret = TCPC_RESULT_RESET;

	local_bh_disable();
	bh_lock_sock(sk);
	if (sock_owned_by_user(sk))
		ret = TCPC_ACT_BUSY;
	else if (!tcpc_act_still(conn, s) || !sk->sk_socket)
		ret = TCPC_RESULT_GONE;
	else
		tcpc_act_arm(a);
	bh_unlock_sock(sk);
	if (ret == TCPC_RESULT_RESET) {
		/* It lets go of one reference. */
		sock_hold(sk);
		timer->function(timer);
	}
	local_bh_enable();
	return ret;
}

/**
 * tcpc_act_abort() - reset a connection that was accepted
 * @conn: the connection, with its socket; brought up to date
 * @s: what the reaper may do
 *
 * tcp_abort() would wait for whoever has the socket. The keepalive timer does not,
 * and does the same when all probes were in vain. So it is made to believe that, and
 * called. Once more, with the lock it resets with, it sees that the peer was not
 * heard for so long, and that nothing was sent.
 *
 * Context: process, may sleep.
 * Return: TCPC_RESULT_RESET, TCPC_RESULT_GONE or TCPC_ACT_BUSY.
 */
int tcpc_act_abort(struct tcpc_conn *conn, const struct tcpc_settings *s)
{
	struct tcpc_armed *a = kzalloc(sizeof(*a), GFP_KERNEL | __GFP_NOWARN);
	struct sock *sk = conn->sk;
	int ret;

	if (!a)
		return TCPC_ACT_BUSY;
	a->sk = sk;
	a->made = (struct tcpc_keepalive) {
		.on = true,
		.time = s->timeout_s * HZ,
		.probes = 1,
		.probes_out = 1,
		.error = ECONNABORTED,
	};
	ret = tcpc_act_fire(a, conn, s);
	if (ret == TCPC_RESULT_RESET) {
		if (!tcpc_act_put_back(a)) {
			sock_hold(sk);
			list_add(&a->node, &tcpc_act_armed);
			return TCPC_ACT_BUSY;
		}
		if (inet_sk_state_load(sk) != TCP_CLOSE)
			ret = TCPC_RESULT_GONE;
	}
	kfree(a);
	return ret;
}
