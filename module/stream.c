// SPDX-License-Identifier: GPL-2.0
/*
 * The file sockets: a line for each CLOSE_WAIT socket, as they are met.
 *
 * There may be a million, so no text of them all is made. A reader has a place in
 * the table, and each read() goes on from there: by bucket and, in it, by the
 * address of the socket, the lowest first. A socket never changes its bucket or
 * its address, so none is shown twice and none that stays is missed.
 *
 * Between two read() calls nothing is held. During one the reader's own mutex is,
 * also while it copies to user memory, which concerns those alone that read from
 * the same open file.
 */

#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/nsproxy.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <net/tcp.h>

#include "compat.h"
#include "format.h"
#include "gfp.h"
#include "net.h"
#include "snapshot.h"
#include "stream.h"

/* Lines made at a time. */
#define TCPC_STREAM_ROWS 64

/**
 * struct tcpc_stream - a reader
 * @lock: of all that follows
 * @tn: the namespace
 * @cgroup_ns: of the opener, with a reference
 * @ports: to tell the roles
 * @cursor: the place in the table
 * @after: in that bucket, sockets up to this address were shown
 * @rows: sockets to be shown next
 * @committed: those of committed buckets
 * @nr: and those of the bucket at hand behind them, addresses ascending
 * @table: the columns, whose widths stay
 * @begun: the header was written
 * @text: lines made
 * @sent: bytes of them that were read
 */
struct tcpc_stream {
	struct mutex lock; /* of all that follows */
	struct tcpc_net *tn;
	struct cgroup_namespace *cgroup_ns;
	struct tcpc_local_ports ports;
	struct tcpc_cursor cursor;
	unsigned long after;
	struct tcpc_stream_row {
		unsigned long sk;
		struct tcpc_conn conn;
	} rows[TCPC_STREAM_ROWS];
	unsigned int committed;
	unsigned int nr;
	struct tcpc_table table;
	bool begun;
	struct tcpc_text text;
	size_t sent;
};

/* Under RCU, perhaps with the bucket's lock. */
static int tcpc_stream_conn(void *ctx, struct sock *sk)
{
	struct tcpc_stream *s = ctx;
	struct tcpc_stream_row *row;
	unsigned int at, state;

	if ((unsigned long)sk <= s->after || READ_ONCE(sk->sk_state) != TCP_CLOSE_WAIT ||
	    !net_eq(sock_net(sk), s->tn->net))
		return 0;
	for (at = s->nr; at > s->committed; at--) {
		if (s->rows[at - 1].sk == (unsigned long)sk)
			return 0;
		if (s->rows[at - 1].sk < (unsigned long)sk)
			break;
	}
	/* Higher than all there is room for: its turn comes. */
	if (at == TCPC_STREAM_ROWS)
		return 0;
	state = tcpc_conn_hold(sk);
	if (!state)
		return 0;
	if (state != TCP_CLOSE_WAIT || !net_eq(sock_net(sk), s->tn->net))
		goto out;

	if (s->nr == TCPC_STREAM_ROWS)
		tcpc_cgroup_put(s->rows[--s->nr].conn.cgroup);
	row = &s->rows[at];
	memmove(row + 1, row, (s->nr++ - at) * sizeof(*row));
	row->sk = (unsigned long)sk;
	tcpc_conn_read(&row->conn, sk, TCP_CLOSE_WAIT, &s->ports);
	tcpc_conn_name(&row->conn, sk);
out:
	sock_gen_put(sk);
	return 0;
}

/* Under RCU. */
static bool tcpc_stream_commit(void *ctx)
{
	struct tcpc_stream *s = ctx;

	s->committed = s->nr;
	if (s->nr < TCPC_STREAM_ROWS) {
		s->after = 0;
		return true;
	}
	/* The bucket may have more: it is seen again, from there on. */
	s->after = s->rows[s->nr - 1].sk;
	return false;
}

/* Process context. */
static void tcpc_stream_discard(void *ctx)
{
	struct tcpc_stream *s = ctx;

	while (s->nr > s->committed)
		tcpc_cgroup_put(s->rows[--s->nr].conn.cgroup);
}

/* Process context. */
static bool tcpc_stream_rest(void *ctx)
{
	return !fatal_signal_pending(current);
}

static const struct tcpc_visitor tcpc_stream_visitor = {
	.conn = tcpc_stream_conn,
	.ahead = tcpc_conn_ahead,
	.commit = tcpc_stream_commit,
	.discard = tcpc_stream_discard,
	.rest = tcpc_stream_rest,
};

