/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Making room, in steps so small that a window that comes meanwhile does not wait for long. Windows
 * go first, oldest first; then what no window refers to any more, which is told by when it was last
 * met; then the pages go back to the file system.
 */

#include <errno.h>

#include "daemon/store/store.h"
#include "proto/base/time.h"

#define REMOVED_PER_STEP 4
#define GAP_MAX_NS (24 * 3600 * NS_PER_SECOND)
/* So long before a window may that have been put down which it refers to, or written down that it was
 * met: stacks and threads are put down anew after six hours, the others' lag is less. */
#define SWEEP_MARGIN_SECONDS (7 * 3600)

static bool is_too_large(struct store *store)
{
	struct store_reply facts = {0};

	store_facts(store, &facts);
	return facts.bytes > store->limits.max_bytes;
}

static uint64_t no_more_than(uint64_t ns, uint64_t max_ns)
{
	return ns < max_ns ? ns : max_ns;
}

/*
 * How much time there was from the end of the oldest window until now. A clock that was set forward
 * looks like time in which nothing was recorded, so that of each such time a day counts at most.
 */
static int age_of_oldest(struct store *store, uint64_t now_ns, uint64_t *ret_ns)
{
	sqlite3_stmt *times = database_statement(&store->database, STATEMENT_window_times);
	uint64_t age_ns = 0, end_ns = 0;
	int step;

	if (!times)
		return database_error(&store->database);
	while ((step = sqlite3_step(times)) == SQLITE_ROW) {
		uint64_t t0_ns = (uint64_t)sqlite3_column_int64(times, 0);
		uint64_t t1_ns = (uint64_t)sqlite3_column_int64(times, 1);

		if (!end_ns)
			end_ns = t1_ns;
		if (t0_ns > end_ns) {
			age_ns += no_more_than(t0_ns - end_ns, GAP_MAX_NS);
			end_ns = t0_ns;
		}
		if (t1_ns > end_ns) {
			age_ns += t1_ns - end_ns;
			end_ns = t1_ns;
		}
	}
	sqlite3_reset(times);
	if (step != SQLITE_DONE)
		return database_error(&store->database);
	*ret_ns = age_ns + (now_ns > end_ns ? no_more_than(now_ns - end_ns, GAP_MAX_NS) : 0);
	return 0;
}

static int is_too_old(struct store *store, uint64_t t1_ns, uint64_t now_ns, bool *ret_is)
{
	uint64_t age_ns = 0;
	int r = 0;

	/* By the clock it is soon told of most. */
	if (t1_ns + store->limits.max_age_ns <= now_ns)
		r = age_of_oldest(store, now_ns, &age_ns);
	if (!r)
		*ret_is = age_ns > store->limits.max_age_ns;
	return r;
}

/* The oldest, if it has to go. 1: it went. */
static int remove_oldest(struct store *store, uint64_t now_ns)
{
	bool has_to_go = false;
	sqlite3_stmt *oldest = database_statement(&store->database, STATEMENT_window_oldest);
	uint64_t t1_ns = 0;
	uint32_t id = 0;
	int r = 0;

	if (!oldest)
		return database_error(&store->database);
	if (sqlite3_step(oldest) == SQLITE_ROW) {
		id = (uint32_t)sqlite3_column_int64(oldest, 0);
		t1_ns = (uint64_t)sqlite3_column_int64(oldest, 1);
	}
	sqlite3_reset(oldest);
	if (id)
		r = is_too_old(store, t1_ns, now_ns, &has_to_go);
	if (r || !id || (!has_to_go && !is_too_large(store)))
		return r;
	r = store_remove_window(store, id);
	return r ? r : 1;
}

static int sweep(struct store *store, uint64_t now_ns, int *ret_n)
{
	static const enum statement sweeps[] = {STATEMENT_stack_sweep, STATEMENT_thread_sweep,
		STATEMENT_frame_sweep, STATEMENT_str_sweep};
	int64_t n_windows = database_number(&store->database, STATEMENT_window_count);
	int64_t first_ns = n_windows ? database_number(&store->database, STATEMENT_window_first)
				     : (int64_t)now_ns;
	int64_t before = first_ns / (int64_t)NS_PER_SECOND - SWEEP_MARGIN_SECONDS;
	int n = 0;

	for (size_t i = 0; i < sizeof(sweeps) / sizeof(sweeps[0]); i++) {
		sqlite3_stmt *statement = database_statement(&store->database, sweeps[i]);
		int r;

		if (!statement)
			return database_error(&store->database);
		sqlite3_bind_int64(statement, 1, before);
		r = database_run(&store->database, sweeps[i]);
		if (r)
			return r;
		n += sqlite3_changes(store->database.handle);
	}
	if (n)
		recent_forget(&store->database.recent, before + SWEEP_MARGIN_SECONDS);
	*ret_n = n;
	return 0;
}

/* What windows leave behind goes before more of them: or all would go before any room is made. */
static int make_room(struct store *store, uint64_t now_ns, bool *ret_has_more)
{
	bool was_swept = store->has_swept;
	int n = 0, r = database_begin(&store->database);

	if (r)
		return r;
	if (was_swept) {
		while (n < REMOVED_PER_STEP && (r = remove_oldest(store, now_ns)) == 1)
			n++;
		r = r > 0 ? 0 : r;
		store->has_swept = !n;
	} else {
		r = sweep(store, now_ns, &n);
		store->has_swept = !n;
	}
	r = database_end(&store->database, r);
	if (r)
		return r;
	*ret_has_more = n > 0 || !was_swept;
	return n ? database_execute(&store->database, "PRAGMA incremental_vacuum(2000)") : 0;
}

int store_tend(struct store *store, uint64_t now_ns, bool *ret_has_more)
{
	bool has_more = false;
	int r = store_roll_up(store, now_ns);

	if (r == 1) {
		*ret_has_more = true;
		return 0;
	}
	if (!r)
		r = make_room(store, now_ns, &has_more);
	if (!r)
		*ret_has_more = has_more;
	return r;
}
