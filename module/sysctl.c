// SPDX-License-Identifier: GPL-2.0
/*
 * The settings of a namespace, in net.tcp_census.
 *
 * One handler for all: the kernel's own let uid 0 write without CAP_NET_ADMIN,
 * cut strings short, and take "60 junk" for 60.
 */

#include <linux/capability.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysctl.h>
#include <net/net_namespace.h>

#include "compat.h"
#include "net.h"
#include "reaper.h"
#include "setting.h"
#include "sysctl.h"
#include "text.h"

/*
 * Buffered writers, as those of shells are, cut what is longer into pieces of so many
 * bytes, the st_blksize of procfs. Only the last has the end of the line.
 */
#define TCPC_SYSCTL_PIECE 1024

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

/* Process context. All of it is right, or nothing changes. */
static int tcpc_sysctl_write(struct tcpc_net *tn, const struct tcpc_setting *setting,
			     const char *buf, size_t len, loff_t *pos)
{
	bool line = len && buf[len - 1] == '\n';
	int err;

	if (!ns_capable(tn->net->user_ns, CAP_NET_ADMIN))
		return -EPERM;
	/* The end of the line does not count. */
	if (*pos || len > TCPC_RULES_TEXT_MAX + line || memchr(buf, 0, len))
		return -EINVAL;
	/* Perhaps a piece: the others would be refused. */
	if (len >= TCPC_SYSCTL_PIECE && !line)
		return -EINVAL;
	err = tcpc_reap_set(&tn->reap, setting, buf, len);
	if (!err)
		*pos = len;
	return err;
}

static int tcpc_sysctl_handler(TCPC_CTL_TABLE *table, int write, void *buf, size_t *len,
			       loff_t *pos)
{
	struct tcpc_net *tn = table->data;

	return write ? tcpc_sysctl_write(tn, table->extra1, buf, *len, pos) :
		       tcpc_sysctl_read(tn, table->extra1, buf, len, pos);
}

/**
 * tcpc_sysctl_net_init() - make the settings' files of a namespace
 * @tn: the namespace
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpc_sysctl_net_init(struct tcpc_net *tn)
{
	struct ctl_table *table;
	unsigned int i;

	/* One more, for kernels that look for an empty one at the end. */
	table = kcalloc(TCPC_SETTINGS + 1, sizeof(*table), GFP_KERNEL_ACCOUNT);
	if (!table)
		return -ENOMEM;
	for (i = 0; i < TCPC_SETTINGS; i++) {
		table[i].procname = tcpc_settings_table[i].name;
		table[i].data = tn;
		table[i].mode = 0644;
		table[i].proc_handler = tcpc_sysctl_handler;
		table[i].extra1 = (void *)&tcpc_settings_table[i];
	}
	tn->sysctl = tcpc_register_net_sysctl(tn->net, "net/tcp_census", table,
					      TCPC_SETTINGS);
	if (!tn->sysctl) {
		kfree(table);
		return -ENOMEM;
	}
	return 0;
}

/**
 * tcpc_sysctl_net_exit() - remove them
 * @header: from @tn->sysctl, or NULL
 *
 * Waits for reads and writes under way, as with every other setting of a namespace.
 *
 * Context: process, may sleep.
 */
void tcpc_sysctl_net_exit(struct ctl_table_header *header)
{
	const struct ctl_table *table;

	if (!header)
		return;
	table = header->ctl_table_arg;
	unregister_net_sysctl_table(header);
	kfree(table);
}
