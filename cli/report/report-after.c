// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * After a change, or after several: what became of the whole, of each function, and what could not
 * have been seen. Steps are told in their order, each against the baseline and against the step before,
 * with the function that was the largest then: so one reads where the bottleneck went.
 */

#include <errno.h>
#include <math.h>
#include <string.h>

#include "cli/render/diff.h"
#include "cli/report/report-parts.h"
#include "cli/report/report-runs.h"
#include "proto/base/cleanup.h"

#define ROWS 15
#define GATE_SHARE_MIN 0.01

static int compare(const struct profile *before, const struct profile *after,
	struct comparison **ret_comparison, struct profile_error *error)
{
	const struct compare_side sides[] = {{&before, 1}, {&after, 1}};

	return comparison_new(sides, NULL, ret_comparison, error);
}

static void append_figures(
	const struct comparison *comparison, const struct compare_row *row, struct buffer *out)
{
	diff_append_value(comparison, row->value[0], out);
	buffer_append_text(out, " | ");
	diff_append_value(comparison, row->value[1], out);
	buffer_append_text(out, " | ");
	diff_append_change(row->change, out);
	buffer_append_text(out, " | ");
	diff_append_interval(row, out);
	buffer_append_text(out, " | ");
	diff_append_verdict(row, out);
}

static void append_row(
	const struct comparison *comparison, const struct compare_row *row, struct buffer *out)
{
	static const char *const words[] = {[COMPARE_SAME] = "",
		[COMPARE_RENAMED] = "before, perhaps, ",
		[COMPARE_INLINED] = "perhaps with what was ",
		[COMPARE_OUTLINED] = "perhaps without what is now "};

	buffer_append_text(out, "| ");
	report_code(out, row->name);
	if (row->other) {
		buffer_printf(out, " (%s", words[row->fate]);
		report_code(out, row->other);
		buffer_append_char(out, ')');
	}
	buffer_append_text(out, " | ");
	append_figures(comparison, row, out);
	buffer_append_text(out, " |\n");
}

static void append_head(const char *what, struct buffer *out)
{
	buffer_printf(out,
		"| %s | Before | After | Change | 95 %% interval | Verdict |\n"
		"|---|--:|--:|--:|--:|---|\n",
		what);
}

/* Those that changed; those that did not are summed up in a sentence. */
static void append_functions(const struct comparison *comparison, struct buffer *out)
{
	size_t n_changed = comparison->n_slower + comparison->n_faster;

	buffer_append_text(out, "## What changed\n\n");
	if (n_changed) {
		append_head("Function", out);
		for (size_t i = 0; i < n_changed && i < ROWS; i++)
			append_row(comparison, &comparison->rows[i], out);
		buffer_append_char(out, '\n');
		if (n_changed > ROWS)
			buffer_printf(out, "And %zu more.\n\n", n_changed - ROWS);
	}
	if (!comparison->n_tested) {
		buffer_append_text(out,
			"No function had samples enough on both sides, and went on evenly enough, to "
			"be tested: that no change is shown says nothing.\n\n");
		return;
	}
	buffer_printf(out,
		"%zu functions had samples enough to be tested; of %zu of them no change is "
		"evident. Of the verdicts at most %g %% are chance.\n\n",
		comparison->n_tested, comparison->n_tested - n_changed, 100 * comparison->q);
}

static void append_whole(const struct comparison *comparison, struct buffer *out)
{
	const struct compare_row *whole = &comparison->whole;

	if (comparison->mode == COMPARE_SHARES) {
		buffer_append_text(out,
			"**The whole** cannot be compared: no unit of work was measured on both "
			"sides (`perfctl record --runs N -- COMMAND` does). What follows is about "
			"shares, scaled so that most functions did not change. ");
		return;
	}
	buffer_append_text(out, "**The whole** takes ");
	diff_append_value(comparison, whole->value[0], out);
	buffer_append_text(out, " of CPU time before and ");
	diff_append_value(comparison, whole->value[1], out);
	buffer_append_text(out, " after: ");
	diff_append_change(whole->change, out);
	buffer_append_text(out, " (95 %: ");
	diff_append_interval(whole, out);
	buffer_append_text(out, "), ");
	diff_append_verdict(whole, out);
	if (whole->verdict && fabs(whole->change) < COMPARE_MARGINAL)
		buffer_append_text(out, "; is it worth its complexity?");
	buffer_append_text(out, ". ");
}

/* The first function with that verdict, or NULL. */
static const struct compare_row *first_of(
	const struct comparison *comparison, enum compare_verdict verdict)
{
	for (size_t i = 0; i < comparison->n_rows; i++)
		if (comparison->rows[i].verdict == verdict)
			return &comparison->rows[i];
	return NULL;
}

