// SPDX-License-Identifier: GPL-2.0
/* A connection, as it is read from its socket. */

#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/prefetch.h>
#include <linux/sock_diag.h>
#include <net/inet_connection_sock.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/mptcp.h>
#include <net/tcp.h>

#include "cgroup.h"
#include "compat.h"
#include "conn.h"
#include "served.h"

/**
 * tcpc_local_ports_get() - what tells the roles in a namespace apart
 * @ports: filled
 * @net: the namespace
 * @served: its served ports
 *
 * Context: any.
 */
void tcpc_local_ports_get(struct tcpc_local_ports *ports, struct net *net,
			  const struct tcpc_served *served)
{
	ports->net = net;
	ports->served = served;
	inet_get_local_port_range(net, &ports->low, &ports->high);
}

/**
 * tcpc_port_ephemeral() - may the kernel choose this port for a client?
 * @ports: of the namespace
 * @port: host order
 *
 * Context: any; the namespace is held.
 * Return: true if it is in ip_local_port_range and not in
 * ip_local_reserved_ports.
 */
bool tcpc_port_ephemeral(const struct tcpc_local_ports *ports, u16 port)
{
	return port >= ports->low && port <= ports->high &&
	       !inet_is_local_reserved_port(ports->net, port);
}

/**
 * tcpc_ports_ephemeral() - how many ports may the kernel choose from?
 * @ports: of the namespace
 *
 * Context: any; the namespace is held.
 * Return: ports of ip_local_port_range that are not in ip_local_reserved_ports.
 */
u32 tcpc_ports_ephemeral(const struct tcpc_local_ports *ports)
{
	const unsigned long *reserved = ports->net->ipv4.sysctl_local_reserved_ports;
	int n = ports->high + 1 - ports->low;
	int taken = 0;

	if (reserved)
		/* data_race(): it may be written between and beside the two. */
		taken = data_race(bitmap_weight(reserved, ports->high + 1) -
				  bitmap_weight(reserved, ports->low));
	return n - clamp(taken, 0, n);
}

/**
 * tcpc_sock_local() - local address of a socket
 * @sk: a socket of any kind, a request or timewait sock too
 * @addr: filled; IPv4 as a v4-mapped address
 *
 * One that is just leaving its table may have lost it: who finds sockets in tables
 * notices that.
 *
 * Context: any.
 */
void tcpc_sock_local(const struct sock *sk, struct in6_addr *addr)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6)
		/* data_race(): see above. */
		*addr = data_race(sk->sk_v6_rcv_saddr);
	else
#endif
		ipv6_addr_set_v4mapped(READ_ONCE(sk->sk_rcv_saddr), addr);
}

/* Likewise. */
static void tcpc_sock_remote(const struct sock *sk, struct in6_addr *addr)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6)
		/* data_race(): as there. */
		*addr = data_race(sk->sk_v6_daddr);
	else
#endif
		ipv6_addr_set_v4mapped(READ_ONCE(sk->sk_daddr), addr);
}

/**
 * tcpc_sock_inode() - inode number of a socket
 * @sk: a full socket
 *
 * No lock: inodes of sockets are freed by RCU (6d7855c54e1e "sockfs: switch to
 * ->free_inode()"), after the socket has let go of them. Not sock_i_ino(), which
 * on some kernels from 6.18 on (5d6b58c932ec "net: lockless sock_i_ino()") names
 * no process for the subflow of an MPTCP listener.
 *
 * Context: under RCU; with a reference on @sk, or in the section in which it was
 * found in its table.
 * Return: the number, or 0 if it has no inode.
 */
u64 tcpc_sock_inode(const struct sock *sk)
{
	struct socket *sock = READ_ONCE(sk->sk_socket);

	return sock ? SOCK_INODE(sock)->i_ino : 0;
}

/*
 * So far ahead of the clock, in jiffies, a time may be that was written after it was read:
 * longer than a machine may stand still between the two. Times that lie back by all of 32
 * bits but this are taken for such: with 1,000 jiffies a second that is 49 days.
 */
#define TCPC_AHEAD (3600 * HZ)

/* In seconds, since @when; 0 if that has come since @now was read. */
static u32 tcpc_seconds_between(u32 when, u32 now)
{
	u32 since = now - when;

	return since < -(u32)TCPC_AHEAD ? since / HZ : 0;
}

