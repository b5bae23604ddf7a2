// SPDX-License-Identifier: GPL-2.0
/*
 * The walks over the kernel's TCP tables. Nobody else touches them.
 *
 * Buckets are nulls lists of SLAB_TYPESAFE_BY_RCU objects: while the walk stands
 * on an entry it may be freed, used again and hashed elsewhere, and the walk
 * would follow it there. Look-ups only need to notice the wrong chain, by the
 * nulls value at its end. Counting must also notice a move to the front of the
 * same chain: an entry must still be behind the link that led to it when its own
 * link to the next has been read. If not, the bucket is discarded and seen
 * again; after three times under its lock, where nothing can move.
 *
 * The listening table is seen under its locks alone, as the kernel's own dumps
 * do. There listen() after shutdown() moves a socket to the front of the same
 * chain as often as its owner likes, and two neighbours that move one after the
 * other are neighbours again, with half of the chain behind them once more. In
 * a long chain the lock is left for a moment now and then, standing on a socket
 * that has a record, so that it is known whether it moved: then the bucket is seen
 * again.
 */

#include <linux/prefetch.h>
#include <linux/rculist.h>
#include <linux/spinlock.h>
#include <net/inet_hashtables.h>
#include <net/tcp.h>

#include "compat.h"
#include "record.h"
#include "resched.h"
#include "walk.h"

/* Restarts of one bucket before its lock is taken. */
#define TCPC_WALK_RESTARTS 3

/*
 * Entries seen in one RCU section, a fraction of a millisecond's worth. A walk
 * goes past it to the end of a bucket, so that it need not hold its place, but
 * not by more than as many again. Empty buckets cost a 64th of an entry.
 */
#define TCPC_WALK_BATCH 512
#define TCPC_WALK_EMPTY_SHIFT 6

/* What of that a listener takes: its queue and its ports are looked at. */
#define TCPC_WALK_LISTENER 4

/*
 * Pauses in a bucket of listeners. Those of a group of IPv6 sockets that listen again
 * come to the end of the chain: whoever is fast enough could go on for ever.
 */
#define TCPC_WALK_PAUSES 4096

/* Chains that are fetched side by side, and how many entries of each. */
#define TCPC_WALK_AHEAD 16
#define TCPC_WALK_DEEP 16

struct tcpc_walk {
	const struct tcpc_visitor *v;
	void *ctx;
	struct tcpc_walk_stats *stats;
	int budget; /* entries left in this RCU section; may run negative */
	unsigned int pauses; /* in this bucket of listeners */
	bool ended; /* the visitor wants no more */
};

#define TCPC_WALK(v_, ctx_, stats_)						\
	{ .v = (v_), .ctx = (ctx_), .stats = (stats_), .budget = TCPC_WALK_BATCH }

/**
 * struct tcpc_bucket - a chain of one of the tables
 * @head: the chain
 * @lock: its lock
 * @listening: of the listening table: seen under @lock alone, a plain lock of
 *	process context; those of the established tables disable softirqs
 * @nulls: the value that ends the chain
 * @visit: the visitor's function for this table
 */
struct tcpc_bucket {
	struct hlist_nulls_head *head;
	spinlock_t *lock; /* the kernel's, over this bucket's chain */
	bool listening;
	unsigned long nulls;
	int (*visit)(void *ctx, struct sock *sk);
};

/* Process context, in the walk's RCU section: leave it for a moment. Tests probe it. */
static noinline __noclone void tcpc_walk_breathe(struct tcpc_walk *w)
	__must_hold(RCU)
{
	rcu_read_unlock();
	if (w->v->rest && !w->v->rest(w->ctx))
		w->ended = true;
	tcpc_resched();
	rcu_read_lock();
	w->budget = TCPC_WALK_BATCH;
}

/* The same where a bucket is to be seen again: of a long chain much is discarded. */
static void tcpc_walk_discard(struct tcpc_walk *w, bool grow)
	__must_hold(RCU)
{
	rcu_read_unlock();
	w->v->discard(w->ctx);
	if (grow && !w->ended)
		w->v->grow(w->ctx);
	tcpc_resched();
	rcu_read_lock();
	w->budget = TCPC_WALK_BATCH;
}

