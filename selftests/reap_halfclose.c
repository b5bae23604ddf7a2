// SPDX-License-Identifier: GPL-2.0
/*
 * Clients that have half-closed and wait, as they may, are asked whether they are
 * there, ten times, and get their answers. Clients that are gone are found out.
 *
 *	server's namespace                 clients' namespace
 *	  10.9.1.1 fd09:1::1  live1 ------ live2  10.9.1.2 fd09:1::2
 *	  10.9.2.1 fd09:2::1  gone1 --x--- gone2  10.9.2.2 fd09:2::2
 */

#include <sys/epoll.h>

#include "lib/link.h"
#include "lib/listener.h"
#include "lib/reap_test.h"
#include "lib/setting.h"
#include "lib/worker.h"

enum { ROUNDS = 10, REQUEST = 50, ANSWER = 6000, CHUNK = 100 };

/* What the server has done with a client when the reaper comes. */
enum kind {
	READ, /* its request, but not the end of it, as for "nc -N" */
	ENDED, /* both, as an HTTP/1.0 server */
	QUEUED, /* nobody has accepted it */
	STREAMS, /* sends to it all the time */
	DRIPS, /* and now and then */
	KINDS,
};

static const char *const kind_names[KINDS] = {
	[READ] = "request read", [ENDED] = "end read", [QUEUED] = "queued",
	[STREAMS] = "stream", [DRIPS] = "drip",
};

/**
 * struct client - a client, which waits for an answer
 * @kind: what for
 * @gone: its link is cut
 * @fd: its socket
 * @listener: that it is connected to
 * @server: that of the server; -1 while it is queued
 * @heard: segments it has got before it was asked
 * @sender: whoever sends to it, or NULL
 */
struct client {
	enum kind kind;
	bool gone;
	int fd;
	int listener;
	int server;
	unsigned int heard;
	struct worker *sender;
};

FIXTURE(halfclose) {
	int server;
	int clients;
	int busy[FAMILIES];
	int idle[FAMILIES];
	struct client c[2 * FAMILIES * KINDS];
	unsigned int nr;
};

static void send_on(const struct client *c, struct worker *me, unsigned int gap_ms)
{
	char chunk[CHUNK];
	unsigned int i;

	for (i = 0;; i++) {
		memset(chunk, 'a' + i % 26, sizeof(chunk));
		must(send(c->server, chunk, sizeof(chunk), MSG_NOSIGNAL) == CHUNK);
		worker_round(me);
		nap_ms(gap_ms);
	}
}

static void stream(struct worker *me, void *c)
{
	send_on(c, me, 50);
}

static void drip(struct worker *me, void *c)
{
	send_on(c, me, 1500);
}

static void client_make(struct client *c, const char *ip, int clients)
{
	struct addr listener = sock_addr(c->listener);
	struct addr to = addr(ip, addr_port(&listener));
	char request[REQUEST];
	int server = net_open();

	net_enter(clients);
	c->fd = sock_connect(&to);
	net_enter(server);
	close(server);
	c->server = c->kind == QUEUED ? -1 : sock_accept(c->listener);
	sock_send(c->fd, REQUEST);
	must(!shutdown(c->fd, SHUT_WR));
	must(wait_for(sock_state(c->fd) == TCP_FIN_WAIT2));
	if (c->kind != QUEUED)
		sock_receive(c->server, REQUEST);
	if (c->kind == ENDED)
		must(recv(c->server, request, sizeof(request), 0) == 0);
	if (!c->gone && c->kind == STREAMS)
		c->sender = worker_start(stream, c, -1);
	if (!c->gone && c->kind == DRIPS)
		c->sender = worker_start(drip, c, -1);
	c->heard = sock_segs_in(c->fd);
}

FIXTURE_SETUP(halfclose)
{
	static const char *const any[FAMILIES] = { "0.0.0.0", "::" };
	static const char *const ips[FAMILIES] = { "10.9.%u.1", "fd09:%u::1" };
	unsigned int i, family;

	self->clients = net_new();
	self->server = net_new();
	link_make("live", self->server, self->clients, 1);
	link_make("gone", self->server, self->clients, 2);
	for (family = 0; family < FAMILIES; family++) {
		self->busy[family] = sock_listen(any[family], 0, 10);
		self->idle[family] = sock_listen(any[family], 0, 10);
		for (i = 0; i < 2 * KINDS; i++) {
			struct client *c = &self->c[self->nr++];
			char *ip = strf(ips[family], 1 + i % 2);

			c->kind = i / 2;
			c->gone = i % 2;
			c->listener = c->kind == QUEUED ? self->idle[family] :
				      self->busy[family];
			client_make(c, ip, self->clients);
			free(ip);
		}
	}
	link_cut("gone", self->clients);
}

