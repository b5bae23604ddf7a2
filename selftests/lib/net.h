/* SPDX-License-Identifier: GPL-2.0 */
/* Namespaces and connections, the ground truth of the tests. */
#ifndef LIB_NET_H
#define LIB_NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

/**
 * struct addr - an address and a port
 * @len: of the part in use
 */
struct addr {
	socklen_t len;
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
};

struct addr addr(const char *ip, unsigned short port);
unsigned short addr_port(const struct addr *a);
char *addr_text(const struct addr *a);
struct addr sock_addr(int fd);
struct addr sock_peer(int fd);
unsigned long sock_inode(int fd);
unsigned long long sock_cookie(int fd);
int sock_state(int fd);
unsigned int sock_unread(int fd);
unsigned int sock_segs_out(int fd);
unsigned int sock_segs_in(int fd);
unsigned int sock_unacked(int fd);
void sock_deafen(int fd);
void sock_hear(int fd);
void sock_reset_on_close(int fd);

int net_new(void);
int net_open(void);
void net_enter(int netns);

int sock_bound(const struct addr *a, int protocol);
int sock_listen(const char *ip, unsigned short port, int backlog);
int sock_listen_shared(const char *ip, unsigned short port, int backlog);
int sock_connect(const struct addr *to);
int sock_start(const struct addr *to, bool deaf);
int sock_accept(int listener);

struct pair {
	int client;
	int server;
};

void sock_send(int fd, unsigned int bytes);
void sock_receive(int fd, unsigned int bytes);
void sock_end_unheard(int far, int near, unsigned int bytes);
void sock_end(int far, int near, unsigned int bytes);

struct pair pair_make(int listener, const struct addr *to);
void pair_close_wait(const struct pair *p);
void pairs_close_wait(const struct pair *p, unsigned int n);
void pair_close(const struct pair *p);

#endif /* LIB_NET_H */