/*
 * Leave the RCU section in the middle of a chain, standing on @sk, which the
 * reference keeps from being used for another connection meanwhile. It may have
 * gone or moved when this returns.
 */
static void tcpc_walk_pause(struct tcpc_walk *w, struct sock *sk)
{
	/* Zero for a moment while hashed is normal for request and timewait. */
	if (!refcount_inc_not_zero(&sk->sk_refcnt))
		return;
	/* One of the kernel is without its namespace, which may go: the next one will do. */
	if (!(sk_fullsock(sk) && data_race(!sk->sk_net_refcnt)))
		tcpc_walk_breathe(w);
	sock_gen_put(sk);
}

/*
 * The same for a listener, with the bucket's lock, which others may take meanwhile: they
 * may add, move and remove others. Returns whether it was in its place all the time, so
 * that those which were seen are in front of it; then *@link is what leads to it now.
 *
 * Where it is says too little: it may have moved, and another in front of it once more,
 * and that into another table. Its record is its own from listen() on, and goes after it
 * was unhashed and before it can be hashed again. Not inlined: tests probe it.
 */
static noinline __noclone bool
tcpc_walk_pause_listener(struct tcpc_walk *w, const struct tcpc_bucket *b, struct sock *sk,
			 struct hlist_nulls_node ***link)
	__must_hold(b->lock)
{
	struct hlist_nulls_node **place;
	u64 id = tcpc_record_id(sk);
	bool stood;

	/*
	 * Not known again, or of the kernel: without its namespace. The next one will do.
	 * Others set bits beside that one.
	 */
	if (!id || data_race(!sk->sk_net_refcnt))
		return true;
	if (++w->pauses > TCPC_WALK_PAUSES)
		return false;
	/* While it is hashed its owner has a reference. */
	sock_hold(sk);
	spin_unlock(b->lock);
	tcpc_walk_breathe(w);
	spin_lock(b->lock);
	place = READ_ONCE(sk->sk_nulls_node.pprev);
	/* If that is another place, perhaps under another lock: its record went before. */
	smp_rmb();
	stood = place && tcpc_record_id(sk) == id;
	if (stood) {
		*link = place;
		__sock_put(sk);
	} else {
		spin_unlock(b->lock);
		sock_put(sk);
		spin_lock(b->lock);
	}
	return stood;
}

/*
 * Show one chain to the visitor. Under RCU; with the bucket's lock if it is of the
 * listening table or @whole, which is without a pause in the middle of it. Returns 0,
 * -EAGAIN when the walk was led astray, or what the visitor said.
 */
static int tcpc_walk_chain(struct tcpc_walk *w, const struct tcpc_bucket *b, bool whole)
{
	struct hlist_nulls_node **link = &b->head->first;
	struct hlist_nulls_node *node = READ_ONCE(*link);
	int err;

	w->pauses = 0;
	while (!is_a_nulls(node)) {
		struct hlist_nulls_node *next;
		struct sock *sk;

		sk = hlist_nulls_entry(node, struct sock, sk_nulls_node);
		err = b->visit(w->ctx, sk);
		if (err)
			return err;
		w->budget -= b->listening ? TCPC_WALK_LISTENER : 1;
		if (w->budget <= -TCPC_WALK_BATCH && !whole) {
			if (!b->listening)
				tcpc_walk_pause(w, sk);
			else if (!tcpc_walk_pause_listener(w, b, sk, &link))
				return -EAGAIN;
			/*
			 * What stood behind it may have been freed for good
			 * meanwhile, if it was not hashed all the time: only a
			 * link read after it was seen in its place is safe.
			 */
			if (READ_ONCE(node->pprev) != link)
				return -EAGAIN;
			/* Seen in its place before the link is read. */
			smp_rmb();
		}

		next = READ_ONCE(node->next);
		/* Whoever moves the entry writes pprev before the new next. */
		smp_rmb();
		if (READ_ONCE(node->pprev) != link)
			return -EAGAIN;
		link = &node->next;
		node = next;
	}
	return get_nulls_value(node) == b->nulls ? 0 : -EAGAIN;
}

