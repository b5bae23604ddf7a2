// SPDX-License-Identifier: GPL-2.0
/*
 * The settings of a namespace, in net.tcp_census.
 *
 * One handler for all: the kernel's own let uid 0 write without CAP_NET_ADMIN,
 * cut strings short, and take "60 junk" for 60.
 */

#include <linux/capability.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysctl.h>
#include <net/net_namespace.h>

#include "compat.h"
#include "gfp.h"
#include "net.h"
#include "reaper.h"
#include "setting.h"
#include "sysctl.h"
#include "text.h"

/*
 * Buffered writers, as most shells are, cut what is longer into pieces of a multiple of
 * the st_blksize of procfs. Only the last has the end of the line, or another length.
 */
#define TCPC_SYSCTL_PIECE 1024

/* Others cut as well, at any place behind this. */
#define TCPC_SYSCTL_WHOLE 4096

/*
 * Who is refused the first piece writes the next where he is, at the beginning of the
 * file, as if that were the value. For so long it is not taken for one.
 */
#define TCPC_SYSCTL_REST HZ

/**
 * struct tcpc_pieces - a value that is written in pieces; there is one at a time
 * @lock: protects the rest
 * @setting: of which setting, or NULL
 * @task: who writes; only compared
 * @task_start: when that was started, since another may be where it was
 * @text: what there is of it; NULL if it was refused
 * @len: how many bytes
 * @refused: when, in jiffies
 */
struct tcpc_pieces {
	struct mutex lock; /* held shortly */
	const struct tcpc_setting *setting;
	const struct task_struct *task;
	u64 task_start;
	char *text;
	u64 len;
	unsigned long refused;
};

/**
 * struct tcpc_sysctl - the settings' files of a namespace
 * @pieces: a value on its way
 * @table: the files, and one more for kernels that look for an empty one at the end
 */
struct tcpc_sysctl {
	struct tcpc_pieces pieces;
	struct ctl_table table[TCPC_SETTINGS + 1];
};

/* Process context. In pieces too: rules are longer than what some ask for at once. */
static int tcpc_sysctl_read(struct tcpc_net *tn, const struct tcpc_setting *setting,
			    char *buf, size_t *len, loff_t *pos)
{
	struct tcpc_settings *s;
	struct tcpc_text t = {};

	s = tcpc_reap_settings(&tn->reap);
	setting->show(setting, s, &t);
	tcpc_text_printf(&t, "\n");
	tcpc_settings_put(s);
	if (!t.err) {
		*len = *pos < t.len ? min_t(size_t, *len, t.len - *pos) : 0;
		memcpy(buf, t.buf + *pos, *len);
		*pos += *len;
	}
	kvfree(t.buf);
	return t.err;
}

/* Is what is there of it a value of that setting, by this task? With the lock. */
static bool tcpc_pieces_mine(const struct tcpc_pieces *p, const struct tcpc_setting *setting)
{
	return p->setting == setting && p->task == current &&
	       p->task_start == current->start_boottime;
}

/* And was it refused a moment ago? With the lock. */
static bool tcpc_pieces_refused(const struct tcpc_pieces *p,
				const struct tcpc_setting *setting)
{
	return tcpc_pieces_mine(p, setting) && !p->text &&
	       time_before(jiffies, p->refused + TCPC_SYSCTL_REST);
}

/* Can this be the beginning of a value? The last word may go on. Process context. */
static int tcpc_sysctl_begins(const struct tcpc_setting *setting, const char *buf, size_t len)
{
	struct tcpc_settings *s;
	size_t words = len;

	while (words && !tcpc_word_gap(buf[words - 1]))
		words--;
	if (len - words > TCPC_RULE_WORD_MAX)
		return -EINVAL;
	s = tcpc_settings_change(&tcpc_settings_default, setting, buf, words);
	if (IS_ERR(s))
		return PTR_ERR(s);
	tcpc_settings_put(s);
	return 0;
}

/* The first piece of a value, or with @err of what cannot be one. Process context. */
static int tcpc_sysctl_first(struct tcpc_pieces *p, const struct tcpc_setting *setting,
			     const char *buf, size_t len, int err)
{
	char *text = NULL;

	if (!err)
		err = tcpc_sysctl_begins(setting, buf, len);
	if (!err) {
		text = kvmalloc(len, TCPC_GFP_ACCOUNT);
		if (text)
			memcpy(text, buf, len);
		else
			err = -ENOMEM;
	}
	mutex_lock(&p->lock);
	/* It goes on with what was cut in another place. */
	if (tcpc_pieces_refused(p, setting))
		err = -EINVAL;
	else
		swap(p->text, text);
	p->len = len;
	p->setting = setting;
	p->task = current;
	p->task_start = current->start_boottime;
	p->refused = jiffies;
	mutex_unlock(&p->lock);
	kvfree(text);
	return err;
}

/*
 * The next piece, or the @last; with @err of what cannot be one. What is not taken is the
 * end of it: no other fits any more. Process context.
 */
