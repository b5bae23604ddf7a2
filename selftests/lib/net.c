// SPDX-License-Identifier: GPL-2.0
/* Namespaces and connections, the ground truth of the tests. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"
#include "net.h"

/* "127.0.0.1", "::1" or "fe80::1%lo", and a port. */
struct addr addr(const char *ip, unsigned short port)
{
	struct addr a = {};
	char host[64];
	char *scope;

	if (inet_pton(AF_INET, ip, &a.in.sin_addr) == 1) {
		a.len = sizeof(a.in);
		a.in.sin_family = AF_INET;
		a.in.sin_port = htons(port);
		return a;
	}
	must(strlen(ip) < sizeof(host));
	strcpy(host, ip);
	scope = strchr(host, '%');
	if (scope) {
		*scope = '\0';
		a.in6.sin6_scope_id = if_nametoindex(scope + 1);
	}
	if (inet_pton(AF_INET6, host, &a.in6.sin6_addr) != 1)
		die("no address: %s", ip);
	a.len = sizeof(a.in6);
	a.in6.sin6_family = AF_INET6;
	a.in6.sin6_port = htons(port);
	return a;
}

unsigned short addr_port(const struct addr *a)
{
	/* At the same place in both families. */
	return ntohs(a->in.sin_port);
}

/*
 * An address as the module is to show it, to be freed: "127.0.0.1:80", also of a
 * v4-mapped one, "[::1]:80", "[fe80::1%lo]:80".
 */
char *addr_text(const struct addr *a)
{
	const struct in6_addr *in6 = &a->in6.sin6_addr;
	char host[INET6_ADDRSTRLEN], name[IF_NAMESIZE];

	if (a->sa.sa_family == AF_INET) {
		must(inet_ntop(AF_INET, &a->in.sin_addr, host, sizeof(host)));
		return strf("%s:%u", host, addr_port(a));
	}
	if (IN6_IS_ADDR_V4MAPPED(in6)) {
		must(inet_ntop(AF_INET, &in6->s6_addr[12], host, sizeof(host)));
		return strf("%s:%u", host, addr_port(a));
	}
	must(inet_ntop(AF_INET6, in6, host, sizeof(host)));
	if (!IN6_IS_ADDR_LINKLOCAL(in6))
		return strf("[%s]:%u", host, addr_port(a));
	must(if_indextoname(a->in6.sin6_scope_id, name));
	return strf("[%s%%%s]:%u", host, name, addr_port(a));
}

/* Where a socket is bound. */
struct addr sock_addr(int fd)
{
	struct addr a = { .len = sizeof(a.in6) };

	must(!getsockname(fd, &a.sa, &a.len));
	return a;
}

/* What it is connected to. */
struct addr sock_peer(int fd)
{
	struct addr a = { .len = sizeof(a.in6) };

	must(!getpeername(fd, &a.sa, &a.len));
	return a;
}

unsigned long sock_inode(int fd)
{
	struct stat st;

	must(!fstat(fd, &st));
	return st.st_ino;
}

unsigned long long sock_cookie(int fd)
{
	socklen_t len = sizeof(uint64_t);
	uint64_t cookie;

	must(!getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len));
	return cookie;
}

/* The TCP state of a socket we hold. */
int sock_state(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	must(!getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	return info.tcpi_state;
}

/* What the C library's does not have yet; in this order behind what it has. */
struct longer_tcp_info {
	struct tcp_info known;
	uint64_t pacing_rate;
	uint64_t max_pacing_rate;
	uint64_t bytes_acked;
	uint64_t bytes_received;
	uint32_t segs_out;
	uint32_t segs_in;
};

static void longer_info(int fd, struct longer_tcp_info *info)
{
	socklen_t len = sizeof(*info);

	must(!getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &len));
	must(len == sizeof(*info));
}

/* Segments a socket has sent, those sent again too. */
unsigned int sock_segs_out(int fd)
{
	struct longer_tcp_info info;

	longer_info(fd, &info);
	return info.segs_out;
}

/* Segments that have come for it. */
unsigned int sock_segs_in(int fd)
{
	struct longer_tcp_info info;

	longer_info(fd, &info);
	return info.segs_in;
}

/* Bytes a socket has received and its owner has not read; the FIN is none. */
unsigned int sock_unread(int fd)
{
	int n;

	must(!ioctl(fd, SIOCINQ, &n));
	return n;
}

/* Bytes its owner has sent and the peer has not acknowledged. */
unsigned int sock_unacked(int fd)
{
	int n;

	must(!ioctl(fd, SIOCOUTQ, &n));
	return n;
}

/*
 * From now on the socket drops every segment it is sent, as if its peer's had
 * been lost on the way: a filter that lets no byte through. It stays with the
 * socket after close(), and needs no firewall.
 */
void sock_deafen(int fd)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog prog = { .len = 1, .filter = &none };

	must(!setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)));
}

/* It was deaf, and is no longer. */
void sock_hear(int fd)
{
	int none = 0;

	must(!setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none)));
}

