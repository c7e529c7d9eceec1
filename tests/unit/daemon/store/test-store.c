/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "daemon/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "tests/lib/check-main.h"
#include "tests/unit/daemon/store/make-window.h"

#define HOUR_NS (3600 * NS_PER_SECOND)
#define MUCH UINT64_MAX / 4

/* A window of one process. */
static void put_window(
	struct place *place, uint32_t serial, uint64_t at_ns, const char *leaf, uint64_t n)
{
	struct window window;

	window_begin(&window, at_ns);
	window_sample(&window, "a", 0, leaf, n);
	ck_assert_int_eq(window_store(&window, place, serial), 0);
	window_done(&window);
}

static void expect_count(
	struct place *place, uint64_t from_ns, uint64_t to_ns, const char *leaf, uint64_t n)
{
	CLEANUP(profile_unrefp) struct profile *profile = place_query(place, from_ns, to_ns, 0);

	ck_assert_ptr_nonnull(profile);
	ck_assert_uint_eq(count_leaf(profile, leaf), n);
}

/* The first vectors of the authors' reference implementation. */
START_TEST(digests_are_siphash)
{
	static const char *const expected[] = {
		"a3817f04ba25a8e66df67214c7550293", "da87c1d86b99af44347659119b22fc45"};
	const uint8_t zero = 0;
	struct digest key;

	for (size_t i = 0; i < sizeof(key.bytes); i++)
		key.bytes[i] = (uint8_t)i;
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		struct digest digest = digest_make(&key, &zero, i);
		char text[2 * DIGEST_SIZE + 1];

		text_format_hex(digest.bytes, sizeof(digest.bytes), text);
		ck_assert_str_eq(text, expected[i]);
	}
}
END_TEST

START_TEST(rows_survive_and_damage_is_seen)
{
	CLEANUP(rows_done) struct rows rows = {0}, back = {0};
	CLEANUP(buffer_done) struct buffer bytes = {0};
	size_t n_bytes;

	for (uint32_t i = 0; i < 500; i++)
		rows_add(
			&rows, &(struct row){(i * 7) % 31, (i * 13) % 97, i % 3, i % 2, i, i * 10});
	rows_combine(&rows);
	ck_assert_int_eq(rows_encode(&rows, &bytes, &n_bytes), 0);
	ck_assert_int_eq(rows_decode(&back, bytes.data, bytes.size, n_bytes), 0);
	ck_assert_uint_eq(back.n, rows.n);
	ck_assert_mem_eq(back.items, rows.items, rows.n * sizeof(*rows.items));
	ck_assert_int_eq(rows_decode(&back, bytes.data, bytes.size - 1, n_bytes), -EUCLEAN);
	ck_assert_int_eq(rows_decode(&back, bytes.data, bytes.size, n_bytes - 1), -EUCLEAN);
	ck_assert_int_eq(rows_decode(&back, bytes.data, bytes.size, SIZE_MAX), -EUCLEAN);
	bytes.data[bytes.size / 2] ^= 0x55;
	ck_assert_int_eq(rows_decode(&back, bytes.data, bytes.size, n_bytes), -EUCLEAN);
}
END_TEST

START_TEST(what_was_stored_comes_back)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	struct place place;
	struct window window;

	place_init(&place);
	place_open(&place, MUCH, MUCH);
	for (uint32_t i = 0; i < 3; i++) {
		window_begin(&window, i * WINDOW_NS);
		window_sample(&window, "redis", 0, "f1", 5);
		window_sample(&window, "nginx", 0, "f2", 2);
		ck_assert_int_eq(window_store(&window, &place, i), 0);
		/* Sent once more: nobody knew whether it had arrived. */
		ck_assert_int_eq(window_store(&window, &place, i), 0);
		window_done(&window);
	}
	profile = place_query(&place, 0, 3 * WINDOW_NS, 0);
	ck_assert_ptr_nonnull(profile);
	ck_assert_uint_eq(count_leaf(profile, "f1"), 15);
	ck_assert_uint_eq(count_leaf(profile, "f2"), 6);
	ck_assert_uint_eq(profile->ledger.taken, 21);
	ck_assert_uint_eq(profile->conditions.duration_ns, 3 * WINDOW_NS);
	ck_assert_uint_eq(profile->conditions.notes, 0);
	profile_unref(profile);
	profile = place_query(&place, WINDOW_NS + 1, 2 * WINDOW_NS, 0);
	ck_assert_uint_eq(count_all(profile), 7);
	ck_assert_ptr_null(place_query(&place, 4 * WINDOW_NS, 5 * WINDOW_NS, 0));
	place_done(&place);
}
END_TEST

