/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why a socket is in CLOSE_WAIT. Needs nothing but bool and u32, so that a test
 * can try it in user space.
 */
#ifndef TCPC_CAUSE_H
#define TCPC_CAUSE_H

/* In the order in which they are tried. */
enum tcpc_cause {
	TCPC_CAUSE_EXEMPT, /* none of our business */
	TCPC_CAUSE_UNACCEPTED, /* the server does not call accept() */
	TCPC_CAUSE_SENDING, /* a half-close at work */
	TCPC_CAUSE_UNREAD, /* a stuck or slow reader, or an idle TLS pool */
	TCPC_CAUSE_FIN_PENDING, /* nobody has read since the peer closed */
	TCPC_CAUSE_DRAINED, /* only close() is missing */
	TCPC_CAUSES,
};

/**
 * struct tcpc_facts - what decides the cause of a CLOSE_WAIT socket
 * @mptcp: a subflow of an MPTCP connection
 * @repair: in repair mode (TCP_REPAIR), being saved or restored
 * @kernel: the kernel's own, or the child of a listener that is, or the child of
 *	an MPTCP listener that nobody has accepted
 * @queued: nobody has accepted it: no struct socket, and not dead
 * @sockmap: a BPF program has it in a sockmap, with @queued
 * @kernel_listener: the listener of its port is the kernel's own, with @queued
 * @unacked: bytes written that the peer has not acknowledged
 * @unread: sequence numbers received that nobody has read; the FIN is one
 */
struct tcpc_facts {
	bool mptcp;
	bool repair;
	bool kernel;
	bool queued;
	bool sockmap;
	bool kernel_listener;
	u32 unacked;
	u32 unread;
};

/**
 * tcpc_cause() - why a socket is in CLOSE_WAIT
 * @f: what is known of it
 *
 * Context: any.
 * Return: its one cause.
 */
static inline enum tcpc_cause tcpc_cause(const struct tcpc_facts *f)
{
	if (f->mptcp || f->repair)
		return TCPC_CAUSE_EXEMPT;
	/* A BPF program may take the data of a socket that is never accepted. */
	if (f->queued && f->sockmap)
		return TCPC_CAUSE_EXEMPT;
	/* MPTCP marks what its listeners queue as the kernel's until accept(). */
	if (f->kernel && (!f->queued || f->kernel_listener))
		return TCPC_CAUSE_EXEMPT;
	if (f->queued)
		return TCPC_CAUSE_UNACCEPTED;
	if (f->unacked)
		return TCPC_CAUSE_SENDING;
	if (f->unread > 1)
		return TCPC_CAUSE_UNREAD;
	return f->unread ? TCPC_CAUSE_FIN_PENDING : TCPC_CAUSE_DRAINED;
}

#endif /* TCPC_CAUSE_H */
