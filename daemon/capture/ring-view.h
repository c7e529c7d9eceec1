/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Has a BPF ring anything to read? Asked before each sample of one ring of the other, where libbpf would
 * go through all that it does to read. The kernel shows two positions to whoever maps the ring: at its
 * beginning how far was read, a page behind that how far was written (kernel/bpf/ringbuf.c,
 * ringbuf_map_mmap_kern()).
 */

#include <stdbool.h>

struct ring_view {
	const unsigned long *read, *written;
};

/* The ring's fd is not kept. 0 or a negative errno. */
int ring_view_open(int ring_fd, struct ring_view *ret_view);
void ring_view_close(struct ring_view *view);

/* What was written before something else that the caller has seen (with acquire semantics) is seen. */
static inline bool ring_view_is_empty(const struct ring_view *view)
{
	return __atomic_load_n(view->written, __ATOMIC_ACQUIRE) ==
		__atomic_load_n(view->read, __ATOMIC_RELAXED);
}
