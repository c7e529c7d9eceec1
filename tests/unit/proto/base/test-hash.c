/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The hash against a plain array, also where many items share a slot. */

#include "proto/base/hash.h"

#include <string.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define N 2000

static bool is_equal(const void *table, uint32_t id, const void *key)
{
	return ((const uint32_t *)table)[id] == *(const uint32_t *)key;
}

/* A hash of the worst kind for keys below N: seven values for all of them, or spread. */
static uint32_t value_of(uint32_t key, bool is_bad)
{
	return is_bad ? key % 7 : hash_bytes(&key, sizeof(key));
}

static uint32_t find(const struct hash *hash, const uint32_t *keys, uint32_t key, bool is_bad)
{
	return hash_find(hash, value_of(key, is_bad), is_equal, keys, &key);
}

static void add_remove_find(bool is_bad)
{
	CLEANUP(hash_done) struct hash hash = {};
	uint32_t keys[N + 1];

	ck_assert_uint_eq(find(&hash, keys, 1, is_bad), 0);
	for (uint32_t id = 1; id <= N; id++) {
		keys[id] = id * 3;
		ck_assert_int_eq(hash_add(&hash, value_of(keys[id], is_bad), id), 0);
	}
	for (uint32_t id = 1; id <= N; id++)
		ck_assert_uint_eq(find(&hash, keys, keys[id], is_bad), id);
	/* Removing any must not hide others that were pushed past it. */
	for (uint32_t id = 1; id <= N; id += 2)
		hash_remove(&hash, value_of(keys[id], is_bad), id);
	hash_remove(&hash, 12345, N + 7);
	ck_assert_uint_eq(hash.n, N / 2);
	for (uint32_t id = 1; id <= N; id++)
		ck_assert_uint_eq(find(&hash, keys, keys[id], is_bad), id % 2 ? 0 : id);
	for (uint32_t id = 1; id <= N; id += 2)
		ck_assert_int_eq(hash_add(&hash, value_of(keys[id], is_bad), id), 0);
	for (uint32_t id = 1; id <= N; id++)
		ck_assert_uint_eq(find(&hash, keys, keys[id], is_bad), id);
}

START_TEST(what_was_added_is_found_until_it_is_removed)
{
	add_remove_find(false);
}
END_TEST

START_TEST(crowded_slots_lose_nothing)
{
	add_remove_find(true);
}
END_TEST

START_TEST(an_empty_hash_finds_and_removes_nothing)
{
	CLEANUP(hash_done) struct hash hash = {};
	uint32_t key = 0;

	ck_assert_uint_eq(hash_find(&hash, 1, is_equal, NULL, &key), 0);
	hash_remove(&hash, 1, 1);
}
END_TEST

START_TEST(the_hash_of_bytes_depends_on_each_of_them)
{
	unsigned char bytes[40] = {};
	uint32_t before = hash_bytes(bytes, sizeof(bytes));

	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = 1;
		ck_assert_uint_ne(hash_bytes(bytes, sizeof(bytes)), before);
		bytes[i] = 0;
	}
	ck_assert_uint_ne(hash_bytes(bytes, 39), before);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		what_was_added_is_found_until_it_is_removed,
		crowded_slots_lose_nothing,
		an_empty_hash_finds_and_removes_nothing,
		the_hash_of_bytes_depends_on_each_of_them,
	};

	return check_main("hash", tests, ARRAY_SIZE(tests));
}
