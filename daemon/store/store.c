/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Everything that belongs to a window is one transaction. Its samples are apart by who may see them,
 * so that no total tells a reader of anything but what is theirs.
 */

#include "daemon/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/store/dictionary.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"

static int set_aside(struct store *store)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char from[512], to[512], when[32];
	time_t now = (time_t)(time_now_ns(CLOCK_REALTIME) / NS_PER_SECOND);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &tm);
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		snprintf(from, sizeof(from), "%s%s", store->path, suffixes[i]);
		snprintf(to, sizeof(to), "%s.damaged-%s%s", store->path, when, suffixes[i]);
		if (rename(from, to) < 0 && errno != ENOENT)
			return -errno;
	}
	store->n_set_aside++;
	return 0;
}

int store_open(struct store *store, const char *path, const struct store_limits *limits)
{
	int r;

	store->path = path;
	store->limits = *limits;
	r = database_open(&store->database, path, false);
	if (r != -EUCLEAN)
		return r;
	r = set_aside(store);
	return r ? r : database_open(&store->database, path, false);
}

void store_close(struct store *store)
{
	database_close(&store->database);
}

int store_set_aside(struct store *store)
{
	int r;

	database_close(&store->database);
	r = set_aside(store);
	return r ? r : database_open(&store->database, store->path, false);
}

int store_add_window(struct store *store, struct store_window *window, const uint8_t *serial)
{
	sqlite3_stmt *add = database_statement(&store->database, STATEMENT_window_add);
	int r;

	if (!add)
		return database_error(&store->database);
	sqlite3_bind_int64(add, 1, window->level);
	sqlite3_bind_int64(add, 2, (int64_t)window->t0_ns);
	sqlite3_bind_int64(add, 3, (int64_t)window->t1_ns);
	sqlite3_bind_int64(add, 4, (int64_t)window->covered_ns);
	sqlite3_bind_int64(add, 5, window->event);
	sqlite3_bind_double(add, 6, window->rate);
	sqlite3_bind_int64(add, 7, window->host);
	sqlite3_bind_int64(add, 8, window->n_cpus);
	sqlite3_bind_int64(add, 9, (int64_t)window->missed);
	if (serial)
		sqlite3_bind_blob(add, 10, serial, STORE_SERIAL_SIZE, SQLITE_STATIC);
	r = database_run(&store->database, STATEMENT_window_add);
	window->id = (uint32_t)sqlite3_last_insert_rowid(store->database.handle);
	return r;
}

int store_add_segment(
	struct store *store, uint32_t window, uint32_t visible_to, const struct rows *rows)
{
	CLEANUP(buffer_done) struct buffer data = {0};
	sqlite3_stmt *add;
	size_t n_bytes;
	int64_t n = 0;
	int r = rows_encode(rows, &data, &n_bytes);

	if (r)
		return r;
	for (size_t i = 0; i < rows->n; i++)
		n = profile_value_add(n, rows->items[i].n);
	add = database_statement(&store->database, STATEMENT_segment_add);
	if (!add)
		return database_error(&store->database);
	sqlite3_bind_int64(add, 1, window);
	sqlite3_bind_int64(add, 2, visible_to);
	sqlite3_bind_int64(add, 3, n);
	sqlite3_bind_int64(add, 4, (int64_t)n_bytes);
	sqlite3_bind_blob(add, 5, data.data, (int)data.size, SQLITE_STATIC);
	return database_run(&store->database, STATEMENT_segment_add);
}

int store_remove_window(struct store *store, uint32_t window)
{
	static const enum statement removals[] = {
		STATEMENT_segment_remove, STATEMENT_lost_remove, STATEMENT_window_remove};

	for (size_t i = 0; i < ARRAY_SIZE(removals); i++) {
		sqlite3_stmt *remove = database_statement(&store->database, removals[i]);
		int r;

		if (!remove)
			return database_error(&store->database);
		sqlite3_bind_int64(remove, 1, window);
		r = database_run(&store->database, removals[i]);
		if (r)
			return r;
	}
	return 0;
}

/* A sample with who may see it. */
struct seen {
	uint32_t visible_to;
	struct row row;
};

static int compare_seen(const void *a, const void *b)
{
	uint32_t x = ((const struct seen *)a)->visible_to, y = ((const struct seen *)b)->visible_to;

	return (x > y) - (x < y);
}

static int samples_translate(struct dictionary *dictionary, struct seen *seen)
{
	const struct profile *profile = dictionary->profile;
	int r = 0;

	for (size_t i = 0; i < profile->n_samples && !r; i++) {
		const struct profile_sample *sample = &profile->samples[i];
		const struct profile_thread *thread = &profile->threads[sample->thread];

		seen[i].visible_to = profile->processes[thread->process].visible_to;
		seen[i].row.stop_class = sample->stop_class;
		seen[i].row.n = profile_value(profile, i, 0);
		seen[i].row.weight_ns = profile_value(profile, i, 1);
		r = dictionary_thread(dictionary, sample->thread, &seen[i].row.thread);
		if (!r)
			r = dictionary_stack(dictionary, sample->stack, &seen[i].row.stack);
		if (!r)
			r = dictionary_string(dictionary, sample->stop, &seen[i].row.stop);
	}
	return r;
}

