/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Windows in order of time; each id of the database is translated once. Time is told apart as finely
 * as some hundred cells allow, so that a week costs no more than it has stacks.
 */

#include "daemon/store/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/rows.h"
#include "daemon/store/translate.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

#define CELLS_MAX 720
#define SLICE_NS (PROFILE_SLICE_MS * NS_PER_MS)

/* What is told of the windows together. */
struct span {
	uint64_t first_ns, last_ns; /* since the epoch; last 0: no window */
	uint64_t covered_ns, missed;
	double rate_ns; /* rate times covered time */
	double rate_min, rate_max;
	uint32_t event, host, n_cpus;
	bool has_several; /* events */
};

struct reading {
	struct translation translation;
	const struct store_query *query;
	struct profile *profile;
	struct span span;
	uint64_t cell_ns;
};

static void reading_done(struct reading *reading)
{
	translation_done(&reading->translation);
}

static bool may_read(const struct store_query *query, uint32_t visible_to)
{
	return query->is_admin || (visible_to && visible_to == query->uid);
}

static int row_add(struct reading *reading, const struct row *row, uint32_t slice)
{
	struct profile_sample sample = {
		.slice = slice,
		.stop_class = (uint8_t)row->stop_class,
	};
	int64_t values[] = {row->n, row->weight_ns};
	int r = translate_thread(&reading->translation, row->thread, &sample.thread);

	if (r)
		return r == TRANSLATE_LEFT_OUT ? 0 : r;
	r = translate_stack(&reading->translation, row->stack, &sample.stack);
	if (!r)
		r = translate_string(&reading->translation, row->stop, &sample.stop);
	if (!r)
		r = profile_add_sample(reading->profile, &sample, values);
	if (!r)
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

static int window_add(struct reading *reading, sqlite3_stmt *row)
{
	struct span *span = &reading->span;
	int64_t id = sqlite3_column_int64(row, 0);
	uint64_t covered_ns = (uint64_t)sqlite3_column_int64(row, 4);
	uint32_t event = (uint32_t)sqlite3_column_int64(row, 5), name;
	uint64_t slice = span->covered_ns / reading->cell_ns * (reading->cell_ns / SLICE_NS);
	const char *asked = reading->query->event;
	double rate;
	int r = translate_string(&reading->translation, event, &name);

	if (r)
		return r;
	if (*asked && strcmp(profile_string(reading->profile, name), asked) != 0)
		return 0;
	r = segments_add(reading, id, slice < UINT32_MAX ? (uint32_t)slice : UINT32_MAX);
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

static void gaps_describe(const struct span *span, char *text, size_t size)
{
	uint64_t whole_ns = span->last_ns - span->first_ns, gap_ns;
	char gap[32], whole[32];

	/* Windows follow each other to the millisecond or so. */
	*text = '\0';
	if (whole_ns < span->covered_ns + whole_ns / 1000 + NS_PER_SECOND)
		return;
	gap_ns = whole_ns - span->covered_ns;
	snprintf(text, size, "gaps: nothing was recorded for %s of %s",
		text_format_duration(gap_ns, gap, sizeof(gap)),
		text_format_duration(whole_ns, whole, sizeof(whole)));
}

/* Where the rate was held back, a sample of then stands for more time than one of now. */
static int notes_set(struct profile *profile, const struct span *span)
{
	char gaps[96], rates[128] = "", text[256];

	gaps_describe(span, gaps, sizeof(gaps));
	if (span->rate_max > 1.01 * span->rate_min)
		snprintf(rates, sizeof(rates),
			"rates from %.3g to %.3g Hz: weigh by time, not by samples", span->rate_min,
			span->rate_max);
	if (!*gaps && !*rates)
		return 0;
	snprintf(text, sizeof(text), "%s%s%s", gaps, *gaps && *rates ? "; " : "", rates);
	return profile_add_string(profile, text, &profile->conditions.notes);
}

static int conditions_set(struct reading *reading)
{
	struct profile *profile = reading->profile;
	struct profile_conditions *c = &profile->conditions;
	const struct span *span = &reading->span;
	char target[STORE_TEXT_MAX];
	int r;

	target_describe(reading->query, target, sizeof(target));
	c->start_realtime_ns = span->first_ns;
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
		r = notes_set(profile, span);
	profile->ledger.missed = span->missed;
	if (!r)
		r = profile_count_samples(profile);
	return r;
}

int query_profile(
	struct database *database, const struct store_query *query, struct profile **ret_profile)
{
	CLEANUP(profile_unrefp) struct profile *profile = profile_new();
	CLEANUP(reading_done)
	struct reading reading = {
		.translation = {.database = database, .profile = profile, .query = query},
		.query = query,
		.profile = profile,
	};
	uint64_t cell_ns;
	int r;

	if (!profile)
		return -ENOMEM;
	if (query->since_ns >= query->until_ns)
		return -ENOENT;
	cell_ns = (query->until_ns - query->since_ns) / CELLS_MAX;
	reading.cell_ns = (cell_ns / SLICE_NS + 1) * SLICE_NS;
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
		r = conditions_set(&reading);
	database_execute(database, "ROLLBACK");
	if (r)
		return r;
	profile_balance(profile);
	profile_seal(profile);
	*ret_profile = TAKE(profile);
	return 0;
}
