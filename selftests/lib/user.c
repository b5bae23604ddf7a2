// SPDX-License-Identifier: GPL-2.0
/* Those who are not root of the host. */

#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base.h"
#include "net.h"
#include "user.h"

/* After all that makes a process one whose files in /proc are root's. */
static void own_proc(void)
{
	must(!prctl(PR_SET_DUMPABLE, 1));
}

/* No privilege at all. */
void be_nobody(void)
{
	must(!setgroups(0, NULL));
	must(!setresgid(NOBODY, NOBODY, NOBODY));
	must(!setresuid(NOBODY, NOBODY, NOBODY));
	own_proc();
}

/* What Docker has: uid 0 and capabilities of the initial user namespace. */
void be_container(void)
{
	must(!unshare(CLONE_NEWNS | CLONE_NEWCGROUP));
	close(net_new());
}

/* unshare -Ur, by somebody who is nobody outside; he is root inside. */
void be_rootless_in_hosts_network(void)
{
	be_nobody();
	must(!unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP));
	own_proc();
	file_set("/proc/self/setgroups", "deny");
	file_set("/proc/self/uid_map", "0 %u 1\n", NOBODY);
	file_set("/proc/self/gid_map", "0 %u 1\n", NOBODY);
}

/* The same with a network namespace of his own. */
void be_rootless(void)
{
	be_rootless_in_hosts_network();
	close(net_new());
}

const struct user users[USERS] = {
	[USER_NOBODY] = { be_nobody, false },
	[USER_CONTAINER] = { be_container, true },
	[USER_ROOTLESS] = { be_rootless, true },
	[USER_HOSTS_NETWORK] = { be_rootless_in_hosts_network, false },
};
