// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A comparison on a terminal: what changed first, by how much of the whole; below it what could not
 * have been found, since silence about a change is no proof that there is none.
 */

#include <math.h>
#include <string.h>

#include "cli/render/diff.h"
#include "cli/render/facts.h"
#include "cli/render/text-fit.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define SLOWER "\033[31m"
#define FASTER "\033[34m"
#define PLAIN "\033[0m"
#define FIXED_COLUMNS 72 /* all that stands before the name */
#define NAME_COLUMNS_MIN 24

static const char *colour(const struct diff *diff, const char *sequence)
{
	return diff->has_colour ? sequence : "";
}

/* Right-aligned (or left, if width is below 0), by columns and not by bytes. */
static void append_cell(const struct buffer *text, int width, struct buffer *out)
{
	const char *data = text->data ? text->data : "";
	int room = (width < 0 ? -width : width) - (int)text_fit_cells(data, text->size);

	if (width > 0 && room > 0)
		buffer_printf(out, "%*s", room, "");
	buffer_append(out, data, text->size);
	if (width < 0 && room > 0)
		buffer_printf(out, "%*s", room, "");
}

static void append_other(const struct compare_row *row, struct buffer *out)
{
	if (!row->other)
		return;
	buffer_append_text(out, "  (");
	switch (row->fate) {
	case COMPARE_RENAMED:
		buffer_printf(out, "renamed? before: %s", row->other);
		break;
	case COMPARE_INLINED:
		buffer_printf(out, "%s inlined into it?", row->other);
		break;
	default:
		buffer_printf(out, "%s was inlined in it?", row->other);
	}
	buffer_append_char(out, ')');
}

static void append_name(const struct diff *diff, const struct compare_row *row, struct buffer *out)
{
	CLEANUP(buffer_done) struct buffer name = {0};
	size_t room = 0;

	if (diff->width > FIXED_COLUMNS)
		room = diff->width - FIXED_COLUMNS;
	if (diff->width && room < NAME_COLUMNS_MIN)
		room = NAME_COLUMNS_MIN;
	if (room)
		text_fit_append(&name, row->name, room);
	else
		buffer_append_text(&name, row->name);
	buffer_append(out, name.data ? name.data : "", name.size);
	if (!room && *row->name != '[' && *row->module)
		buffer_printf(out, "  %s", text_base_name(row->module));
	if (!room && *row->file)
		buffer_printf(out, "  %s:%u", text_base_name(row->file), row->line);
	append_other(row, out);
}

static void append_row(const struct diff *diff, const struct compare_row *row, struct buffer *out)
{
	CLEANUP(buffer_done) struct buffer before = {0}, after = {0}, change = {0};
	CLEANUP(buffer_done) struct buffer interval = {0}, verdict = {0};
	const char *sequence = row->verdict == COMPARE_SLOWER ? SLOWER
		: row->verdict == COMPARE_FASTER              ? FASTER
							      : DIM;

	diff_append_value(diff->comparison, row->value[0], &before);
	diff_append_value(diff->comparison, row->value[1], &after);
	diff_append_change(row->change, &change);
	diff_append_interval(row, &interval);
	diff_append_verdict(row, &verdict);
	append_cell(&before, 9, out);
	append_cell(&after, 10, out);
	append_cell(&change, 10, out);
	append_cell(&interval, 18, out);
	buffer_append_text(out, "  ");
	buffer_append_text(out, colour(diff, sequence));
	append_cell(&verdict, -21, out);
	buffer_append_text(out, colour(diff, PLAIN));
	buffer_append_text(out, "  ");
	append_name(diff, row, out);
	buffer_append_char(out, '\n');
}

static void append_gate(const struct diff *diff, struct buffer *out)
{
	if (isnan(diff->threshold))
		return;
	if (!diff->regression) {
		buffer_printf(out, "Gate: nothing surely grew by more than %g %%.",
			100 * diff->threshold);
		diff_append_gate_doubt(diff->comparison, diff->threshold, out);
		buffer_append_char(out, '\n');
		return;
	}
	buffer_printf(out, "Gate: %s grew by more than %g %% (", diff->regression->name,
		100 * diff->threshold);
	diff_append_interval(diff->regression, out);
	buffer_append_text(out, ").\n");
}

static void append_summary(const struct diff *diff, size_t n_rows, struct buffer *out)
{
	const struct comparison *comparison = diff->comparison;

	buffer_append_char(out, '\n');
	if (n_rows < comparison->n_rows)
		buffer_printf(out, "%zu more rows are not shown. ", comparison->n_rows - n_rows);
	buffer_printf(out,
		"%zu functions tested: %zu slower, %zu faster; of such verdicts at most %g %% are "
		"chance.\n",
		comparison->n_tested, comparison->n_slower, comparison->n_faster,
		100 * comparison->q);
	diff_append_power(comparison, out);
	append_gate(diff, out);
}

int diff_append_table(const struct diff *diff, struct buffer *out)
{
	const struct comparison *comparison = diff->comparison;
	size_t n_rows = comparison->n_rows;

	if (diff->limit && diff->limit < n_rows)
		n_rows = diff->limit;
	diff_append_method(diff, out);
	buffer_printf(out,
		"\n%s   Before     After    Change     95 %% interval  Verdict                "
		"Function%s\n",
		colour(diff, BOLD), colour(diff, PLAIN));
	if (comparison->mode != COMPARE_SHARES)
		append_row(diff, &comparison->whole, out);
	for (size_t i = 0; i < n_rows; i++)
		append_row(diff, &comparison->rows[i], out);
	append_summary(diff, n_rows, out);
	return buffer_error(out);
}
