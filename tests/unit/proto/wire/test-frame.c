/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Messages in pieces and in crowds, and the limits of both directions. */

#include "proto/wire/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define MESSAGE_MAX 1000
#define UNSENT_MAX 5000

static struct frame frame;
static int peer = -1;

static void begin(void)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	frame_init(&frame, pair[0], MESSAGE_MAX, UNSENT_MAX);
	peer = pair[1];
}

static void finish(void)
{
	frame_done(&frame);
	closep(&peer);
}

static void expect(const char *text)
{
	size_t size = 0;
	const char *message = frame_next(&frame, &size);

	ck_assert_ptr_nonnull(message);
	ck_assert_uint_eq(size, strlen(text));
	ck_assert_str_eq(message, text);
}

static void expect_none(void)
{
	size_t size;

	ck_assert_ptr_null(frame_next(&frame, &size));
}

static void put(const char *bytes, size_t n)
{
	ck_assert_int_eq(write(peer, bytes, n), (ssize_t)n);
	ck_assert_int_eq(frame_receive(&frame), 0);
}

START_TEST(nothing_is_no_message)
{
	expect_none();
	ck_assert_int_eq(frame_receive(&frame), 0);
	expect_none();
	ck_assert(!frame.is_eof);
}
END_TEST

START_TEST(messages_come_out_as_they_went_in)
{
	put("one\0two\0\0thr", 12);
	expect("one");
	expect("two");
	expect("");
	expect_none();
	put("ee", 2);
	expect_none();
	put("\0", 1);
	expect("three");
	expect_none();
}
END_TEST

START_TEST(the_end_is_told_and_what_came_before_remains)
{
	ck_assert_int_eq(write(peer, "one\0tw", 6), 6);
	closep(&peer);
	ck_assert_int_eq(frame_receive(&frame), 0);
	ck_assert_int_eq(frame_receive(&frame), 0);
	ck_assert(frame.is_eof);
	expect("one");
	expect_none();
}
END_TEST

START_TEST(a_message_may_be_as_long_as_the_limit_and_no_longer)
{
	static char bytes[MESSAGE_MAX + 1];

	memset(bytes, 'x', MESSAGE_MAX);
	put(bytes, MESSAGE_MAX + 1);
	expect(bytes);
	bytes[MESSAGE_MAX] = 'x';
	ck_assert_int_eq(write(peer, bytes, sizeof(bytes)), (ssize_t)sizeof(bytes));
	ck_assert_int_eq(frame_receive(&frame), -EMSGSIZE);
}
END_TEST

START_TEST(many_small_messages_may_exceed_the_limit_together)
{
	static char bytes[4 * 1000];
	unsigned n = 0;
	size_t size;

	for (size_t i = 0; i < sizeof(bytes); i += 4)
		memcpy(bytes + i, "abc", 4);
	ck_assert_int_eq(write(peer, bytes, sizeof(bytes)), (ssize_t)sizeof(bytes));
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(frame_receive(&frame), 0);
		if (i % 2)
			continue;
		while (frame_next(&frame, &size))
			n++;
	}
	ck_assert_uint_eq(n, 1000);
}
END_TEST

START_TEST(output_has_a_limit_and_nothing_is_queued_above_it)
{
	static char text[UNSENT_MAX];

	ck_assert_int_eq(frame_send(&frame, text, UNSENT_MAX), -ENOBUFS);
	ck_assert_uint_eq(frame_n_unsent(&frame), 0);
	ck_assert_int_eq(frame_send(&frame, text, UNSENT_MAX - 1), 0);
	ck_assert_uint_eq(frame_n_unsent(&frame), UNSENT_MAX);
	ck_assert_int_eq(frame_send(&frame, "", 0), -ENOBUFS);
	ck_assert_int_eq(frame_flush(&frame), 0);
	ck_assert_uint_eq(frame_n_unsent(&frame), 0);
	ck_assert_int_eq(frame_send(&frame, "", 0), 0);
}
END_TEST

START_TEST(what_the_socket_does_not_take_waits)
{
	static char text[1024 * 1024], back[65536];
	size_t n = 0;

	memset(text, 'y', sizeof(text));
	frame.unsent_max = 2 * sizeof(text);
	ck_assert_int_eq(frame_send(&frame, text, sizeof(text)), 0);
	ck_assert_int_eq(frame_flush(&frame), 0);
	ck_assert_uint_gt(frame_n_unsent(&frame), 0);
	while (n < sizeof(text) + 1) {
		ssize_t r = recv(peer, back, sizeof(back), MSG_DONTWAIT);

		if (r > 0)
			n += (size_t)r;
		ck_assert_int_eq(frame_flush(&frame), 0);
	}
	ck_assert_uint_eq(frame_n_unsent(&frame), 0);
	closep(&peer);
	ck_assert_int_eq(frame_send(&frame, "x", 1), 0);
	ck_assert_int_eq(frame_flush(&frame), -EPIPE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("frame");
	TCase *tcase = tcase_create("frame");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_checked_fixture(tcase, begin, finish);
	tcase_add_test(tcase, nothing_is_no_message);
	tcase_add_test(tcase, messages_come_out_as_they_went_in);
	tcase_add_test(tcase, the_end_is_told_and_what_came_before_remains);
	tcase_add_test(tcase, a_message_may_be_as_long_as_the_limit_and_no_longer);
	tcase_add_test(tcase, many_small_messages_may_exceed_the_limit_together);
	tcase_add_test(tcase, output_has_a_limit_and_nothing_is_queued_above_it);
	tcase_add_test(tcase, what_the_socket_does_not_take_waits);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
