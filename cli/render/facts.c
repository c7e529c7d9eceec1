// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The conditions and the ledger of a profile in words. Invariant: the numbers add up as the ledger
 * does (taken = kept + lost + not permitted; kept = complete + truncated + no user stack), and what
 * is zero and stands for a defect is left out, not what is zero and stands for the work done.
 */

#include "cli/render/facts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

void facts_append_count(uint64_t n, struct buffer *out)
{
	char digits[24];
	int size = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);

	for (int i = 0; i < size; i++) {
		if (i && (size - i) % 3 == 0)
			buffer_append_text(out, "\u202f"); /* a narrow space that does not break */
		buffer_append_char(out, digits[i]);
	}
}

double facts_loss(const struct profile *profile)
{
	uint64_t lost = profile_n_lost(profile);
	uint64_t whole = profile->ledger.kept + lost;

	if (!whole)
		return 0;
	return (double)(lost + profile_n_truncated(profile)) / (double)whole;
}

void facts_append_title(const struct profile *profile, const char *title, struct buffer *out)
{
	const struct profile_conditions *conditions = &profile->conditions;
	const char *target = profile_string(profile, conditions->target);

	if (title) {
		buffer_append_text(out, title);
		return;
	}
	buffer_append_text(out, *target ? target : "Profile");
	if (conditions->event)
		buffer_printf(out, ", %s", profile_string(profile, conditions->event));
}

void facts_append_warning(const struct profile *profile, struct buffer *out)
{
	double loss = facts_loss(profile);

	if (loss > FACTS_LOSS_MAX)
		buffer_printf(out, "%.1f %% of the samples lost or truncated", 100 * loss);
}

static void append_separated(struct buffer *out, size_t start)
{
	if (out->size > start)
		buffer_append_text(out, " · ");
}

static void append_event(const struct profile *profile, struct buffer *out)
{
	const struct profile_conditions *conditions = &profile->conditions;
	double asked = conditions->frequency_asked, reached = conditions->frequency_reached;

	buffer_append_text(out, profile_string(profile, conditions->event));
	if (conditions->event_asked && conditions->event_asked != conditions->event)
		buffer_printf(
			out, " (asked: %s)", profile_string(profile, conditions->event_asked));
	if (asked > 0)
		buffer_printf(out, " at %g Hz", asked);
	/* A rate says nothing about a target that hardly ran. */
	if (asked > 0 && reached > 0 && profile->ledger.kept > 0)
		buffer_printf(out, " (reached: %.1f)", reached);
}

void facts_append_conditions(const struct profile *profile, struct buffer *out)
{
	const struct profile_conditions *conditions = &profile->conditions;
	size_t start = out->size;
	char text[64];

	if (conditions->host)
		buffer_append_text(out, profile_string(profile, conditions->host));
	if (conditions->start_realtime_ns) {
		append_separated(out, start);
		buffer_append_text(
			out, time_format(conditions->start_realtime_ns, text, sizeof(text)));
	}
	if (conditions->duration_ns) {
		append_separated(out, start);
		buffer_append_text(
			out, text_format_duration(conditions->duration_ns, text, sizeof(text)));
	}
	if (conditions->event) {
		append_separated(out, start);
		append_event(profile, out);
	}
	if (conditions->notes) {
		append_separated(out, start);
		buffer_append_text(out, profile_string(profile, conditions->notes));
	}
	if (out->size > start)
		buffer_append_char(out, '\n');
}

static void append_reasons(const struct profile *profile, const char *what,
	const struct profile_count *counts, size_t n, struct buffer *out)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += counts[i].n;
	if (!sum)
		return;
	buffer_append_text(out, ", ");
	facts_append_count(sum, out);
	buffer_printf(out, " %s (", what);
	for (size_t i = 0; i < n; i++) {
		buffer_printf(
			out, "%s%s ", i ? ", " : "", profile_string(profile, counts[i].reason));
		facts_append_count(counts[i].n, out);
	}
	buffer_append_char(out, ')');
}

