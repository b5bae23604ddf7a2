/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_LIST_H
#define SHIM_LINUX_LIST_H

#include <stddef.h>
#include <stdbool.h>

struct list_head {
	struct list_head *next;
	struct list_head *prev;
};

struct hlist_node {
	struct hlist_node *next;
	struct hlist_node **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

/* A test begins it anew, with INIT_LIST_HEAD(). */
#define LIST_HEAD_INIT(name) { .next = &(name) }

#define shim_entry(ptr, type, member)					\
	((type *)((char *)(ptr) - offsetof(type, member)))

static inline void INIT_LIST_HEAD(struct list_head *list)
{
	list->next = list;
	list->prev = list;
}

static inline void list_del(struct list_head *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->next = NULL;
	node->prev = NULL;
}

static inline void list_add(struct list_head *node, struct list_head *after)
{
	node->next = after->next;
	node->prev = after;
	after->next->prev = node;
	after->next = node;
}

static inline void list_move_tail(struct list_head *node, struct list_head *list)
{
	list_del(node);
	list_add(node, list->prev);
}

#define list_for_each_entry_safe(pos, n, head, member)			\
	for (struct list_head *end_ = (head), *at_ = end_->next, *next_ = at_->next; \
	     at_ != end_ &&						\
	     ((pos) = shim_entry(at_, typeof(*(typeof(pos))0), member),	\
	      !((n) = NULL));						\
	     at_ = next_, next_ = at_->next)

static inline void hlist_add_head(struct hlist_node *node, struct hlist_head *head)
{
	node->next = head->first;
	node->pprev = &head->first;
	if (head->first)
		head->first->pprev = &node->next;
	head->first = node;
}

static inline void hlist_del(struct hlist_node *node)
{
	*node->pprev = node->next;
	if (node->next)
		node->next->pprev = node->pprev;
}

#define hlist_for_each_entry(pos, head, member)				\
	for (struct hlist_node *at_ = (head)->first;			\
	     ((pos) = at_ ? shim_entry(at_, typeof(*(typeof(pos))0), member) : NULL); \
	     at_ = at_->next)

#endif /* SHIM_LINUX_LIST_H */
