/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Who is in a set, and what it is called. */

#include "daemon/target/selector.h"

#include <string.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

static const uint32_t numbers[] = {4242, 4343};
static const char *const comms[] = {"nginx", "a-name-that-is-cut"};

START_TEST(only_what_says_something_is_valid)
{
	ck_assert(!selector_is_valid(&(struct selector){.with_children = true}));
	ck_assert(selector_is_valid(&(struct selector){.is_all = true}));
	ck_assert(selector_is_valid(&(struct selector){.pids = numbers, .n_pids = 1}));
	ck_assert(selector_is_valid(&(struct selector){.tids = numbers, .n_tids = 1}));
	ck_assert(selector_is_valid(&(struct selector){.uids = numbers, .n_uids = 1}));
	ck_assert(selector_is_valid(&(struct selector){.comms = comms, .n_comms = 1}));
	ck_assert(selector_is_valid(&(struct selector){.units = comms, .n_units = 1}));
	ck_assert(selector_is_valid(&(struct selector){.cgroups = comms, .n_cgroups = 1}));
	ck_assert(selector_is_valid(&(struct selector){.containers = comms, .n_containers = 1}));
}
END_TEST

START_TEST(numbers_alone_are_no_set)
{
	ck_assert(!selector_is_set(&(struct selector){.pids = numbers, .n_pids = 2}));
	ck_assert(!selector_is_set(&(struct selector){.tids = numbers, .n_tids = 2}));
	ck_assert(selector_is_set(&(struct selector){.is_all = true}));
	ck_assert(selector_is_set(
		&(struct selector){.pids = numbers, .n_pids = 1, .uids = numbers, .n_uids = 1}));
}
END_TEST

START_TEST(of_one_kind_any_will_do_and_all_kinds_must_hold)
{
	const struct selector both = {.comms = comms, .n_comms = 2, .uids = numbers, .n_uids = 2};
	const struct {
		struct selected process;
		bool is_in;
	} cases[] = {
		{{.uid = 4242, .comm = "nginx"}, true},
		{{.uid = 4343, .comm = "nginx"}, true},
		{{.uid = 4343, .comm = "a-name-that-is-"}, true},
		{{.uid = 4343, .comm = "a-name-that-is"}, false},
		{{.uid = 4343, .comm = "nginx2"}, false},
		{{.uid = 1, .comm = "nginx"}, false},
		{{.uid = 4242, .comm = ""}, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_msg(selector_matches(&both, &cases[i].process) == cases[i].is_in,
			"case %zu", i);
	ck_assert(selector_matches(&(struct selector){.is_all = true}, &cases[6].process));
}
END_TEST

START_TEST(description_names_all_and_is_cut)
{
	const struct selector selector = {.pids = numbers,
		.n_pids = 2,
		.uids = numbers,
		.n_uids = 1,
		.comms = comms,
		.n_comms = 1};
	char text[64], small[12], one[1];

	selector_describe(&selector, text, sizeof(text));
	ck_assert_str_eq(text, "pid 4242, pid 4343, processes named nginx, user 4242");
	selector_describe(&selector, small, sizeof(small));
	ck_assert_str_eq(small, "pid 4242, p");
	selector_describe(&selector, one, sizeof(one));
	ck_assert_str_eq(one, "");
	selector_describe(&(struct selector){.is_all = true}, text, sizeof(text));
	ck_assert_str_eq(text, "the whole system");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		only_what_says_something_is_valid,
		numbers_alone_are_no_set,
		of_one_kind_any_will_do_and_all_kinds_must_hold,
		description_names_all_and_is_cut,
	};

	return check_main("target/selector", tests, ARRAY_SIZE(tests));
}