/* In seconds, since there was data in either direction. */
static u32 tcpc_sock_data_idle(const struct sock *sk, u32 now)
{
	u32 sent = tcpc_seconds_between(READ_ONCE(tcp_sk(sk)->lsndtime), now);

	return min(sent, tcpc_seconds_between(READ_ONCE(inet_csk(sk)->icsk_ack.lrcvtime), now));
}

/* In seconds, since its peer was last heard. */
static u32 tcpc_sock_unheard(const struct sock *sk, u32 now)
{
	return tcpc_seconds_between(READ_ONCE(tcp_sk(sk)->rcv_tstamp), now);
}

/**
 * tcpc_sock_idle() - since its peer was last heard or data was last sent
 * @sk: a full socket
 *
 * Context: any; with a reference on @sk.
 * Return: how long, in seconds.
 */
u32 tcpc_sock_idle(const struct sock *sk)
{
	u32 now = tcp_jiffies32;

	return min(tcpc_sock_unheard(sk, now), tcpc_sock_data_idle(sk, now));
}

/*
 * Was there no data in either direction for so long? Most have sent lately: then
 * the other time, in another cache line, is not looked at. connect() sets the
 * state before the two times, which are 0 until then.
 */
static bool tcpc_sock_silent(const struct sock *sk)
{
	u32 sent = READ_ONCE(tcp_sk(sk)->lsndtime), now = tcp_jiffies32;

	return sent && tcpc_seconds_between(sent, now) >= TCPC_SILENT_S &&
	       tcpc_sock_data_idle(sk, now) >= TCPC_SILENT_S;
}

/**
 * tcpc_conn_hold() - hold a socket of which more than its state is to be read
 * @sk: a socket of any kind, found in its table
 *
 * Let go with sock_gen_put() or tcpc_conn_release(). If it is gone it is in its chain no
 * more either, as the walk will notice. It may have become another connection since it
 * was found, but what is read of it now is of one, and no older than its state.
 *
 * Context: under RCU, in the section in which @sk was found.
 * Return: its state, or 0 if it is gone.
 */
unsigned int tcpc_conn_hold(struct sock *sk)
{
	unsigned int state;

	if (!refcount_inc_not_zero(&sk->sk_refcnt))
		return 0;
	/* The reference comes before the state. */
	smp_acquire__after_ctrl_dep();
	state = READ_ONCE(sk->sk_state);
	/* And that before the rest; an acquire is a full barrier on some architectures. */
	smp_rmb();
	return state;
}

/**
 * tcpc_conn_ahead() - have the processor fetch what is read of a socket in CLOSE_WAIT
 * @sk: a socket of any kind, or what was one; nothing but its state is read here
 *
 * Context: under RCU.
 */
void tcpc_conn_ahead(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (READ_ONCE(sk->sk_state) != TCP_CLOSE_WAIT)
		return;
	prefetch(&sk->sk_refcnt);
	prefetch(&sk->sk_rmem_alloc);
	prefetch(&sk->sk_wmem_queued);
	prefetch(&sk->sk_forward_alloc);
	prefetch(&sk->sk_user_data);
	prefetch(&sk->sk_socket);
	prefetch(&sk->sk_uid);
	/* Beside sk_kern_sock, which is a bit. */
	prefetch(&sk->sk_shutdown);
#ifdef CONFIG_SOCK_CGROUP_DATA
	prefetch(&sk->sk_cgrp_data);
#endif
	prefetch(&inet_csk(sk)->icsk_ack.lrcvtime);
	prefetch(&tp->lsndtime);
	prefetch(&tp->rcv_tstamp);
	prefetch(&tp->write_seq);
	prefetch(&tp->snd_una);
	prefetch(&tp->rcv_nxt);
	prefetch(&tp->copied_seq);
#ifdef CONFIG_MPTCP
	prefetch(&tp->is_mptcp);
#endif
}

/**
 * tcpc_conn_judge() - why is it in CLOSE_WAIT, and since when?
 * @conn: its @served is set; filled are those that are for CLOSE_WAIT only, but
 *	for @cgroup and what follows it
 * @sk: a full socket
 *
 * Fields are read without the socket's lock, as ss reads them: each is right by
 * itself. With it, all are.
 *
 * Context: with a reference on @sk, so that all is of one connection.
 */
