// SPDX-License-Identifier: GPL-2.0
/*
 * The files below /proc/net/tcp_census, of the reader's namespace, and those below
 * /proc/tcp_census, of all.
 *
 * But for sockets, which stream.c serves, open() renders the whole text, so that
 * what is read in pieces is one consistent whole and no lock is held while user
 * space takes its time. When the module is unloaded procfs releases the open
 * files; reading one afterwards gives EIO.
 *
 * Removing an entry waits for operations under way, and read() may stand on a
 * page of user memory for as long as its owner likes. So that this does not hold
 * up the destruction of namespaces, which is one queue for the whole host, open()
 * and read() hold a reference on theirs: it is not destroyed while they run.
 */

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/nsproxy.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uidgid.h>
#include <linux/uio.h>
#include <linux/user_namespace.h>

#include "compat.h"
#include "format.h"
#include "gfp.h"
#include "net.h"
#include "proc.h"
#include "snapshot.h"
#include "stream.h"

static const struct tcpc_format *const tcpc_proc_formats[TCPC_PROC_FILES] = {
	&tcpc_format_states,
	&tcpc_format_listeners,
	&tcpc_format_close_wait,
	&tcpc_format_endpoints,
	&tcpc_format_ports,
	&tcpc_format_transitions,
	&tcpc_format_ended,
	&tcpc_format_actions,
	&tcpc_format_stat,
	&tcpc_format_metrics,
};

/* Below /proc/tcp_census. */
static struct tcpc_proc_file tcpc_proc_host_files[TCPC_PROC_FILES];
static struct proc_dir_entry *tcpc_proc_host;

/* Module parameter proc_gid: whose members may read them; -1: nobody's. */
int tcpc_proc_gid = -1;

/* Whose census must be waited for: a namespace's, or the one that is always there. */
static u64 tcpc_proc_net_id(const struct tcpc_net *tn)
{
	u64 id;

	if (tn)
		return tn->id;
	rcu_read_lock_sched();
	id = tcpc_net_of(&init_net)->id;
	rcu_read_unlock_sched();
	return id;
}

/* Process context. The text of @f as @file's opener sees it. */
static int tcpc_proc_render(const struct tcpc_proc_file *f, struct file *file,
			    struct tcpc_text *text)
{
	struct tcpc_cgroup_names cgroups = { .ns = current->nsproxy->cgroup_ns };
	struct tcpc_net *tn = f->tn;
	struct tcpc_view view = {
		.tn = tn,
		.net = tn ? tn->net : NULL,
		.inum = tn ? tn->inum : 0,
		.user_ns = file->f_cred->user_ns,
		.cgroups = &cgroups,
	};
	struct tcpc_census *census = NULL;

	if (f->format->depth != TCPC_DEPTH_NONE) {
		census = tcpc_snapshot_get(f->format->depth, tcpc_proc_net_id(tn));
		if (IS_ERR(census))
			return PTR_ERR(census);
		view.census = census;
		if (tn)
			view.cn = tcpc_census_net(census, tn->id);
	}
	tcpc_format_render(f->format, text, &view);
	tcpc_cgroup_names_free(&cgroups);
	tcpc_census_put(census);
	return text->err;
}

/* Process context. Render the text that is read until @file is released. */
static int tcpc_proc_fill(const struct tcpc_proc_file *f, struct file *file)
{
	struct tcpc_text *text;
	int err;

	text = kzalloc(sizeof(*text), TCPC_GFP_ACCOUNT);
	if (!text)
		return -ENOMEM;
	err = tcpc_proc_render(f, file, text);
	if (err) {
		kvfree(text->buf);
		kfree(text);
		return err;
	}
	file->private_data = text;
	return 0;
}

/*
 * Process context. Until an operation returns procfs keeps the entry, and with
 * it struct tcpc_net and the memory of its namespace.
 */
static int tcpc_proc_open(struct inode *inode, struct file *file)
{
	struct tcpc_proc_file *f = pde_data(inode);
	int err;

	if (file->f_mode & FMODE_WRITE)
		return -EACCES;
	if (!maybe_get_net(f->tn->net))
		return -ENOENT;
	err = tcpc_proc_fill(f, file);
	put_net(f->tn->net);
	return err;
}

/*
 * What is said of all namespaces is for who may set up the host's network, or is in the
 * group, and stands in it: uid 0 of a container, or its capabilities, will not do.
 */
