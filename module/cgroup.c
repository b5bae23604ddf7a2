// SPDX-License-Identifier: GPL-2.0
/* The cgroup of a socket, and its path. */

#include <linux/cgroup.h>
#include <linux/hash.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/sock.h>

#include "cgroup.h"
#include "gfp.h"

#ifdef CONFIG_SOCK_CGROUP_DATA

/**
 * tcpc_cgroup_get() - the cgroup a socket is charged to
 * @sk: a full socket whose memory cannot be freed meanwhile
 *
 * A child has its listener's, before and after accept().
 *
 * Context: under RCU.
 * Return: the cgroup with a reference, or NULL.
 */
struct cgroup *tcpc_cgroup_get(struct sock *sk)
{
	struct cgroup *cgrp = sock_cgroup_ptr(&sk->sk_cgrp_data);

	return cgrp && css_tryget(&cgrp->self) ? cgrp : NULL;
}

/**
 * tcpc_cgroup_hold() - take one more reference
 * @cgrp: a cgroup the caller has a reference on, or NULL
 *
 * Context: any.
 */
void tcpc_cgroup_hold(struct cgroup *cgrp)
{
	if (cgrp)
		css_get(&cgrp->self);
}

/**
 * tcpc_cgroup_put() - put a reference
 * @cgrp: the cgroup, or NULL
 *
 * Context: any.
 */
void tcpc_cgroup_put(struct cgroup *cgrp)
{
	if (cgrp)
		css_put(&cgrp->self);
}

/*
 * The path is in the cgroup v2 hierarchy. Where that has no groups at all, as
 * with cgroup v1 alone, every socket is in its root, which says nothing. Process
 * context: takes the cgroup mutex. Returns false if there is no path to show:
 * none, not below the root of the namespace, no v2 hierarchy in use, or too long.
 */
static bool tcpc_cgroup_path(struct cgroup *cgrp, struct cgroup_namespace *ns,
			     char *buf)
{
	int n;

	if (cgrp == &cgrp->root->cgrp && !READ_ONCE(cgrp->nr_descendants))
		return false;
	n = ns ? cgroup_path_ns(cgrp, buf, PATH_MAX, ns) :
		 cgroup_path(cgrp, buf, PATH_MAX);
	if (n <= 0 || n >= PATH_MAX)
		return false;
	/* Outside the namespace the path climbs: "/../other". */
	return strncmp(buf, "/..", 3) || (buf[3] && buf[3] != '/');
}

/**
 * tcpc_cgroup_top() - the path of a cgroup namespace's root
 * @ns: the namespace; NULL: that of all
 * @buf: set to it, as seen from the root of the hierarchy; "" if it is that; one that
 *	no path begins with if it is too long, for then nothing is to be seen
 * @size: of @buf, in bytes
 *
 * Context: process.
 */
void tcpc_cgroup_top(const struct cgroup_namespace *ns, char *buf, size_t size)
{
	struct cgroup *cgrp = ns ? ns->root_cset->dfl_cgrp : NULL;
	int n = cgrp ? cgroup_path(cgrp, buf, size) : 0;

	if (n < 0 || n >= (int)size)
		strscpy(buf, ":", size);
	else if (n <= 1)
		*buf = '\0';
}

#else /* CONFIG_SOCK_CGROUP_DATA */

struct cgroup *tcpc_cgroup_get(struct sock *sk)
{
	return NULL;
}

void tcpc_cgroup_hold(struct cgroup *cgrp)
{
}

void tcpc_cgroup_put(struct cgroup *cgrp)
{
}

void tcpc_cgroup_top(const struct cgroup_namespace *ns, char *buf, size_t size)
{
	*buf = '\0';
}

static bool tcpc_cgroup_path(struct cgroup *cgrp, struct cgroup_namespace *ns,
			     char *buf)
{
	return false;
}

#endif /* CONFIG_SOCK_CGROUP_DATA */

/* The place of a cgroup in the hash: its own, or the free one it would get. */
static struct tcpc_cgroup_place *
tcpc_cgroup_place(const struct tcpc_cgroup_names *names, const struct cgroup *cgrp)
{
	unsigned int i = hash_ptr(cgrp, names->bits);

	while (names->hash[i].cgrp && names->hash[i].cgrp != cgrp)
		i = (i + 1) & ((1U << names->bits) - 1);
	return &names->hash[i];
}

/* Room for one more; at most half full. Process context. */
static bool tcpc_cgroup_room(struct tcpc_cgroup_names *names)
{
	struct tcpc_cgroup_place *old = names->hash;
	unsigned int i, n = old ? 1U << names->bits : 0;

	if (!names->path)
		names->path = kmalloc(PATH_MAX, TCPC_GFP_ACCOUNT);
	if (!names->path)
		return false;
	if (names->nr < n / 2)
		return true;
	names->hash = kvcalloc(n ? 2 * n : 16, sizeof(*old), TCPC_GFP_ACCOUNT);
	if (!names->hash) {
		names->hash = old;
		return false;
	}
	names->bits = n ? names->bits + 1 : 4;
	for (i = 0; i < n; i++)
		if (old[i].cgrp)
			*tcpc_cgroup_place(names, old[i].cgrp) = old[i];
	kvfree(old);
	return true;
}

/**
 * tcpc_cgroup_name() - the path of a cgroup, as it is shown
 * @names: those looked up so far; @names->text.err is set when there is no memory
 * @cgrp: the cgroup, held until @names is freed, or NULL
 *
 * Paths go up to 4 KiB, times some 10,000 lines: a reader must bear the text.
 * So a long one is cut, and ends in "...".
 *
 * Context: process, sleeps: takes the cgroup mutex.
 * Return: the path, until the next call; or NULL if there is none to show.
 */
const char *tcpc_cgroup_name(struct tcpc_cgroup_names *names, struct cgroup *cgrp)
{
	struct tcpc_cgroup_place *place;

	if (!cgrp)
		return NULL;
	if (!tcpc_cgroup_room(names)) {
		names->text.err = -ENOMEM;
		return NULL;
	}
	place = tcpc_cgroup_place(names, cgrp);
	if (!place->cgrp) {
		place->cgrp = cgrp;
		names->nr++;
		if (tcpc_cgroup_path(cgrp, names->ns, names->path)) {
			if (strlen(names->path) > TCPC_CGROUP_SHOWN)
				strscpy(names->path + TCPC_CGROUP_SHOWN, "...", 4);
			place->at = names->text.len + 1;
			tcpc_text_printf(&names->text, "%s%c", names->path, 0);
		}
	}
	return place->at && !names->text.err ? names->text.buf + place->at - 1 : NULL;
}

/**
 * tcpc_cgroup_names_free() - free what was looked up
 * @names: it
 *
 * Context: process.
 */
void tcpc_cgroup_names_free(struct tcpc_cgroup_names *names)
{
	kvfree(names->hash);
	kvfree(names->text.buf);
	kfree(names->path);
}