static int tcpc_walk_chain_locked(struct tcpc_walk *w, const struct tcpc_bucket *b,
				  bool whole)
{
	int err;

	if (b->listening)
		spin_lock(b->lock);
	else
		spin_lock_bh(b->lock);
	err = tcpc_walk_chain(w, b, whole);
	if (b->listening)
		spin_unlock(b->lock);
	else
		spin_unlock_bh(b->lock);
	return err;
}

/*
 * Process context, in the walk's RCU section. Returns false if the walk is to end
 * with the bucket still to be seen, or to be seen again.
 */
static bool tcpc_walk_bucket(struct tcpc_walk *w, const struct tcpc_bucket *b)
{
	unsigned int restarts = 0;
	int err;

	for (;;) {
		bool whole = restarts >= TCPC_WALK_RESTARTS;

		if (b->listening || whole)
			err = tcpc_walk_chain_locked(w, b, whole);
		else
			err = tcpc_walk_chain(w, b, false);
		if (!err)
			break;
		tcpc_walk_discard(w, err == -ENOSPC);
		if (w->ended)
			return false;
		if (err == -ENOSPC)
			continue;
		w->stats->restarts++;
		if (++restarts == TCPC_WALK_RESTARTS)
			w->stats->locked++;
	}
	if (!w->v->commit(w->ctx)) {
		w->ended = true;
		return false;
	}
	if (w->budget <= 0)
		tcpc_walk_breathe(w);
	return true;
}

/* Process context, in the walk's RCU section. Bucket @i is empty. */
static void tcpc_walk_empty(struct tcpc_walk *w, unsigned int i)
{
	if (!(i & ((1U << TCPC_WALK_EMPTY_SHIFT) - 1)) && --w->budget <= 0)
		tcpc_walk_breathe(w);
}

/*
 * Have the processor fetch what a walk is about to see, of some chains from bucket @i down.
 * A walk that waits for one entry after the other waits for memory most of its time; of
 * several chains side by side it waits for as many at once. Nothing depends on what is
 * read here, so it does not matter where it is led astray. It looks at TCPC_WALK_DEEP
 * entries of each chain at most, which the batch does not count. Under RCU.
 */
static void tcpc_walk_ahead(const struct tcpc_walk *w, const struct inet_hashinfo *hinfo,
			    unsigned int i)
{
	const struct hlist_nulls_node *at[TCPC_WALK_AHEAD], *node;
	unsigned int n = 0, k, live, depth;

	for (k = 0; k < TCPC_WALK_AHEAD; k++) {
		node = READ_ONCE(hinfo->ehash[i].chain.first);
		if (!is_a_nulls(node))
			at[n++] = node;
		if (!i--)
			break;
	}
	for (depth = 0; n && depth < TCPC_WALK_DEEP; depth++) {
		const struct sock *sk;

		for (k = 0; k < n; k++) {
			sk = hlist_nulls_entry(at[k], struct sock, sk_nulls_node);
			prefetch(&sk->sk_nulls_node);
			prefetch(sk);
			prefetch(&sk->sk_flags);
		}
		for (k = 0, live = 0; k < n; k++) {
			sk = hlist_nulls_entry(at[k], struct sock, sk_nulls_node);
			if (w->v->ahead)
				w->v->ahead(sk);
			node = READ_ONCE(at[k]->next);
			if (!is_a_nulls(node))
				at[live++] = node;
		}
		n = live;
	}
}

/*
 * The buckets of an established table, down from *@bucket. Ends early, with the
 * bucket to go on with in *@bucket, when the visitor ends the walk. Process
 * context, in the walk's RCU section. Returns true at the end of the table.
 */
static bool tcpc_walk_ehash(struct tcpc_walk *w, struct inet_hashinfo *hinfo,
			    unsigned int *bucket)
{
	struct tcpc_bucket b = { .visit = w->v->conn };
	unsigned int i, first = *bucket;

	/* The mask may be UINT_MAX in theory: down to zero, not up to the mask. */
	for (i = first;; i--) {
		*bucket = i;
		if (!((first - i) % TCPC_WALK_AHEAD))
			tcpc_walk_ahead(w, hinfo, i);
		b.head = &hinfo->ehash[i].chain;
		/* The first is committed in any case: the visitor may have a place in it. */
		if (i == first || !hlist_nulls_empty(b.head)) {
			b.lock = inet_ehash_lockp(hinfo, i);
			b.nulls = i;
			if (!tcpc_walk_bucket(w, &b))
				return false;
		} else {
			tcpc_walk_empty(w, i);
		}
		if (!i)
			return true;
		if (w->ended) {
			*bucket = i - 1;
			return false;
		}
	}
}

