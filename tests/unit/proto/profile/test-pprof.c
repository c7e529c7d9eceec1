/* SPDX-License-Identifier: GPL-2.0-or-later */

/* pprof as the native file: nothing is lost on the way, and nothing foreign does harm. */

#include "proto/profile/pprof.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/profile/pprof-fields.h"
#include "proto/profile/pprof-gzip.h"
#include "proto/profile/protobuf.h"
#include "tests/lib/check-main.h"
#include "tests/unit/proto/profile/fixture.h"

static struct profile *decode(const struct buffer *bytes)
{
	struct profile *profile = NULL;
	struct profile_error error = {};

	ck_assert_msg(!pprof_decode(bytes->data, bytes->size, &profile, &error), "%s", error.text);
	return profile;
}

static void inflate(const struct buffer *bytes, struct buffer *out)
{
	ck_assert_int_eq(pprof_inflate(bytes->data, bytes->size, PPROF_BYTES_MAX, out, NULL), 0);
}

START_TEST(everything_survives_write_and_read)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_hostile(), *back = NULL;
	CLEANUP(buffer_done) struct buffer out = {};

	ck_assert_int_eq(pprof_encode(profile, &out), 0);
	back = decode(&out);
	ck_assert(back->is_sealed);
	fixture_assert_equal(profile, back);
}
END_TEST

START_TEST(a_second_trip_gives_the_same_bytes)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_random(1, 300), *back = NULL;
	CLEANUP(profile_unrefp) struct profile *again = NULL;
	CLEANUP(buffer_done) struct buffer first = {}, second = {}, third = {};

	ck_assert_int_eq(pprof_encode(profile, &first), 0);
	back = decode(&first);
	ck_assert_int_eq(pprof_encode(back, &second), 0);
	again = decode(&second);
	fixture_assert_equal(profile, again);
	ck_assert_int_eq(pprof_encode(again, &third), 0);
	ck_assert_uint_eq(second.size, third.size);
	ck_assert_mem_eq(second.data, third.data, second.size);
}
END_TEST

/* Other writers put samples in any order, and a stack or a sample more than once. */
START_TEST(samples_in_any_order_and_twice_are_read_alike)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_random(1, 300), *back = NULL;
	CLEANUP(buffer_done) struct buffer out = {}, plain = {}, turned = {};
	struct protobuf in;
	struct protobuf_field field, samples[2000];
	size_t n = 0;

	ck_assert_int_eq(pprof_encode(profile, &out), 0);
	inflate(&out, &plain);
	in = (struct protobuf){
		(const uint8_t *)plain.data, (const uint8_t *)plain.data + plain.size};
	while (protobuf_next(&in, &field) == 0) {
		if (field.number == PPROF_SAMPLE)
			samples[n++] = field;
		else if (field.type == PROTOBUF_BYTES)
			protobuf_put_bytes(&turned, field.number, field.bytes.at,
				(size_t)(field.bytes.end - field.bytes.at));
		else
			protobuf_put_number(&turned, field.number, field.value);
		ck_assert_uint_lt(n, ARRAY_SIZE(samples));
	}
	/* A third forwards, all backwards, and then the other two thirds: each is there twice. */
	for (size_t i = 0; i < 2 * n; i++) {
		size_t at = i < n / 3 ? i : i < n / 3 + n ? n - 1 - (i - n / 3) : i - n;

		protobuf_put_bytes(&turned, PPROF_SAMPLE, samples[at].bytes.at,
			(size_t)(samples[at].bytes.end - samples[at].bytes.at));
	}
	back = decode(&turned);
	ck_assert_uint_eq(back->n_samples, profile->n_samples);
	ck_assert_uint_eq(back->n_stacks, profile->n_stacks);
	ck_assert_uint_eq(back->ledger.kept, 2 * profile->ledger.kept);
}
END_TEST

START_TEST(an_empty_profile_survives_too)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new(), *back = NULL;
	CLEANUP(buffer_done) struct buffer out = {};

	fixture_seal(profile);
	ck_assert_int_eq(pprof_encode(profile, &out), 0);
	back = decode(&out);
	fixture_assert_equal(profile, back);
}
END_TEST

