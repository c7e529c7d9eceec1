/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Calls, replies, fields and base64: from text and back. */

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/wire/base64.h"
#include "proto/wire/call.h"
#include "proto/wire/fields.h"
#include "tests/lib/check-main.h"

static const struct {
	const char *text;
	int result;
	enum call_mode mode;
} calls[] = {
	{"{\"method\":\"a.B\"}", 0, CALL_SINGLE},
	{"{\"method\":\"a.B\",\"parameters\":null,\"more\":false}", 0, CALL_SINGLE},
	{"{\"method\":\"a.B\",\"parameters\":{\"x\":1},\"more\":true}", 0, CALL_MORE},
	{"{\"method\":\"a.B\",\"oneway\":true}", 0, CALL_ONEWAY},
	{"{\"method\":\"a.B\",\"upgrade\":true,\"x.y\":[]}", 0, CALL_UPGRADE},
	{"{\"method\":\"a.B\",\"upgrade\":true,\"more\":true}", CALL_MALFORMED, 0},
	{"{\"method\":\"a.B\",\"parameters\":[]}", CALL_MALFORMED, 0},
	{"{\"method\":\"a.B\",\"x\":{}}", CALL_MALFORMED, 0},
	{"{\"method\":\"a.B\",\"method\":\"a.B\"}", CALL_MALFORMED, 0},
	{"{}", CALL_MALFORMED, 0},
	{"", CALL_MALFORMED, 0},
};

START_TEST(calls_are_parsed_by_the_rules)
{
	struct call call;
	int r = call_parse(calls[_i].text, strlen(calls[_i].text), &call);

	ck_assert_int_eq(r, calls[_i].result);
	if (r)
		return;
	ck_assert_str_eq(call.method, "a.B");
	ck_assert_int_eq(call.mode, calls[_i].mode);
	ck_assert(json_is_object(call.parameters));
	ck_assert(!call.has_overflow);
	call_done(&call);
}
END_TEST

START_TEST(a_call_reads_back_as_it_was_written)
{
	CLEANUP(buffer_done) struct buffer text = {};

	ck_assert_int_eq(call_format(&text, "a.B", NULL, CALL_SINGLE), 0);
	ck_assert_str_eq(text.data, "{\"method\":\"a.B\"}");
	buffer_clear(&text);
	ck_assert_int_eq(call_format(&text, "a.B", json_pack("{s:i}", "x", 1), CALL_MORE), 0);
	ck_assert_str_eq(text.data, "{\"method\":\"a.B\",\"parameters\":{\"x\":1},\"more\":true}");
}
END_TEST

START_TEST(replies_omit_what_is_empty)
{
	CLEANUP(buffer_done) struct buffer text = {};

	ck_assert_int_eq(reply_format(&text, NULL, json_object(), false), 0);
	ck_assert_str_eq(text.data, "{}");
	buffer_clear(&text);
	ck_assert_int_eq(reply_format(&text, NULL, NULL, true), 0);
	ck_assert_str_eq(text.data, "{\"continues\":true}");
	buffer_clear(&text);
	ck_assert_int_eq(reply_format(&text, NULL, json_pack("{s:i}", "x", 1), true), 0);
	ck_assert_str_eq(text.data, "{\"parameters\":{\"x\":1},\"continues\":true}");
	buffer_clear(&text);
	ck_assert_int_eq(reply_format(&text, "a.B", json_pack("{s:i}", "x", 1), true), 0);
	ck_assert_str_eq(text.data, "{\"error\":\"a.B\",\"parameters\":{\"x\":1}}");
}
END_TEST

START_TEST(a_number_beyond_64_bits_is_told_and_not_malformed)
{
	static const char text[] =
		"{\"method\":\"a.B\",\"parameters\":{\"x\":99999999999999999999}}";
	struct call call;

	ck_assert_int_eq(call_parse(text, strlen(text), &call), 0);
	ck_assert(call.has_overflow);
	call_done(&call);
}
END_TEST

struct inner {
	uint32_t *numbers;
	size_t n_numbers;
	bool is_set;
};

struct item {
	const char *name;
	uint64_t n;
	const char **words;
	size_t n_words;
};

struct outer {
	const char *text;
	bool flag;
	uint32_t small;
	uint64_t large;
	double real;
	bool has_real;
	struct inner inner;
	struct item *items;
	size_t n_items;
};

static const struct field inner_fields[] = {
	{FIELD(struct inner, numbers, FIELD_U32S), .n_offset = offsetof(struct inner, n_numbers)},
	{FIELD_AS("set", struct inner, is_set, FIELD_BOOL)},
	{},
};

