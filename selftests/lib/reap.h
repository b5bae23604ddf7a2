/* SPDX-License-Identifier: GPL-2.0 */
/* What the reaper may act on, when it has looked, and what it did. */
#ifndef LIB_REAP_H
#define LIB_REAP_H

#include <stdbool.h>
#include <stddef.h>

#include "cause.h"
#include "net.h"
#include "rows.h"

/* Seconds that no test takes, and far from any timeout. */
#define AGES 100000

/**
 * struct target - a connection in CLOSE_WAIT, and its other end
 * @cause: why it is there
 * @client: it connected; else it is the listener's, accepted or not
 * @listener: the listening socket
 * @near: its socket; -1 while nobody has accepted it
 * @far: the other end's
 * @local: its address as it is shown, to be freed
 * @remote: that of the other end, likewise
 */
struct target {
	enum cause cause;
	bool client;
	int listener;
	int near;
	int far;
	char *local;
	char *remote;
};

void target_make(struct target *t, int listener, const struct addr *to,
		 enum cause cause, bool client);
void target_age(const struct target *t, unsigned int seconds);

/**
 * struct action - a row of actions
 * @time: and so on: by their names
 */
struct action {
	char time[32];
	char cause[16];
	char action[16];
	char result[16];
	char role[16];
	char local[80];
	char remote[80];
	char cgroup[300];
	char uid[16];
	unsigned long long idle_s;
};

void action_row(struct action *a, const struct table *t, size_t row);
void time_text(char *text, size_t size);
unsigned int actions_of(struct action *a, const struct target *t);
unsigned long long actions_done(const char *cause, const char *action,
				const char *result);
unsigned long long actions_sum(void);
unsigned long long actions_sum_host(void);

void reap_pass_begin(void);
bool reap_pass_over(void);
void reap_pass_end(void);
void reap_pass(void);
unsigned long long reap_candidates(void);
unsigned long long reap_skipped(const char *why);

/**
 * struct keepalive - of a socket
 * @on: SO_KEEPALIVE
 * @idle: TCP_KEEPIDLE, as are the next two of their names
 */
struct keepalive {
	int on;
	int idle;
	int interval;
	int count;
};

unsigned int keepalive_off(const struct keepalive *want, int fd);

/**
 * struct sockstat - the line TCP: of sockstat
 * @inuse: sockets of this namespace, as are the next two
 * @alloc: sockets of the whole host
 * @mem: their pages
 */
struct sockstat {
	unsigned long inuse;
	unsigned long orphan;
	unsigned long tw;
	unsigned long alloc;
	unsigned long mem;
};

void sockstat_read(struct sockstat *s);
unsigned long sockstat_slack(void);
bool sockstat_returns(const struct sockstat *began);

void sock_vanish(int fd);

#endif /* LIB_REAP_H */
