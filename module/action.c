// SPDX-License-Identifier: GPL-2.0
/* What the reaper has done: counters, and the last actions of each namespace. */

#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/timekeeping.h>
#include <linux/vmalloc.h>
#include <net/net_namespace.h>

#include "action.h"
#include "cgroup.h"
#include "gfp.h"
#include "net.h"
#include "resched.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* Rings of TCPC_LOG_MAX lines: as many as 4 MiB hold. */
#define TCPC_LOG_HOST \
	(4 * 1024 * 1024 / PAGE_ALIGN(TCPC_LOG_MAX * sizeof(struct tcpc_log_entry)))

static atomic_t tcpc_log_rings = ATOMIC_INIT(0);

const char *const tcpc_result_names[TCPC_RESULTS] = {
	[TCPC_RESULT_CANDIDATE] = "candidate",
	[TCPC_RESULT_PROBING] = "probing",
	[TCPC_RESULT_RESET] = "reset",
	[TCPC_RESULT_EVICTED] = "evicted",
	[TCPC_RESULT_GONE] = "gone",
};

/**
 * tcpc_log_init() - nothing was done yet
 * @log: zeroed
 *
 * Context: any.
 */
void tcpc_log_init(struct tcpc_log *log)
{
	spin_lock_init(&log->lock);
}

/**
 * tcpc_log_free() - forget what was done
 * @log: nobody uses it any more
 *
 * Context: process, may sleep.
 */
void tcpc_log_free(struct tcpc_log *log)
{
	unsigned int i;

	for (i = 0; i < min_t(u64, log->nr, log->size); i++)
		tcpc_cgroup_put(log->ring[i].cgroup);
	kvfree(log->ring);
	if (log->size == TCPC_LOG_MAX)
		atomic_dec(&tcpc_log_rings);
	log->ring = NULL;
	log->size = 0;
}

/* A ring of so many lines, or NULL. Process context. */
static struct tcpc_log_entry *tcpc_log_ring(u32 size, unsigned int inum)
{
	struct tcpc_log_entry *ring = NULL;

	if (size < TCPC_LOG_MAX)
		return kcalloc(size, sizeof(*ring), TCPC_GFP);
	/* Nobody takes the initial namespace's. */
	if (atomic_inc_return(&tcpc_log_rings) <= TCPC_LOG_HOST ||
	    inum == init_net.ns.inum)
		ring = __vmalloc(size * sizeof(*ring), TCPC_GFP | __GFP_ZERO);
	if (!ring)
		atomic_dec(&tcpc_log_rings);
	return ring;
}

/* A larger ring, if more lines are to be kept. Process context. */
static void tcpc_log_grow(struct tcpc_log *log, unsigned int inum)
{
	u32 size = log->size ? TCPC_LOG_MAX : TCPC_LOG_MIN, from, i;
	struct tcpc_log_entry *ring;

	if (log->size == TCPC_LOG_MAX || log->nr < log->size)
		return;
	ring = tcpc_log_ring(size, inum);
	if (!ring)
		return;
	spin_lock(&log->lock);
	/* Those there are, the oldest first, as if there had been no others. */
	for (i = 0; i < log->size; i++) {
		div_u64_rem(log->nr + i, log->size, &from);
		ring[i] = log->ring[from];
	}
	log->nr = log->size;
	swap(log->ring, ring);
	WRITE_ONCE(log->size, size);
	spin_unlock(&log->lock);
	kvfree(ring);
}

/**
 * tcpc_log_add() - something was done
 * @log: of its namespace; nobody else adds to it meanwhile
 * @inum: of the namespace
 * @conn: the socket as it was before
 * @action: what the reaper was to do
 * @result: what came of it
 *
 * Context: process, may sleep.
 */
void tcpc_log_add(struct tcpc_log *log, unsigned int inum, const struct tcpc_conn *conn,
		  enum tcpc_action action, enum tcpc_result result)
{
	static u64 order; /* the reaper's own */
	struct tcpc_log_entry e = {
		.time = ktime_get_real_seconds(),
		.order = order++,
		.inum = inum,
		.cause = conn->cause,
		.action = action,
		.result = result,
		.role = conn->role,
		.ifindex = conn->ifindex,
		.local = conn->local,
		.remote = conn->remote,
		.local_port = conn->local_port,
		.remote_port = conn->remote_port,
		.uid = conn->uid,
		.cgroup = conn->cgroup,
		.idle_s = conn->idle_s,
	};
	struct cgroup *old = NULL;
	u32 at;

