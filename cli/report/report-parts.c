// SPDX-License-Identifier: GPL-2.0-or-later
/* Tables and lists that several kinds of write-ups share. Every figure comes from the profile. */

#include "cli/report/report-parts.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "cli/render/diff.h"
#include "cli/render/facts.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

/* Below so many samples a share of some per cent is a guess. */
#define SAMPLES_FEW 1000
/* Where nothing was seen in n samples, the truth is below 3/n at 95 % (J. A. Hanley and A.
 * Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249, 1983). */
#define UNSEEN 3.0
#define UNNAMED_MAX 0.05

void report_code(struct buffer *out, const char *name)
{
	buffer_append_char(out, '`');
	for (; *name; name++) {
		if (*name == '|')
			buffer_append_text(out, "\\|");
		else
			buffer_append_char(out, *name == '`' ? '\'' : *name);
	}
	buffer_append_char(out, '`');
}

void report_append_target(const struct report *report, struct buffer *out)
{
	const struct profile_conditions *conditions = &report->profile->conditions;

	if (report->title)
		report_code(out, report->title);
	else if (conditions->command)
		report_code(out, profile_string(report->profile, conditions->command));
	else if (conditions->target)
		report_code(out, profile_string(report->profile, conditions->target));
	else
		report_code(out, report->source ? report->source : "a profile");
}

void report_append_samples(const struct profile *profile, struct buffer *out)
{
	buffer_append_text(out, ": ");
	facts_append_count(profile->ledger.kept, out);
	buffer_append_text(out, " samples");
}

void report_append_share(const struct rank_share *share, struct buffer *out)
{
	buffer_printf(out, "%.1f %% (%.1f…%.1f)", 100 * share->share, 100 * share->low,
		100 * share->high);
}

static void append_place(
	const struct profile *profile, const struct rank_row *row, struct buffer *out)
{
	const char *file = profile_string(profile, row->file);
	CLEANUP(buffer_done) struct buffer place = {0};

	if (*file) {
		buffer_append_text(&place, file);
		if (row->line)
			buffer_printf(&place, ":%u", row->line);
	} else {
		buffer_append_text(&place, text_base_name(profile_string(profile, row->module)));
	}
	if (place.size)
		report_code(out, place.data);
}

static void append_speedup(const struct rank_share *share, struct buffer *out)
{
	if (isfinite(share->speedup_max) && share->speedup_max < 100)
		buffer_printf(out, "%.2f×", share->speedup_max);
	else
		buffer_append_text(out, "any");
}

int report_append_hotspots(
	const struct report *report, enum rank_by by, size_t n_max, struct buffer *out)
{
	static const char *const heads[] = {[RANK_BY_FUNCTION] = "Function",
		[RANK_BY_MODULE] = "Module",
		[RANK_BY_THREAD] = "Process / thread"};
	const struct rank_options options = {.by = by};
	CLEANUP(ranking_freep) struct ranking *ranking = NULL;
	int r = ranking_new(report->profile, &options, &ranking);

	if (r < 0)
		return r;
	buffer_printf(out,
		"| %s | Self (95 %% interval) | Total (95 %% interval) | Without it, at most |%s\n|---|--:|--:|--:|%s\n",
		heads[by], by == RANK_BY_FUNCTION ? " Where |" : "",
		by == RANK_BY_FUNCTION ? "---|" : "");
	/* What only calls others is in the totals of the picture. */
	for (size_t i = 0; i < ranking->n_rows && i < n_max; i++) {
		const struct rank_row *row = &ranking->rows[i];

		if (i && !row->self)
			break;
		buffer_append_text(out, "| ");
		report_code(out, ranking_name(report->profile, row));
		buffer_append_text(out, " | ");
		report_append_share(&row->self_share, out);
		buffer_append_text(out, " | ");
		report_append_share(&row->total_share, out);
		buffer_append_text(out, " | ");
		append_speedup(&row->self_share, out);
		if (by == RANK_BY_FUNCTION) {
			buffer_append_text(out, " | ");
			append_place(report->profile, row, out);
		}
		buffer_append_text(out, " |\n");
	}
	buffer_append_char(out, '\n');
	return 0;
}

