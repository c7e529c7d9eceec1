/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Compressed sections beside the libraries that packed them: what is whole comes out whole; what is
 * cut off, damaged or claims another size than it has does not, and ends.
 */

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "daemon/worker/unpacker.h"
#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define SIZE (((size_t)5 << 18) + 1000) /* some steps, and a part of one */
#define ROOM (2 * SIZE)

static uint8_t plain[SIZE], room[ROOM];

/* Text that repeats itself at many distances, and noise. */
static void make_plain(void)
{
	srand(1);
	for (size_t i = 0; i < SIZE; i++) {
		size_t distance = 1 + (size_t)rand() % 40000;

		plain[i] = i > distance && i % 97 ? plain[i - distance] : (uint8_t)rand();
	}
}

/* plain[from, to) as a stream of its own at room[at]; returns where it ends. */
static size_t pack(size_t at, size_t from, size_t to)
{
	uLongf n = ROOM - at;

	ck_assert_int_eq(compress2(room + at, &n, plain + from, to - from, 6), Z_OK);
	return at + n;
}

static size_t put_header(uint32_t type, uint64_t size)
{
	Elf64_Chdr header = {.ch_type = type, .ch_size = size};

	memcpy(room, &header, sizeof(header));
	return sizeof(header);
}

static int unpack(size_t n)
{
	CLEANUP(freep) uint8_t *data = NULL;
	struct inflate_source source;
	int r = inflate_read_section((struct elf_bytes){.data = room, .size = n}, false, &source);

	if (!r)
		r = inflate_all(&source, &data);
	if (!r) {
		ck_assert_uint_eq(source.size, SIZE);
		ck_assert(!memcmp(data, plain, SIZE));
	}
	return r;
}

START_TEST(one_stream_comes_out_as_it_went_in)
{
	ck_assert_int_eq(unpack(pack(put_header(ELFCOMPRESS_ZLIB, SIZE), 0, SIZE)), 0);
}
END_TEST

START_TEST(several_streams_follow_each_other)
{
	size_t n = pack(put_header(ELFCOMPRESS_ZLIB, SIZE), 0, 5);

	n = pack(n, 5, 70000);
	n = pack(n, 70000, SIZE);
	ck_assert_int_eq(unpack(n), 0);
}
END_TEST

START_TEST(old_form_has_its_size_in_front)
{
	CLEANUP(freep) uint8_t *data = NULL;
	uint64_t claim = __builtin_bswap64(SIZE);
	struct inflate_source source;
	struct elf_bytes bytes = {.data = room};

	memcpy(room, "ZLIB", 4);
	memcpy(room + 4, &claim, sizeof(claim));
	bytes.size = pack(12, 0, SIZE);
	ck_assert_int_eq(inflate_read_zdebug(bytes, &source), 0);
	ck_assert_int_eq(inflate_all(&source, &data), 0);
	ck_assert_uint_eq(source.size, SIZE);
	ck_assert(!memcmp(data, plain, SIZE));
}
END_TEST

START_TEST(what_is_cut_off_is_bad)
{
	size_t n = pack(put_header(ELFCOMPRESS_ZLIB, SIZE), 0, SIZE);

	for (size_t left = 0; left < n; left += 1 + left / 3)
		ck_assert_int_eq(unpack(left), INFLATE_BAD);
	ck_assert_int_eq(unpack(n - 1), INFLATE_BAD);
}
END_TEST

START_TEST(another_size_than_was_claimed_is_bad)
{
	static const uint64_t claims[] = {0, 1, SIZE - 1, SIZE + 1, UINT64_C(1) << 40, UINT64_MAX};
	size_t n = pack(put_header(ELFCOMPRESS_ZLIB, SIZE), 0, SIZE);

	for (size_t i = 0; i < ARRAY_SIZE(claims); i++) {
		put_header(ELFCOMPRESS_ZLIB, claims[i]);
		ck_assert_int_eq(unpack(n), INFLATE_BAD);
	}
}
END_TEST

START_TEST(unknown_ways_to_pack_are_bad)
{
	size_t n = pack(put_header(77, SIZE), 0, SIZE);

	ck_assert_int_eq(unpack(n), INFLATE_BAD);
	ck_assert_int_eq(unpack(3), INFLATE_BAD);
}
END_TEST

