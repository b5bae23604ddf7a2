/* SPDX-License-Identifier: GPL-2.0 */
/* Connections, tallied by endpoint. */
#ifndef TCPC_TALLY_H
#define TCPC_TALLY_H

#include <linux/in6.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <net/tcp_states.h>

#include "cause.h"
#include "conn.h"
#include "top.h"

struct cgroup;
struct tcpc_census;

#define TCPC_ENDPOINTS_MIN 16
#define TCPC_ENDPOINTS_MAX 65536

extern unsigned int tcpc_max_endpoints;

/* TCP_ESTABLISHED to TCP_CLOSING; TCP_NEW_SYN_RECV is counted as SYN_RECV. */
#define TCPC_STATES (TCP_CLOSING + 1)

/**
 * struct tcpc_endpoint - what connections are grouped by
 * @addr: of a server's listener, or of a client's peer; IPv4 as a v4-mapped one
 * @ifindex: the interface, if @addr is link-local; else 0
 * @port: host order
 * @role: enum tcpc_role
 *
 * Without holes: hashed and compared as it stands.
 */
struct tcpc_endpoint {
	struct in6_addr addr;
	u32 ifindex;
	u16 port;
	u16 role;
} __aligned(8);

/**
 * struct tcpc_endpoint_row - all connections of an endpoint, and its listeners
 * @top: its count is that of the sockets
 * @ep: the endpoint
 * @state: sockets by TCP state
 * @silent: ESTABLISHED without data for TCPC_SILENT_S
 * @silent_no_keepalive: those of them without SO_KEEPALIVE
 */
struct tcpc_endpoint_row {
	struct tcpc_top_row top;
	struct tcpc_endpoint ep;
	u32 state[TCPC_STATES];
	u32 silent;
	u32 silent_no_keepalive;
};

/**
 * struct tcpc_close_wait_key - what CLOSE_WAIT sockets are grouped by
 * @ep: the endpoint
 * @cgroup: with a reference, or NULL
 */
struct tcpc_close_wait_key {
	struct tcpc_endpoint ep;
	struct cgroup *cgroup;
};

/**
 * struct tcpc_close_wait_row - the CLOSE_WAIT sockets of an endpoint and cgroup
 * @top: its count is that of the sockets
 * @key: the endpoint and cgroup
 * @cause: sockets by cause
 * @unread_small: those unread with at most TCPC_UNREAD_SMALL bytes
 * @keepalive: those with SO_KEEPALIVE
 * @unread_bytes: received and not read, of all
 * @mem_bytes: memory they are charged for, of all
 * @idle_s: that of the one idle for longest
 * @data_idle_s: of the one without data for longest
 * @uid: of the one idle for longest; if nobody has accepted it, its listener's
 * @inode: likewise
 * @queued: nobody has accepted that one
 */
struct tcpc_close_wait_row {
	struct tcpc_top_row top;
	struct tcpc_close_wait_key key;
	u32 cause[TCPC_CAUSES];
	u32 unread_small;
	u32 keepalive;
	u64 unread_bytes;
	u64 mem_bytes;
	u32 idle_s;
	u32 data_idle_s;
	kuid_t uid;
	u64 inode;
	bool queued;
};

/**
 * struct tcpc_ports_key - what ports are used up by
 * @ep: a client's endpoint
 * @source: its local address
 */
struct tcpc_ports_key {
	struct tcpc_endpoint ep;
	struct in6_addr source;
};

/**
 * struct tcpc_ports_row - local ports one client uses to one endpoint
 * @top: its count is that of the ports
 * @key: the client and the endpoint
 */
struct tcpc_ports_row {
	struct tcpc_top_row top;
	struct tcpc_ports_key key;
};

/**
 * struct tcpc_tally - connections, tallied by endpoint
 * @close_wait: of struct tcpc_close_wait_row
 * @endpoints: of struct tcpc_endpoint_row
 * @ports: of struct tcpc_ports_row
 */
struct tcpc_tally {
	struct tcpc_top close_wait;
	struct tcpc_top endpoints;
	struct tcpc_top ports;
};

int tcpc_tally_init(struct tcpc_tally *tally, unsigned int nr_nets);
void tcpc_tally_add(struct tcpc_tally *tally, const struct tcpc_census *census,
		    struct tcpc_conn *conn);
void tcpc_tally_finish(struct tcpc_tally *tally, const struct tcpc_census *census);
void tcpc_tally_free(struct tcpc_tally *tally);

#endif /* TCPC_TALLY_H */