void report_append_picture(const struct report *report, struct buffer *out)
{
	if (!report->picture)
		return;
	buffer_printf(out, "## Picture\n\n![Flame graph](%s)\n\n", report->picture);
	buffer_append_text(out,
		"Each box is a function, as wide as the share of samples that it was seen in; it "
		"stands on its caller. Left to right is the order of names, not of time.\n\n");
}

double report_cpu_seconds(const struct profile *profile)
{
	return (double)profile->conditions.sampled_ns / 1e9;
}

double report_seconds(const struct profile *profile)
{
	return (double)profile->conditions.duration_ns / 1e9;
}

static void append_sufficiency(
	const struct report *report, const struct ranking *ranking, struct buffer *out)
{
	struct rank_sufficiency sufficiency = ranking_sufficiency(ranking);
	double seconds = report_seconds(report->profile);

	buffer_append_text(out, "- ");
	facts_append_count((uint64_t)ranking->n_samples, out);
	buffer_append_text(out, " samples. ");
	if (ranking->n_samples < SAMPLES_FEW)
		buffer_append_text(
			out, "That is few: take the order of small functions as a hint. ");
	if (!ranking->n_rows) {
		buffer_append_text(out, "Nothing can be said from them.\n");
		return;
	}
	buffer_printf(out, "The share of the first function is known to ±%.1f points",
		100 * sufficiency.half_width);
	if (seconds > 0)
		buffer_printf(out, "; %.0f s more at this rate would halve that",
			ceil(sufficiency.halving * seconds));
	buffer_append_text(out, ".\n");
	if (sufficiency.telling_apart > 0) {
		buffer_append_text(
			out, "- Which of the first two functions takes more cannot be said");
		if (seconds > 0 && sufficiency.telling_apart < 1000)
			buffer_printf(out, "; some %.0f s more might tell",
				ceil(sufficiency.telling_apart * seconds));
		buffer_append_text(out, ".\n");
	}
	buffer_printf(out,
		"- A function with less than %.2g %% of the time may not have been seen at all.\n",
		fmin(100, 100 * UNSEEN / (double)ranking->n_samples));
}

static void append_losses(const struct profile *profile, struct buffer *out)
{
	const struct profile_ledger *ledger = &profile->ledger;
	uint64_t unnamed = 0;

	for (size_t i = 0; i < ledger->n_unnamed; i++)
		unnamed += ledger->unnamed[i].n_samples;
	if (facts_loss(profile) > 0)
		buffer_printf(out,
			"- %.1f %% of the samples were lost or have a stack that is cut short%s.\n",
			100 * facts_loss(profile),
			facts_loss(profile) > FACTS_LOSS_MAX ? ": totals of callers are too low"
							     : "");
	else
		buffer_append_text(out, "- No sample was lost, and no stack was cut short.\n");
	if (ledger->kept && unnamed)
		buffer_printf(out,
			"- %.1f %% of the samples have a function without a name on their stack: "
			"`[file+0x1234]` is what lies at that address of that file%s.\n",
			100 * (double)(unnamed < ledger->kept ? unnamed : ledger->kept) /
				(double)ledger->kept,
			(double)unnamed > UNNAMED_MAX * (double)ledger->kept
				? ". Symbols are missing here; `perfctl doctor --pid PID` says "
				  "what would name them"
				: "");
	if (ledger->missed) {
		buffer_append_text(out, "- ");
		facts_append_count(ledger->missed, out);
		buffer_append_text(out,
			" ticks of the sampling clock never came, as on a machine that gives its CPU "
			"to others for a while; what ran then is not in here.\n");
	}
}

/* Time that cpu-clock, a timer's interrupt, sees late. */
static void append_clock(const struct profile *profile, struct buffer *out)
{
	bool has_kernel = false;

	for (size_t i = 1; i < profile->n_frames; i++)
		has_kernel |= profile->frames[i].kind == PROFILE_FRAME_KERNEL;
	if (!has_kernel || strcmp(profile_string(profile, profile->conditions.event), "cpu-clock"))
		return;
	buffer_append_text(out,
		"- `cpu-clock` interrupts, and parts of the kernel cannot be interrupted: what they "
		"take is shown where they allow it again, as in `_raw_spin_unlock_irqrestore`, "
		"`finish_task_switch` and `do_syscall_64`.\n");
}

/* What a comparison with another recording of this length could not find: it is that of this one with
 * itself. */
