/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Both positions are mapped a second time, to be read only. */

#include "daemon/capture/ring-view.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

int ring_view_open(int ring_fd, struct ring_view *ret_view)
{
	const char *pages = mmap(NULL, 2 * page_size(), PROT_READ, MAP_SHARED, ring_fd, 0);

	if (pages == MAP_FAILED)
		return -errno;
	ret_view->read = (const void *)pages;
	ret_view->written = (const void *)(pages + page_size());
	return 0;
}

void ring_view_close(struct ring_view *view)
{
	if (view->read)
		munmap((void *)view->read, 2 * page_size());
	*view = (struct ring_view){};
}
