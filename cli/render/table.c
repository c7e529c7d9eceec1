// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hotspots on a terminal: each share with its 95 % interval for this recording, and beside it what
 * could be gained at most (Amdahl). Below the table: is the recording long enough? The half-width
 * of an interval falls with the square root of the time, so half of it takes three times more.
 */

#include "cli/render/table.h"

#include <math.h>
#include <string.h>

#include "cli/render/facts.h"
#include "cli/render/text-fit.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

#define FIXED_COLUMNS 53 /* all that stands before the name */
#define NAME_COLUMNS_MIN 24
#define BOLD "\033[1m"
#define DIM "\033[2m"
#define HOT "\033[31m"
#define WARM "\033[33m"
#define PLAIN "\033[0m"
#define HOT_SHARE 0.10
#define WARM_SHARE 0.02
/* Shares that are nearly equal take for ever to tell apart: then no time is said. */
#define TELLING_APART_MAX 1000

static const char *colour(const struct table_options *options, const char *sequence)
{
	return options->has_colour ? sequence : "";
}

/* "redis-server  dict.c:482" */
static void append_place(
	const struct profile *profile, const struct rank_row *row, struct buffer *out)
{
	const char *file = profile_string(profile, row->file);

	buffer_append_text(out, text_base_name(profile_string(profile, row->module)));
	if (!*file)
		return;
	buffer_printf(out, "%s%s", out->size ? "  " : "", text_base_name(file));
	if (row->line)
		buffer_printf(out, ":%u", row->line);
}

static void append_name(const struct profile *profile, const struct rank_row *row,
	const struct table_options *options, struct buffer *out)
{
	CLEANUP(buffer_done) struct buffer name = {0}, place = {0};
	const char *text = ranking_name(profile, row);
	size_t room = 0, cells = 0;

	/* "[module+0xADDR]" says its module already. */
	if (options->rank.by != RANK_BY_MODULE && *text != '[')
		append_place(profile, row, &place);
	if (buffer_error(&place) < 0)
		return;
	if (options->width > FIXED_COLUMNS)
		room = options->width - FIXED_COLUMNS;
	if (room && room < NAME_COLUMNS_MIN)
		room = NAME_COLUMNS_MIN;
	if (place.size)
		cells = text_fit_cells(place.data, place.size) + 2;
	/* The place gives way where it would take the name's room. */
	if (room && cells + NAME_COLUMNS_MIN > room)
		cells = 0;
	if (room)
		text_fit_append(&name, text, room - cells);
	else
		buffer_append_text(&name, text);
	if (buffer_error(&name) < 0)
		return;
	buffer_append(out, name.data, name.size);
	if (cells || (!room && place.size))
		buffer_printf(
			out, "  %s%s%s", colour(options, DIM), place.data, colour(options, PLAIN));
}

static void append_share(
	const struct rank_share *share, const struct table_options *options, struct buffer *out)
{
	const char *sequence = share->share >= HOT_SHARE ? HOT
		: share->share >= WARM_SHARE             ? WARM
							 : "";

	buffer_printf(out, "%s%5.1f %%%s  %s%5.1f…%-5.1f%s", colour(options, sequence),
		100 * share->share, colour(options, *sequence ? PLAIN : ""), colour(options, DIM),
		100 * share->low, 100 * share->high, colour(options, PLAIN));
}

static void append_row(const struct profile *profile, const struct rank_row *row,
	const struct table_options *options, struct buffer *out)
{
	const struct rank_share *share = options->rank.sort == RANK_SORT_SELF ? &row->self_share
									      : &row->total_share;
	char speedup[32] = "any";

	if (isfinite(share->speedup_max) && share->speedup_max < 1000)
		snprintf(speedup, sizeof(speedup), "≤%.2f×", share->speedup_max);
	append_share(&row->self_share, options, out);
	buffer_append_text(out, "  ");
	append_share(&row->total_share, options, out);
	/* Columns, not bytes: both signs take more bytes than columns. */
	buffer_printf(out, "  %*s  ",
		(int)(7 + strlen(speedup) - text_fit_cells(speedup, strlen(speedup))), speedup);
	append_name(profile, row, options, out);
	buffer_append_char(out, '\n');
}

