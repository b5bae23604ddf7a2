// SPDX-License-Identifier: GPL-2.0
/* Links between namespaces, to be cut. */

#include <stdio.h>
#include <stdlib.h>
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
