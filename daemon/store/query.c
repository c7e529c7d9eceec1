/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Windows in order of time; each id of the database is translated once. Time is told apart as finely
 * as some hundred cells allow, and more coarsely where there is too much to tell apart (query-fit.c).
 */

#include "daemon/store/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/query-fit.h"
#include "daemon/store/rows.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

#define CELLS_MAX 720

static void reading_done(struct reading *reading)
{
	translation_done(&reading->translation);
	gathering_done(&reading->gathering);
}

static bool may_read(const struct store_query *query, uint32_t visible_to)
{
	return query->is_admin || (visible_to && visible_to == query->uid);
}

static int row_add(struct reading *reading, const struct row *row, uint32_t slice)
{
	struct gathered sample = {
		.stack = row->stack,
		.stop = row->stop,
		.slice = slice,
		.stop_class = (uint8_t)row->stop_class,
		.n = row->n,
		.weight_ns = row->weight_ns,
	};
	int r = translate_thread(&reading->translation, row->thread, &sample.thread);

	if (r)
		return r == TRANSLATE_LEFT_OUT ? 0 : r;
	r = reading_fit(reading);
	if (reading->is_nameless)
		sample.thread = 0;
	if (!r)
		r = gathering_add(&reading->gathering, &sample);
	reading->profile->conditions.sampled_ns += (uint64_t)row->weight_ns;
	return r;
}

static int segments_add(struct reading *reading, int64_t window, uint32_t slice)
{
	struct database *database = reading->translation.database;
	sqlite3_stmt *segment = database_statement(database, STATEMENT_segment_get);
	int step = SQLITE_DONE, r = 0;

	if (!segment)
		return database_error(database);
	sqlite3_bind_int64(segment, 1, window);
	while (!r && (step = sqlite3_step(segment)) == SQLITE_ROW) {
		CLEANUP(rows_done) struct rows rows = {0};

		if (!may_read(reading->query, (uint32_t)sqlite3_column_int64(segment, 0)))
			continue;
		r = rows_decode(&rows, sqlite3_column_blob(segment, 3),
			(size_t)sqlite3_column_bytes(segment, 3),
			(size_t)sqlite3_column_int64(segment, 2));
		for (size_t i = 0; i < rows.n && !r; i++)
			r = row_add(reading, &rows.items[i], slice);
	}
	if (!r && step != SQLITE_DONE)
		r = database_error(database);
	sqlite3_reset(segment);
	return r;
}

static int lost_add(struct reading *reading, int64_t window)
{
	struct database *database = reading->translation.database;
	sqlite3_stmt *lost = database_statement(database, STATEMENT_lost_get);
	int step = SQLITE_DONE, r = 0;

	if (!lost)
		return database_error(database);
	sqlite3_bind_int64(lost, 1, window);
	while (!r && (step = sqlite3_step(lost)) == SQLITE_ROW) {
		uint32_t reason;

		r = translate_string(
			&reading->translation, (uint32_t)sqlite3_column_int64(lost, 0), &reason);
		if (!r)
			r = profile_count_lost(reading->profile,
				profile_string(reading->profile, reason),
				(uint64_t)sqlite3_column_int64(lost, 1));
	}
	if (!r && step != SQLITE_DONE)
		r = database_error(database);
	sqlite3_reset(lost);
	return r;
}

/* Where a moment lies, in cells since the beginning; to the nearest border between them. */
static uint64_t border_near(const struct reading *reading, uint64_t at_ns)
{
	uint64_t since_ns = reading->query->since_ns;

	return at_ns <= since_ns ? 0 : (at_ns - since_ns + reading->cell_ns / 2) / reading->cell_ns;
}

/* By the clock: a window lies in the cells that it covers more than half of, or in that of its middle;
 * its samples are of the first one. Windows that share cells are one run. */
static int run_add(struct reading *reading, uint64_t t0_ns, uint64_t t1_ns, uint32_t *ret_slice)
{
	struct profile *profile = reading->profile;
	struct profile_run *last = profile->n_runs ? &profile->runs[profile->n_runs - 1] : NULL;
	uint32_t per_cell = (uint32_t)(reading->cell_ns / SLICE_NS);
	uint64_t from = border_near(reading, t0_ns), to = border_near(reading, t1_ns);
	uint64_t middle_ns = t0_ns + (t1_ns - t0_ns) / 2;

	if (from >= to) {
		from = middle_ns <= reading->query->since_ns
			? 0
			: (middle_ns - reading->query->since_ns) / reading->cell_ns;
		to = from + 1;
	}
	if (last && from * per_cell < last->first_slice + last->n_slices) {
		*ret_slice = last->first_slice;
		if (to * per_cell > last->first_slice + last->n_slices)
			last->n_slices = (uint32_t)(to * per_cell) - last->first_slice;
		return 0;
	}
	*ret_slice = (uint32_t)(from * per_cell);
	return profile_add_run(profile,
		&(struct profile_run){
			.first_slice = *ret_slice,
			.n_slices = (uint32_t)(to - from) * per_cell,
		});
}

