// SPDX-License-Identifier: GPL-2.0
/*
 * Work for a crew: sockets that are made, queued, closed and reaped as fast as can be.
 *
 *	a process and a namespace each, or one namespace after the other
 *	+-- netns, lo --------------------------------------------------+
 *	| clients: live, half-closed, with data unread, reset           |
 *	|    |                                                          |
 *	|    `--> 127.0.0.1 or ::1: listeners, alone and in groups      |
 *	+---------------------------------------------------------------+
 *
 * The reaper, another process or the module's unloading may come in between anywhere,
 * so that what is done to a socket may fail, and is not looked at.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base.h"
#include "census.h"
#include "net.h"
#include "noise.h"
#include "reap.h"
#include "setting.h"
#include "test_module.h"

/* Ports of listeners alone, and of groups: those bind in other ways. */
enum { PORT = 8000, PORT_SHARED = 9000, PORTS = 8 };

/* Of a group, and connections to a listener. */
enum { MEMBERS = 4, CLIENTS = 12 };

/* Of each kind, for the reaper: dead and queued, dead and accepted. */
enum { DEAD = 60 };

/* Listeners and connections that make files of many lines. */
enum { CROWD = 150 };

static const char *any_ip(void)
{
	return rand() % 2 ? "127.0.0.1" : "::1";
}

/* A namespace of one's own; all that is opened from now on goes with the descriptor. */
static int begin_namespace(void)
{
	int first = net_new();

	/* Where timewait socks are full, ports are free again. */
	file_set("/proc/sys/net/ipv4/tcp_max_tw_buckets", "%d", 500);
	/* A group's connections go to who is left; since 5.14. */
	file_write("/proc/sys/net/ipv4/tcp_migrate_req", "1");
	return first;
}

static void close_all(int first)
{
	must(!syscall(SYS_close_range, first, ~0U, 0));
}

/* The settings are not there while the module is not. */
static void reap_here(const char *action)
{
	if (!action)
		return;
	setting_write("action", action);
	setting_write("causes", "unaccepted drained fin_pending");
	setting_write("roles", "server client");
	setting_write("rate", "100000");
	setting_write("timeout", "1");
}

/* Dead for ages, if the reaper is to see it: a connection, or a listener's queue. */
static void make_old(const char *action, int fd)
{
	if (action)
		test_module("age %d %d", fd, AGES);
}

/* One that has connected, and does what clients do. */
static void client(const struct addr *to)
{
	int fd = sock_start(to, false);

	switch (rand() % 4) {
	case 0:
		send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		shutdown(fd, SHUT_WR);
		break;
	case 1:
	case 2:
		shutdown(fd, SHUT_WR);
		break;
	case 3:
		if (rand() % 2)
			break;
		sock_reset_on_close(fd);
		close(fd);
		break;
	}
}

static void clients(int listener, unsigned int n)
{
	struct addr to = sock_addr(listener);

	while (n--)
		client(&to);
}

/* One from the queue, if there is one, in CLOSE_WAIT and with or without its FIN read. */
static void accept_one(const char *action, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	char c[2];

	if (fd < 0)
		return;
	if (rand() % 2)
		while (recv(fd, c, sizeof(c), 0) > 0)
			;
	make_old(action, fd);
}

static int listen_here(unsigned int port, int backlog)
{
	int fd = sock_listen(any_ip(), port, backlog);

	/* What is not in the queue is not waited for. */
	must(!fcntl(fd, F_SETFL, O_NONBLOCK));
	return fd;
}

/*
 * A namespace a round, with all there is: a queue that is full, and one more who waits;
 * connections that were accepted and are never closed; a listener that has ended.
 */
void noise_namespaces(struct worker *me, void *action)
{
	int first, fd;

	srand(getpid());
	for (;;) {
		first = begin_namespace();
		reap_here(action);
		fd = listen_here(PORT, CLIENTS / 2);
		clients(fd, CLIENTS);
		make_old(action, fd);
		fd = listen_here(PORT + 1, CLIENTS);
		clients(fd, CLIENTS / 2);
		make_old(action, fd);
		while (rand() % CLIENTS)
			accept_one(action, fd);
		fd = listen_here(PORT + 2, 1);
		clients(fd, 4);
		close(fd);
		close_all(first);
		worker_round(me);
	}
}

static void listener_alone(const char *action)
{
	int fd = listen_here(PORT + rand() % PORTS, CLIENTS);

	clients(fd, CLIENTS);
	make_old(action, fd);
	while (rand() % 4)
		accept_one(action, fd);
	close(fd);
}

