/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A file in memory with a ring's positions in the places where the kernel shows them. */

#include "daemon/capture/ring-view.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

static void put(int fd, off_t at, unsigned long position)
{
	ck_assert_int_eq(pwrite(fd, &position, sizeof(position), at), sizeof(position));
}

START_TEST(ring_is_empty_exactly_while_all_that_was_written_has_been_read)
{
	CLEANUP(closep) int fd = memfd_create("ring", MFD_CLOEXEC);
	off_t page = sysconf(_SC_PAGESIZE);
	struct ring_view view;

	ck_assert_int_eq(ftruncate(fd, 3 * page), 0);
	ck_assert_int_eq(ring_view_open(fd, &view), 0);
	ck_assert(ring_view_is_empty(&view));
	put(fd, page, 4096 + 48);
	ck_assert(!ring_view_is_empty(&view));
	put(fd, 0, 4096);
	ck_assert(!ring_view_is_empty(&view));
	put(fd, 0, 4096 + 48);
	ck_assert(ring_view_is_empty(&view));
	ring_view_close(&view);
	ring_view_close(&view);
}
END_TEST

START_TEST(what_cannot_be_mapped_is_an_error)
{
	struct ring_view view = {};

	ck_assert_int_eq(ring_view_open(-1, &view), -EBADF);
	ring_view_close(&view);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		ring_is_empty_exactly_while_all_that_was_written_has_been_read,
		what_cannot_be_mapped_is_an_error,
	};

	return check_main("capture/ring-view", tests, ARRAY_SIZE(tests));
}
