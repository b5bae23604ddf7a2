// SPDX-License-Identifier: GPL-2.0
/*
 * What user space cannot do to sockets and the tests need, in
 * /proc/tcp_census_test, a command with each write():
 *
 *	age FD SECONDS			the connection, or each one queued at the
 *					listener, has been idle so much longer;
 *					and queued, but not since before boot
 *	connect A.B.C.D PORT		a connection of the kernel's own
 *	listen A.B.C.D PORT BACKLOG	a listener of the kernel's own
 *	release				close what these two made
 *	traced NAME			0 if anybody listens to that tracepoint, ENODATA
 *					if nobody does, ENOENT if there is none
 *	astray 1			each walk is led astray in each bucket, as long as
 *					it is without the bucket's lock
 *	astray 0			no more
 *	stand 1				a walk that leaves the lock of listeners in the middle of
 *					a chain, at one of this namespace, stands there until it
 *					is told to go, for some seconds at most
 *	stand 0				no more, when none stands there
 *	go 1				it is told, and goes; ESRCH if none stands there
 *	go 0				the same, and none is to stand there again
 *
 * The cookie of the listener it stands on is in the parameter stands_on.
 *
 * FD is the writer's, and so is the network namespace.
 */

#include <linux/delay.h>
#include <linux/inet.h>
#include <linux/jump_label.h>
#include <linux/kprobes.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/nsproxy.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <net/inet_connection_sock.h>
#include <net/net_namespace.h>
#include <net/tcp.h>

#define TCPCT_FILE "tcp_census_test"
#define TCPCT_COMMAND_MAX 128
/* The kernel's ages are jiffies in 32 bits, half of them in the past. */
#define TCPCT_AGE_MAX (S32_MAX / HZ)

/**
 * struct tcpct_sock - a socket of the kernel's own
 * @node: in tcpct_socks
 * @sock: the socket
 * @net: its namespace, which such a socket does not hold by itself
 */
struct tcpct_sock {
	struct list_head node;
	struct socket *sock;
	struct net *net;
};

/* Protected by the mutex, but for what waits to be connected. */
static LIST_HEAD(tcpct_socks);
static DEFINE_MUTEX(tcpct_lock);

static void tcpct_sock_free(struct tcpct_sock *s)
{
	/* A reset: a socket without a namespace must not linger on. */
	sock_no_linger(s->sock->sk);
	sock_release(s->sock);
	put_net(s->net);
	kfree(s);
}

static struct tcpct_sock *tcpct_sock_alloc(void)
{
	struct tcpct_sock *s = kzalloc(sizeof(*s), GFP_KERNEL);
	int err;

	if (!s)
		return ERR_PTR(-ENOMEM);
	s->net = get_net(current->nsproxy->net_ns);
	err = sock_create_kern(s->net, AF_INET, SOCK_STREAM, IPPROTO_TCP, &s->sock);
	if (err) {
		put_net(s->net);
		kfree(s);
		return ERR_PTR(err);
	}
	return s;
}

static void tcpct_sock_keep(struct tcpct_sock *s)
{
	mutex_lock(&tcpct_lock);
	list_add_tail(&s->node, &tcpct_socks);
	mutex_unlock(&tcpct_lock);
}

static void tcpct_socks_release(void)
{
	struct tcpct_sock *s, *next;

	mutex_lock(&tcpct_lock);
	list_for_each_entry_safe(s, next, &tcpct_socks, node) {
		list_del(&s->node);
		tcpct_sock_free(s);
	}
	mutex_unlock(&tcpct_lock);
}

static int tcpct_addr(struct sockaddr_in *sin, char **word)
{
	u16 port;

	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	if (!in4_pton(word[0], -1, (u8 *)&sin->sin_addr, -1, NULL) ||
	    kstrtou16(word[1], 10, &port))
		return -EINVAL;
	sin->sin_port = htons(port);
	return 0;
}

static int tcpct_connect(char **word)
{
	struct sockaddr_in sin;
	struct tcpct_sock *s;
	int err;

	err = tcpct_addr(&sin, word);
	if (err)
		return err;
	s = tcpct_sock_alloc();
	if (IS_ERR(s))
		return PTR_ERR(s);
	/* As void: the parameter's type is another from 6.19 on. */
	err = kernel_connect(s->sock, (void *)&sin, sizeof(sin), 0);
	if (err)
		tcpct_sock_free(s);
	else
		tcpct_sock_keep(s);
	return err;
}