/* Members go while connections are queued at them, some of which others get. */
static void listener_group(const char *action)
{
	unsigned int port = PORT_SHARED + rand() % PORTS, i;
	const char *ip = any_ip();
	int fd[MEMBERS];

	for (i = 0; i < MEMBERS; i++)
		fd[i] = sock_listen_shared(ip, port, CLIENTS);
	clients(fd[0], CLIENTS);
	for (i = 0; i < MEMBERS; i++) {
		make_old(action, fd[i]);
		if (rand() % 2)
			close(fd[i]);
		else
			shutdown(fd[i], SHUT_RD);
		if (i < MEMBERS - 1)
			clients(fd[MEMBERS - 1], 1);
	}
}

/* No more, and once more, with another backlog each time. */
static void listener_again(const char *action)
{
	int fd = listen_here(PORT + rand() % PORTS, CLIENTS);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		clients(fd, CLIENTS / 2);
		make_old(action, fd);
		must(!shutdown(fd, SHUT_RD));
		must(!listen(fd, 1 + rand() % CLIENTS));
		clients(fd, 2);
		accept_one(action, fd);
	}
}

/* A listener a round, or a group of them, with connections queued. */
void noise_listeners(struct worker *me, void *action)
{
	static void (*const ways[])(const char *action) = {
		listener_alone, listener_group, listener_again,
	};
	unsigned int round;
	int first;

	srand(getpid());
	first = begin_namespace();
	for (round = 0;; round++) {
		if (round % 32 == 0)
			reap_here(action);
		any_of(ways)(action);
		close_all(first + 1);
		worker_round(me);
	}
}

/* A connection a round, from beginning to end, with one listener that stays. */
void noise_connections(struct worker *me, void *action)
{
	struct addr to;
	struct pair p;
	int listener;

	srand(getpid());
	begin_namespace();
	listener = sock_listen(any_ip(), 0, CLIENTS);
	to = sock_addr(listener);
	for (;;) {
		if (worker_rounds(me) % 128 == 0)
			reap_here(action);
		p = pair_make(listener, &to);
		shutdown(p.client, SHUT_WR);
		if (rand() % 2)
			sock_reset_on_close(p.client);
		if (rand() % 2) {
			close(p.client);
			close(p.server);
		} else {
			close(p.server);
			close(p.client);
		}
		worker_round(me);
	}
}

/* How many of these has nobody ended yet? */
static unsigned int open_still(const int *fd, unsigned int n)
{
	unsigned int open = 0;

	while (n--)
		open += sock_state(*fd++) != TCP_CLOSE;
	return open;
}

/* The half of them queued, the other accepted; a round when the reaper has ended all. */
void noise_dead(struct worker *me, void *action)
{
	int first = begin_namespace(), fd[2 * DEAD], listener, server;
	struct addr to;
	unsigned int i;
	char c;

	srand(getpid());
	for (;;) {
		/* Not before they are all there. */
		setting_write("timeout", "0");
		listener = sock_listen(any_ip(), 0, 2 * DEAD);
		to = sock_addr(listener);
		for (i = 0; i < 2 * DEAD; i++) {
			fd[i] = sock_connect(&to);
			must(!shutdown(fd[i], SHUT_WR));
			if (i % 2)
				continue;
			server = sock_accept(listener);
			must(recv(server, &c, 1, 0) == 0);
			make_old(action, server);
		}
		make_old(action, listener);
		while (open_still(fd, 2 * DEAD)) {
			/* A module that was loaded again knows nothing of it. */
			reap_here(action);
			nap_ms(50);
		}
		close_all(first + 1);
		worker_round(me);
	}
}

/* In the namespace there is: they stay, but for one that is made anew each round. */
void noise_crowd(struct worker *me, void *unused)
{
	struct pair p[CROWD];
	int listener[CROWD];
	struct addr to;
	unsigned int i;

	(void)unused;
	for (i = 0; i < CROWD; i++) {
		listener[i] = sock_listen(any_ip(), 10000 + i, CLIENTS);
		to = sock_addr(listener[i]);
		p[i] = pair_make(listener[i], &to);
		pair_close_wait(&p[i]);
		clients(listener[i], 1);
	}
	for (;; i++) {
		pair_close(&p[i % CROWD]);
		close(listener[i % CROWD]);
		listener[i % CROWD] = sock_listen(any_ip(), 10000 + i % CROWD, CLIENTS);
		to = sock_addr(listener[i % CROWD]);
		p[i % CROWD] = pair_make(listener[i % CROWD], &to);
		pair_close_wait(&p[i % CROWD]);
		worker_round(me);
		nap_ms(1);
	}
}
