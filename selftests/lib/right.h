/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is right to be written to a setting, and whom rules are about: the same as in
 * the module, written another way.
 */
#ifndef LIB_RIGHT_H
#define LIB_RIGHT_H

#include <netinet/in.h>
#include <stdbool.h>

#include "setting.h"

/**
 * struct someone - a connection that rules may be about
 * @client: it connected
 * @local_port: of its own
 * @remote: with whom it is: an address
 * @remote_port: and a port
 * @cgroup: its path, as the kernel has it; NULL if unknown
 */
struct someone {
	bool client;
	unsigned short local_port;
	const char *remote;
	unsigned short remote_port;
	const char *cgroup;
};

struct in6_addr someone_remote(const struct someone *who);
bool setting_right(enum setting which, const char *text);
bool rules_about(const char *text, const struct someone *who);

#endif /* LIB_RIGHT_H */