static int tcpct_listen(char **word)
{
	struct sockaddr_in sin;
	struct tcpct_sock *s;
	int backlog, err;

	err = tcpct_addr(&sin, word);
	if (err)
		return err;
	if (kstrtoint(word[2], 10, &backlog))
		return -EINVAL;
	s = tcpct_sock_alloc();
	if (IS_ERR(s))
		return PTR_ERR(s);
	sock_set_reuseaddr(s->sock->sk);
	err = kernel_bind(s->sock, (void *)&sin, sizeof(sin));
	if (!err)
		err = kernel_listen(s->sock, backlog);
	if (err)
		tcpct_sock_free(s);
	else
		tcpct_sock_keep(s);
	return err;
}

static int tcpct_release(char **word)
{
	tcpct_socks_release();
	return 0;
}

/*
 * What tells when the peer was last heard and when data last came and went, to
 * the keepalive timer as well.
 */
static void tcpct_age_sock(struct sock *sk, u32 seconds)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 age = seconds * HZ;

	WRITE_ONCE(tp->rcv_tstamp, READ_ONCE(tp->rcv_tstamp) - age);
	WRITE_ONCE(tp->lsndtime, READ_ONCE(tp->lsndtime) - age);
	WRITE_ONCE(icsk->icsk_ack.lrcvtime, READ_ONCE(icsk->icsk_ack.lrcvtime) - age);
}

/*
 * The children's own locks are not taken: the kernel takes them before the
 * queue's. A segment that comes at this moment may make one young again.
 */
static void tcpct_age_queue(struct sock *sk, u32 seconds)
{
	struct request_sock_queue *queue = &inet_csk(sk)->icsk_accept_queue;
	u64 us = (u64)seconds * USEC_PER_SEC;
	struct tcp_request_sock *treq;
	struct request_sock *req;

	spin_lock_bh(&queue->rskq_lock);
	for (req = queue->rskq_accept_head; req; req = req->dl_next) {
		tcpct_age_sock(req->sk, seconds);
		treq = tcp_rsk(req);
		/* 0: not known, as with a SYN cookie. The clock began at boot. */
		if (treq->snt_synack > us)
			treq->snt_synack -= us;
		else if (treq->snt_synack)
			treq->snt_synack = 1;
	}
	spin_unlock_bh(&queue->rskq_lock);
}

static int tcpct_age(char **word)
{
	struct socket *sock;
	struct sock *sk;
	u32 seconds;
	int fd, err;

	if (kstrtoint(word[0], 10, &fd) || kstrtou32(word[1], 10, &seconds) ||
	    seconds > TCPCT_AGE_MAX)
		return -EINVAL;
	sock = sockfd_lookup(fd, &err);
	if (!sock)
		return err;
	sk = sock->sk;
	if ((sk->sk_family != AF_INET && sk->sk_family != AF_INET6) ||
	    sk->sk_type != SOCK_STREAM || sk->sk_protocol != IPPROTO_TCP) {
		err = -EINVAL;
		goto out;
	}
	err = 0;
	lock_sock(sk);
	if (sk->sk_state == TCP_LISTEN)
		tcpct_age_queue(sk, seconds);
	else
		tcpct_age_sock(sk, seconds);
	release_sock(sk);
out:
	sockfd_put(sock);
	return err;
}

/**
 * struct tcpct_trace - a tracepoint that is looked for
 * @name: of it
 * @err: what was found out
 */
struct tcpct_trace {
	const char *name;
	int err;
};

static void tcpct_traced_one(struct tracepoint *tp, void *arg)
{
	struct tcpct_trace *trace = arg;

	if (!strcmp(tp->name, trace->name))
		trace->err = static_key_enabled(&tp->key) ? 0 : -ENODATA;
}

static int tcpct_traced(char **word)
{
	struct tcpct_trace trace = { .name = word[0], .err = -ENOENT };

	for_each_kernel_tracepoint(tcpct_traced_one, &trace);
	return trace.err;
}

#ifdef CONFIG_KRETPROBES