static void tcpc_walk_lhash(struct tcpc_walk *w, struct inet_hashinfo *hinfo)
{
	struct tcpc_bucket b = { .listening = true, .visit = w->v->listener };
	unsigned int i, size = tcpc_lhash_size(hinfo);

	for (i = 0; i < size && !w->ended; i++) {
		struct inet_listen_hashbucket *ilb = tcpc_lhash_bucket(hinfo, i);

		b.head = &ilb->nulls_head;
		if (!hlist_nulls_empty(b.head)) {
			b.lock = &ilb->lock;
			b.nulls = i + LISTENING_NULLS_BASE;
			tcpc_walk_bucket(w, &b);
		} else {
			tcpc_walk_empty(w, i);
		}
	}
}

/* Outside the RCU section: what was committed last has not had its rest yet. */
static void tcpc_walk_finish(struct tcpc_walk *w)
{
	if (w->v->rest)
		w->v->rest(w->ctx);
}

static struct inet_hashinfo *tcpc_hashinfo(const struct net *net)
{
	return net->ipv4.tcp_death_row.hashinfo;
}

/**
 * tcpc_walk_listeners() - show every listening socket to a visitor
 * @v: the visitor
 * @ctx: passed to the visitor
 * @stats: added to
 *
 * All namespaces share this table. A socket that stays in its place is shown exactly
 * once in a committed bucket; one that listens again meanwhile may be missed or shown
 * twice. Each is seen under its bucket's lock, which is held for
 * 2 * TCPC_WALK_BATCH / TCPC_WALK_LISTENER of them, or until one with a record comes;
 * but for the whole chain where the one that the walk stood on moved three times.
 *
 * Context: process, may sleep.
 */
void tcpc_walk_listeners(const struct tcpc_visitor *v, void *ctx,
			 struct tcpc_walk_stats *stats)
{
	struct tcpc_walk w = TCPC_WALK(v, ctx, stats);

	rcu_read_lock();
	tcpc_walk_lhash(&w, tcpc_hashinfo(&init_net));
	rcu_read_unlock();
	tcpc_walk_finish(&w);
}

/**
 * tcpc_walk_conns() - show every connection to a visitor
 * @nets: the namespaces whose tables are walked
 * @v: the visitor
 * @ctx: passed to the visitor
 * @stats: added to
 *
 * Walks the established table that most namespaces share, and the private one of
 * each namespace that has one. A socket that stays in its table during the walk
 * is shown exactly once in a committed bucket; one that comes, goes or turns into
 * another kind of entry meanwhile may be missed or shown twice. (In a private
 * table of very few buckets its owner can, while the walk pauses in a long chain,
 * move connections so that others of that table are shown twice.)
 *
 * RCU sections are bounded by twice TCPC_WALK_BATCH entries, and as many looks ahead, the
 * last of which may be of entries that are shown in the next section; but for the buckets
 * seen under their locks, which are held for the length of the chain.
 *
 * Context: process, may sleep.
 */
void tcpc_walk_conns(const struct tcpc_netset *nets, const struct tcpc_visitor *v,
		     void *ctx, struct tcpc_walk_stats *stats)
{
	struct inet_hashinfo *own, *shared = tcpc_hashinfo(&init_net);
	struct tcpc_walk w = TCPC_WALK(v, ctx, stats);
	unsigned int i, bucket;

	rcu_read_lock();
	bucket = shared->ehash_mask;
	tcpc_walk_ehash(&w, shared, &bucket);
	for (i = 0; i < nets->nr && !w.ended; i++) {
		own = tcpc_hashinfo(nets->refs[i].net);
		bucket = own->ehash_mask;
		if (own != shared)
			tcpc_walk_ehash(&w, own, &bucket);
	}
	rcu_read_unlock();
	tcpc_walk_finish(&w);
}