static int append_detectable(const struct report *report, struct buffer *out)
{
	const struct compare_side side = {&report->profile, 1};
	const struct compare_side sides[COMPARE_SIDES] = {side, side};
	CLEANUP(comparison_freep) struct comparison *comparison = NULL;
	struct profile_error error;
	int r = comparison_new(sides, NULL, &comparison, &error);

	if (r != 0)
		return r < 0 ? r : 0;
	buffer_append_text(out,
		"- Held against another recording like this one, it could show (at 80 % odds) ");
	diff_append_detectable(comparison, out);
	return 0;
}

int report_append_threats(const struct report *report, struct buffer *out)
{
	CLEANUP(ranking_freep) struct ranking *ranking = NULL;
	int r = ranking_new(report->profile, NULL, &ranking);

	if (r < 0)
		return r;
	buffer_append_text(out, "## How far to trust this\n\n");
	append_sufficiency(report, ranking, out);
	/* What was compared says it of both. */
	if (!report->before) {
		r = append_detectable(report, out);
		if (r < 0)
			return r;
	}
	append_losses(report->profile, out);
	append_clock(report->profile, out);
	if (report->profile->n_runs < 2)
		buffer_append_text(out,
			"- One recording: the brackets are for it, not for what another one would show.\n");
	buffer_append_text(out,
		"- Only time on a CPU was sampled: what the program waited for is not in here.\n\n");
	return 0;
}

static void append_condition(const char *name, const char *text, struct buffer *out)
{
	if (!*text)
		return;
	buffer_printf(out, "| %s | ", name);
	report_code(out, text);
	buffer_append_text(out, " |\n");
}

/* The program that has the most of the samples, and its build-id. */
static void append_program(const struct profile *profile, struct buffer *out)
{
	for (size_t i = 1; i < profile->n_processes; i++) {
		const char *exe = profile_string(profile, profile->processes[i].exe);

		if (!*exe)
			continue;
		append_condition("Program", exe, out);
		for (size_t j = 1; j < profile->n_mappings; j++)
			if (!strcmp(profile_string(profile, profile->mappings[j].path), exe))
				append_condition("Build-id",
					profile_string(profile, profile->mappings[j].build_id),
					out);
		return;
	}
}

static void append_measured(const struct profile *profile, struct buffer *out)
{
	CLEANUP(buffer_done) struct buffer lines = {0};
	char *line, *end;

	facts_append_conditions(profile, &lines);
	facts_append_ledger(profile, &lines);
	if (!lines.data)
		return;
	buffer_append_text(out, "```\n");
	for (line = lines.data; (end = strchr(line, '\n')); line = end + 1)
		buffer_append(out, line, (size_t)(end + 1 - line));
	buffer_append_text(out, "```\n\n");
}

void report_append_conditions(const struct report *report, struct buffer *out)
{
	const struct profile *profile = report->profile;
	const struct profile_conditions *c = &profile->conditions;
	CLEANUP(buffer_done) struct buffer cpus = {0};

	if (c->n_cpus)
		buffer_printf(&cpus, "%u", c->n_cpus);
	buffer_append_text(out, "## How it was measured\n\n| | |\n|---|---|\n");
	append_condition("Command", profile_string(profile, c->command), out);
	append_condition("Target", profile_string(profile, c->target), out);
	append_program(profile, out);
	append_condition("Host", profile_string(profile, c->host), out);
	append_condition("Kernel", profile_string(profile, c->kernel), out);
	append_condition("Machine", profile_string(profile, c->machine), out);
	append_condition("CPU", profile_string(profile, c->cpu_model), out);
	append_condition("CPUs", cpus.data ? cpus.data : "", out);
	append_condition("Governor", profile_string(profile, c->governor), out);
	append_condition("Virtualization", profile_string(profile, c->virtualization), out);
	append_condition("Load before the end", profile_string(profile, c->load), out);
	append_condition("perfctl", profile_string(profile, c->version), out);
	buffer_append_char(out, '\n');
	append_measured(profile, out);
	if (!report->native)
		return;
	buffer_printf(out, "All figures are from `%s`; again by `perfctl hotspots %s`",
		report->native, report->native);
	if (report->before_native)
		buffer_printf(
			out, " and `perfctl diff %s %s`", report->before_native, report->native);
	buffer_append_text(out, ".\n");
}