	atomic64_inc(&log->count[e.cause][action][result]);
	trace_close_wait_action(inum, &e);
	tcpc_log_grow(log, inum);
	tcpc_cgroup_hold(e.cgroup);

	spin_lock(&log->lock);
	if (log->nr >= log->size && log->size < TCPC_LOG_MAX)
		log->missed++;
	if (log->size) {
		div_u64_rem(log->nr, log->size, &at);
		if (log->nr++ >= log->size)
			old = log->ring[at].cgroup;
		log->ring[at] = e;
	} else {
		old = e.cgroup;
	}
	spin_unlock(&log->lock);
	tcpc_cgroup_put(old);
}

/**
 * tcpc_log_miss() - something was to be logged and is not
 * @log: of a namespace
 *
 * Context: process.
 */
void tcpc_log_miss(struct tcpc_log *log)
{
	spin_lock(&log->lock);
	log->missed++;
	spin_unlock(&log->lock);
}

/* Room for so many lines more. Process context. */
static int tcpc_log_room(struct tcpc_log_rows *rows, unsigned int nr, gfp_t gfp)
{
	struct tcpc_log_entry *more;
	unsigned int cap;

	if (rows->cap - rows->nr >= nr)
		return 0;
	cap = 2 * rows->cap + nr;
	more = kvmalloc_array(cap, sizeof(*more), gfp);
	if (!more)
		return -ENOMEM;
	if (rows->nr)
		memcpy(more, rows->rows, rows->nr * sizeof(*more));
	kvfree(rows->rows);
	rows->rows = more;
	rows->cap = cap;
	return 0;
}

/**
 * tcpc_log_copy() - copy what was done of late in a namespace
 * @rows: appended to; to be freed with tcpc_log_rows_free(), on failure too
 * @log: of the namespace
 * @gfp: for memory; not TCPC_GFP_ACCOUNT if others wait for what the caller holds
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpc_log_copy(struct tcpc_log_rows *rows, struct tcpc_log *log, gfp_t gfp)
{
	u32 at, size = READ_ONCE(log->size), i, nr;
	struct tcpc_log_entry *row;

	if (!size)
		return 0;
	if (tcpc_log_room(rows, size, gfp))
		return -ENOMEM;
	spin_lock(&log->lock);
	/* It may have grown meanwhile. */
	nr = min_t(u64, log->nr, size);
	for (i = 0; i < nr; i++) {
		div_u64_rem(log->nr - nr + i, log->size, &at);
		row = &rows->rows[rows->nr++];
		*row = log->ring[at];
		tcpc_cgroup_hold(row->cgroup);
	}
	spin_unlock(&log->lock);
	return 0;
}

/* sort() itself never lets go of the CPU. Process context. */
static int tcpc_log_cmp(const void *pa, const void *pb)
{
	const struct tcpc_log_entry *a = pa, *b = pb;

	tcpc_resched();
	return a->order < b->order ? -1 : a->order > b->order;
}

/**
 * tcpc_log_copy_all() - copy what was done of late in all namespaces
 * @rows: empty; to be freed with tcpc_log_rows_free(), on failure too
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpc_log_copy_all(struct tcpc_log_rows *rows)
{
	struct tcpc_netset nets;
	unsigned int i;
	int err;

	err = tcpc_netset_get(&nets);
	for (i = 0; i < nets.nr && !err; i++) {
		err = tcpc_log_copy(rows, &nets.refs[i].tn->reap.log, TCPC_GFP);
		tcpc_resched();
	}
	tcpc_netset_put(&nets);
	if (rows->nr)
		sort(rows->rows, rows->nr, sizeof(*rows->rows), tcpc_log_cmp, NULL);
	return err;
}

/**
 * tcpc_log_rows_free() - free copies
 * @rows: from tcpc_log_copy()
 *
 * Context: process.
 */
void tcpc_log_rows_free(struct tcpc_log_rows *rows)
{
	unsigned int i;

	for (i = 0; i < rows->nr; i++)
		tcpc_cgroup_put(rows->rows[i].cgroup);
	kvfree(rows->rows);
}

/**
 * tcpc_log_missed() - actions that were not kept
 * @log: of a namespace
 *
 * Context: process.
 * Return: how many.
 */
u64 tcpc_log_missed(struct tcpc_log *log)
{
	u64 missed;

	spin_lock(&log->lock);
	missed = log->missed;
	spin_unlock(&log->lock);
	return missed;
}