static int tcpc_sysctl_next(struct tcpc_net *tn, const struct tcpc_setting *setting,
			    struct tcpc_pieces *p, const char *buf, size_t len, u64 pos,
			    bool last, int err)
{
	char *text = NULL, *old = NULL;

	if (!err) {
		text = kvmalloc(pos + len, TCPC_GFP_ACCOUNT);
		err = text ? 0 : -ENOMEM;
	}
	mutex_lock(&p->lock);
	if (!err && !(tcpc_pieces_mine(p, setting) && p->text && p->len == pos))
		err = -EINVAL;
	if (!err) {
		memcpy(text, p->text, pos);
		memcpy(text + pos, buf, len);
		p->len += len;
	}
	if (tcpc_pieces_mine(p, setting)) {
		old = p->text;
		p->text = last || err ? NULL : text;
		if (!p->text)
			p->setting = NULL;
	}
	mutex_unlock(&p->lock);
	kvfree(old);
	if (!err && !last)
		return 0;
	if (!err)
		err = tcpc_reap_set(&tn->reap, setting, text, pos + len);
	kvfree(text);
	return err;
}

/* Is it the rest of what was refused? Process context. */
static bool tcpc_sysctl_refused(struct tcpc_pieces *p, const struct tcpc_setting *setting)
{
	bool refused;

	mutex_lock(&p->lock);
	refused = tcpc_pieces_refused(p, setting);
	if (refused)
		p->setting = NULL;
	mutex_unlock(&p->lock);
	return refused;
}

/* Process context. All of it is right, or nothing changes. */
static int tcpc_sysctl_write(struct tcpc_net *tn, const struct ctl_table *table,
			     const char *buf, size_t len, loff_t *pos)
{
	const struct tcpc_setting *setting = table->extra1;
	struct tcpc_pieces *p = table->extra2;
	bool line = len && buf[len - 1] == '\n', last = true;
	int err = 0;

	if (!ns_capable(tn->net->user_ns, CAP_NET_ADMIN))
		return -EPERM;
	/* The end of the line does not count. */
	if (!len || *pos > TCPC_RULES_TEXT_MAX ||
	    *pos + len > TCPC_RULES_TEXT_MAX + line || memchr(buf, 0, len))
		err = -EINVAL;
	if (setting->pieces && len && !line) {
		last = len % TCPC_SYSCTL_PIECE && (*pos || len <= TCPC_SYSCTL_WHOLE);
		if (!last && len % TCPC_SYSCTL_PIECE)
			err = -EINVAL;
	}

	if (*pos)
		err = tcpc_sysctl_next(tn, setting, p, buf, len, *pos, last, err);
	else if (!last)
		err = tcpc_sysctl_first(p, setting, buf, len, err);
	else if (tcpc_sysctl_refused(p, setting))
		err = -EINVAL;
	else
		err = err ?: tcpc_reap_set(&tn->reap, setting, buf, len);
	if (!err)
		*pos += len;
	return err;
}

static int tcpc_sysctl_handler(TCPC_CTL_TABLE *table, int write, void *buf, size_t *len,
			       loff_t *pos)
{
	struct tcpc_net *tn = table->data;

	return write ? tcpc_sysctl_write(tn, table, buf, *len, pos) :
		       tcpc_sysctl_read(tn, table->extra1, buf, len, pos);
}

/**
 * tcpc_sysctl_net_init() - make the settings' files of a namespace
 * @tn: the namespace
 * @header: set to what is to be removed; left alone without memory
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpc_sysctl_net_init(struct tcpc_net *tn, struct ctl_table_header **header)
{
	struct tcpc_sysctl *sysctl;
	struct ctl_table *table;
	unsigned int i;

	sysctl = kzalloc(sizeof(*sysctl), tcpc_net_gfp());
	if (!sysctl)
		return -ENOMEM;
	mutex_init(&sysctl->pieces.lock);
	table = sysctl->table;
	for (i = 0; i < TCPC_SETTINGS; i++) {
		table[i].procname = tcpc_settings_table[i].name;
		table[i].data = tn;
		table[i].mode = 0644;
		table[i].proc_handler = tcpc_sysctl_handler;
		table[i].extra1 = (void *)&tcpc_settings_table[i];
		table[i].extra2 = &sysctl->pieces;
	}
	*header = tcpc_register_net_sysctl(tn->net, "net/tcp_census", table, TCPC_SETTINGS);
	if (!*header) {
		kfree(sysctl);
		return -ENOMEM;
	}
	return 0;
}

/**
 * tcpc_sysctl_net_exit() - remove them
 * @header: from tcpc_sysctl_net_init(), or NULL
 *
 * Waits for reads and writes under way, as with every other setting of a namespace.
 *
 * Context: process, may sleep.
 */
void tcpc_sysctl_net_exit(struct ctl_table_header *header)
{
	struct tcpc_sysctl *sysctl;

	if (!header)
		return;
	sysctl = container_of(header->ctl_table_arg, struct tcpc_sysctl, table[0]);
	unregister_net_sysctl_table(header);
	kvfree(sysctl->pieces.text);
	kfree(sysctl);
}