START_TEST(without_gzip_it_reads_the_same)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_hostile(), *back = NULL;
	CLEANUP(buffer_done) struct buffer out = {}, plain = {};

	ck_assert_int_eq(pprof_encode(profile, &out), 0);
	inflate(&out, &plain);
	back = decode(&plain);
	fixture_assert_equal(profile, back);
}
END_TEST

START_TEST(cut_anywhere_it_is_refused_with_a_cause)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_hostile();
	CLEANUP(buffer_done) struct buffer out = {}, plain = {};
	size_t n_refused = 0;

	ck_assert_int_eq(pprof_encode(profile, &out), 0);
	for (size_t n = 0; n < out.size; n++) {
		struct profile *back = NULL;
		struct profile_error error = {};

		ck_assert_int_eq(pprof_decode(out.data, n, &back, &error), PROFILE_MALFORMED);
		ck_assert_ptr_null(back);
		ck_assert_uint_gt(strlen(error.text), 0);
	}
	/* Without gzip a cut between fields may leave a whole, smaller message. */
	inflate(&out, &plain);
	for (size_t n = 0; n < plain.size; n++) {
		CLEANUP(profile_unrefp) struct profile *back = NULL;
		struct profile_error error = {};

		n_refused += pprof_decode(plain.data, n, &back, &error) == PROFILE_MALFORMED;
		ck_assert_int_eq(!back, error.text[0] != '\0');
	}
	ck_assert_uint_gt(n_refused, plain.size * 9 / 10);
}
END_TEST

START_TEST(any_byte_changed_does_no_harm)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_random(2, 20);
	CLEANUP(buffer_done) struct buffer out = {}, plain = {};

	ck_assert_int_eq(pprof_encode(profile, &out), 0);
	inflate(&out, &plain);
	for (size_t i = 0; i < plain.size; i++) {
		char kept = plain.data[i];

		for (unsigned change = 0; change < 4; change++) {
			CLEANUP(profile_unrefp) struct profile *back = NULL;

			plain.data[i] = (char)(kept ^ (0x1u << (change * 2 + 1)));
			pprof_decode(plain.data, plain.size, &back, NULL);
		}
		plain.data[i] = kept;
	}
}
END_TEST

START_TEST(foreign_bytes_are_named)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *cause;
	} cases[] = {
		{"", 0, "empty"},
		{"\x1f\x8b\x08", 3, "ends in the middle"},
		{"\x1f\x8bgarbage garbage", 17, "damaged"},
		{"\x0a\x7f", 2, "ends in the middle"},
		{"\x32\x00", 2, "what its values are"},
		{"hello there", 11, "no pprof"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct profile *profile = NULL;
		struct profile_error error = {};

		ck_assert_int_eq(pprof_decode(cases[i].bytes, cases[i].n, &profile, &error),
			PROFILE_MALFORMED);
		ck_assert_msg(strstr(error.text, cases[i].cause), "%zu: %s", i, error.text);
	}
}
END_TEST

START_TEST(a_bomb_is_refused_at_the_limit)
{
	CLEANUP(buffer_done) struct buffer zeros = {}, packed = {}, out = {};
	struct profile_error error = {};

	ck_assert_ptr_nonnull(buffer_reserve(&zeros, 10 << 20));
	memset(zeros.data, 0, 10 << 20);
	ck_assert_int_eq(pprof_deflate(zeros.data, 10 << 20, &packed), 0);
	ck_assert_uint_lt(packed.size, 100000);
	ck_assert_int_eq(pprof_inflate(packed.data, packed.size, 10 << 20, &out, &error), 0);
	ck_assert_uint_eq(out.size, 10 << 20);
	buffer_clear(&out);
	ck_assert_int_eq(
		pprof_inflate(packed.data, packed.size, 9 << 20, &out, &error), PROFILE_MALFORMED);
	ck_assert_msg(strstr(error.text, "9 MiB"), "%s", error.text);
	ck_assert_uint_lt(out.size, 10 << 20);
}
END_TEST

