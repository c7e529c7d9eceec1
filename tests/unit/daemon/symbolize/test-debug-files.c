/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Where debug files are looked for, in which order, and which are taken. */

#include "daemon/symbolize/debug-files.h"

#include <string.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

static const char *const directories[] = {"/a", "/b", NULL};
static const struct debug_places here = {.directories = directories};
static const struct debug_places everywhere = {directories, "/var/cache/x"};

static struct worker_probe probe(bool with_id, const char *link)
{
	struct worker_probe probe = {
		.build_id_size = with_id ? 3 : 0, .build_id = {0x12, 0x34, 0x56}};

	strcpy(probe.debug_link, link);
	return probe;
}

/* "in " is before what is in the target's root; that has to be the object's owner's. */
static void candidate_is(const struct debug_candidate *candidate, const char *expected)
{
	bool is_in_root = !strncmp(expected, "in ", 3);

	ck_assert_str_eq(candidate->path, expected + (is_in_root ? 3 : 0));
	ck_assert_int_eq(candidate->how, is_in_root ? OPENER_IN_ROOT : OPENER_HOST_PATH);
	ck_assert_int_eq(candidate->is_the_targets, is_in_root);
}

static void candidates_are(const struct worker_probe *probe, const char *const *expected, size_t n)
{
	struct debug_candidate candidate;

	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(
			debug_files_candidate(probe, "/usr/bin/x", &here, i, &candidate), 0);
		candidate_is(&candidate, expected[i]);
		ck_assert_int_eq(candidate.needs_crc, !probe->build_id_size);
	}
	ck_assert_int_eq(
		debug_files_candidate(probe, "/usr/bin/x", &here, n, &candidate), DEBUG_FILES_END);
}

START_TEST(build_id_comes_before_the_link)
{
	const char *const expected[] = {"/a/.build-id/12/3456.debug", "/b/.build-id/12/3456.debug",
		"in /a/.build-id/12/3456.debug", "in /b/.build-id/12/3456.debug",
		"/a/usr/bin/x.dbg", "/b/usr/bin/x.dbg", "in /a/usr/bin/x.dbg",
		"in /b/usr/bin/x.dbg", "in /usr/bin/.debug/x.dbg", "in /usr/bin/x.dbg"};
	struct worker_probe both = probe(true, "x.dbg");

	candidates_are(&both, expected, ARRAY_SIZE(expected));
}
END_TEST

START_TEST(without_a_build_id_only_the_link_counts)
{
	const char *const expected[] = {"/a/usr/bin/x.dbg", "/b/usr/bin/x.dbg",
		"in /a/usr/bin/x.dbg", "in /b/usr/bin/x.dbg", "in /usr/bin/.debug/x.dbg",
		"in /usr/bin/x.dbg"};
	struct worker_probe link = probe(false, "x.dbg"), none = probe(false, "");

	candidates_are(&link, expected, ARRAY_SIZE(expected));
	candidates_are(&none, NULL, 0);
}
END_TEST

START_TEST(object_without_a_path_has_no_place_beside_it)
{
	struct worker_probe link = probe(false, "x.dbg");
	struct debug_candidate candidate;

	ck_assert_int_eq(
		debug_files_candidate(&link, "[vdso]", &here, 0, &candidate), DEBUG_FILES_END);
}
END_TEST

START_TEST(what_was_fetched_comes_last_and_by_build_id_only)
{
	struct worker_probe both = probe(true, "x.dbg"), bare = probe(true, ""),
			    none = probe(false, "x.dbg");
	struct worker_probe shared = {
		.alternate_id_size = 2, .alternate_id = {0xab, 0xcd}, .alternate = "n.debug"};
	struct debug_candidate candidate;

	ck_assert_int_eq(
		debug_files_candidate(&both, "/usr/bin/x", &everywhere, 10, &candidate), 0);
	candidate_is(&candidate, "/var/cache/x/123456.debug");
	ck_assert(!candidate.needs_crc);
	ck_assert_int_eq(debug_files_candidate(&both, "/usr/bin/x", &everywhere, 11, &candidate),
		DEBUG_FILES_END);
	ck_assert_int_eq(debug_files_candidate(&bare, "/usr/bin/x", &everywhere, 4, &candidate), 0);
	candidate_is(&candidate, "/var/cache/x/123456.debug");
	ck_assert_int_eq(debug_files_candidate(&none, "/usr/bin/x", &everywhere, 6, &candidate),
		DEBUG_FILES_END);
	ck_assert_int_eq(debug_files_alternate(&shared, &everywhere, 12, &candidate), 0);
	candidate_is(&candidate, "/var/cache/x/abcd.debug");
	ck_assert_int_eq(
		debug_files_alternate(&shared, &everywhere, 13, &candidate), DEBUG_FILES_END);
}
END_TEST

START_TEST(equal_build_ids_match_and_nothing_else_where_there_is_one)
{
	struct worker_probe object = probe(true, "x"), found = probe(true, "");

	found.kinds = WORKER_HAS_SYMTAB;
	ck_assert(debug_files_match(&object, &found));
	found.build_id[2]++;
	ck_assert(!debug_files_match(&object, &found));
	found.build_id_size = 0;
	found.crc = object.debug_link_crc = 7;
	ck_assert(!debug_files_match(&object, &found));
}
END_TEST

START_TEST(without_build_ids_the_checksum_decides)
{
	struct worker_probe object = probe(false, "x"), found = probe(false, "");

	found.kinds = WORKER_HAS_DWARF;
	object.debug_link_crc = 7;
	ck_assert(!debug_files_match(&object, &found));
	found.crc = 7;
	ck_assert(debug_files_match(&object, &found));
	found.kinds = WORKER_HAS_DYNSYM;
	ck_assert(!debug_files_match(&object, &found));
}
END_TEST

START_TEST(shared_dwz_file_is_found_by_id_and_by_name)
{
	const char *const expected[] = {"/a/.build-id/ab/cd.debug", "/b/.build-id/ab/cd.debug",
		"in /a/.build-id/ab/cd.debug", "in /b/.build-id/ab/cd.debug", "/a/.dwz/n.debug",
		"/a/.dwz/x86_64-linux-gnu/n.debug", "/b/.dwz/n.debug",
		"/b/.dwz/x86_64-linux-gnu/n.debug", "in /a/.dwz/n.debug",
		"in /a/.dwz/x86_64-linux-gnu/n.debug", "in /b/.dwz/n.debug",
		"in /b/.dwz/x86_64-linux-gnu/n.debug"};
	struct worker_probe file = {
		.alternate_id_size = 2, .alternate_id = {0xab, 0xcd}, .alternate = "n.debug"};
	struct debug_candidate candidate;

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		ck_assert_int_eq(debug_files_alternate(&file, &here, i, &candidate), 0);
		candidate_is(&candidate, expected[i]);
	}
	ck_assert_int_eq(debug_files_alternate(&file, &here, ARRAY_SIZE(expected), &candidate),
		DEBUG_FILES_END);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		build_id_comes_before_the_link,
		without_a_build_id_only_the_link_counts,
		object_without_a_path_has_no_place_beside_it,
		what_was_fetched_comes_last_and_by_build_id_only,
		equal_build_ids_match_and_nothing_else_where_there_is_one,
		without_build_ids_the_checksum_decides,
		shared_dwz_file_is_found_by_id_and_by_name,
	};

	return check_main("symbolize/debug-files", tests, ARRAY_SIZE(tests));
}
