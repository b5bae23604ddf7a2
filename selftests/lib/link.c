// SPDX-License-Identifier: GPL-2.0
/* Links between namespaces, to be cut. */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "link.h"
#include "net.h"

/* Run a command of the shell that must succeed, in this namespace. */
void run(const char *fmt, ...)
{
	char *command;
	va_list args;
	int n, status;

	va_start(args, fmt);
	n = vasprintf(&command, fmt, args);
	va_end(args);
	must(n >= 0);
	fflush(NULL);
	status = system(command);
	if (status)
		die("%s: status %#x", command, status);
	free(command);
}

/* Is there a route to it on the device, for hosts themselves? */
static bool routed(const char *ip, const char *dev)
{
	char *text = file_read("/proc/net/ipv6_route", NULL), *line, *rest = text;
	char want[64] = "", name[32];
	struct in6_addr addr;
	bool found = false;
	unsigned int i;

	must(text && inet_pton(AF_INET6, ip, &addr) == 1);
	for (i = 0; i < sizeof(addr); i++)
		sprintf(want + 2 * i, "%02x", addr.s6_addr[i]);
	strcat(want, " 80 ");
	while (!found && (line = strsep(&rest, "\n")))
		found = !strncmp(line, want, strlen(want)) &&
			sscanf(strrchr(line, ' '), "%31s", name) == 1 && !strcmp(name, dev);
	free(text);
	return found;
}

/**
 * link_addr6() - give a device an IPv6 address
 * @dev: it; it is up
 * @ip: the address, of a /64
 *
 * The kernel sets up its route later, and until then nobody can connect to it.
 */
void link_addr6(const char *dev, const char *ip)
{
	run("ip -6 address add %s/64 dev %s nodad", ip, dev);
	if (!wait_for(routed(ip, dev)))
		die("no route to %s on %s", ip, dev);
}

static void link_up(const char *name, unsigned int end, int netns, unsigned int number)
{
	int here = net_open();

	net_enter(netns);
	run("ip addr add 10.9.%u.%u/24 dev %s%u", number, end, name, end);
	run("ip -6 addr add fd09:%u::%u/64 dev %s%u nodad", number, end, name, end);
	run("ip link set %s%u up", name, end);
	net_enter(here);
	close(here);
}

/**
 * link_make() - a link between two namespaces
 * @name: of its two devices, with 1 and 2 behind it
 * @a: where 10.9.N.1 and fd09:N::1 are
 * @b: where those that end in 2 are
 * @number: N
 */
void link_make(const char *name, int a, int b, unsigned int number)
{
	int here = net_open();

	net_enter(a);
	run("ip link add %s1 type veth peer name %s2 netns /proc/%d/fd/%d", name, name,
	    getpid(), b);
	net_enter(here);
	close(here);
	link_up(name, 1, a, number);
	link_up(name, 2, b, number);
}

/* Nothing comes through from now on; nobody is told. */
void link_cut(const char *name, int b)
{
	int here = net_open();

	net_enter(b);
	run("ip link set %s2 down", name);
	net_enter(here);
	close(here);
}
