/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Buffers: what is appended is there, always followed by a NUL, and errors stick. */

#include "proto/base/buffer.h"

#include <errno.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

START_TEST(appended_parts_stand_one_after_another)
{
	CLEANUP(buffer_done) struct buffer buffer = {};

	buffer_append_text(&buffer, "one ");
	buffer_append(&buffer, "two!", 3);
	buffer_append_char(&buffer, ' ');
	buffer_printf(&buffer, "%d%s", 3, "");
	ck_assert_int_eq(buffer_error(&buffer), 0);
	ck_assert_str_eq(buffer.data, "one two 3");
	ck_assert_uint_eq(buffer.size, 9);
}
END_TEST

START_TEST(a_print_longer_than_the_room_at_hand_is_whole)
{
	CLEANUP(buffer_done) struct buffer buffer = {};
	char text[5000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	buffer_printf(&buffer, "<%s>", text);
	ck_assert_uint_eq(buffer.size, sizeof(text) + 1);
	ck_assert_int_eq(buffer.data[0], '<');
	ck_assert_int_eq(buffer.data[buffer.size - 1], '>');
	ck_assert_int_eq(buffer.data[buffer.size], '\0');
}
END_TEST

START_TEST(consuming_drops_from_the_front)
{
	CLEANUP(buffer_done) struct buffer buffer = {};

	buffer_append_text(&buffer, "abcdef");
	buffer_consume(&buffer, 0);
	buffer_consume(&buffer, 2);
	ck_assert_str_eq(buffer.data, "cdef");
	buffer_consume(&buffer, 4);
	ck_assert_uint_eq(buffer.size, 0);
	ck_assert_str_eq(buffer.data, "");
}
END_TEST

START_TEST(an_error_sticks_and_taking_gives_nothing)
{
	CLEANUP(buffer_done) struct buffer buffer = {};

	buffer_append_text(&buffer, "kept");
	ck_assert_ptr_null(buffer_reserve(&buffer, SIZE_MAX - 2));
	ck_assert_int_eq(buffer_error(&buffer), -ENOMEM);
	buffer_append_text(&buffer, "ignored");
	ck_assert_uint_eq(buffer.size, 4);
	ck_assert_ptr_null(buffer_take(&buffer, NULL));
}
END_TEST

START_TEST(taking_hands_out_and_leaves_an_empty_buffer)
{
	CLEANUP(buffer_done) struct buffer buffer = {};
	CLEANUP(freep) char *text = NULL;
	CLEANUP(freep) char *empty = NULL;
	size_t size = 99;

	buffer_append(&buffer, "a\0b", 3);
	text = buffer_take(&buffer, &size);
	ck_assert_uint_eq(size, 3);
	ck_assert_mem_eq(text, "a\0b", 4);
	ck_assert_uint_eq(buffer.size, 0);
	empty = buffer_take(&buffer, &size);
	ck_assert_str_eq(empty, "");
	ck_assert_uint_eq(size, 0);
}
END_TEST

START_TEST(clearing_keeps_memory_and_not_bytes)
{
	CLEANUP(buffer_done) struct buffer buffer = {};
	char *data;

	buffer_clear(&buffer);
	buffer_append_text(&buffer, "something");
	data = buffer.data;
	buffer_clear(&buffer);
	ck_assert_uint_eq(buffer.size, 0);
	ck_assert_str_eq(buffer.data, "");
	buffer_append_text(&buffer, "new");
	ck_assert_ptr_eq(buffer.data, data);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		appended_parts_stand_one_after_another,
		a_print_longer_than_the_room_at_hand_is_whole,
		consuming_drops_from_the_front,
		an_error_sticks_and_taking_gives_nothing,
		taking_hands_out_and_leaves_an_empty_buffer,
		clearing_keeps_memory_and_not_bytes,
	};

	return check_main("buffer", tests, ARRAY_SIZE(tests));
}