/* Where its samples lie in the profile. */
static int slice_find(struct reading *reading, sqlite3_stmt *row, uint32_t *ret_slice)
{
	uint64_t slice = reading->span.covered_ns / reading->cell_ns *
		(reading->cell_ns / SLICE_NS);

	if (reading->query->n_parts)
		return run_add(reading, (uint64_t)sqlite3_column_int64(row, 2),
			(uint64_t)sqlite3_column_int64(row, 3), ret_slice);
	*ret_slice = slice < UINT32_MAX ? (uint32_t)slice : UINT32_MAX;
	return 0;
}

static int window_add(struct reading *reading, sqlite3_stmt *row)
{
	struct span *span = &reading->span;
	int64_t id = sqlite3_column_int64(row, 0);
	uint64_t covered_ns = (uint64_t)sqlite3_column_int64(row, 4);
	uint32_t event = (uint32_t)sqlite3_column_int64(row, 5), name, slice;
	const char *asked = reading->query->event;
	double rate;
	int r = translate_string(&reading->translation, event, &name);

	if (r)
		return r;
	if (*asked && strcmp(profile_string(reading->profile, name), asked) != 0)
		return 0;
	r = slice_find(reading, row, &slice);
	if (!r)
		r = segments_add(reading, id, slice);
	if (!r && reading->query->is_admin) {
		span->missed += (uint64_t)sqlite3_column_int64(row, 9);
		r = lost_add(reading, id);
	}
	if (r)
		return r;
	if (!span->last_ns)
		span->first_ns = (uint64_t)sqlite3_column_int64(row, 2);
	span->has_several |= span->event && span->event != event;
	span->event = event;
	span->host = (uint32_t)sqlite3_column_int64(row, 7);
	span->n_cpus = (uint32_t)sqlite3_column_int64(row, 8);
	span->last_ns = (uint64_t)sqlite3_column_int64(row, 3);
	rate = sqlite3_column_double(row, 6);
	span->rate_min = span->rate_min && span->rate_min < rate ? span->rate_min : rate;
	span->rate_max = span->rate_max > rate ? span->rate_max : rate;
	span->rate_ns += rate * (double)covered_ns;
	span->covered_ns += covered_ns;
	return 0;
}

static int windows_read(struct reading *reading)
{
	struct database *database = reading->translation.database;
	sqlite3_stmt *row = database_statement(database, STATEMENT_window_between);
	int step = SQLITE_DONE, r = 0;

	if (!row)
		return database_error(database);
	sqlite3_bind_int64(row, 1, (int64_t)reading->query->since_ns);
	sqlite3_bind_int64(row, 2, (int64_t)reading->query->until_ns);
	while (!r && (step = sqlite3_step(row)) == SQLITE_ROW)
		r = window_add(reading, row);
	if (!r && step != SQLITE_DONE)
		r = database_error(database);
	sqlite3_reset(row);
	if (!r && !reading->span.last_ns)
		r = -ENOENT;
	return r;
}

/* What was gathered becomes the profile's samples. */
static int samples_add(struct reading *reading)
{
	struct gathering *gathering = &reading->gathering;
	struct translation *translation = &reading->translation;
	int r = 0;

	gathering_sort(gathering);
	for (size_t i = 0; i < gathering->n && !r; i++) {
		const struct gathered *gathered = &gathering->slots[i];
		const int64_t values[] = {gathered->n, gathered->weight_ns};
		struct profile_sample sample = {
			.thread = gathered->thread,
			.slice = gathered->slice,
			.stop_class = gathered->stop_class,
		};

		r = gathered->stack == READING_PRUNED
			? translation_pruned(translation, &sample.stack)
			: translate_stack(translation, gathered->stack, &sample.stack);
		if (!r)
			r = translate_string(translation, gathered->stop, &sample.stop);
		if (!r)
			r = profile_add_sample(reading->profile, &sample, values);
	}
	return r;
}