static bool tcpc_proc_host_may(void)
{
	kgid_t gid = make_kgid(&init_user_ns, READ_ONCE(tcpc_proc_gid));

	if (!net_eq(current->nsproxy->net_ns, &init_net))
		return false;
	/* The capability last: to be asked for it may be audited. */
	return (gid_valid(gid) && in_egroup_p(gid)) || capable(CAP_NET_ADMIN);
}

/* Process context. */
static int tcpc_proc_host_open(struct inode *inode, struct file *file)
{
	if (file->f_mode & FMODE_WRITE || !tcpc_proc_host_may())
		return -EACCES;
	return tcpc_proc_fill(pde_data(inode), file);
}

static ssize_t tcpc_proc_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	const struct tcpc_proc_file *f = pde_data(file_inode(iocb->ki_filp));
	const struct tcpc_text *text = iocb->ki_filp->private_data;
	size_t n;

	if (iocb->ki_pos >= text->len || !iov_iter_count(to))
		return 0;
	if (f->tn && !maybe_get_net(f->tn->net))
		return -EIO;
	n = copy_to_iter(text->buf + iocb->ki_pos, text->len - iocb->ki_pos, to);
	if (f->tn)
		put_net(f->tn->net);
	if (!n)
		return -EFAULT;
	iocb->ki_pos += n;
	return n;
}

static loff_t tcpc_proc_lseek(struct file *file, loff_t offset, int whence)
{
	const struct tcpc_text *text = file->private_data;

	return fixed_size_llseek(file, offset, whence, text->len);
}

static int tcpc_proc_release(struct inode *inode, struct file *file)
{
	struct tcpc_text *text = file->private_data;

	kvfree(text->buf);
	kfree(text);
	return 0;
}

static const struct proc_ops tcpc_proc_ops = {
	.proc_open = tcpc_proc_open,
	.proc_read_iter = tcpc_proc_read_iter,
	.proc_lseek = tcpc_proc_lseek,
	.proc_release = tcpc_proc_release,
};

static const struct proc_ops tcpc_proc_host_ops = {
	.proc_open = tcpc_proc_host_open,
	.proc_read_iter = tcpc_proc_read_iter,
	.proc_lseek = tcpc_proc_lseek,
	.proc_release = tcpc_proc_release,
};

/**
 * tcpc_proc_net_init() - make the files of a namespace
 * @tn: the namespace
 * @made: set to their directory, if there is one
 *
 * To be undone with proc_remove(), which waits for operations under way and
 * releases the files that are open.
 *
 * Context: process, may sleep.
 * Return: 0, or -ENOMEM when some or all could not be made; the others stay.
 */
int tcpc_proc_net_init(struct tcpc_net *tn, struct proc_dir_entry **made)
{
	struct proc_dir_entry *dir;
	unsigned int i;
	int err = 0;

	dir = proc_net_mkdir(tn->net, "tcp_census", tn->net->proc_net);
	if (!dir)
		return -ENOMEM;
	for (i = 0; i < TCPC_PROC_FILES; i++) {
		tn->files[i].tn = tn;
		tn->files[i].format = tcpc_proc_formats[i];
		if (!proc_create_data(tcpc_proc_formats[i]->name, 0444, dir,
				      &tcpc_proc_ops, &tn->files[i]))
			err = -ENOMEM;
	}
	tn->sockets.tn = tn;
	if (!proc_create_data("sockets", 0444, dir, &tcpc_stream_ops, &tn->sockets))
		err = -ENOMEM;
	*made = dir;
	return err;
}

/**
 * tcpc_proc_host_init() - make the files of all namespaces
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpc_proc_host_init(void)
{
	struct tcpc_proc_file *f;
	unsigned int i;

	tcpc_proc_host = proc_mkdir("tcp_census", NULL);
	if (!tcpc_proc_host)
		return -ENOMEM;
	for (i = 0; i < TCPC_PROC_FILES; i++) {
		f = &tcpc_proc_host_files[i];
		f->format = tcpc_proc_formats[i];
		if (!proc_create_data(f->format->name, 0444, tcpc_proc_host,
				      &tcpc_proc_host_ops, f)) {
			tcpc_proc_host_exit();
			return -ENOMEM;
		}
	}
	return 0;
}

/**
 * tcpc_proc_host_exit() - remove them
 *
 * Waits for operations under way, and releases the files that are open.
 *
 * Context: process, may sleep.
 */
void tcpc_proc_host_exit(void)
{
	proc_remove(tcpc_proc_host);
}
