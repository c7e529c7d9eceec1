// SPDX-License-Identifier: GPL-2.0-or-later
/* What a comparison says, in words that a reader who knows no statistics can use. */

#include <math.h>
#include <stdio.h>

#include "cli/render/diff.h"
#include "cli/render/facts.h"
#include "proto/base/text.h"

/* Where a function came or went there is no per cent. */
#define GONE (-0.9995)
#define HUGE 99.99

void diff_append_change(double change, struct buffer *out)
{
	if (isnan(change))
		buffer_append_char(out, '?');
	else if (isinf(change))
		buffer_append_text(out, "new");
	else if (change < GONE)
		buffer_append_text(out, "gone");
	else if (change > HUGE)
		buffer_printf(out, "×%.0f", 1 + change);
	else
		buffer_printf(out, "%+.1f %%", 100 * change);
}

void diff_append_interval(const struct compare_row *row, struct buffer *out)
{
	if (isnan(row->low) || isnan(row->high)) {
		buffer_append_char(out, '?');
		return;
	}
	if (row->low > HUGE)
		buffer_printf(out, "×%.0f…", 1 + row->low);
	else
		buffer_printf(out, "%+.1f…", 100 * row->low);
	if (isinf(row->high) || row->high > HUGE)
		buffer_append_text(out, "∞");
	else
		buffer_printf(out, "%+.1f %%", 100 * row->high);
}

void diff_append_value(const struct comparison *comparison, double value, struct buffer *out)
{
	if (comparison->mode == COMPARE_SHARES)
		buffer_printf(out, "%.1f %%", 100 * value);
	else if (value >= 0.1 || value == 0)
		buffer_printf(out, "%.3f s", value);
	else
		buffer_printf(out, "%.2f ms", 1e3 * value);
}

void diff_append_verdict(const struct compare_row *row, struct buffer *out)
{
	static const char *const words[] = {[COMPARE_NO_EVIDENCE] = "no evidence",
		[COMPARE_SLOWER] = "slower",
		[COMPARE_FASTER] = "faster"};

	buffer_append_text(out, words[row->verdict]);
	if (row->verdict && fabs(row->change) < COMPARE_MARGINAL)
		buffer_append_text(out, " (marginal)");
	if (row->is_unsettled)
		buffer_append_text(out, " (swings)");
}

static void append_runs(const struct diff *diff, int side, struct buffer *out)
{
	const struct comparison *comparison = diff->comparison;
	char text[64];

	buffer_printf(out, "%s %s: ", side ? "After " : "Before", diff->names[side]);
	facts_append_count((uint64_t)comparison->n_samples[side], out);
	buffer_append_text(out, " samples");
	if (comparison->seconds[side] > 0)
		buffer_printf(out, " in %s",
			text_format_duration(
				(uint64_t)(comparison->seconds[side] * 1e9), text, sizeof(text)));
	if (comparison->n_runs[side] > 1)
		buffer_printf(out, ", %zu runs", comparison->n_runs[side]);
	buffer_append_char(out, '\n');
}

void diff_append_method(const struct diff *diff, struct buffer *out)
{
	static const char *const modes[] = {
		[COMPARE_SHARES] = "shares of the whole, scaled so that functions on the whole did "
				   "not change",
		[COMPARE_ABSOLUTE] = "CPU time per second of recording",
		[COMPARE_WORK] = "CPU time per run of the command",
	};
	const struct comparison *comparison = diff->comparison;

	append_runs(diff, COMPARE_BEFORE, out);
	append_runs(diff, COMPARE_AFTER, out);
	buffer_printf(out, "Compared: %s", modes[comparison->mode]);
	if (comparison->mode == COMPARE_SHARES && fabs(comparison->normalizer - 1) >= 0.001)
		buffer_printf(out, " (by %.3f)", 1 / comparison->normalizer);
	if (comparison->method == COMPARE_RUNS)
		buffer_append_text(out, "; certainty from run to run.\n");
	else
		buffer_append_text(out,
			"; certainty from within one run, so what differs from run to run by "
			"itself is not in it.\n");
}

void diff_append_detectable(const struct comparison *comparison, struct buffer *out)
{
	bool is_any = false;

	if (comparison->n_rows && !comparison->n_tested) {
		buffer_append_text(out,
			comparison->seconds[0] > 0 && comparison->seconds[1] > 0
				? "nothing: what the functions take goes up and down more slowly "
				  "than was recorded. A longer recording may show something.\n"
				: "nothing: when samples were taken is not known, which .pb.gz files "
				  "tell; or give several runs of each side.\n");
		return;
	}
	for (size_t i = 0; i < COMPARE_POWERS; i++) {
		const struct compare_power *power = &comparison->powers[i];

		if (!isfinite(power->detectable) || power->detectable > 1)
			continue;
		buffer_printf(out,
			is_any ? ", of %.1f %% with %g %%"
			       : "a change of %.1f %% in a function with %g %% of the time",
			100 * power->detectable, 100 * power->share);
		is_any = true;
	}
	if (!is_any)
		buffer_append_text(out, "nothing short of a doubling");
	/* What differs from run to run does so in long ones, too. */
	buffer_append_text(out,
		comparison->method == COMPARE_RUNS ? ". Four times as many runs see half of that.\n"
						   : ". Four times as long sees half of that.\n");
}

void diff_append_gate_doubt(
	const struct comparison *comparison, double threshold, struct buffer *out)
{
	const struct compare_power *power = &comparison->powers[0];

	if (comparison->n_tested && power->detectable <= threshold)
		return;
	buffer_printf(out,
		" These data would hardly have shown so little, even in a function with %g %% of "
		"the time.",
		100 * power->share);
}

void diff_append_power(const struct comparison *comparison, struct buffer *out)
{
	buffer_append_text(out, "What these counts could have shown (at 80 % odds): ");
	diff_append_detectable(comparison, out);
}