START_TEST(gzip_members_one_after_another_are_one_and_garbage_behind_is_refused)
{
	CLEANUP(buffer_done) struct buffer packed = {}, out = {};
	struct profile_error error = {};

	ck_assert_int_eq(pprof_deflate("one ", 4, &packed), 0);
	ck_assert_int_eq(pprof_deflate("two", 3, &packed), 0);
	ck_assert_int_eq(pprof_inflate(packed.data, packed.size, 100, &out, &error), 0);
	ck_assert_str_eq(out.data, "one two");
	buffer_append_text(&packed, "xyz");
	buffer_clear(&out);
	ck_assert_int_eq(
		pprof_inflate(packed.data, packed.size, 100, &out, &error), PROFILE_MALFORMED);
}
END_TEST

/* A message by hand: what other writers may do. */
static void put_message(struct buffer *out, uint32_t number, const struct buffer *message)
{
	protobuf_put_bytes(out, number, message->data, message->size);
}

static void put_type(struct buffer *out, uint32_t type, uint32_t unit)
{
	CLEANUP(buffer_done) struct buffer message = {};

	protobuf_put_number(&message, PPROF_VALUE_TYPE_TYPE, type);
	protobuf_put_number(&message, PPROF_VALUE_TYPE_UNIT, unit);
	put_message(out, PPROF_SAMPLE_TYPE, &message);
}

static void put_texts(struct buffer *out, const char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		protobuf_put_bytes(out, PPROF_STRING_TABLE, texts[i], strlen(texts[i]));
}

/* Samples before what they refer to, numbers not packed, ids of 64 bits, a location without lines
 * in a mapping, one without anything. */
START_TEST(odd_but_valid_messages_are_read)
{
	static const char *const texts[] = {
		"", "wall", "nanoseconds", "/usr/lib/libx.so.6", "count", "events"};
	CLEANUP(buffer_done) struct buffer out = {}, part = {};
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	const uint64_t id = UINT64_MAX - 5;
	const struct profile_frame *leaf;

	protobuf_put_number(&part, PPROF_SAMPLE_LOCATION_ID, id);
	protobuf_put_number(&part, PPROF_SAMPLE_LOCATION_ID, 7);
	protobuf_put_number(&part, PPROF_SAMPLE_VALUE, 5000);
	protobuf_put_number(&part, PPROF_SAMPLE_VALUE, 3);
	put_message(&out, PPROF_SAMPLE, &part);
	buffer_clear(&part);
	protobuf_put_number(&part, PPROF_LOCATION_ADDRESS, 0x7f0000001234);
	protobuf_put_number(&part, PPROF_LOCATION_MAPPING_ID, 9);
	protobuf_put_number(&part, PPROF_LOCATION_ID, id);
	put_message(&out, PPROF_LOCATION, &part);
	buffer_clear(&part);
	protobuf_put_number(&part, PPROF_LOCATION_ID, 7);
	put_message(&out, PPROF_LOCATION, &part);
	buffer_clear(&part);
	protobuf_put_number(&part, PPROF_MAPPING_ID, 9);
	protobuf_put_number(&part, PPROF_MAPPING_START, 0x7f0000000000);
	protobuf_put_number(&part, PPROF_MAPPING_LIMIT, 0x7f0000009000);
	protobuf_put_number(&part, PPROF_MAPPING_OFFSET, 0x2000);
	protobuf_put_number(&part, PPROF_MAPPING_FILENAME, 3);
	put_message(&out, PPROF_MAPPING, &part);
	put_type(&out, 1, 2);
	put_type(&out, 5, 4);
	put_texts(&out, texts, ARRAY_SIZE(texts));
	/* Fields that nobody knows yet. */
	protobuf_put_number(&out, 77, 5);

	profile = decode(&out);
	ck_assert_uint_eq(profile->n_value_types, 2);
	ck_assert_str_eq(profile_string(profile, profile->value_types[0].type), "events");
	ck_assert_int_eq(profile_value(profile, 0, 0), 3);
	ck_assert_int_eq(profile_value(profile, 0, 1), 5000);
	ck_assert_uint_eq(profile->ledger.kept, 3);
	leaf = &profile->frames[profile->stacks[profile->samples[0].stack].frame];
	ck_assert_uint_eq(leaf->address, 0x3234);
	ck_assert_str_eq(profile_function_name(profile, profile->lines[leaf->first_line].function),
		"[libx.so.6+0x3234]");
	ck_assert_str_eq(profile_string(profile, leaf->unnamed), "not-symbolized");
}
END_TEST

