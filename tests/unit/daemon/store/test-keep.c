/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Windows that are kept before they are named. */

#include <string.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/profile/pprof.h"
#include "tests/lib/check-main.h"
#include "tests/unit/daemon/store/make-window.h"

#define MUCH UINT64_MAX / 4
#define NOW_NS (EPOCH_NS + 100 * WINDOW_NS)

static const uint8_t this_life[STORE_LIFE_SIZE] = {1}, next_life[STORE_LIFE_SIZE] = {2};

/* The first window, with one sample of that leaf. */
static void keep(struct place *place, uint32_t serial, const char *leaf)
{
	CLEANUP(buffer_done) struct buffer bytes = {0};
	uint8_t number[STORE_SERIAL_SIZE] = {0};
	struct window window;

	memcpy(number, &serial, sizeof(serial));
	window_begin(&window, serial * WINDOW_NS);
	window_sample(&window, "a", 0, leaf, 1);
	window_seal(&window);
	ck_assert_int_eq(pprof_encode(window.profile, &bytes), 0);
	ck_assert_int_eq(store_keep(&place->store, number, this_life, &bytes), 0);
	window_done(&window);
}

static void put(struct place *place, uint32_t serial, const char *leaf)
{
	struct window window;

	window_begin(&window, serial * WINDOW_NS);
	window_sample(&window, "a", 0, leaf, 1);
	ck_assert_int_eq(window_store(&window, place, serial), 0);
	window_done(&window);
}

static int64_t n_kept(struct place *place)
{
	return place_number(place, "SELECT count(*) FROM kept");
}

START_TEST(a_copy_gives_way_to_the_window_itself)
{
	CLEANUP(profile_unrefp) struct profile *all = NULL;
	struct place place;

	place_init(&place);
	place_open(&place, MUCH, MUCH);
	keep(&place, 1, "f2");
	/* Sent again, when nobody knew whether it had come. */
	keep(&place, 1, "f2");
	keep(&place, 2, "f2");
	ck_assert_int_eq(n_kept(&place), 2);
	put(&place, 1, "f1");
	put(&place, 2, "f1");
	ck_assert_int_eq(n_kept(&place), 0);
	all = place_query(&place, 0, 9 * WINDOW_NS, 0);
	ck_assert_uint_eq(count_all(all), 2);
	ck_assert_uint_eq(count_leaf(all, "f1"), 2);
	place_done(&place);
}
END_TEST

START_TEST(a_copy_becomes_the_window_when_its_perfd_has_ended)
{
	CLEANUP(profile_unrefp) struct profile *all = NULL;
	struct place place;

	place_init(&place);
	place_open(&place, MUCH, MUCH);
	put(&place, 1, "f1");
	keep(&place, 2, "f2");
	keep(&place, 3, "f2");
	/* The end of perfd-store alone: the window itself is still to come. */
	store_close(&place.store);
	place_open(&place, MUCH, MUCH);
	ck_assert_int_eq(store_adopt(&place.store, this_life, NOW_NS), 0);
	ck_assert_int_eq(n_kept(&place), 2);
	put(&place, 2, "f1");
	store_close(&place.store);
	place_open(&place, MUCH, MUCH);
	ck_assert_int_eq(store_adopt(&place.store, next_life, NOW_NS), 0);
	ck_assert_int_eq(n_kept(&place), 0);
	all = place_query(&place, 0, 9 * WINDOW_NS, 0);
	ck_assert_uint_eq(count_all(all), 3);
	ck_assert_uint_eq(count_leaf(all, "f1"), 2);
	ck_assert_uint_eq(count_leaf(all, "f2"), 1);
	place_done(&place);
}
END_TEST

START_TEST(a_copy_that_is_damaged_goes_alone)
{
	const struct buffer nonsense = {.data = (char *)"nonsense", .size = 8};
	const uint8_t serial[STORE_SERIAL_SIZE] = {7};
	CLEANUP(profile_unrefp) struct profile *all = NULL;
	struct place place;

	place_init(&place);
	place_open(&place, MUCH, MUCH);
	ck_assert_int_eq(store_keep(&place.store, serial, this_life, &nonsense), 0);
	keep(&place, 2, "f2");
	ck_assert_int_eq(store_adopt(&place.store, next_life, NOW_NS), 0);
	ck_assert_int_eq(n_kept(&place), 0);
	all = place_query(&place, 0, 9 * WINDOW_NS, 0);
	ck_assert_uint_eq(count_all(all), 1);
	place_done(&place);
}
END_TEST

START_TEST(frames_that_wait_for_names_have_none_in_a_copy)
{
	CLEANUP(profile_unrefp) struct profile *copy = NULL;
	CLEANUP(buffer_done) struct buffer bytes = {0};
	struct profile_frame waits = {.address = 0x1234};
	static const int64_t one[] = {1, 1000};
	struct profile_mapping mapping = {0};
	struct profile_sample sample = {0};
	struct profile_error error;
	struct window window;
	uint32_t frame;

	window_begin(&window, 0);
	window_sample(&window, "a", 0, "f1", 1);
	profile_add_string(window.profile, "/usr/lib/libx.so", &mapping.path);
	profile_add_mapping(window.profile, &mapping, &waits.mapping);
	profile_add_frame(window.profile, &waits, NULL, 0, &frame);
	profile_add_stack(window.profile, 0, frame, &sample.stack);
	sample.thread = window.profile->samples[0].thread;
	profile_add_sample(window.profile, &sample, one);
	ck_assert_int_eq(pprof_encode(window.profile, &bytes), 0);
	ck_assert_int_eq(pprof_decode(bytes.data, bytes.size, &copy, &error), 0);
	ck_assert_uint_eq(count_leaf(copy, "f1"), 1);
	ck_assert_uint_eq(count_leaf(copy, "[libx.so+0x1234]"), 1);
	ck_assert_uint_eq(copy->ledger.n_unnamed, 1);
	ck_assert_str_eq(profile_string(copy, copy->ledger.unnamed[0].reason), "gave-up");
	window_done(&window);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		a_copy_gives_way_to_the_window_itself,
		a_copy_becomes_the_window_when_its_perfd_has_ended,
		a_copy_that_is_damaged_goes_alone,
		frames_that_wait_for_names_have_none_in_a_copy,
	};

	return check_main("store-keep", tests, ARRAY_SIZE(tests));
}
