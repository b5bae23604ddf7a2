/* SPDX-License-Identifier: GPL-2.0 */
/* A connection, as it is read from its socket. */
#ifndef TCPC_CONN_H
#define TCPC_CONN_H

#include <linux/in6.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <net/sock.h>

#include "cause.h"

struct cgroup;
struct tcpc_served;

enum tcpc_role {
	TCPC_SERVER,
	TCPC_CLIENT,
};

/* ESTABLISHED without data for so long counts as silent, in seconds. */
#define TCPC_SILENT_S 3600

/* Unread data up to this counts as small, in bytes: a TLS close_notify does. */
#define TCPC_UNREAD_SMALL 512

/**
 * struct tcpc_local_ports - what tells the roles in a namespace apart
 * @net: the namespace
 * @served: ports that have or had a listener
 * @low: first port of ip_local_port_range
 * @high: its last port
 */
struct tcpc_local_ports {
	struct net *net;
	const struct tcpc_served *served;
	int low;
	int high;
};

/**
 * struct tcpc_conn - a connection
 * @local: its address here; IPv4 as a v4-mapped one
 * @remote: that of the peer
 * @ifindex: the interface it is bound to, or 0
 * @local_port: host order
 * @remote_port: host order
 * @family: of the socket, AF_INET or AF_INET6
 * @state: TCP state, never TCP_NEW_SYN_RECV; TIME_WAIT sockets their substate
 * @role: enum tcpc_role
 * @served: TCPC_SERVED_* bits of @local_port
 * @ephemeral: @local_port is one the kernel may choose for a client
 * @keepalive: SO_KEEPALIVE is on; ESTABLISHED and CLOSE_WAIT only
 * @silent: ESTABLISHED without data for TCPC_SILENT_S
 * @slot: for the caller, of its namespace
 * @cause: enum tcpc_cause; this and what follows in CLOSE_WAIT only
 * @idle_s: since the peer was last heard or data was last sent, in seconds
 * @data_idle_s: since there was data in either direction, in seconds
 * @unread_bytes: received and not read, the FIN not among them
 * @mem_bytes: memory it is charged for
 * @uid: its owner
 * @cgroup: with a reference; NULL if unknown
 * @sk: the socket, with a reference, or NULL; to be set by the caller
 * @inode: 0 if nobody has accepted it; this and @cookie by tcpc_conn_name()
 * @cookie: as SO_COOKIE gives it
 */
struct tcpc_conn {
	struct in6_addr local;
	struct in6_addr remote;
	int ifindex;
	u16 local_port;
	u16 remote_port;
	u16 family;
	u8 state;
	u8 role;
	u8 served;
	bool ephemeral;
	bool keepalive;
	bool silent;
	u32 slot;
	u8 cause;
	u32 idle_s;
	u32 data_idle_s;
	u32 unread_bytes;
	u64 mem_bytes;
	kuid_t uid;
	struct cgroup *cgroup;
	struct sock *sk;
	u64 inode;
	u64 cookie;
};

/* Does the address mean something only together with an interface? */
static inline bool tcpc_addr_scoped(const struct in6_addr *addr)
{
	return (addr->s6_addr32[0] & htonl(0xffc00000)) == htonl(0xfe800000);
}

void tcpc_local_ports_get(struct tcpc_local_ports *ports, struct net *net,
			  const struct tcpc_served *served);
bool tcpc_port_ephemeral(const struct tcpc_local_ports *ports, u16 port);
u32 tcpc_ports_ephemeral(const struct tcpc_local_ports *ports);
unsigned int tcpc_conn_hold(struct sock *sk);
void tcpc_conn_ahead(const struct sock *sk);
void tcpc_conn_read(struct tcpc_conn *conn, struct sock *sk, unsigned int state,
		    const struct tcpc_local_ports *ports);
void tcpc_conn_judge(struct tcpc_conn *conn, const struct sock *sk);
void tcpc_conn_name(struct tcpc_conn *conn, struct sock *sk);
void tcpc_conn_release(struct tcpc_conn *conn);
void tcpc_sock_local(const struct sock *sk, struct in6_addr *addr);
u32 tcpc_sock_idle(const struct sock *sk);
u64 tcpc_sock_inode(const struct sock *sk);

#endif /* TCPC_CONN_H */
