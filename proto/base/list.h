/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A doubly linked ring; a head is a link that belongs to no item. A comment at each link names
 * the list it is on. */
struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *list)
{
	list->next = list->prev = list;
}

static inline bool list_is_empty(const struct list *list)
{
	return !list->next || list->next == list;
}

static inline void list_add_tail(struct list *head, struct list *link)
{
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

/* May be called on a link that is on no list. */
static inline void list_remove(struct list *link)
{
	if (!link->next)
		return;
	link->prev->next = link->next;
	link->next->prev = link->prev;
	link->next = link->prev = NULL;
}

/* The loop's body may remove `link`. */
#define list_for_each(head, link)                                                                  \
	for (struct list *link = (head)->next, *link##_next_ = link->next; link != (head);         \
		link = link##_next_, link##_next_ = link->next)
