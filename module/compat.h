/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between the supported kernels, and nothing else.
 *
 * The rest of the module reads as if written for the newest kernel. Each shim
 * names what changed and when. TCPC_HAVE_* come from Kbuild, which looks for
 * the name in the headers: stable kernels backport renames, so the version
 * number does not tell.
 */
#ifndef TCPC_COMPAT_H
#define TCPC_COMPAT_H

#include <linux/bpf.h>
#include <linux/proc_fs.h>
#include <linux/sysctl.h>
#include <net/inet_hashtables.h>
#include <net/sock.h>
#include <net/tcp.h>

/*
 * PDE_DATA() became pde_data() in 5.17 (359745d78351 "proc: remove PDE_DATA()
 * completely").
 */
#ifndef TCPC_HAVE_PDE_DATA
#define pde_data(inode) PDE_DATA(inode)
#endif

/*
 * sk_drops_read() came with the split of sk_drops into per-NUMA counters
 * (6.18, f86f42ed2c47 "net: add sk_drops_read(), sk_drops_inc() and
 * sk_drops_reset() helpers").
 */
#ifndef TCPC_HAVE_SK_DROPS_READ
static inline int sk_drops_read(const struct sock *sk)
{
	return atomic_read(&sk->sk_drops);
}
#endif

/* sk_uid() came in 6.17 (e84a4927a404 "net: annotate races around sk->sk_uid"). */
#ifndef TCPC_HAVE_SK_UID
static inline kuid_t sk_uid(const struct sock *sk)
{
	return READ_ONCE(sk->sk_uid);
}
#endif

/*
 * The table of settings is counted since 6.6 (95d4977876c1 "net: Update
 * register_net_sysctl calls..."), and its handlers get a const one since 6.11
 * (78eb4ea25cd5 "sysctl: treewide: constify the ctl_table argument of
 * proc_handlers").
 */
#ifdef TCPC_HAVE_NET_SYSCTL_SZ
#define tcpc_register_net_sysctl register_net_sysctl_sz
#else
static inline struct ctl_table_header *
tcpc_register_net_sysctl(struct net *net, const char *path, struct ctl_table *table,
			 size_t nr)
{
	return register_net_sysctl(net, path, table);
}
#endif

#ifdef TCPC_HAVE_CONST_CTL_TABLE
#define TCPC_CTL_TABLE const struct ctl_table
#else
#define TCPC_CTL_TABLE struct ctl_table
#endif

/*
 * Abort a socket that the caller owns, and let go of it. tcp_abort() owns it by itself,
 * but for BPF programs, which have it already (6.5, 4ddbcb886268 "bpf: Add
 * bpf_sock_destroy kfunc"). That is how it is called here. On kernels without it there
 * is a moment in which somebody else may take the socket, and this waits for him. No
 * header tells, so the version does: to take an older kernel for a newer one would
 * be to wait for oneself.
 */
static inline int tcpc_abort_owned(struct sock *sk, int err)
{
	int ret;

#if defined(TCPC_HAVE_ABORT_OWNED) && defined(CONFIG_BPF_SYSCALL)
	struct bpf_run_ctx ctx = {}, *old = bpf_set_run_ctx(&ctx);

	ret = tcp_abort(sk, err);
	bpf_reset_run_ctx(old);
	release_sock(sk);
#else
	release_sock(sk);
	ret = tcp_abort(sk, err);
#endif
	return ret;
}

/*
 * End a socket that nobody has. tcp_abort() left orphans alone before 6.12
 * (bac76cf89816 "tcp: fix forever orphan socket caused by tcp_abort"); later kernels do
 * not export tcp_done(). Process context, may sleep; the caller has a reference.
 */
static inline void tcpc_orphan_end(struct sock *sk)
{
#ifdef TCPC_HAVE_ABORT_ORPHAN
	tcp_abort(sk, ECONNABORTED);
#else
	lock_sock(sk);
	local_bh_disable();
	bh_lock_sock(sk);
	if (sk->sk_state != TCP_CLOSE)
		tcp_done(sk);
	bh_unlock_sock(sk);
	local_bh_enable();
	release_sock(sk);
#endif
}

/*
 * The listening table. Before 5.19 it is listening_hash[], hashed by port
 * alone, while lhash2 is a plain hlist; cae3873c5b3a ("net: inet: Retire port
 * only listening_hash") made lhash2, hashed by address and port, the only one
 * and a nulls list.
 */
static inline unsigned int tcpc_lhash_size(const struct inet_hashinfo *hinfo)
{
#ifdef TCPC_HAVE_LISTENING_HASH
	return INET_LHTABLE_SIZE;
#else
	return hinfo->lhash2_mask + 1;
#endif
}

static inline struct inet_listen_hashbucket *
tcpc_lhash_bucket(struct inet_hashinfo *hinfo, unsigned int i)
{
#ifdef TCPC_HAVE_LISTENING_HASH
	return &hinfo->listening_hash[i];
#else
	return &hinfo->lhash2[i];
#endif
}

#endif /* TCPC_COMPAT_H */