/* So many times more of what the recording was long. */
static void append_time(const struct profile *profile, double times, struct buffer *out)
{
	double ns = times * (double)profile->conditions.duration_ns;
	char text[64];

	buffer_append_text(out,
		text_format_duration(
			ns < 9e18 ? (uint64_t)ns : UINT64_MAX / 2, text, sizeof(text)));
}

static void append_sufficiency(
	const struct profile *profile, const struct ranking *ranking, struct buffer *out)
{
	struct rank_sufficiency sufficiency = ranking_sufficiency(ranking);
	bool has_duration = profile->conditions.duration_ns;

	buffer_printf(out, "The first row is known to ±%.1f points (95 %%)",
		100 * sufficiency.half_width);
	if (has_duration) {
		buffer_append_text(out, "; ");
		append_time(profile, sufficiency.halving, out);
		buffer_append_text(out, " more at this rate would halve that");
	}
	buffer_append_text(out, ".\n");
	if (!(sufficiency.telling_apart > 0))
		return;
	buffer_append_text(out, "The first two rows cannot be told apart");
	if (has_duration && sufficiency.telling_apart < TELLING_APART_MAX) {
		buffer_append_text(out, "; ");
		append_time(profile, sufficiency.telling_apart, out);
		buffer_append_text(out, " more might do it");
	}
	buffer_append_text(out, ".\n");
}

static void append_explanation(const struct profile *profile, const struct ranking *ranking,
	size_t n_rows, struct buffer *out)
{
	const struct rank_options *rank = &ranking->options;

	buffer_append_char(out, '\n');
	if (n_rows < ranking->n_rows)
		buffer_printf(out, "%zu more rows are not shown. ", ranking->n_rows - n_rows);
	append_sufficiency(profile, ranking, out);
	if (rank->sort == RANK_SORT_SCORE)
		buffer_append_text(out,
			"Ordered by 0.5 self + 0.5 total: calls were not measured, their weight went "
			"to both.\n");
	if (rank->by != RANK_BY_CALLER && rank->by != RANK_BY_CALLEE)
		return;
	buffer_printf(out, "All is of the %lld samples with %s on their stack",
		(long long)ranking->n_samples, profile_string(profile, rank->function));
	buffer_append_text(out, ".\n");
}

static void append_heading(
	const struct profile *profile, const struct table_options *options, struct buffer *out)
{
	CLEANUP(buffer_done) struct buffer warning = {0};

	facts_append_warning(profile, &warning);
	buffer_append_text(out, colour(options, BOLD));
	facts_append_title(profile, options->title, out);
	buffer_append_text(out, colour(options, PLAIN));
	if (warning.size)
		buffer_printf(out, " — %s%s%s", colour(options, HOT), warning.data,
			colour(options, PLAIN));
	buffer_append_char(out, '\n');
	if (!options->has_facts)
		return;
	facts_append_conditions(profile, out);
	facts_append_ledger(profile, out);
}

int table_append_hotspots(
	const struct profile *profile, const struct table_options *options, struct buffer *out)
{
	static const char *const names[] = {[RANK_BY_FUNCTION] = "Function",
		[RANK_BY_MODULE] = "Module",
		[RANK_BY_LINE] = "Line",
		[RANK_BY_THREAD] = "Process / thread",
		[RANK_BY_PROCESS] = "Process",
		[RANK_BY_UNIT] = "Unit",
		[RANK_BY_CALLER] = "Caller",
		[RANK_BY_CALLEE] = "Callee"};
	CLEANUP(ranking_freep) struct ranking *ranking = NULL;
	size_t n_rows;
	int r;

	r = ranking_new(profile, &options->rank, &ranking);
	if (r < 0)
		return r;
	n_rows = ranking->n_rows;
	if (options->limit && options->limit < n_rows)
		n_rows = options->limit;
	append_heading(profile, options, out);
	if (!n_rows) {
		buffer_append_text(out, "No samples.\n");
		return buffer_error(out);
	}
	buffer_printf(out, "\n%s   Self  95 %% interval    Total  95 %% interval  Speed-up  %s%s\n",
		colour(options, BOLD), names[options->rank.by], colour(options, PLAIN));
	for (size_t i = 0; i < n_rows; i++)
		append_row(profile, &ranking->rows[i], options, out);
	append_explanation(profile, ranking, n_rows, out);
	return buffer_error(out);
}