/*
 * What tcpc_walk_chain() says is changed: it must look at the chain again, three times,
 * and then under the lock. Its arguments are the walk, the bucket and whether it is to see
 * that whole, under its lock.
 */
static int tcpct_chain_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	*(bool *)ri->data = (u8)regs_get_kernel_argument(regs, 2);
	return 0;
}

static int tcpct_chain_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	bool whole = *(bool *)ri->data;

	if (!whole && !(int)regs_return_value(regs))
		regs_set_return_value(regs, -EAGAIN);
	return 0;
}

static struct kretprobe tcpct_chain = {
	.entry_handler = tcpct_chain_entry,
	.handler = tcpct_chain_return,
	.data_size = sizeof(bool),
};

/* Protected by the mutex. */
static bool tcpct_leads_astray;

static int tcpct_lead_astray(bool on)
{
	int err = 0;

	mutex_lock(&tcpct_lock);
	if (on && !tcpct_leads_astray) {
		/* As it was not before it was registered the last time. */
		tcpct_chain.kp = (struct kprobe){
			.symbol_name = "tcp_census:tcpc_walk_chain",
		};
		err = register_kretprobe(&tcpct_chain);
		tcpct_leads_astray = !err;
	} else if (!on && tcpct_leads_astray) {
		unregister_kretprobe(&tcpct_chain);
		tcpct_leads_astray = false;
	}
	mutex_unlock(&tcpct_lock);
	return err;
}

#else

static int tcpct_lead_astray(bool on)
{
	return on ? -EOPNOTSUPP : 0;
}

#endif /* CONFIG_KRETPROBES */

static int tcpct_astray(char **word)
{
	bool on;

	return kstrtobool(word[0], &on) ?: tcpct_lead_astray(on);
}

#ifdef CONFIG_KPROBES

/* Its processor can do nothing else meanwhile. */
#define TCPCT_STAND_MS 5000

static unsigned long long tcpct_stands_on;
module_param_named(stands_on, tcpct_stands_on, ullong, 0444);
MODULE_PARM_DESC(stands_on, "Cookie of the listener that a walk stands on, 0 if none does");

/* Whose listeners, NULL for nobody's: the namespace is compared, not looked at. */
static struct net *tcpct_stand_net;
/* Compared as well. */
static struct task_struct *tcpct_stand_walker;
static bool tcpct_told_to_go;

/* Its third argument is the listener. Under the lock of its bucket. */
static int tcpct_stand_begin(struct kprobe *p, struct pt_regs *regs)
{
	struct sock *sk = (struct sock *)regs_get_kernel_argument(regs, 2);

	if (sock_net(sk) != READ_ONCE(tcpct_stand_net) || READ_ONCE(tcpct_stands_on))
		return 0;
	WRITE_ONCE(tcpct_stand_walker, current);
	/* To be seen after whose it is. */
	smp_store_release(&tcpct_stands_on, atomic64_read(&sk->sk_cookie));
	return 0;
}

/* Called where the lock has been left, by walks that stand nowhere as well. */
static int tcpct_stand(struct kprobe *p, struct pt_regs *regs)
{
	unsigned int ms;

	/* Then it is known whose it is. */
	if (!smp_load_acquire(&tcpct_stands_on) || READ_ONCE(tcpct_stand_walker) != current)
		return 0;
	for (ms = 0; ms < TCPCT_STAND_MS && !READ_ONCE(tcpct_told_to_go); ms++)
		mdelay(1);
	WRITE_ONCE(tcpct_stands_on, 0);
	/* What it is told from now on is for the next time. */
	smp_store_release(&tcpct_told_to_go, false);
	return 0;
}

static struct kprobe tcpct_stand_probes[2];

/* Protected by the mutex. */
static bool tcpct_stands;

static int tcpct_stand_begin_all(void)
{
	int err;

	tcpct_stand_probes[0] = (struct kprobe){
		.symbol_name = "tcp_census:tcpc_walk_pause_listener",
		.pre_handler = tcpct_stand_begin,
	};
	tcpct_stand_probes[1] = (struct kprobe){
		.symbol_name = "tcp_census:tcpc_walk_breathe",
		.pre_handler = tcpct_stand,
	};
	err = register_kprobe(&tcpct_stand_probes[0]);
	if (err)
		return err;
	err = register_kprobe(&tcpct_stand_probes[1]);
	if (err)
		unregister_kprobe(&tcpct_stand_probes[0]);
	return err;
}