START_TEST(damage_is_noticed_and_never_hangs)
{
	size_t n = pack(put_header(ELFCOMPRESS_ZLIB, SIZE), 0, SIZE);

	for (unsigned i = 0; i < 60; i++) {
		size_t at = sizeof(Elf64_Chdr) + (size_t)rand() % (i % 2 ? 300 : n - 24);
		uint8_t was = room[at];

		room[at] ^= (uint8_t)(1 << i % 8);
		/* Some bits say how it was packed, and change nothing. */
		if (unpack(n))
			ck_assert_uint_ge(at, sizeof(Elf64_Chdr));
		else
			ck_assert_uint_lt(at, sizeof(Elf64_Chdr) + 2);
		room[at] = was;
	}
	ck_assert_int_eq(unpack(n), 0);
}
END_TEST

static void begin(size_t n, struct unpacking **ret_unpacking)
{
	struct inflate_source source;
	struct elf_bytes bytes = {.data = room, .size = n};

	ck_assert_int_eq(inflate_read_section(bytes, false, &source), 0);
	ck_assert_int_eq(unpacking_new(&source, ret_unpacking), 0);
}

/* All of it, bit by bit. */
static void read_all(struct unpacking *unpacking)
{
	struct elf_bytes bytes = unpacking_bytes(unpacking);

	ck_assert_uint_eq(bytes.size, SIZE);
	for (size_t at = 0; at < SIZE; at += 1000) {
		size_t n = SIZE - at < 1000 ? SIZE - at : 1000;

		unpacking_wait(unpacking, at + n);
		ck_assert(!memcmp(bytes.data + at, plain + at, n));
	}
}

static void unpack_two(void)
{
	size_t n = pack(put_header(ELFCOMPRESS_ZLIB, SIZE), 0, SIZE);
	struct unpacking *first, *second;

	begin(n, &first);
	begin(n, &second);
	read_all(first);
	read_all(second);
	unpacking_free(first);
	unpacking_free(second);
}

START_TEST(section_is_unpacked_with_and_without_a_thread)
{
	unpack_two();
	ck_assert_int_eq(unpacker_start(), 0);
	unpack_two();
	unpack_two();
}
END_TEST

START_TEST(what_nobody_wants_any_more_is_given_up)
{
	size_t n = pack(put_header(ELFCOMPRESS_ZLIB, SIZE), 0, SIZE);

	ck_assert_int_eq(unpacker_start(), 0);
	for (unsigned i = 0; i < 100; i++) {
		struct unpacking *unpacking;

		begin(n, &unpacking);
		unpacking_wait(unpacking, i * 1000);
		unpacking_free(unpacking);
	}
	unpack_two();
}
END_TEST

START_TEST(what_is_missing_is_zeros_and_nobody_waits_for_it)
{
	size_t n = pack(put_header(ELFCOMPRESS_ZLIB, SIZE), 0, SIZE);
	struct unpacking *unpacking;
	struct elf_bytes bytes;

	ck_assert_int_eq(unpacker_start(), 0);
	begin(n / 2, &unpacking);
	bytes = unpacking_bytes(unpacking);
	unpacking_wait(unpacking, SIZE);
	ck_assert(unpacking_is_over(unpacking));
	ck_assert(!memcmp(bytes.data, plain, 1000));
	for (size_t i = SIZE - 1000; i < SIZE; i++)
		ck_assert_uint_eq(bytes.data[i], 0);
	unpacking_free(unpacking);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		one_stream_comes_out_as_it_went_in,
		several_streams_follow_each_other,
		old_form_has_its_size_in_front,
		what_is_cut_off_is_bad,
		another_size_than_was_claimed_is_bad,
		unknown_ways_to_pack_are_bad,
		damage_is_noticed_and_never_hangs,
		section_is_unpacked_with_and_without_a_thread,
		what_nobody_wants_any_more_is_given_up,
		what_is_missing_is_zeros_and_nobody_waits_for_it,
	};

	make_plain();
	return check_main("worker/inflate", tests, ARRAY_SIZE(tests));
}
