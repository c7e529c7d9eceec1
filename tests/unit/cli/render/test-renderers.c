// SPDX-License-Identifier: GPL-2.0-or-later
/* A suffix picks a format; the longest one wins. */

#include "cli/render/renderers.h"

#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/profile/folded.h"
#include "proto/profile/source.h"
#include "tests/lib/check-main.h"

START_TEST(the_longest_suffix_wins)
{
	static const struct {
		const char *path;
		render_function *render;
	} cases[] = {
		{"x.pb.gz", render_pprof},
		{"a/b.folded", render_folded},
		{"x.svg", render_flame_svg},
		{"x.json", render_json},
		{"x.speedscope.json", render_speedscope},
		{"x.perf", render_perf_script},
		{"x.gz", NULL},
		{"x.md", NULL},
		{"svg", NULL},
		{"-", NULL},
		{"", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct renderer *renderer = renderer_find(cases[i].path);

		ck_assert_ptr_eq(renderer ? renderer->render : NULL, cases[i].render);
	}
}
END_TEST

START_TEST(a_format_may_be_named_with_or_without_its_dot)
{
	ck_assert_ptr_eq(renderer_find_format("svg")->render, render_flame_svg);
	ck_assert_ptr_eq(renderer_find_format(".svg")->render, render_flame_svg);
	ck_assert_ptr_eq(renderer_find_format("pprof")->render, render_pprof);
	ck_assert_ptr_eq(renderer_find_format("speedscope")->render, render_speedscope);
	ck_assert_ptr_null(renderer_find_format("html"));
	ck_assert_ptr_null(renderer_find_format(""));
	ck_assert_ptr_null(renderer_find_format("x"));
}
END_TEST

START_TEST(every_renderer_takes_an_empty_profile)
{
	CLEANUP(profile_unrefp) struct profile *profile = profile_new();
	struct render_options options = {0};

	ck_assert_int_eq(profile_add_value_type(profile, "samples", "count"), 0);
	profile_seal(profile);
	for (const struct renderer *renderer = renderers; renderer->suffix; renderer++) {
		CLEANUP(buffer_done) struct buffer out = {0};

		ck_assert_int_eq(renderer->render(profile, &options, &out), 0);
	}
}
END_TEST

/* What perfctl writes it can read back. */
START_TEST(perf_script_text_is_read_back_with_the_same_stacks)
{
	static const char text[] = "prog;main;work;leaf 3\nprog;main;other 2\n";
	CLEANUP(profile_unrefp) struct profile *profile = NULL, *again = NULL;
	CLEANUP(buffer_done) struct buffer out = {0}, folded = {0};
	struct render_options options = {0};
	struct profile_error error;

	ck_assert_int_eq(folded_decode(text, strlen(text), &profile, &error), 0);
	ck_assert_int_eq(render_perf_script(profile, &options, &out), 0);
	ck_assert_int_eq(source_sniff(out.data, out.size), SOURCE_PERF_SCRIPT);
	ck_assert_int_eq(source_decode(out.data, out.size, &again, &error), 0);
	ck_assert_int_eq(render_folded(again, &options, &folded), 0);
	ck_assert_str_eq(folded.data, "prog;main;other 2\nprog;main;work;leaf 3\n");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_longest_suffix_wins,
		a_format_may_be_named_with_or_without_its_dot,
		every_renderer_takes_an_empty_profile,
		perf_script_text_is_read_back_with_the_same_stacks,
	};

	return check_main("render/renderers", tests, ARRAY_SIZE(tests));
}