START_TEST(a_profile_without_a_count_gets_one)
{
	static const char *const texts[] = {"", "cpu", "nanoseconds"};
	CLEANUP(buffer_done) struct buffer out = {}, part = {};
	CLEANUP(profile_unrefp) struct profile *profile = NULL;

	put_type(&out, 1, 2);
	protobuf_put_number(&part, PPROF_SAMPLE_VALUE, 5000);
	put_message(&out, PPROF_SAMPLE, &part);
	put_message(&out, PPROF_SAMPLE, &part);
	put_texts(&out, texts, ARRAY_SIZE(texts));
	profile = decode(&out);
	ck_assert_uint_eq(profile->n_value_types, 2);
	ck_assert_int_eq(profile_value(profile, 0, 0), 2);
	ck_assert_int_eq(profile_value(profile, 0, 1), 10000);
}
END_TEST

START_TEST(references_to_nothing_are_named)
{
	static const char *const texts[] = {"", "samples", "count"};
	CLEANUP(buffer_done) struct buffer out = {}, part = {};
	struct profile *profile = NULL;
	struct profile_error error = {};

	put_type(&out, 1, 2);
	put_texts(&out, texts, ARRAY_SIZE(texts));
	protobuf_put_number(&part, PPROF_SAMPLE_LOCATION_ID, 4);
	protobuf_put_number(&part, PPROF_SAMPLE_VALUE, 1);
	put_message(&out, PPROF_SAMPLE, &part);
	ck_assert_int_eq(pprof_decode(out.data, out.size, &profile, &error), PROFILE_MALFORMED);
	ck_assert_msg(strstr(error.text, "location 4"), "%s", error.text);
	buffer_clear(&part);
	buffer_clear(&out);
	put_type(&out, 1, 5);
	ck_assert_int_eq(pprof_decode(out.data, out.size, &profile, &error), PROFILE_MALFORMED);
	ck_assert_msg(strstr(error.text, "text 1 of 0"), "%s", error.text);
}
END_TEST

START_TEST(a_stack_above_the_limit_is_refused)
{
	static const char *const texts[] = {"", "samples", "count"};
	CLEANUP(buffer_done) struct buffer out = {}, part = {}, ids = {};
	struct profile *profile = NULL;
	struct profile_error error = {};

	put_type(&out, 1, 2);
	put_texts(&out, texts, ARRAY_SIZE(texts));
	protobuf_put_number(&part, PPROF_LOCATION_ID, 1);
	put_message(&out, PPROF_LOCATION, &part);
	buffer_clear(&part);
	for (int i = 0; i <= PPROF_DEPTH_MAX; i++)
		protobuf_put_varint(&ids, 1);
	protobuf_put_bytes(&part, PPROF_SAMPLE_LOCATION_ID, ids.data, ids.size);
	protobuf_put_number(&part, PPROF_SAMPLE_VALUE, 1);
	put_message(&out, PPROF_SAMPLE, &part);
	ck_assert_int_eq(pprof_decode(out.data, out.size, &profile, &error), PROFILE_MALFORMED);
	ck_assert_msg(strstr(error.text, "deeper"), "%s", error.text);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		everything_survives_write_and_read,
		a_second_trip_gives_the_same_bytes,
		samples_in_any_order_and_twice_are_read_alike,
		an_empty_profile_survives_too,
		without_gzip_it_reads_the_same,
		cut_anywhere_it_is_refused_with_a_cause,
		any_byte_changed_does_no_harm,
		foreign_bytes_are_named,
		a_bomb_is_refused_at_the_limit,
		gzip_members_one_after_another_are_one_and_garbage_behind_is_refused,
		odd_but_valid_messages_are_read,
		a_profile_without_a_count_gets_one,
		references_to_nothing_are_named,
		a_stack_above_the_limit_is_refused,
	};

	return check_main("pprof", tests, ARRAY_SIZE(tests));
}
