// SPDX-License-Identifier: GPL-2.0
/* Sockets over sock_diag, with the least that takes. */

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base.h"
#include "diag.h"

/* The kernel makes its answers no larger. */
#define ANSWER 32768

/* Count what one answer holds. Returns false after the last one. */
static bool count(struct counts *c, const struct nlmsghdr *nlh, ssize_t len)
{
	const struct inet_diag_msg *msg;

	for (; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
		if (nlh->nlmsg_type == NLMSG_DONE)
			return false;
		if (nlh->nlmsg_type == NLMSG_ERROR)
			die("sock_diag refuses");
		msg = NLMSG_DATA(nlh);
		must(msg->idiag_state < STATES);
		c->n[msg->idiag_state][msg->idiag_family == AF_INET6 ? V6 : V4]++;
	}
	return true;
}

/* The old request shows both families, where the new one takes a walk for each. */
static void dump(int fd, struct counts *c, unsigned int states)
{
	struct {
		struct nlmsghdr nlh;
		struct inet_diag_req diag;
	} req = {
		.nlh = {
			.nlmsg_len = sizeof(req),
			.nlmsg_type = TCPDIAG_GETSOCK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.diag = {
			.idiag_family = AF_INET,
			.idiag_states = states,
		},
	};
	static union {
		struct nlmsghdr first;
		char all[ANSWER];
	} answer;
	ssize_t n;

	must(send(fd, &req, sizeof(req), 0) == sizeof(req));
	do {
		n = recv(fd, &answer, sizeof(answer), 0);
		must(n > 0);
	} while (count(c, &answer.first, n));
}

/**
 * diag_counts() - the sockets of this process's namespace
 * @c: filled
 * @states: of these alone, the others stay in the kernel; bits by TCP state
 */
void diag_counts(struct counts *c, unsigned int states)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	must(fd >= 0);
	memset(c, 0, sizeof(*c));
	dump(fd, c, states);
	close(fd);
}