FIXTURE_TEARDOWN(halfclose)
{
	EXPECT_FALSE(census_damaged());
}

/* Has every client that is there, and that nobody sends to, been asked so often? */
static bool all_asked(const struct client *c, unsigned int nr, unsigned int times)
{
	for (; nr--; c++)
		if (!c->gone && !c->sender && sock_segs_in(c->fd) < c->heard + times)
			return false;
	return true;
}

static unsigned int depth(int fd)
{
	struct listener l;

	listener_of(&l, fd);
	return l.depth;
}

/* Has the server lost every client that is gone? */
static bool gone_gone(const struct client *c, unsigned int nr)
{
	for (; nr--; c++)
		if (c->gone && c->server >= 0 && sock_state(c->server) != TCP_CLOSE)
			return false;
	return true;
}

/* Whoever was forked has copies: close() would end nothing. */
static void end(int fd)
{
	must(!shutdown(fd, SHUT_WR));
}

/* Read to the end; a chunk is like the one before but for its letter. */
static size_t read_chunks(int fd)
{
	size_t len, i;
	char *text = fd_read_all(fd, &len);

	must(text);
	for (i = 0; i < len; i++)
		must(text[i] == (char)('a' + i / CHUNK % 26));
	free(text);
	return len;
}

/* Whom the server has, and who is there, gets all that it sends. */
static void check_sender(struct client *c)
{
	unsigned long chunks = worker_stop(c->sender);
	size_t len;

	must(chunks);
	end(c->server);
	len = read_chunks(c->fd);
	/* It may have been stopped before it counted the last. */
	must(len == chunks * CHUNK || len == (chunks + 1) * CHUNK);
}

static void check_answer(struct client *c)
{
	char request[REQUEST];
	size_t len;
	char *text;

	if (c->kind == QUEUED) {
		c->server = sock_accept(c->listener);
		sock_receive(c->server, REQUEST);
	}
	if (c->kind != ENDED)
		must(recv(c->server, request, sizeof(request), 0) == 0);
	sock_send(c->server, ANSWER);
	end(c->server);
	text = fd_read_all(c->fd, &len);
	must(text);
	must(len == ANSWER);
	free(text);
}

/* What the server is told about one that does not answer, or whom ARP cannot find. */
static unsigned int timed_out_off(int fd)
{
	struct epoll_event want = { .events = EPOLLIN | EPOLLOUT }, got;
	int ep = epoll_create1(EPOLL_CLOEXEC);
	unsigned int n;
	char c;

	must(ep >= 0);
	must(!epoll_ctl(ep, EPOLL_CTL_ADD, fd, &want));
	n = off("epoll", 1, epoll_wait(ep, &got, 1, 0));
	n += off("and its HUP, ERR", EPOLLHUP | EPOLLERR,
		 got.events & (EPOLLHUP | EPOLLERR));
	n += off("recv", 0, recv(fd, &c, 1, 0));
	n += off("send", -1, send(fd, &c, 1, MSG_NOSIGNAL));
	if (errno != EHOSTUNREACH)
		n += off("errno", ETIMEDOUT, errno);
	close(ep);
	return n;
}

TEST_F(halfclose, is_told_from_gone)
{
	unsigned int i;

	setting_set("causes", "unaccepted drained fin_pending");
	setting_set("action", "probe");
	setting_set("timeout", "1");
	/* A second from one to the next. */
	EXPECT_TRUE(wait_for(all_asked(self->c, self->nr, ROUNDS / 2)));
	EXPECT_TRUE(wait_for(all_asked(self->c, self->nr, ROUNDS)));
	EXPECT_TRUE(wait_for(gone_gone(self->c, self->nr)));
	EXPECT_TRUE(wait_for(depth(self->idle[V4]) + depth(self->idle[V6]) == FAMILIES));

	for (i = 0; i < self->nr; i++) {
		struct client *c = &self->c[i];

		if (c->gone && c->server >= 0) {
			EXPECT_EQ(0, timed_out_off(c->server))
				TH_LOG("%s", kind_names[c->kind]);
		} else if (c->sender) {
			check_sender(c);
		} else if (!c->gone) {
			check_answer(c);
		}
	}
	/* All but those it went on sending to, and the queued ones. */
	EXPECT_LE(FAMILIES * (2 * KINDS - 4),
		  actions_done("fin_pending", "probe", "probing") +
		  actions_done("drained", "probe", "probing"));
	EXPECT_EQ(2 * FAMILIES, actions_done("unaccepted", "probe", "probing"));
	EXPECT_EQ(FAMILIES, actions_done("unaccepted", "probe", "evicted"));
}

TEST_HARNESS_MAIN
