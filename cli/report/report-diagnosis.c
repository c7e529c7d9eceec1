// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Diagnosis and baseline: first what a reader in a hurry needs, in sentences; then the figures that
 * these rest on; then what speaks against them.
 */

#include <errno.h>
#include <math.h>
#include <string.h>

#include "cli/render/facts.h"
#include "cli/report/report-parts.h"
#include "cli/report/report-runs.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

#define ROWS 10
#define ROWS_MODULES 5
#define STACKS 3
/* One function "dominates" with more than this, surely. */
#define DOMINATES 0.5
#define LARGE 0.2
/* Where system calls enter the kernel on x86-64, and how much of the time makes one worth a word. */
#define KERNEL_ENTRY "entry_SYSCALL_64_after_hwframe"
#define SYSTEM_CALLS_MAX 4
#define SYSTEM_CALL_SHARE_MIN 0.03
/* Who calls a function less often is no answer to why it runs. */
#define CALLER_SHARE_MIN 0.01

static void append_what(const struct report *report, struct buffer *out)
{
	const struct profile *profile = report->profile;
	double cpu = report_cpu_seconds(profile), seconds = report_seconds(profile);
	char text[32];

	buffer_append_text(out, "**What.** ");
	report_append_target(report, out);
	if (cpu > 0 && seconds > 0)
		buffer_printf(out,
			" used %.1f s of CPU time in the %.1f s that were recorded: %.0f %% of one CPU",
			cpu, seconds, 100 * cpu / seconds);
	else
		report_append_samples(profile, out);
	if (profile->conditions.start_realtime_ns)
		buffer_printf(out, ", from %s on",
			time_format(profile->conditions.start_realtime_ns, text, sizeof(text)));
	buffer_append_text(out, ".\n\n");
}

static void append_where(const struct report *report, const struct ranking *functions,
	const struct ranking *modules, struct buffer *out)
{
	const struct profile *profile = report->profile;
	double sum = 0;
	size_t n = 0;

	buffer_append_text(out, "**Where.** ");
	if (!functions->n_rows) {
		buffer_append_text(out, "Nothing was sampled.\n\n");
		return;
	}
	for (; n < 3 && n < functions->n_rows; n++) {
		const struct rank_row *row = &functions->rows[n];

		buffer_append_text(out, n ? ", then " : "The most time is in ");
		report_code(out, ranking_name(profile, row));
		buffer_append_text(out, " itself: ");
		report_append_share(&row->self_share, out);
		sum += row->self_share.share;
	}
	buffer_printf(out, "; %s %.0f %% together. By module: ", n > 1 ? "these have" : "it has",
		100 * sum);
	for (size_t i = 0; i < 3 && i < modules->n_rows; i++) {
		const char *path = ranking_name(profile, &modules->rows[i]);

		buffer_append_text(out, i ? ", " : "");
		report_code(out, text_base_name(path));
		buffer_printf(out, " %.0f %%", 100 * modules->rows[i].self_share.share);
	}
	buffer_append_text(out,
		". In brackets: between which figures the true share of this recording lies, with "
		"95 % certainty. A module is the program itself, a library, or the kernel.\n\n");
}

/* The innermost function that nearly all of the first function's stacks come through. */
static int append_why(
	const struct report *report, const struct ranking *functions, struct buffer *out)
{
	const struct rank_options options = {.by = RANK_BY_CALLER,
		.sort = RANK_SORT_TOTAL,
		.function = functions->n_rows ? functions->rows[0].name : 0};
	CLEANUP(ranking_freep) struct ranking *callers = NULL;
	int r;

	if (!functions->n_rows)
		return 0;
	r = ranking_new(report->profile, &options, &callers);
	if (r < 0)
		return r;
	buffer_append_text(out, "**Why.** ");
	report_code(out, ranking_name(report->profile, &functions->rows[0]));
	buffer_append_text(out, " is called by ");
	for (size_t i = 0; i < 3 && i < callers->n_rows; i++) {
		if (i && callers->rows[i].total_share.share < CALLER_SHARE_MIN)
			break;
		buffer_append_text(out, i ? ", " : "");
		report_code(out, ranking_name(report->profile, &callers->rows[i]));
		buffer_printf(
			out, " (%.0f %% of its samples)", 100 * callers->rows[i].total_share.share);
	}
	buffer_append_text(out, callers->n_rows ? ".\n\n" : "nobody that was seen.\n\n");
	return 0;
}

static void append_verdict_module(
	const struct report *report, const struct rank_row *module, struct buffer *out)
{
	const char *name = text_base_name(ranking_name(report->profile, module));

	report_code(out, name);
	buffer_append_text(out, " as a whole dominates: ");
	report_append_share(&module->self_share, out);
	buffer_append_text(out,
		strcmp(name, "[kernel]") == 0
			? ". That is the operating system at work for this program; what it is "
			  "asked for stands below. "
			: ". ");
}