static void append_unnamed(const struct profile *profile, struct buffer *out)
{
	const struct profile_ledger *ledger = &profile->ledger;

	for (size_t i = 0; i < ledger->n_unnamed; i++) {
		buffer_append_text(out, i ? "; " : "Without a name: ");
		facts_append_count(ledger->unnamed[i].n_frames, out);
		buffer_printf(out, " frame%s in ", ledger->unnamed[i].n_frames == 1 ? "" : "s");
		facts_append_count(ledger->unnamed[i].n_samples, out);
		buffer_printf(
			out, " samples (%s)", profile_string(profile, ledger->unnamed[i].reason));
	}
	if (ledger->n_unnamed)
		buffer_append_char(out, '\n');
}

static void append_times(const struct profile *profile, struct buffer *out)
{
	const struct profile_conditions *conditions = &profile->conditions;
	double sampled = (double)conditions->sampled_ns,
	       scheduler = (double)conditions->scheduler_ns;
	size_t start = out->size;
	char text[64];

	if (profile->ledger.missed) {
		buffer_append_text(out, "Missed timer ticks: ");
		facts_append_count(profile->ledger.missed, out);
	}
	if (scheduler > 0 && fabs(sampled - scheduler) > FACTS_TIME_DIFFERENCE_MAX * scheduler) {
		append_separated(out, start);
		buffer_printf(out, "Sampled CPU time %s, ",
			text_format_duration(conditions->sampled_ns, text, sizeof(text)));
		buffer_printf(out, "by the scheduler %s (%+.1f %%)",
			text_format_duration(conditions->scheduler_ns, text, sizeof(text)),
			100 * (sampled - scheduler) / scheduler);
	}
	if (out->size > start)
		buffer_append_char(out, '\n');
}

void facts_append_ledger(const struct profile *profile, struct buffer *out)
{
	const struct profile_ledger *ledger = &profile->ledger;

	buffer_append_text(out, "Samples: ");
	facts_append_count(ledger->taken, out);
	buffer_append_text(out, " taken, ");
	facts_append_count(ledger->kept, out);
	buffer_append_text(out, " kept");
	append_reasons(profile, "lost", ledger->lost, ledger->n_lost, out);
	if (ledger->not_permitted) {
		buffer_append_text(out, ", ");
		facts_append_count(ledger->not_permitted, out);
		buffer_append_text(out, " not permitted");
	}
	buffer_append_text(out, "; of those kept ");
	facts_append_count(ledger->complete, out);
	buffer_append_text(out, " complete");
	append_reasons(profile, "truncated", ledger->truncated, ledger->n_truncated, out);
	append_reasons(profile, "without a user stack", ledger->no_user_stack,
		ledger->n_no_user_stack, out);
	buffer_append_char(out, '\n');
	append_unnamed(profile, out);
	append_times(profile, out);
	facts_append_runs(profile, out);
}

static int double_compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static void append_range(const char *what, double *values, size_t n, struct buffer *out)
{
	qsort(values, n, sizeof(*values), double_compare);
	buffer_printf(out, ", %s %.3f s (%.3f…%.3f)", what,
		(values[(n - 1) / 2] + values[n / 2]) / 2, values[0], values[n - 1]);
}

void facts_append_runs(const struct profile *profile, struct buffer *out)
{
	size_t n = profile->n_runs;
	CLEANUP(freep) double *wall = calloc(n + 1, sizeof(*wall));
	CLEANUP(freep) double *cpu = calloc(n + 1, sizeof(*cpu));
	uint64_t peak = 0;
	char text[64];

	if (!n || !wall || !cpu)
		return;
	for (size_t i = 0; i < n; i++) {
		const struct profile_run *run = &profile->runs[i];

		wall[i] = (double)run->wall_ns / 1e9;
		cpu[i] = (double)(run->user_ns + run->system_ns) / 1e9;
		peak = run->peak_bytes > peak ? run->peak_bytes : peak;
	}
	buffer_printf(out, "%zu run%s", n, n == 1 ? "" : "s");
	append_range("wall", wall, n, out);
	append_range("CPU", cpu, n, out);
	buffer_printf(out, ", peak memory %s\n", text_format_bytes(peak, text, sizeof(text)));
}