/* Write the lines of the rows, and the header before the first. Process context. */
static int tcpc_stream_render(struct tcpc_stream *s, struct file *file)
{
	struct tcpc_cgroup_names cgroups = { .ns = s->cgroup_ns };
	const struct tcpc_view view = {
		.tn = s->tn,
		.net = s->tn->net,
		.inum = s->tn->inum,
		.user_ns = file->f_cred->user_ns,
		.cgroups = &cgroups,
	};
	unsigned int i;

	if (s->begun)
		tcpc_table_resume(&s->table, &s->text);
	else
		tcpc_table_begin(&s->table, &s->text, tcpc_sockets_columns,
				 tcpc_sockets_columns_nr);
	s->begun = true;
	for (i = 0; i < s->nr; i++)
		tcpc_table_row(&s->table, &view, &s->rows[i].conn);
	tcpc_table_end(&s->table);
	tcpc_cgroup_names_free(&cgroups);
	return s->text.err;
}

/*
 * Make the next lines; none at the end. Process context, the namespace is held.
 * Returns 0, -EINTR (killed), or -ENOMEM, after which lines are missing.
 */
static int tcpc_stream_fill(struct tcpc_stream *s, struct file *file)
{
	struct tcpc_walk_stats stats = {};
	int err = 0;

	s->text.len = 0;
	s->sent = 0;
	if (s->text.err)
		return s->text.err;
	if (!s->cursor.end)
		tcpc_walk_from(&s->cursor, s->tn->net, &tcpc_stream_visitor, s,
			       &stats);
	if (s->nr || !s->begun)
		err = tcpc_stream_render(s, file);
	else if (!s->cursor.end)
		err = -EINTR;
	s->committed = 0;
	tcpc_stream_discard(s);
	/* Half a piece is none. */
	if (err)
		s->text.len = 0;
	return err;
}

static ssize_t tcpc_stream_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct tcpc_stream *s = file->private_data;
	ssize_t done = 0;
	size_t n, left;
	int err = 0;

	if (mutex_lock_interruptible(&s->lock))
		return -ERESTARTSYS;
	if (!maybe_get_net(s->tn->net)) {
		err = -EIO;
		goto unlock;
	}
	while (iov_iter_count(to)) {
		if (s->sent == s->text.len) {
			err = tcpc_stream_fill(s, file);
			if (err || !s->text.len)
				break;
		}
		left = s->text.len - s->sent;
		n = copy_to_iter(s->text.buf + s->sent, left, to);
		s->sent += n;
		done += n;
		if (n < left) {
			if (iov_iter_count(to))
				err = -EFAULT;
			break;
		}
		if (signal_pending(current))
			break;
	}
	put_net(s->tn->net);
unlock:
	mutex_unlock(&s->lock);
	return done ? done : err;
}

/* Process context. Until it returns procfs keeps the entry and struct tcpc_net. */
static int tcpc_stream_open(struct inode *inode, struct file *file)
{
	const struct tcpc_proc_file *f = pde_data(inode);
	struct tcpc_census *census;
	struct tcpc_stream *s;
	int err;

	if (file->f_mode & FMODE_WRITE)
		return -EACCES;
	if (!maybe_get_net(f->tn->net))
		return -ENOENT;
	/* Not for what is in it: the walk notes which ports are served. */
	census = tcpc_snapshot_get(TCPC_DEPTH_STATES, f->tn->id);
	err = PTR_ERR_OR_ZERO(census);
	if (err)
		goto out;
	tcpc_census_put(census);

	err = -ENOMEM;
	s = kvzalloc(sizeof(*s), TCPC_GFP_ACCOUNT);
	if (!s)
		goto out;
	mutex_init(&s->lock);
	s->tn = f->tn;
	s->cgroup_ns = current->nsproxy->cgroup_ns;
	get_cgroup_ns(s->cgroup_ns);
	tcpc_local_ports_get(&s->ports, s->tn->net, &s->tn->served);
	tcpc_cursor_begin(&s->cursor, s->tn->net);
	file->private_data = s;
	err = stream_open(inode, file);
out:
	put_net(f->tn->net);
	return err;
}

static int tcpc_stream_release(struct inode *inode, struct file *file)
{
	struct tcpc_stream *s = file->private_data;

	put_cgroup_ns(s->cgroup_ns);
	kvfree(s->text.buf);
	kvfree(s);
	return 0;
}

const struct proc_ops tcpc_stream_ops = {
	.proc_open = tcpc_stream_open,
	.proc_read_iter = tcpc_stream_read_iter,
	.proc_release = tcpc_stream_release,
};