START_TEST(labels_choose)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	struct store_query query = {.since_ns = EPOCH_NS,
		.until_ns = EPOCH_NS + WINDOW_NS,
		.is_admin = 1,
		.comm = "redis",
		.unit = "a"};
	struct place place;
	struct window window;

	place_init(&place);
	place_open(&place, MUCH, MUCH);
	window_begin(&window, 0);
	window_sample(&window, "redis", 0, "f1", 5);
	window_sample(&window, "nginx", 0, "f2", 2);
	ck_assert_int_eq(window_store(&window, &place, 0), 0);
	window_done(&window);
	ck_assert_int_eq(query_profile(&place.store.database, &query, &profile), 0);
	ck_assert_uint_eq(count_all(profile), 5);
	profile_unref(profile);
	strcpy(query.unit, "a.socket");
	ck_assert_int_eq(query_profile(&place.store.database, &query, &profile), 0);
	ck_assert_uint_eq(count_all(profile), 0);
	place_done(&place);
}
END_TEST

START_TEST(who_is_no_admin_sees_their_own_alone)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	struct place place;
	struct window window;

	place_init(&place);
	place_open(&place, MUCH, MUCH);
	window_begin(&window, 0);
	window_sample(&window, "mine", 1000, "f1", 3);
	window_sample(&window, "theirs", 1001, "f2", 4);
	window_sample(&window, "nobodys", 0, "f3", 5);
	profile_count_lost(window.profile, "ring-full", 9);
	ck_assert_int_eq(window_store(&window, &place, 0), 0);
	window_done(&window);
	profile = place_query(&place, 0, WINDOW_NS, 1000);
	ck_assert_uint_eq(count_all(profile), 3);
	ck_assert_uint_eq(profile->ledger.taken, 3);
	ck_assert_uint_eq(profile->n_processes, 2);
	for (uint32_t i = 0; i < profile->strings.n; i++) {
		ck_assert_str_ne(profile_string(profile, i), "theirs");
		ck_assert_str_ne(profile_string(profile, i), "f2");
		ck_assert_str_ne(profile_string(profile, i), "f3");
	}
	profile_unref(profile);
	profile = place_query(&place, 0, WINDOW_NS, 0);
	ck_assert_uint_eq(count_all(profile), 12);
	ck_assert_uint_eq(profile_n_lost(profile), 9);
	place_done(&place);
}
END_TEST

START_TEST(a_late_name_is_that_of_all_windows_before)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	struct place place;

	place_init(&place);
	place_open(&place, MUCH, MUCH);
	/* Named in the middle one only, by another life of the writer than the first. */
	put_window(&place, 0, 0, NULL, 2);
	store_close(&place.store);
	place_open(&place, MUCH, MUCH);
	put_window(&place, 1, WINDOW_NS, "late", 2);
	put_window(&place, 2, 2 * WINDOW_NS, NULL, 2);
	profile = place_query(&place, 0, 3 * WINDOW_NS, 0);
	ck_assert_uint_eq(count_leaf(profile, "late"), 6);
	ck_assert_uint_eq(profile->ledger.n_unnamed, 0);
	place_done(&place);
}
END_TEST

START_TEST(a_gap_is_told)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	struct place place;

	place_init(&place);
	place_open(&place, MUCH, MUCH);
	for (uint32_t i = 0; i < 2; i++)
		put_window(&place, i, i * 10 * WINDOW_NS, "f1", 1);
	profile = place_query(&place, 0, 20 * WINDOW_NS, 0);
	ck_assert_uint_eq(profile->conditions.duration_ns, 2 * WINDOW_NS);
	ck_assert_str_eq(profile_string(profile, profile->conditions.notes),
		"gaps: nothing was recorded for 1 min 30 s of 1 min 50 s");
	place_done(&place);
}
END_TEST

static void tend_all(struct place *place, uint64_t now_ns)
{
	bool has_more = true;

	for (int i = 0; has_more && i < 1000; i++) {
		has_more = false;
		ck_assert_int_eq(store_tend(&place->store, EPOCH_NS + now_ns, &has_more), 0);
	}
	ck_assert(!has_more);
}

START_TEST(rolling_up_keeps_totals_and_visibility)
{
	struct store_reply facts = {0};
	struct place place;
	struct window window;

	place_init(&place);
	place_open(&place, MUCH, MUCH);
	for (uint32_t i = 0; i < 12; i++) {
		window_begin(&window, i * WINDOW_NS);
		window_sample(&window, "a", 0, "f1", 100000);
		window_sample(&window, "mine", 1000, "f2", 3);
		/* Rare: below one in ten thousand, and not of the same one each time. */
		window_sample(&window, "a", 0, i & 1 ? "f3" : "f4", 1);
		ck_assert_int_eq(window_store(&window, &place, i), 0);
		window_done(&window);
	}
	tend_all(&place, 2 * HOUR_NS);
	store_facts(&place.store, &facts);
	ck_assert_uint_le(facts.n_windows, 3);
	for (int level = 0; level < 3; level++) {
		CLEANUP(profile_unrefp)
		struct profile *all = place_query(&place, 0, 12 * WINDOW_NS, 0);
		CLEANUP(profile_unrefp)
		struct profile *mine = place_query(&place, 0, 12 * WINDOW_NS, 1000);

		ck_assert_uint_eq(count_all(all), 12 * 100004);
		ck_assert_uint_eq(count_leaf(all, "f1"), 1200000);
		ck_assert_uint_eq(count_leaf(all, "[pruned]"), 12);
		ck_assert_uint_eq(count_all(mine), 36);
		ck_assert_uint_eq(count_leaf(mine, "f2"), 36);
		ck_assert_uint_eq(all->conditions.duration_ns, 12 * WINDOW_NS);
		tend_all(&place, level ? 30 * 24 * HOUR_NS : 48 * HOUR_NS);
	}
	store_facts(&place.store, &facts);
	ck_assert_uint_eq(facts.n_windows, 1);
	place_done(&place);
}
END_TEST