void tcpc_conn_judge(struct tcpc_conn *conn, const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 now = tcp_jiffies32;
	struct tcpc_facts facts = {
		.mptcp = sk_is_mptcp(sk),
		/* data_race(): bits that seldom change, beside others that do. */
		.repair = data_race(!!tp->repair),
		/* data_race(): likewise */
		.kernel = data_race(!!sk->sk_kern_sock),
		.queued = !READ_ONCE(sk->sk_socket) && !sock_flag(sk, SOCK_DEAD),
		.sockmap = READ_ONCE(sk->sk_user_data),
		.kernel_listener = conn->served & TCPC_SERVED_KERNEL,
		/* Either may have moved since the other was read. */
		.unacked = max_t(int, READ_ONCE(tp->write_seq) -
					      READ_ONCE(tp->snd_una), 0),
		.unread = max_t(int, READ_ONCE(tp->rcv_nxt) -
					     READ_ONCE(tp->copied_seq), 0),
	};

	conn->cause = tcpc_cause(&facts);
	conn->unread_bytes = facts.unread ? facts.unread - 1 : 0;
	conn->mem_bytes = (u64)sk_rmem_alloc_get(sk) + READ_ONCE(sk->sk_wmem_queued) +
			  max(READ_ONCE(sk->sk_forward_alloc), 0);
	conn->data_idle_s = tcpc_sock_data_idle(sk, now);
	conn->idle_s = min(tcpc_sock_unheard(sk, now), conn->data_idle_s);
	conn->keepalive = sock_flag(sk, SOCK_KEEPOPEN);
	conn->uid = sk_uid(sk);
}

/**
 * tcpc_conn_read() - read a connection from its socket
 * @conn: filled, but for @slot, @sk, @inode and @cookie
 * @sk: a full socket, a request sock or a timewait sock; in CLOSE_WAIT with a
 *	reference
 * @state: its TCP state as it is to be shown
 * @ports: of its namespace
 *
 * In CLOSE_WAIT to be let go with tcpc_conn_release().
 *
 * Context: under RCU, in the section in which @sk was found in its table.
 */
void tcpc_conn_read(struct tcpc_conn *conn, struct sock *sk, unsigned int state,
		    const struct tcpc_local_ports *ports)
{
	tcpc_sock_local(sk, &conn->local);
	tcpc_sock_remote(sk, &conn->remote);
	conn->ifindex = READ_ONCE(sk->sk_bound_dev_if);
	conn->local_port = READ_ONCE(sk->sk_num);
	conn->remote_port = ntohs(READ_ONCE(sk->sk_dport));
	conn->family = sk->sk_family;
	conn->state = state;
	conn->served = tcpc_served_get(ports->served, conn->local_port);
	conn->role = TCPC_SERVER;
	if (!conn->served && state != TCP_LISTEN &&
	    conn->local_port >= ports->low && conn->local_port <= ports->high)
		conn->role = TCPC_CLIENT;
	conn->ephemeral = conn->role == TCPC_CLIENT &&
			  tcpc_port_ephemeral(ports, conn->local_port);
	conn->keepalive = false;
	conn->silent = false;

	if (state == TCP_CLOSE_WAIT) {
		tcpc_conn_judge(conn, sk);
		conn->cgroup = tcpc_cgroup_get(sk);
	} else if (state == TCP_ESTABLISHED && tcpc_sock_silent(sk)) {
		conn->silent = true;
		conn->keepalive = sock_flag(sk, SOCK_KEEPOPEN);
	}
}

/**
 * tcpc_conn_name() - add what names the socket: its inode and its cookie
 * @conn: from tcpc_conn_read()
 * @sk: its socket, with a reference; gets a cookie if it has none
 *
 * Context: under RCU.
 */
void tcpc_conn_name(struct tcpc_conn *conn, struct sock *sk)
{
	u32 cookie[2];

	conn->inode = tcpc_sock_inode(sk);
	sock_diag_save_cookie(sk, cookie);
	conn->cookie = (u64)cookie[1] << 32 | cookie[0];
}

/**
 * tcpc_conn_release() - let go of what a connection holds
 * @conn: from tcpc_conn_read(), with @sk set
 *
 * Context: any but hard interrupt.
 */
void tcpc_conn_release(struct tcpc_conn *conn)
{
	tcpc_cgroup_put(conn->cgroup);
	if (conn->sk)
		sock_gen_put(conn->sk);
	conn->cgroup = NULL;
	conn->sk = NULL;
}