static int segments_add(struct store *store, struct dictionary *dictionary, uint32_t window)
{
	size_t n = dictionary->profile->n_samples;
	CLEANUP(freep) struct seen *seen = calloc(n + 1, sizeof(*seen));
	CLEANUP(rows_done) struct rows rows = {0};
	int r = seen ? samples_translate(dictionary, seen) : -ENOMEM;

	if (!r)
		qsort(seen, n, sizeof(*seen), compare_seen);
	for (size_t i = 0; i < n && !r; i++) {
		r = rows_add(&rows, &seen[i].row);
		if (r || (i + 1 < n && seen[i + 1].visible_to == seen[i].visible_to))
			continue;
		rows_combine(&rows);
		r = store_add_segment(store, window, seen[i].visible_to, &rows);
		rows.n = 0;
	}
	return r;
}

static int lost_add(struct store *store, struct dictionary *dictionary, uint32_t window)
{
	const struct profile_ledger *ledger = &dictionary->profile->ledger;
	int r = 0;

	for (size_t i = 0; i < ledger->n_lost && !r; i++) {
		sqlite3_stmt *add;
		uint32_t reason;

		r = dictionary_string(dictionary, ledger->lost[i].reason, &reason);
		if (r)
			return r;
		add = database_statement(&store->database, STATEMENT_lost_add);
		if (!add)
			return database_error(&store->database);
		sqlite3_bind_int64(add, 1, window);
		sqlite3_bind_int64(add, 2, reason);
		sqlite3_bind_int64(add, 3, (int64_t)ledger->lost[i].n);
		r = database_run(&store->database, STATEMENT_lost_add);
	}
	return r;
}

static int window_put(
	struct store *store, struct dictionary *dictionary, const uint8_t serial[STORE_SERIAL_SIZE])
{
	const struct profile *profile = dictionary->profile;
	const struct profile_conditions *c = &profile->conditions;
	struct store_window window = {
		.t0_ns = c->start_realtime_ns,
		.t1_ns = c->start_realtime_ns + c->duration_ns,
		.covered_ns = c->duration_ns,
		.rate = c->frequency_asked,
		.n_cpus = c->n_cpus,
		.missed = profile->ledger.missed,
	};
	int r = dictionary_string(dictionary, c->event, &window.event);

	if (!r)
		r = dictionary_string(dictionary, c->host, &window.host);
	if (!r)
		r = store_add_window(store, &window, serial);
	if (!r)
		r = lost_add(store, dictionary, window.id);
	if (!r)
		r = segments_add(store, dictionary, window.id);
	return r ? r : dictionary_write(dictionary);
}

static bool is_known(struct store *store, const uint8_t serial[STORE_SERIAL_SIZE])
{
	sqlite3_stmt *known = database_statement(&store->database, STATEMENT_window_known);
	bool is = false;

	if (!known)
		return false;
	sqlite3_bind_blob(known, 1, serial, STORE_SERIAL_SIZE, SQLITE_STATIC);
	if (sqlite3_step(known) == SQLITE_ROW)
		is = sqlite3_column_int64(known, 0) > 0;
	sqlite3_reset(known);
	return is;
}

int store_append(struct store *store, const struct profile *profile,
	const uint8_t serial[STORE_SERIAL_SIZE], uint64_t now_ns)
{
	CLEANUP(dictionary_done) struct dictionary dictionary = {0};
	uint64_t end_ns = profile->conditions.start_realtime_ns + profile->conditions.duration_ns;
	int r;

	if (profile->n_value_types != 2 || profile_find_value_type(profile, "samples") != 0 ||
		profile_find_value_type(profile, "cpu") != 1)
		return -EINVAL;
	/* The clock may have been put back since: what a window needs is as young as it is. */
	if (now_ns < end_ns)
		now_ns = end_ns;
	r = database_begin(&store->database);
	if (r)
		return r;
	r = dictionary_init(
		&dictionary, &store->database, profile, (int64_t)(now_ns / NS_PER_SECOND));
	if (!r && !is_known(store, serial))
		r = window_put(store, &dictionary, serial);
	if (!r)
		r = store_remove_kept(store, serial);
	return database_end(&store->database, r);
}

void store_facts(struct store *store, struct store_reply *reply)
{
	struct database *database = &store->database;

	reply->n_set_aside = store->n_set_aside;
	if (!database->handle)
		return;
	reply->bytes = (uint64_t)(database_number(database, STATEMENT_page_count) -
			       database_number(database, STATEMENT_free_pages)) *
		(uint64_t)database_number(database, STATEMENT_page_size);
	reply->n_windows = (uint64_t)database_number(database, STATEMENT_window_count);
	reply->oldest_ns = (uint64_t)database_number(database, STATEMENT_window_first);
	reply->newest_ns = (uint64_t)database_number(database, STATEMENT_window_last);
}