START_TEST(what_is_too_old_goes_with_all_that_it_needed)
{
	struct store_reply facts = {0};
	struct place place;

	place_init(&place);
	place_open(&place, MUCH, 12 * HOUR_NS);
	for (uint32_t i = 0; i < 30; i++) {
		char leaf[16];

		snprintf(leaf, sizeof(leaf), "f%u", i);
		put_window(&place, i, i * HOUR_NS, leaf, 5);
	}
	tend_all(&place, 30 * HOUR_NS);
	store_facts(&place.store, &facts);
	ck_assert_uint_ge(facts.n_windows, 11);
	ck_assert_uint_le(facts.n_windows, 13);
	ck_assert_ptr_null(place_query(&place, 0, 10 * HOUR_NS, 0));
	/* Some are still there for a while: when they were last met is written down late. */
	ck_assert_int_lt(place_number(&place, "SELECT count(*) FROM stack"), 22);
	ck_assert_int_lt(place_number(&place, "SELECT count(*) FROM frame"), 22);
	ck_assert_int_lt(place_number(&place, "SELECT count(*) FROM str"), 22);
	place_done(&place);
}
END_TEST

START_TEST(a_clock_that_is_set_forward_takes_nothing_with_it)
{
	const uint64_t day_ns = 24 * HOUR_NS, jump_ns = 400 * day_ns;
	struct store_reply facts = {0};
	struct place place;

	place_init(&place);
	place_open(&place, MUCH, 30 * day_ns);
	for (uint32_t i = 0; i < 3; i++)
		put_window(&place, i, i * WINDOW_NS, "f1", 5);
	tend_all(&place, jump_ns);
	put_window(&place, 3, jump_ns, "f1", 5);
	tend_all(&place, jump_ns + HOUR_NS);
	expect_count(&place, 0, day_ns, "f1", 15);
	/* What has really become that old goes. */
	for (uint32_t i = 1; i <= 30; i++)
		put_window(&place, 3 + i, jump_ns + i * day_ns, "f1", 5);
	tend_all(&place, jump_ns + 30 * day_ns + HOUR_NS);
	ck_assert_ptr_null(place_query(&place, 0, day_ns, 0));
	store_facts(&place.store, &facts);
	ck_assert_uint_ge(facts.n_windows, 29);
	place_done(&place);
}
END_TEST

START_TEST(what_is_too_large_loses_its_oldest)
{
	const uint64_t max_bytes = 1 << 18;
	struct store_reply facts = {0};
	struct place place;
	struct window window;

	place_init(&place);
	place_open(&place, max_bytes, MUCH);
	for (uint32_t i = 0; i < 60; i++) {
		bool has_more;

		window_begin(&window, i * HOUR_NS);
		for (uint32_t k = 0; k < 500; k++) {
			char leaf[16];

			snprintf(leaf, sizeof(leaf), "f%u", i * 500 + k);
			window_sample(&window, "a", 0, leaf, 1);
		}
		ck_assert_int_eq(window_store(&window, &place, i), 0);
		window_done(&window);
		for (int k = 0; k < 5; k++)
			ck_assert_int_eq(store_tend(&place.store, EPOCH_NS, &has_more), 0);
	}
	tend_all(&place, 0);
	store_facts(&place.store, &facts);
	ck_assert_uint_le(facts.bytes, max_bytes);
	ck_assert_uint_gt(facts.n_windows, 1);
	ck_assert_uint_gt(facts.oldest_ns, EPOCH_NS);
	place_done(&place);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		digests_are_siphash,
		rows_survive_and_damage_is_seen,
		what_was_stored_comes_back,
		labels_choose,
		who_is_no_admin_sees_their_own_alone,
		a_late_name_is_that_of_all_windows_before,
		a_gap_is_told,
		rolling_up_keeps_totals_and_visibility,
		what_is_too_old_goes_with_all_that_it_needed,
		a_clock_that_is_set_forward_takes_nothing_with_it,
		what_is_too_large_loses_its_oldest,
	};

	return check_main("store", tests, ARRAY_SIZE(tests));
}