static const struct field item_fields[] = {
	{FIELD(struct item, name, FIELD_TEXT), .is_required = true},
	{FIELD(struct item, n, FIELD_U64)},
	{FIELD(struct item, words, FIELD_TEXTS), .n_offset = offsetof(struct item, n_words)},
	{},
};

static const struct field outer_fields[] = {
	{FIELD(struct outer, text, FIELD_TEXT)},
	{FIELD(struct outer, flag, FIELD_BOOL)},
	{FIELD(struct outer, small, FIELD_U32)},
	{FIELD(struct outer, large, FIELD_U64)},
	{FIELD(struct outer, real, FIELD_DOUBLE), .has_offset = offsetof(struct outer, has_real)},
	{FIELD(struct outer, inner, FIELD_OBJECT), .fields = inner_fields},
	{FIELD(struct outer, items, FIELD_OBJECTS), .n_offset = offsetof(struct outer, n_items),
		.item_size = sizeof(struct item), .fields = item_fields},
	{},
};

START_TEST(a_struct_survives_the_way_there_and_back)
{
	static const char text[] =
		"{\"text\":\"t\",\"flag\":true,\"small\":4294967295,\"large\":9223372036854775807,"
		"\"real\":0.5,\"inner\":{\"numbers\":[1,2,3],\"set\":true},\"items\":["
		"{\"name\":\"a\",\"n\":1,\"words\":[\"x\",\"y\"]},{\"name\":\"b\",\"n\":0,\"words\":[]}]}";
	json_t *object = json_loads(text, 0, NULL), *back;
	struct fields_invalid invalid;
	struct outer outer = {};

	ck_assert_int_eq(fields_decode(outer_fields, object, FIELDS_STRICT, &outer, &invalid), 0);
	ck_assert_str_eq(outer.text, "t");
	ck_assert(outer.has_real);
	ck_assert_uint_eq(outer.inner.n_numbers, 3);
	ck_assert_uint_eq(outer.n_items, 2);
	ck_assert_str_eq(outer.items[0].words[1], "y");
	back = fields_encode(outer_fields, &outer);
	ck_assert(json_equal(object, back));
	json_decref(back);
	fields_done(outer_fields, &outer);
	ck_assert_ptr_null(outer.items);
	json_decref(object);
}
END_TEST

static const struct {
	const char *text, *invalid;
} decodings[] = {
	{"{}", NULL},
	{"{\"text\":null,\"inner\":null,\"items\":null,\"real\":null}", NULL},
	{"{\"real\":7}", NULL},
	{"{\"text\":7}", "text"},
	{"{\"flag\":1}", "flag"},
	{"{\"small\":4294967296}", "small"},
	{"{\"small\":-1}", "small"},
	{"{\"small\":1.0}", "small"},
	{"{\"large\":-1}", "large"},
	{"{\"large\":\"1\"}", "large"},
	{"{\"real\":\"1\"}", "real"},
	{"{\"inner\":[]}", "inner"},
	{"{\"inner\":{\"x\":1}}", "inner.x"},
	{"{\"inner\":{\"numbers\":{}}}", "inner.numbers"},
	{"{\"inner\":{\"numbers\":[1,null]}}", "inner.numbers"},
	{"{\"items\":{}}", "items"},
	{"{\"items\":[7]}", "items"},
	{"{\"items\":[{}]}", "items.name"},
	{"{\"items\":[{\"name\":\"a\",\"words\":[\"x\"]},{\"name\":\"b\",\"words\":[7]}]}",
		"items.words"},
	{"{\"x\":1}", "x"},
	{"{\"\\u001b\":1}", "?"},
	{"{\"0123456789012345678901234567890123456789012345678901234567890123456789"
	 "0123456789012345678901234567890123456789012345678901234567890123456789\":1}",
		"0123456789012345678901234567890123456789012345678901234567890123456789"
		"012345678901234567890123456789012345678901234567890123456"},
};

START_TEST(the_wrong_field_is_named_and_nothing_is_left)
{
	json_t *object = json_loads(decodings[_i].text, 0, NULL);
	struct fields_invalid invalid = {"untouched"};
	struct outer outer = {};
	int r = fields_decode(outer_fields, object, FIELDS_STRICT, &outer, &invalid);

	if (decodings[_i].invalid) {
		ck_assert_int_eq(r, FIELDS_INVALID);
		ck_assert_str_eq(invalid.name, decodings[_i].invalid);
		ck_assert_ptr_null(outer.items);
		ck_assert_ptr_null(outer.inner.numbers);
	} else {
		ck_assert_int_eq(r, 0);
		ck_assert_str_eq(invalid.name, "untouched");
		fields_done(outer_fields, &outer);
	}
	json_decref(object);
}
END_TEST

