/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Conditions and ledger as JSON. */

#include "proto/profile/profile-json.h"

#include <jansson.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"
#include "tests/unit/proto/profile/fixture.h"

START_TEST(the_comment_is_one_line_and_begins_with_its_version)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_hostile();
	CLEANUP(freep) char *text = NULL;

	ck_assert_int_eq(profile_json_encode(profile, &text), 0);
	ck_assert_int_eq(strncmp(text, "{\"perfctl\":1,", 13), 0);
	ck_assert_ptr_null(strchr(text, '\n'));
}
END_TEST

START_TEST(fields_of_another_kind_are_left_aside)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	static const char text[] =
		"{\"perfctl\":1,\"new\":[],\"conditions\":{\"host\":5,\"n_cpus\":-1,\"event\":\"e\","
		"\"duration_ns\":\"x\",\"frequency_asked\":99},"
		"\"ledger\":{\"lost\":{\"a\":3,\"b\":\"c\",\"d\":-4},\"missed\":2.5}}";

	profile->conditions.n_cpus = 4;
	ck_assert_int_eq(profile_json_decode(profile, text, strlen(text)), 0);
	ck_assert_uint_eq(profile->conditions.n_cpus, 4);
	ck_assert_uint_eq(profile->conditions.host, 0);
	ck_assert_str_eq(profile_string(profile, profile->conditions.event), "e");
	ck_assert_double_eq(profile->conditions.frequency_asked, 99);
	ck_assert_uint_eq(profile_n_lost(profile), 3);
	ck_assert_uint_eq(profile->ledger.missed, 0);
}
END_TEST

START_TEST(other_comments_change_nothing)
{
	static const char *const cases[] = {"", "{}", "[]", "hello", "{\"perfctl\":2}",
		"{\"perfctl\":\"1\"}", "{\"perfctl\":1", "{\"perfctl\":1,\"perfctl\":1}"};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(profile_unrefp) struct profile *profile = fixture_new();

		ck_assert_int_eq(profile_json_decode(profile, cases[i], strlen(cases[i])),
			PROFILE_JSON_FOREIGN);
	}
}
END_TEST

START_TEST(the_summary_is_json_with_what_was_asked_for)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_random(4, 500);
	CLEANUP(ranking_freep) struct ranking *ranking = NULL;
	CLEANUP(freep) char *text = NULL;
	json_t *json, *hotspots;

	ck_assert_int_eq(ranking_new(profile, NULL, &ranking), 0);
	ck_assert_int_eq(profile_json_encode_summary(profile, ranking, 3, "a\xff.svg", &text), 0);
	ck_assert_int_eq(text[strlen(text) - 1], '\n');
	json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	hotspots = json_object_get(json, "hotspots");
	ck_assert_uint_eq(json_array_size(hotspots), 3);
	ck_assert_str_eq(json_string_value(json_object_get(json, "output")), "a?.svg");
	ck_assert_int_eq(
		json_integer_value(json_object_get(json_object_get(json, "ledger"), "kept")), 500);
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(hotspots, 0), "self")),
		ranking->rows[0].self);
	json_decref(json);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_comment_is_one_line_and_begins_with_its_version,
		fields_of_another_kind_are_left_aside,
		other_comments_change_nothing,
		the_summary_is_json_with_what_was_asked_for,
	};

	return check_main("profile-json", tests, ARRAY_SIZE(tests));
}
