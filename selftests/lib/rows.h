/* SPDX-License-Identifier: GPL-2.0 */
/* Rows of the module's close_wait, endpoints and sockets. */
#ifndef LIB_ROWS_H
#define LIB_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "census.h"
#include "net.h"

enum cause { EXEMPT, UNACCEPTED, SENDING, UNREAD, FIN_PENDING, DRAINED, CAUSES };

extern const char *const cause_names[CAUSES];

/**
 * struct close_wait - a row of close_wait, or the sum of some
 * @rows: that were added up; 0 if there was none
 * @cgroup: of the first of them, as are the next two
 * @uid: of it
 * @inode: of it
 * @sockets: all of them
 * @cause: the same by cause
 * @unread_small: of those unread
 * @keepalive: with SO_KEEPALIVE
 * @unread_bytes: without FIN
 * @mem_bytes: of memory
 * @oldest_idle_s: the largest of the rows, as is the next
 * @oldest_data_idle_s: the same
 */
struct close_wait {
	unsigned int rows;
	char cgroup[300];
	char uid[16];
	unsigned long long inode;
	unsigned long long sockets;
	unsigned long long cause[CAUSES];
	unsigned long long unread_small;
	unsigned long long keepalive;
	unsigned long long unread_bytes;
	unsigned long long mem_bytes;
	unsigned long long oldest_idle_s;
	unsigned long long oldest_data_idle_s;
};

void close_wait_check(const struct table *t);
void close_wait_add(struct close_wait *c, const struct table *t,
		    const char *role, const char *endpoint);
void close_wait_row(struct close_wait *c, const char *role,
		    const char *endpoint);
void close_wait_stat(unsigned long long by_cause[CAUSES], const char *text);

/**
 * struct endpoint - a row of endpoints
 * @there: is there one?
 * @n: sockets by TCP state
 * @silent_1h: of those established
 * @silent_no_keepalive: of those silent
 */
struct endpoint {
	bool there;
	unsigned long long n[STATES];
	unsigned long long silent_1h;
	unsigned long long silent_no_keepalive;
};

void endpoint_row(struct endpoint *e, const char *role, const char *endpoint);
void endpoints_sum(unsigned long long n[STATES], const struct table *t);

/**
 * struct socket_row - a row of sockets
 */
struct socket_row {
	char local[80];
	char remote[80];
	char role[16];
	char cause[16];
	char uid[16];
	char cgroup[300];
	unsigned long long idle_s;
	unsigned long long data_idle_s;
	unsigned long long keepalive;
	unsigned long long unread_bytes;
	unsigned long long inode;
	unsigned long long cookie;
};

void sockets_table(struct table *t);
unsigned int cookies_off(const struct table *t, const unsigned long long *cookie,
			 size_t n);
bool socket_find(struct socket_row *s, const struct table *t,
		 const char *local, const char *remote);
bool socket_of(struct socket_row *s, int fd);
bool socket_peer_of(struct socket_row *s, int fd);

void census_freeze(void);
void census_still(void);
void census_thaw(void);

#endif /* LIB_ROWS_H */