static void append_first(const struct comparison *comparison, enum compare_verdict verdict,
	const char *words, struct buffer *out)
{
	const struct compare_row *row = first_of(comparison, verdict);

	if (!row)
		return;
	buffer_append_text(out, words);
	report_code(out, row->name);
	buffer_append_text(out, " (");
	diff_append_change(row->change, out);
	buffer_append_text(out, "). ");
}

static void append_gate(
	struct report *report, const struct comparison *comparison, struct buffer *out)
{
	const struct compare_row *regression;

	if (isnan(report->threshold))
		return;
	regression = comparison_find_regression(comparison, report->threshold, GATE_SHARE_MIN);
	report->is_regression = regression != NULL;
	buffer_printf(out, "**Gate** at %g %%: ", 100 * report->threshold);
	if (regression) {
		report_code(out, regression->name);
		buffer_append_text(out, " surely grew by more.\n\n");
	} else {
		buffer_append_text(out, "passed; nothing surely grew by more.");
		diff_append_gate_doubt(comparison, report->threshold, out);
		buffer_append_text(out, "\n\n");
	}
}

static void append_verdict(const struct comparison *comparison, struct buffer *out)
{
	append_whole(comparison, out);
	append_first(comparison, COMPARE_FASTER, "Most was won in ", out);
	if (first_of(comparison, COMPARE_SLOWER))
		append_first(comparison, COMPARE_SLOWER, "Most was lost in ", out);
	else
		buffer_append_text(out, "No function surely became slower. ");
	buffer_append_text(out, "\n\n");
}

static int append_step(
	const struct report *report, size_t at, struct buffer *out, struct profile_error *error)
{
	const struct profile *profile = at ? report->steps[at - 1].profile : report->before;
	CLEANUP(comparison_freep) struct comparison *first = NULL, *last = NULL;
	CLEANUP(ranking_freep) struct ranking *ranking = NULL;
	int r = ranking_new(profile, NULL, &ranking);

	if (r == 0)
		r = compare(report->before, profile, &first, error);
	if (r == 0 && at)
		r = compare(at > 1 ? report->steps[at - 2].profile : report->before, profile, &last,
			error);
	if (r != 0)
		return r;
	buffer_append_text(out, "| ");
	report_code(out, at ? report->steps[at - 1].source : report->before_source);
	buffer_append_text(out, " | ");
	if (first->mode == COMPARE_SHARES)
		buffer_append_text(out, "not measured | | ");
	else if (!last)
		diff_append_value(first, first->whole.value[0], out);
	else
		diff_append_value(first, first->whole.value[1], out);
	if (first->mode != COMPARE_SHARES) {
		buffer_append_text(out, " | ");
		if (last)
			diff_append_change(first->whole.change, out);
		buffer_append_text(out, " | ");
		if (last)
			diff_append_change(last->whole.change, out);
	}
	buffer_append_text(out, " | ");
	if (ranking->n_rows) {
		report_code(out, ranking_name(profile, &ranking->rows[0]));
		buffer_printf(out, " %.1f %%", 100 * ranking->rows[0].self_share.share);
	}
	buffer_append_text(out, " |\n");
	return 0;
}

static int append_steps(
	const struct report *report, struct buffer *out, struct profile_error *error)
{
	buffer_append_text(out,
		"## Step by step\n\n"
		"| | CPU time of a run | Since the baseline | Since the step before | Largest function "
		"then |\n|---|--:|--:|--:|---|\n");
	for (size_t i = 0; i <= report->n_steps; i++) {
		int r = append_step(report, i, out, error);

		if (r != 0)
			return r;
	}
	buffer_append_char(out, '\n');
	return 0;
}

int report_append_after(struct report *report, struct buffer *out, struct profile_error *error)
{
	CLEANUP(comparison_freep) struct comparison *comparison = NULL;
	struct diff diff = {.names = {report->before_source, report->source}};
	int r = compare(report->before, report->profile, &comparison, error);

	if (r != 0)
		return r;
	diff.comparison = comparison;
	buffer_append_text(out, "# After: ");
	report_append_target(report, out);
	buffer_append_text(out, "\n\n");
	append_verdict(comparison, out);
	append_gate(report, comparison, out);
	r = append_steps(report, out, error);
	if (r != 0)
		return r;
	append_functions(comparison, out);
	r = report_append_runs_change(report->before, report->profile, out);
	if (r < 0)
		return r;
	report_append_picture(report, out);
	buffer_append_text(out, "## Where the time goes now\n\n");
	r = report_append_hotspots(report, RANK_BY_FUNCTION, ROWS, out);
	if (r < 0)
		return r;
	r = report_append_threats(report, out);
	buffer_append_text(out, "## How the two were compared\n\n```\n");
	diff_append_method(&diff, out);
	buffer_append_text(out, "```\n\n");
	diff_append_power(comparison, out);
	buffer_append_char(out, '\n');
	report_append_conditions(report, out);
	return r;
}