static int tcpct_stand_set(bool on)
{
	int err = 0;

	mutex_lock(&tcpct_lock);
	WRITE_ONCE(tcpct_stand_net, on ? current->nsproxy->net_ns : NULL);
	if (on && !tcpct_stands) {
		err = tcpct_stand_begin_all();
		tcpct_stands = !err;
	} else if (!on && tcpct_stands) {
		unregister_kprobe(&tcpct_stand_probes[0]);
		unregister_kprobe(&tcpct_stand_probes[1]);
		tcpct_stands = false;
		tcpct_stands_on = 0;
		tcpct_told_to_go = false;
	}
	mutex_unlock(&tcpct_lock);
	return err;
}

static int tcpct_stand_go(bool again)
{
	unsigned int ms = 0;

	if (!READ_ONCE(tcpct_stands_on))
		return -ESRCH;
	if (!again)
		WRITE_ONCE(tcpct_stand_net, NULL);
	WRITE_ONCE(tcpct_told_to_go, true);
	/* Until it does: then it stands nowhere. */
	while (smp_load_acquire(&tcpct_told_to_go) && ms++ < TCPCT_STAND_MS)
		usleep_range(1000, 2000);
	return ms > TCPCT_STAND_MS ? -ETIMEDOUT : 0;
}

#else

static int tcpct_stand_set(bool on)
{
	return on ? -EOPNOTSUPP : 0;
}

static int tcpct_stand_go(bool again)
{
	return -EOPNOTSUPP;
}

#endif /* CONFIG_KPROBES */

static int tcpct_stand_command(char **word)
{
	bool on;

	return kstrtobool(word[0], &on) ?: tcpct_stand_set(on);
}

static int tcpct_go(char **word)
{
	bool again;

	return kstrtobool(word[0], &again) ?: tcpct_stand_go(again);
}

static const struct {
	const char *name;
	int words;
	int (*run)(char **word);
} tcpct_commands[] = {
	{ "age", 2, tcpct_age },
	{ "astray", 1, tcpct_astray },
	{ "connect", 2, tcpct_connect },
	{ "go", 1, tcpct_go },
	{ "listen", 3, tcpct_listen },
	{ "release", 0, tcpct_release },
	{ "stand", 1, tcpct_stand_command },
	{ "traced", 1, tcpct_traced },
};

static int tcpct_run(const char *text)
{
	char **word;
	int words, i, err = -EINVAL;

	word = argv_split(GFP_KERNEL, text, &words);
	if (!word)
		return -ENOMEM;
	for (i = 0; words && i < ARRAY_SIZE(tcpct_commands); i++) {
		if (!strcmp(word[0], tcpct_commands[i].name) &&
		    words - 1 == tcpct_commands[i].words) {
			err = tcpct_commands[i].run(word + 1);
			break;
		}
	}
	argv_free(word);
	return err;
}

static ssize_t tcpct_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	char *text;
	int err;

	if (len > TCPCT_COMMAND_MAX)
		return -EINVAL;
	text = memdup_user_nul(from, len);
	if (IS_ERR(text))
		return PTR_ERR(text);
	err = tcpct_run(text);
	kfree(text);
	return err ?: len;
}

static const struct proc_ops tcpct_ops = {
	.proc_write = tcpct_write,
	.proc_lseek = noop_llseek,
};

static int __init tcpct_init(void)
{
	return proc_create(TCPCT_FILE, 0600, NULL, &tcpct_ops) ? 0 : -ENOMEM;
}

static void __exit tcpct_exit(void)
{
	remove_proc_entry(TCPCT_FILE, NULL);
	tcpct_lead_astray(false);
	tcpct_stand_set(false);
	tcpct_socks_release();
}

module_init(tcpct_init);
module_exit(tcpct_exit);

MODULE_DESCRIPTION("Makes TCP sockets old, and of the kernel's own, for the tests of tcp_census");
MODULE_AUTHOR("The tcp_census authors");
MODULE_LICENSE("GPL");