static void target_describe(const struct store_query *query, char *text, size_t size)
{
	struct {
		const char *what, *name;
	} parts[] = {{"", query->unit}, {"container ", query->container},
		{"processes named ", query->comm}};
	size_t n = 0;

	*text = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (*parts[i].name && n < size)
			n += (size_t)snprintf(text + n, size - n, "%s%s%s", n ? ", " : "",
				parts[i].what, parts[i].name);
	if (query->pid && n < size)
		n += (size_t)snprintf(text + n, size - n, "%spid %u", n ? ", " : "", query->pid);
	if (!n)
		snprintf(
			text, size, "%s", query->is_admin ? "whole system" : "what belongs to you");
}

static void gaps_note(const struct span *span, struct buffer *out)
{
	uint64_t whole_ns = span->last_ns - span->first_ns, gap_ns;
	char gap[32], whole[32];

	/* Windows follow each other to the millisecond or so. */
	if (whole_ns < span->covered_ns + whole_ns / 1000 + NS_PER_SECOND)
		return;
	gap_ns = whole_ns - span->covered_ns;
	buffer_printf(out, "gaps: nothing was recorded for %s of %s",
		text_format_duration(gap_ns, gap, sizeof(gap)),
		text_format_duration(whole_ns, whole, sizeof(whole)));
}

/* Where the rate was held back, a sample of then stands for more time than one of now. */
static void rates_note(const struct span *span, struct buffer *out)
{
	if (span->rate_max > 1.01 * span->rate_min)
		buffer_printf(out, "%srates from %.3g to %.3g Hz: weigh by time, not by samples",
			out->size ? "; " : "", span->rate_min, span->rate_max);
}

static int notes_set(struct reading *reading)
{
	CLEANUP(buffer_done) struct buffer text = {0};

	gaps_note(&reading->span, &text);
	rates_note(&reading->span, &text);
	reading_note(reading, &text);
	if (buffer_error(&text))
		return -ENOMEM;
	return text.size ? profile_add_string_n(reading->profile, text.data, text.size,
				   &reading->profile->conditions.notes)
			 : 0;
}

static int conditions_set(struct reading *reading)
{
	struct profile *profile = reading->profile;
	struct profile_conditions *c = &profile->conditions;
	const struct span *span = &reading->span;
	char target[STORE_TEXT_MAX];
	int r;

	target_describe(reading->query, target, sizeof(target));
	c->start_realtime_ns = reading->query->n_parts ? reading->query->since_ns : span->first_ns;
	c->duration_ns = span->covered_ns;
	c->frequency_asked = span->covered_ns ? span->rate_ns / (double)span->covered_ns : 0;
	c->n_cpus = span->n_cpus;
	r = profile_add_string(profile, target, &c->target);
	if (!r)
		r = span->has_several
			? profile_add_string(profile, "several", &c->event)
			: translate_string(&reading->translation, span->event, &c->event);
	if (!r)
		r = translate_string(&reading->translation, span->host, &c->host);
	if (!r)
		r = profile_add_string(profile, PERFCTL_VERSION, &c->version);
	if (!r)
		r = notes_set(reading);
	profile->ledger.missed = span->missed;
	if (!r)
		r = profile_count_samples(profile);
	return r;
}

int query_profile_within(struct database *database, const struct store_query *query,
	size_t n_samples_max, struct profile **ret_profile)
{
	CLEANUP(profile_unrefp) struct profile *profile = profile_new();
	CLEANUP(reading_done)
	struct reading reading = {
		.translation = {.database = database, .profile = profile, .query = query},
		.query = query,
		.profile = profile,
		.n_samples_max = n_samples_max,
	};
	uint64_t n_cells = query->n_parts ? query->n_parts : CELLS_MAX;
	int r;

	if (!profile)
		return -ENOMEM;
	if (query->since_ns >= query->until_ns)
		return -ENOENT;
	reading.cell_ns = (query->until_ns - query->since_ns + n_cells - 1) / n_cells;
	reading.cell_ns = (reading.cell_ns + SLICE_NS - 1) / SLICE_NS * SLICE_NS;
	r = profile_add_value_type(profile, "samples", "count");
	if (!r)
		r = profile_add_value_type(profile, "cpu", "nanoseconds");
	/* One transaction: nothing is rolled up or removed under our feet. */
	if (!r)
		r = database_execute(database, "BEGIN");
	if (r)
		return r;
	r = windows_read(&reading);
	if (!r)
		r = samples_add(&reading);
	if (!r)
		r = conditions_set(&reading);
	database_execute(database, "ROLLBACK");
	if (r)
		return r;
	profile_balance(profile);
	profile_seal(profile);
	*ret_profile = TAKE(profile);
	return 0;
}

int query_profile(
	struct database *database, const struct store_query *query, struct profile **ret_profile)
{
	return query_profile_within(database, query, READING_SAMPLES_MAX, ret_profile);
}
