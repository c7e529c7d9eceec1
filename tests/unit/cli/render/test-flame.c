// SPDX-License-Identifier: GPL-2.0-or-later
/* The picture as bytes: its data adds up, and no name leaves its place. */

#include <stdio.h>
#include <string.h>

#include "cli/render/flame-data.h"
#include "cli/render/renderers.h"
#include "proto/base/cleanup.h"
#include "proto/profile/folded.h"
#include "tests/lib/check-main.h"

static struct profile *read_profile(const char *text)
{
	struct profile *profile = NULL;
	struct profile_error error;

	ck_assert_int_eq(folded_decode(text, strlen(text), &profile, &error), 0);
	return profile;
}

START_TEST(nodes_are_numbers_in_preorder)
{
	CLEANUP(profile_unrefp)
	struct profile *profile = read_profile("p;a;b 30\np;a 10\np;c 60\n");
	CLEANUP(tree_freep) struct tree *tree = NULL;
	CLEANUP(layout_done) struct layout layout = {0};
	CLEANUP(buffer_done) struct buffer out = {0};

	ck_assert_int_eq(tree_new(profile, NULL, &tree), 0);
	ck_assert_int_eq(layout_tree(&layout, tree, 1000, 0.1), 0);
	ck_assert_int_eq(flame_data_append(profile, tree, &layout, &out), 0);
	/* all, p, a, b, and two levels up from a child of b: c */
	ck_assert_ptr_nonnull(strstr(out.data, "\"nodes\":[0,1,100,0,2,100,0,3,40,0,4,30,2,5,60]"));
}
END_TEST

START_TEST(what_is_left_out_is_one_node_for_siblings)
{
	CLEANUP(profile_unrefp)
	struct profile *profile = read_profile("p;a 99998\np;b;x 1\np;c 1\np;d 100000\n");
	CLEANUP(tree_freep) struct tree *tree = NULL;
	CLEANUP(layout_done) struct layout layout = {0};
	CLEANUP(buffer_done) struct buffer out = {0};

	ck_assert_int_eq(tree_new(profile, NULL, &tree), 0);
	ck_assert_int_eq(layout_tree(&layout, tree, 1000, 0.1), 0);
	ck_assert_int_eq(flame_data_append(profile, tree, &layout, &out), 0);
	ck_assert_ptr_nonnull(
		strstr(out.data, "\"nodes\":[0,1,200000,0,2,200000,0,3,99998,1,0,2,1,4,100000]"));
}
END_TEST

START_TEST(hostile_names_stay_text)
{
	CLEANUP(profile_unrefp)
	struct profile *profile = read_profile(
		"</svg><script>alert(1)</script>;]]><!--;\" onload=\"x;&amp; 5\n");
	CLEANUP(buffer_done) struct buffer out = {0};
	struct render_options options = {.title = "</title><script>x</script>"};
	const char *p;
	unsigned n_scripts = 0, n_ends = 0;

	ck_assert_int_eq(render_flame_svg(profile, &options, &out), 0);
	for (p = out.data; (p = strstr(p, "<script")); p++)
		n_scripts++;
	for (p = out.data; (p = strstr(p, "]]>")); p++)
		n_ends++;
	ck_assert_uint_eq(n_scripts, 1);
	ck_assert_uint_eq(n_ends, 1);
	ck_assert_ptr_null(strstr(out.data, "alert(1)</"));
	ck_assert_ptr_null(strstr(out.data, "<!--"));
	ck_assert_ptr_null(strstr(out.data, "\" onload"));
}
END_TEST

START_TEST(a_picture_asks_for_nothing_from_outside)
{
	CLEANUP(profile_unrefp) struct profile *profile = read_profile("p;a 1\n");
	CLEANUP(buffer_done) struct buffer out = {0};
	struct render_options options = {0};
	char *p;

	ck_assert_int_eq(render_flame_svg(profile, &options, &out), 0);
	/* The names of the two languages are the only addresses in it. */
	for (p = out.data; (p = strstr(p, "http")); p++)
		ck_assert(strncmp(p, "http://www.w3.org/2000/svg\"", 27) == 0 ||
			strncmp(p, "http://www.w3.org/1999/xhtml\"", 29) == 0);
	ck_assert_ptr_null(strstr(out.data, "url("));
	ck_assert_ptr_null(strstr(out.data, "@import"));
	ck_assert_ptr_null(strstr(out.data, "href"));
}
END_TEST

START_TEST(many_slivers_make_a_small_file)
{
	CLEANUP(buffer_done) struct buffer text = {0}, out = {0};
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	struct render_options options = {0};

	for (unsigned i = 0; i < 9000; i++)
		buffer_printf(&text, "p;main;f%u;g%u;h%u 1\n", i, i, i);
	profile = read_profile(text.data);
	ck_assert_int_eq(render_flame_svg(profile, &options, &out), 0);
	ck_assert_uint_lt(out.size, 1500000);
}
END_TEST

START_TEST(loss_is_in_the_title)
{
	CLEANUP(profile_unrefp)
	struct profile *profile = read_profile("p;[truncated:fp-end];a 1\np;b 9\n");
	CLEANUP(buffer_done) struct buffer out = {0};
	struct render_options options = {.title = "T"};

	ck_assert_int_eq(render_flame_svg(profile, &options, &out), 0);
	ck_assert_ptr_nonnull(
		strstr(out.data, "<title>T — 10.0 % of the samples lost or truncated</title>"));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		nodes_are_numbers_in_preorder,
		what_is_left_out_is_one_node_for_siblings,
		hostile_names_stay_text,
		a_picture_asks_for_nothing_from_outside,
		many_slivers_make_a_small_file,
		loss_is_in_the_title,
	};

	return check_main("render/flame", tests, ARRAY_SIZE(tests));
}
