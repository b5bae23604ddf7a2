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
 *
 * FD is the writer's, and so is the network namespace.
 */

#include <linux/inet.h>
#include <linux/jump_label.h>
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

static const struct {
	const char *name;
	int words;
	int (*run)(char **word);
} tcpct_commands[] = {
	{ "age", 2, tcpct_age },
	{ "connect", 2, tcpct_connect },
	{ "listen", 3, tcpct_listen },
	{ "release", 0, tcpct_release },
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
	tcpct_socks_release();
}

module_init(tcpct_init);
module_exit(tcpct_exit);

MODULE_DESCRIPTION("Makes TCP sockets old, and of the kernel's own, for the tests of tcp_census");
MODULE_AUTHOR("The tcp_census authors");
MODULE_LICENSE("GPL");