/* close() will reset the connection and leave nothing behind. */
void sock_reset_on_close(int fd)
{
	struct linger now = { .l_onoff = 1 };

	must(!setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	must(fd >= 0);
	must(!ioctl(fd, SIOCSIFFLAGS, &ifr));
	close(fd);
}

/* The network namespace this thread is in. */
int net_open(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	must(fd >= 0);
	return fd;
}

/* Go into a new network namespace, with lo up; a descriptor of it. */
int net_new(void)
{
	if (unshare(CLONE_NEWNET))
		die("a new network namespace: %m");
	loopback_up();
	return net_open();
}

/* Sockets made from now on are in that namespace, and /proc/net is its. */
void net_enter(int netns)
{
	must(!setns(netns, CLONE_NEWNET));
}

/* A socket bound to an address; 0 as @protocol is TCP. */
int sock_bound(const struct addr *a, int protocol)
{
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, protocol);
	int one = 1;

	if (fd < 0)
		die("socket: %m");
	must(!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
	if (bind(fd, &a->sa, a->len))
		die("bind to port %u: %m", addr_port(a));
	return fd;
}

/* A listener; port 0 is any free one. "::" takes IPv4 clients too. */
int sock_listen(const char *ip, unsigned short port, int backlog)
{
	struct addr a = addr(ip, port);
	int fd = sock_bound(&a, 0);

	must(!listen(fd, backlog));
	return fd;
}

/* The same, one of a SO_REUSEPORT group. */
int sock_listen_shared(const char *ip, unsigned short port, int backlog)
{
	struct addr a = addr(ip, port);
	int fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	must(fd >= 0);
	must(!setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)));
	if (bind(fd, &a.sa, a.len))
		die("bind to port %u: %m", port);
	must(!listen(fd, backlog));
	return fd;
}

/* A connection, once it is there. */
int sock_connect(const struct addr *to)
{
	int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0);
	if (connect(fd, &to->sa, to->len))
		die("connect to port %u: %m", addr_port(to));
	return fd;
}

/* A connection that is begun and not waited for; @deaf: it will hear nothing. */
int sock_start(const struct addr *to, bool deaf)
{
	int fd = socket(to->sa.sa_family,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	must(fd >= 0);
	if (deaf)
		sock_deafen(fd);
	if (connect(fd, &to->sa, to->len) && errno != EINPROGRESS)
		die("connect to port %u: %m", addr_port(to));
	return fd;
}

int sock_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		die("accept: %m");
	return fd;
}

/* All of it goes into the send buffer, or the test ends. */
void sock_send(int fd, unsigned int bytes)
{
	char data[8192] = {};

	must(bytes <= sizeof(data));
	must(send(fd, data, bytes, MSG_NOSIGNAL | MSG_DONTWAIT) == (int)bytes);
}

/* So many bytes are there, or will be, and are read with one read(). */
void sock_receive(int fd, unsigned int bytes)
{
	char data[8192];

	must(bytes <= sizeof(data));
	/* It may be a socket that does not wait. */
	must(wait_for(sock_unread(fd) >= bytes));
	must(recv(fd, data, bytes, 0) == (int)bytes);
}

/**
 * sock_end_unheard() - one end of a connection sends its last, and hears of no answer
 * @far: sends
 * @near: is in CLOSE_WAIT when this returns, with so many bytes unread
 * @bytes: how many
 */
void sock_end_unheard(int far, int near, unsigned int bytes)
{
	sock_send(far, bytes);
	must(!shutdown(far, SHUT_WR));
	must(wait_for(sock_state(near) == TCP_CLOSE_WAIT &&
		      sock_unread(near) == bytes));
}

/**
 * sock_end() - one end of a connection sends its last
 * @far: sends, and has nothing to send once more when this returns
 * @near: is in CLOSE_WAIT when this returns, with so many bytes unread
 * @bytes: how many
 */
void sock_end(int far, int near, unsigned int bytes)
{
	sock_end_unheard(far, near, bytes);
	must(wait_for(sock_state(far) == TCP_FIN_WAIT2));
}

/* A connection with both ends ours. Nobody else may connect to @listener. */
struct pair pair_make(int listener, const struct addr *to)
{
	struct pair p;

	p.client = sock_connect(to);
	p.server = sock_accept(listener);
	return p;
}

/* The client ends, the server does not: FIN_WAIT2 and CLOSE_WAIT. */
void pair_close_wait(const struct pair *p)
{
	pairs_close_wait(p, 1);
}

/* Each FIN waits a few milliseconds for its ACK: many together wait no longer than one. */
void pairs_close_wait(const struct pair *p, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		must(!shutdown(p[i].client, SHUT_WR));
	for (i = 0; i < n; i++) {
		must(wait_for(sock_state(p[i].server) == TCP_CLOSE_WAIT));
		must(wait_for(sock_state(p[i].client) == TCP_FIN_WAIT2));
	}
}

void pair_close(const struct pair *p)
{
	sock_reset_on_close(p->client);
	close(p->client);
	sock_reset_on_close(p->server);
	close(p->server);
}