/**
 * tcpc_cursor_begin() - stand at the beginning of a namespace's connections
 * @cursor: it
 * @net: the namespace, held
 *
 * Context: any.
 */
void tcpc_cursor_begin(struct tcpc_cursor *cursor, const struct net *net)
{
	cursor->bucket = tcpc_hashinfo(net)->ehash_mask;
	cursor->end = false;
}

/**
 * tcpc_walk_from() - show the connections of one table, until the visitor ends it
 * @cursor: where to begin; then where to go on: with the bucket whose commit
 *	ended the walk, or the one that was not seen whole
 * @net: the namespace whose table it is, held. If it shares the table, the
 *	others' connections are shown as well.
 * @v: the visitor
 * @ctx: passed to the visitor
 * @stats: added to
 *
 * Otherwise like tcpc_walk_conns().
 *
 * Context: process, may sleep.
 */
void tcpc_walk_from(struct tcpc_cursor *cursor, const struct net *net,
		    const struct tcpc_visitor *v, void *ctx,
		    struct tcpc_walk_stats *stats)
{
	struct tcpc_walk w = TCPC_WALK(v, ctx, stats);

	rcu_read_lock();
	cursor->end = tcpc_walk_ehash(&w, tcpc_hashinfo(net), &cursor->bucket);
	rcu_read_unlock();
	tcpc_walk_finish(&w);
}

/*
 * One port can have a bind bucket for each VRF of a namespace. They are in one chain.
 * The one of no VRF shows the port, or the first if there is none of that kind: is it
 * another than @tb, of a VRF? Under the chain's lock; @looks are left for it.
 */
static bool tcpc_bound_elsewhere(const struct inet_bind_hashbucket *head,
				 const struct inet_bind_bucket *tb, unsigned int *looks)
{
	const struct inet_bind_bucket *other;
	bool before = true;

	hlist_for_each_entry(other, &head->chain, node) {
		if (other == tb) {
			before = false;
			continue;
		}
		/*
		 * Softirqs are off. Where somebody has that many VRFs, ports of VRFs
		 * in this chain may be seen once for each, also those of others.
		 */
		if (!*looks)
			return false;
		--*looks;
		if ((before || !other->l3mdev) && other->port == tb->port &&
		    read_pnet(&other->ib_net) == read_pnet(&tb->ib_net))
			return true;
	}
	return false;
}

/**
 * tcpc_walk_bound() - show every local port in use to a visitor
 * @v: the visitor; its @bound is called under the lock of a bucket
 * @ctx: passed to the visitor
 *
 * A port is in use as long as a socket is bound to it, of whatever state,
 * TIME_WAIT included, and also if it is in none of the other tables. Each is
 * shown once per namespace. All namespaces share this table. Its buckets are
 * seen under their locks: older kernels free entries without a grace period.
 * Chains are short, as an entry is a port of a namespace, not a socket.
 *
 * Context: process, may sleep.
 */
void tcpc_walk_bound(const struct tcpc_visitor *v, void *ctx)
{
	const struct inet_hashinfo *hinfo = tcpc_hashinfo(&init_net);
	struct inet_bind_hashbucket *head;
	struct inet_bind_bucket *tb;
	unsigned int i, looks;

	for (i = 0; i < hinfo->bhash_size; i++) {
		head = &hinfo->bhash[i];
		if (i + TCPC_WALK_AHEAD < hinfo->bhash_size &&
		    !hlist_empty(&head[TCPC_WALK_AHEAD].chain))
			prefetch(READ_ONCE(head[TCPC_WALK_AHEAD].chain.first));
		if (!(i % TCPC_WALK_BATCH))
			tcpc_resched();
		if (hlist_empty(&head->chain))
			continue;
		looks = 8 * TCPC_WALK_BATCH;
		spin_lock_bh(&head->lock);
		hlist_for_each_entry(tb, &head->chain, node)
			if (!tb->l3mdev || !tcpc_bound_elsewhere(head, tb, &looks))
				v->bound(ctx, read_pnet(&tb->ib_net), tb->port);
		spin_unlock_bh(&head->lock);
	}
}
