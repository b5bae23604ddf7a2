/* SPDX-License-Identifier: GPL-2.0 */
/* Those who are not root of the host. */
#ifndef LIB_USER_H
#define LIB_USER_H

#include <stdbool.h>

enum { NOBODY = 65534 };

void be_nobody(void);
void be_container(void);
void be_rootless(void);
void be_rootless_in_hosts_network(void);

/**
 * struct user - one of them
 * @become: have this process, of root's, be his from now on
 * @elsewhere: in a network namespace of his own, whose settings are his
 */
struct user {
	void (*become)(void);
	bool elsewhere;
};

enum { USER_NOBODY, USER_CONTAINER, USER_ROOTLESS, USER_HOSTS_NETWORK, USERS };

extern const struct user users[USERS];

#endif /* LIB_USER_H */
