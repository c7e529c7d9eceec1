// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the runs of a command took, as a table, alone or beside another's. Percentiles are those values
 * below which that part of the runs lies (nearest rank), so each is one that was measured.
 */

#include "cli/report/report-runs.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/render/diff.h"
#include "proto/base/cleanup.h"
#include "proto/profile/statistics.h"

static double wall(const struct profile_run *run)
{
	return (double)run->wall_ns / 1e9;
}
static double user(const struct profile_run *run)
{
	return (double)run->user_ns / 1e9;
}
static double system_time(const struct profile_run *run)
{
	return (double)run->system_ns / 1e9;
}
static double cpu(const struct profile_run *run)
{
	return user(run) + system_time(run);
}
static double peak(const struct profile_run *run)
{
	return (double)run->peak_bytes / 1048576;
}
static double switches(const struct profile_run *run)
{
	return (double)run->n_voluntary + (double)run->n_involuntary;
}

static const struct figure {
	const char *name, *format;
	double (*value)(const struct profile_run *run);
} figures[] = {
	{"Wall time, s", "%.4f", wall},
	{"CPU time, s", "%.4f", cpu},
	{"of it user, s", "%.4f", user},
	{"of it system, s", "%.4f", system_time},
	{"Peak memory, MiB", "%.1f", peak},
	{"Context switches", "%.0f", switches},
};

static int double_compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* Sorted, malloc'ed; NULL without memory. */
static double *values_of(const struct profile *profile, const struct figure *figure)
{
	double *values = calloc(profile->n_runs + 1, sizeof(*values));

	for (size_t i = 0; values && i < profile->n_runs; i++)
		values[i] = figure->value(&profile->runs[i]);
	if (values)
		qsort(values, profile->n_runs, sizeof(*values), double_compare);
	return values;
}

static double median_of(const double *sorted, size_t n)
{
	return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
}

static double percentile(const double *sorted, size_t n, double part)
{
	size_t rank = (size_t)ceil(part * (double)n);

	return sorted[rank ? rank - 1 : 0];
}

static struct mean mean_of(const double *values, size_t n)
{
	struct mean result = {0};

	for (size_t i = 0; i < n; i++)
		result.value += values[i] / (double)n;
	for (size_t i = 0; i < n && n > 1; i++)
		result.variance += (values[i] - result.value) * (values[i] - result.value) /
			((double)n - 1) / (double)n;
	return result;
}

static void append_cell(const struct figure *figure, double value, struct buffer *out)
{
	char text[64];

	snprintf(text, sizeof(text), figure->format, value);
	buffer_printf(out, " %s |", text);
}

int report_append_runs(const struct profile *profile, struct buffer *out)
{
	size_t n = profile->n_runs;

	if (!n)
		return 0;
	buffer_printf(out,
		"## What a run takes\n\n%zu runs, after those that warm up.\n\n"
		"| | Median | p95 | p99 | Min | Max | Standard deviation |\n"
		"|---|--:|--:|--:|--:|--:|--:|\n",
		n);
	for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
		CLEANUP(freep) double *values = values_of(profile, &figures[i]);

		if (!values)
			return -ENOMEM;
		buffer_printf(out, "| %s |", figures[i].name);
		append_cell(&figures[i], median_of(values, n), out);
		append_cell(&figures[i], percentile(values, n, 0.95), out);
		append_cell(&figures[i], percentile(values, n, 0.99), out);
		append_cell(&figures[i], values[0], out);
		append_cell(&figures[i], values[n - 1], out);
		append_cell(&figures[i], sqrt(mean_of(values, n).variance * (double)n), out);
		buffer_append_char(out, '\n');
	}
	buffer_append_char(out, '\n');
	return 0;
}

/* The interval of the ratio of the means by Welch's degrees of freedom, as the comparison has it. */
static void append_change(const double *before, size_t n_before, const double *after,
	size_t n_after, struct buffer *out)
{
	const struct mean means[] = {mean_of(before, n_before), mean_of(after, n_after)};
	double a = means[0].variance, b = means[1].variance, sum = a + b, df = 1;
	struct compare_row row;

	if (!(means[0].value > 0)) {
		buffer_append_text(out, " ? | ? |");
		return;
	}
	buffer_append_char(out, ' ');
	diff_append_change(means[1].value / means[0].value - 1, out);
	if (n_before < 2 || n_after < 2) {
		buffer_append_text(out, " | ? |");
		return;
	}
	if (sum > 0)
		df = sum * sum / (a * a / ((double)n_before - 1) + b * b / ((double)n_after - 1));
	statistics_ratio_interval(means, statistics_t_quantile(0.975, df), &row.low, &row.high);
	row.low -= 1;
	row.high -= 1;
	buffer_append_text(out, " | ");
	diff_append_interval(&row, out);
	buffer_append_text(out, " |");
}

int report_append_runs_change(
	const struct profile *before, const struct profile *after, struct buffer *out)
{
	if (!before->n_runs || !after->n_runs)
		return 0;
	buffer_printf(out,
		"## What a run takes\n\n%zu runs before, %zu after.\n\n"
		"| | Median before | Median after | Change of the mean | 95 %% interval |\n"
		"|---|--:|--:|--:|--:|\n",
		before->n_runs, after->n_runs);
	for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
		CLEANUP(freep) double *a = values_of(before, &figures[i]);
		CLEANUP(freep) double *b = values_of(after, &figures[i]);

		if (!a || !b)
			return -ENOMEM;
		buffer_printf(out, "| %s |", figures[i].name);
		append_cell(&figures[i], median_of(a, before->n_runs), out);
		append_cell(&figures[i], median_of(b, after->n_runs), out);
		append_change(a, before->n_runs, b, after->n_runs, out);
		buffer_append_char(out, '\n');
	}
	buffer_append_char(out, '\n');
	return 0;
}
