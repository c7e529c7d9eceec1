// SPDX-License-Identifier: GPL-2.0-or-later
/* Boxes stand where their share says, and what is left out is counted. */

#include "cli/render/layout.h"

#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/profile/folded.h"
#include "tests/lib/check-main.h"

static struct tree *read_tree(const char *text)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	struct profile_error error;
	struct tree *tree = NULL;

	ck_assert_int_eq(folded_decode(text, strlen(text), &profile, &error), 0);
	ck_assert_int_eq(tree_new(profile, NULL, &tree), 0);
	return tree;
}

START_TEST(widths_are_shares)
{
	CLEANUP(tree_freep) struct tree *tree = read_tree("p;a;b 30\np;a 10\np;c 60\n");
	CLEANUP(layout_done) struct layout layout = {0};
	static const struct {
		const char *name;
		double x, width;
	} wanted[] = {
		{"all", 0, 1000}, {"p", 0, 1000}, {"a", 0, 400}, {"b", 0, 300}, {"c", 400, 600}};

	ck_assert_int_eq(layout_tree(&layout, tree, 1000, 0.1), 0);
	ck_assert_uint_eq(layout.n_boxes, ARRAY_SIZE(wanted));
	ck_assert_uint_eq(layout.n_rows, 4);
	for (size_t i = 0; i < layout.n_boxes; i++) {
		ck_assert_str_eq(tree_name(tree, layout.boxes[i].node), wanted[i].name);
		ck_assert_double_eq_tol(layout.boxes[i].x, wanted[i].x, 1e-9);
		ck_assert_double_eq_tol(layout.boxes[i].width, wanted[i].width, 1e-9);
	}
	ck_assert_uint_eq(layout.n_hidden, 0);
}
END_TEST

START_TEST(slivers_are_left_out_with_all_above_them_and_counted)
{
	CLEANUP(tree_freep) struct tree *tree = read_tree("p;a 99999\np;b;c;d 1\np;e 100000\n");
	CLEANUP(layout_done) struct layout layout = {0};

	ck_assert_int_eq(layout_tree(&layout, tree, 1000, 0.1), 0);
	ck_assert_uint_eq(layout.n_boxes, 4);
	ck_assert_uint_eq(layout.n_hidden, 3);
	ck_assert_int_eq(layout.hidden_value, 1);
	ck_assert_uint_eq(layout.n_rows, 3);
	/* What follows keeps its place. */
	ck_assert_double_eq_tol(layout.boxes[3].x, 500, 1e-9);
}
END_TEST

START_TEST(boxes_lie_within_their_parents)
{
	CLEANUP(tree_freep)
	struct tree *tree = read_tree("p;a;b;c 7\np;a;b 3\np;a;d 11\nq;a 13\nq;r;s;t;u 17\n");
	CLEANUP(layout_done) struct layout layout = {0};

	ck_assert_int_eq(layout_tree(&layout, tree, 1180, 0.1), 0);
	for (size_t i = 1; i < layout.n_boxes; i++) {
		const struct layout_box *box = &layout.boxes[i], *parent;
		size_t j = i;

		while (layout.boxes[j].node != tree->nodes[box->node].parent)
			j--;
		parent = &layout.boxes[j];
		ck_assert_double_ge(box->x, parent->x - 1e-9);
		ck_assert_double_le(box->x + box->width, parent->x + parent->width + 1e-9);
	}
}
END_TEST

START_TEST(an_empty_tree_is_its_root)
{
	CLEANUP(profile_unrefp) struct profile *profile = profile_new();
	CLEANUP(tree_freep) struct tree *tree = NULL;
	CLEANUP(layout_done) struct layout layout = {0};

	ck_assert_int_eq(profile_add_value_type(profile, "samples", "count"), 0);
	ck_assert_int_eq(tree_new(profile, NULL, &tree), 0);
	ck_assert_int_eq(layout_tree(&layout, tree, 1000, 0.1), 0);
	ck_assert_uint_eq(layout.n_boxes, 1);
	ck_assert_double_eq(layout.boxes[0].width, 1000);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		widths_are_shares,
		slivers_are_left_out_with_all_above_them_and_counted,
		boxes_lie_within_their_parents,
		an_empty_tree_is_its_root,
	};

	return check_main("render/layout", tests, ARRAY_SIZE(tests));
}