/* What dominates, and how sure that is. */
static void append_verdict(const struct report *report, const struct ranking *functions,
	const struct ranking *modules, struct buffer *out)
{
	const struct rank_row *first = functions->rows;
	struct rank_sufficiency sufficiency = ranking_sufficiency(functions);

	buffer_append_text(out, "**Verdict.** ");
	if (!functions->n_rows) {
		buffer_append_text(out, "None: the target used no CPU time.\n\n");
		return;
	}
	if (modules->n_rows && first->self_share.low <= DOMINATES &&
		modules->rows[0].self_share.low > DOMINATES)
		append_verdict_module(report, &modules->rows[0], out);
	if (first->self_share.low > DOMINATES) {
		report_code(out, ranking_name(report->profile, first));
		buffer_append_text(out, " dominates, and surely so. ");
	} else if (first->self_share.low > LARGE && !(sufficiency.telling_apart > 0)) {
		report_code(out, ranking_name(report->profile, first));
		buffer_append_text(out, " is surely the largest single cost, but not all of it. ");
	} else if (sufficiency.telling_apart > 0) {
		buffer_append_text(out,
			"No single function dominates, and which one is the largest cannot be said "
			"from this recording. ");
	} else {
		buffer_append_text(out, "No single function dominates. ");
	}
	if (first->self_share.speedup_max < 100)
		buffer_printf(out,
			"If the largest cost nothing at all, the whole would be at most %.2f "
			"times as fast. ",
			first->self_share.speedup_max);
	buffer_append_text(out, "This is about time on a CPU, not about time spent waiting.\n\n");
}

/* What the program asked of the kernel, where that took much: by who called its entry, with all that
 * was done there. */
static int append_system_calls(
	const struct report *report, const struct ranking *functions, struct buffer *out)
{
	struct rank_options options = {.by = RANK_BY_CALLER, .sort = RANK_SORT_TOTAL};
	CLEANUP(ranking_freep) struct ranking *callers = NULL;
	struct profile_error error;
	size_t n = 0;
	int r;

	/* Without system calls there is no such function. */
	if (ranking_find_function(report->profile, KERNEL_ENTRY, &options.function, &error) > 0)
		return 0;
	r = ranking_new(report->profile, &options, &callers);
	if (r < 0)
		return r;
	for (; n < SYSTEM_CALLS_MAX && n < callers->n_rows; n++) {
		const struct rank_row *row = &callers->rows[n];
		struct rank_share share = rank_share_of(
			(double)row->total / (double)functions->whole,
			(double)functions->n_samples);

		if (share.share < SYSTEM_CALL_SHARE_MIN)
			break;
		buffer_append_text(
			out, n ? ", " : "**What it asks of the kernel.** By the call that asks: ");
		report_code(out, ranking_name(report->profile, row));
		buffer_append_text(out, " takes ");
		report_append_share(&share, out);
	}
	buffer_append_text(out, n ? ", with all that the kernel does for it.\n\n" : "");
	return 0;
}

static int append_summary(const struct report *report, struct buffer *out)
{
	const struct rank_options by_module = {.by = RANK_BY_MODULE};
	CLEANUP(ranking_freep) struct ranking *functions = NULL, *modules = NULL;
	CLEANUP(buffer_done) struct buffer warning = {0};
	int r = ranking_new(report->profile, NULL, &functions);

	if (r == 0)
		r = ranking_new(report->profile, &by_module, &modules);
	if (r < 0)
		return r;
	facts_append_warning(report->profile, &warning);
	if (warning.size)
		buffer_printf(out, "> %s: see below how far to trust this.\n\n", warning.data);
	append_what(report, out);
	append_verdict(report, functions, modules, out);
	append_where(report, functions, modules, out);
	r = append_why(report, functions, out);
	return r < 0 ? r : append_system_calls(report, functions, out);
}

static bool has_threads(const struct profile *profile)
{
	return profile->n_threads > 2;
}

int report_append_diagnosis(const struct report *report, struct buffer *out)
{
	int r;

	buffer_append_text(out, "# Diagnosis: ");
	report_append_target(report, out);
	buffer_append_text(out, "\n\n");
	r = append_summary(report, out);
	if (r < 0)
		return r;
	report_append_picture(report, out);
	buffer_append_text(out,
		"## Where the time goes\n\n*Self*: the function itself was running. *Total*: it, or "
		"what it had called. *Without it, at most*: if what the function does itself cost "
		"nothing at all, the whole would be so many times as fast, and not faster.\n\n");
	r = report_append_hotspots(report, RANK_BY_FUNCTION, ROWS, out);
	if (r == 0)
		r = report_append_hotspots(report, RANK_BY_MODULE, ROWS_MODULES, out);
	if (r == 0 && has_threads(report->profile))
		r = report_append_hotspots(report, RANK_BY_THREAD, ROWS, out);
	if (r < 0)
		return r;
	buffer_append_text(out, "## The hottest stacks\n\n");
	r = report_append_stacks(report, STACKS, out);
	if (r == 0)
		r = report_append_runs(report->profile, out);
	if (r == 0)
		r = report_append_threats(report, out);
	report_append_conditions(report, out);
	return r;
}

int report_append_baseline(const struct report *report, struct buffer *out)
{
	int r;

	buffer_append_text(out, "# Baseline: ");
	report_append_target(report, out);
	buffer_append_text(out, "\n\n");
	append_what(report, out);
	r = report_append_runs(report->profile, out);
	if (r < 0)
		return r;
	report_append_picture(report, out);
	buffer_append_text(out, "## Where the time goes\n\n");
	r = report_append_hotspots(report, RANK_BY_FUNCTION, ROWS, out);
	if (r == 0)
		r = report_append_threats(report, out);
	report_append_conditions(report, out);
	return r;
}
