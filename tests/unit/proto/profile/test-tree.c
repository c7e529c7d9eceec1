/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The call tree: sums, order, and what each node is. */

#include "proto/profile/tree.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"
#include "tests/unit/proto/profile/fixture.h"

/* The whole tree as text: "depth name value/self@start kind". */
static void assert_tree(const struct profile *profile, const char *expected)
{
	static const char kinds[] = "acukiJPm";
	CLEANUP(tree_freep) struct tree *tree = NULL;
	CLEANUP(buffer_done) struct buffer text = {};

	ck_assert_int_eq(tree_new(profile, NULL, &tree), 0);
	for (size_t i = 0; i < tree->n_nodes; i++)
		buffer_printf(&text, "%u %s %d/%d@%d %c\n", tree->nodes[i].depth,
			tree_name(tree, i), (int)tree->nodes[i].value, (int)tree->nodes[i].self,
			(int)tree->nodes[i].start, kinds[tree->nodes[i].kind]);
	ck_assert_str_eq(text.data, expected);
}

START_TEST(nodes_come_in_preorder_with_their_sums)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	uint32_t b = fixture_thread(profile, "b", 1, 1), a = fixture_thread(profile, "a", 2, 2);

	fixture_add(profile, b, "main;z", NULL, 1);
	fixture_add(profile, b, "main;in<c;k:sys", NULL, 2);
	fixture_add(profile, b, "main", NULL, 3);
	fixture_add(profile, b, "main;z;main", NULL, 4);
	fixture_add(profile, a, "main;j:x", "fp-end", 5);
	fixture_add(profile, a, "", NULL, 6);
	assert_tree(profile,
		"0 all 21/0@0 a\n"
		"1 a 11/6@0 c\n"
		"2 [truncated:fp-end] 5/0@0 m\n"
		"3 main 5/0@0 u\n"
		"4 x 5/5@0 J\n"
		"1 b 10/0@11 c\n"
		"2 main 10/3@11 u\n"
		"3 c 2/0@11 u\n"
		"4 in 2/0@11 i\n"
		"5 sys 2/2@11 k\n"
		"3 z 5/1@13 u\n"
		"4 main 4/4@13 u\n");
}
END_TEST

START_TEST(an_empty_profile_is_a_root)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();

	assert_tree(profile, "0 all 0/0@0 a\n");
	fixture_add(profile, fixture_thread(profile, "a", 1, 1), "main", NULL, 0);
	assert_tree(profile, "0 all 0/0@0 a\n");
}
END_TEST

START_TEST(a_node_knows_its_module)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	CLEANUP(tree_freep) struct tree *tree = NULL;

	fixture_add(profile, fixture_thread(profile, "a", 1, 1), "f@/lib/x.so", NULL, 1);
	ck_assert_int_eq(tree_new(profile, NULL, &tree), 0);
	ck_assert_uint_eq(tree->n_nodes, 3);
	ck_assert_str_eq(profile_string(profile, tree->nodes[2].module), "/lib/x.so");
	ck_assert_uint_eq(tree->max_depth, 2);
}
END_TEST

START_TEST(another_value_type_gives_its_own_widths)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	CLEANUP(tree_freep) struct tree *tree = NULL;
	const struct tree_options options = {.value_type = 1};

	fixture_add(profile, fixture_thread(profile, "a", 1, 1), "f", NULL, 3);
	ck_assert_int_eq(tree_new(profile, &options, &tree), 0);
	ck_assert_int_eq(tree->nodes[0].value, 30000000);
}
END_TEST

START_TEST(it_holds_together_on_a_random_program)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_random(3, 3000);
	CLEANUP(tree_freep) struct tree *tree = NULL;

	ck_assert_int_eq(tree_new(profile, NULL, &tree), 0);
	ck_assert_int_eq(tree->nodes[0].value, 3000);
	ck_assert_uint_eq(tree->nodes[0].n_descendants, tree->n_nodes - 1);
	for (size_t i = 0; i < tree->n_nodes; i++) {
		const struct tree_node *node = &tree->nodes[i];
		int64_t sum = node->self;
		const char *before = "";

		for (size_t child = i + 1; child <= i + node->n_descendants;
			child += 1 + tree->nodes[child].n_descendants) {
			ck_assert_uint_eq(tree->nodes[child].parent, i);
			ck_assert_int_eq(tree->nodes[child].start, node->start + sum - node->self);
			ck_assert_int_lt(strcmp(before, tree_name(tree, child)), 0);
			before = tree_name(tree, child);
			sum += tree->nodes[child].value;
		}
		ck_assert_int_eq(sum, node->value);
	}
}
END_TEST

START_TEST(a_stack_as_deep_as_can_be_read_needs_no_recursion)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	CLEANUP(tree_freep) struct tree *tree = NULL;
	struct profile_sample sample = {};
	const int64_t values[] = {1, 1};

	for (int i = 0; i < 16384; i++) {
		char name[16];

		snprintf(name, sizeof(name), "f%d", i % 100);
		ck_assert_int_eq(profile_add_stack(profile, sample.stack,
					 fixture_frame(profile, name), &sample.stack),
			0);
	}
	ck_assert_int_eq(profile_add_sample(profile, &sample, values), 0);
	ck_assert_int_eq(tree_new(profile, NULL, &tree), 0);
	ck_assert_uint_eq(tree->n_nodes, 16386);
	ck_assert_uint_eq(tree->max_depth, 16385);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		nodes_come_in_preorder_with_their_sums,
		an_empty_profile_is_a_root,
		a_node_knows_its_module,
		another_value_type_gives_its_own_widths,
		it_holds_together_on_a_random_program,
		a_stack_as_deep_as_can_be_read_needs_no_recursion,
	};

	return check_main("tree", tests, ARRAY_SIZE(tests));
}