START_TEST(a_lenient_reader_skips_what_it_does_not_know)
{
	json_t *object = json_loads("{\"new\":1,\"text\":\"t\",\"inner\":{\"new\":1}}", 0, NULL);
	struct fields_invalid invalid;
	struct outer outer = {};

	ck_assert_int_eq(fields_decode(outer_fields, object, FIELDS_LENIENT, &outer, &invalid), 0);
	ck_assert_str_eq(outer.text, "t");
	fields_done(outer_fields, &outer);
	json_decref(object);
}
END_TEST

START_TEST(any_bytes_and_numbers_can_be_sent)
{
	struct outer outer = {
		.text = "a\xff\x1b\xc3\xa9", .large = UINT64_MAX, .real = NAN, .has_real = true};
	json_t *object = fields_encode(outer_fields, &outer);

	ck_assert_str_eq(json_string_value(json_object_get(object, "text")), "a??\xc3\xa9");
	ck_assert_int_eq(json_integer_value(json_object_get(object, "large")), INT64_MAX);
	ck_assert_double_eq(json_real_value(json_object_get(object, "real")), 0);
	json_decref(object);
	outer.text = NULL;
	outer.has_real = false;
	object = fields_encode(outer_fields, &outer);
	ck_assert_ptr_null(json_object_get(object, "text"));
	ck_assert_ptr_null(json_object_get(object, "real"));
	json_decref(object);
}
END_TEST

/* RFC 4648, section 10. */
static const char *const vectors[][2] = {
	{"", ""},
	{"f", "Zg=="},
	{"fo", "Zm8="},
	{"foo", "Zm9v"},
	{"foob", "Zm9vYg=="},
	{"fooba", "Zm9vYmE="},
	{"foobar", "Zm9vYmFy"},
	{"\xfb\xff", "+/8="},
};

START_TEST(base64_matches_its_vectors)
{
	CLEANUP(buffer_done) struct buffer text = {};
	CLEANUP(buffer_done) struct buffer bytes = {};

	buffer_append_text(&text, "before ");
	base64_encode(&text, vectors[_i][0], strlen(vectors[_i][0]));
	ck_assert_str_eq(text.data + 7, vectors[_i][1]);
	buffer_append_text(&bytes, "before ");
	ck_assert_int_eq(base64_decode(&bytes, vectors[_i][1], strlen(vectors[_i][1])), 0);
	ck_assert_str_eq(bytes.data + 7, vectors[_i][0]);
}
END_TEST

static const char *const unsound[] = {"Z", "Zg",
	"Zg=", "Zg===", "Zh==", "Zm9=", "====", "=g==", "Z=g=", "Zg==Zg==", "Zm9v\n", " m9v",
	"Zm-v", "Zm_v", "Zm9\xff"};

START_TEST(base64_takes_one_spelling_only)
{
	CLEANUP(buffer_done) struct buffer bytes = {};

	buffer_append_text(&bytes, "kept");
	ck_assert_int_eq(base64_decode(&bytes, unsound[_i], strlen(unsound[_i])), -EBADMSG);
	ck_assert_str_eq(bytes.data, "kept");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wire");
	TCase *tcase = tcase_create("wire");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_loop_test(tcase, calls_are_parsed_by_the_rules, 0, (int)ARRAY_SIZE(calls));
	tcase_add_test(tcase, a_call_reads_back_as_it_was_written);
	tcase_add_test(tcase, replies_omit_what_is_empty);
	tcase_add_test(tcase, a_number_beyond_64_bits_is_told_and_not_malformed);
	tcase_add_test(tcase, a_struct_survives_the_way_there_and_back);
	tcase_add_loop_test(
		tcase, the_wrong_field_is_named_and_nothing_is_left, 0, (int)ARRAY_SIZE(decodings));
	tcase_add_test(tcase, a_lenient_reader_skips_what_it_does_not_know);
	tcase_add_test(tcase, any_bytes_and_numbers_can_be_sent);
	tcase_add_loop_test(tcase, base64_matches_its_vectors, 0, (int)ARRAY_SIZE(vectors));
	tcase_add_loop_test(tcase, base64_takes_one_spelling_only, 0, (int)ARRAY_SIZE(unsound));
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
