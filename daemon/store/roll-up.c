/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Several windows become one of the next level: 1 minute after an hour, 10 minutes after a day, 1 hour
 * after a week. Stacks that are rare in it become one, [pruned], per visibility: totals stay exact.
 */

#include <errno.h>
#include <stdlib.h>

#include "daemon/store/dictionary.h"
#include "daemon/store/store.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"

/* Below that share of its segment a stack is rare. */
#define RARE 1e-4
/* Windows of one event in a group; more stay for another one. */
#define GROUP_MAX 512

static const struct {
	uint64_t length_ns, after_ns;
} levels[STORE_LEVELS] = {
	{0, 0},
	{60 * NS_PER_SECOND, 3600 * NS_PER_SECOND},
	{600 * NS_PER_SECOND, 24 * 3600 * NS_PER_SECOND},
	{3600 * NS_PER_SECOND, 7 * 24 * 3600 * NS_PER_SECOND},
};

struct part {
	uint32_t visible_to;
	struct rows rows;
};

struct group {
	struct store *store;
	struct store_window whole;
	uint32_t ids[GROUP_MAX];
	size_t n;
	struct part *parts;
	size_t n_parts, n_parts_allocated;
};

static void group_done(struct group *group)
{
	for (size_t i = 0; i < group->n_parts; i++)
		rows_done(&group->parts[i].rows);
	free(group->parts);
}

static int part_find(struct group *group, uint32_t visible_to, struct part **ret_part)
{
	int r;

	for (size_t i = 0; i < group->n_parts; i++)
		if (group->parts[i].visible_to == visible_to) {
			*ret_part = &group->parts[i];
			return 0;
		}
	r = array_reserve(&group->parts, &group->n_parts_allocated, group->n_parts + 1,
		sizeof(*group->parts));
	if (r)
		return r;
	*ret_part = &group->parts[group->n_parts++];
	**ret_part = (struct part){.visible_to = visible_to};
	return 0;
}

/* Where the first group that is due begins; 0: none is. */
static uint64_t due(struct store *store, uint32_t level, uint64_t now_ns)
{
	sqlite3_stmt *first = database_statement(&store->database, STATEMENT_window_due);
	uint64_t t0_ns = 0;

	if (!first || now_ns < levels[level].after_ns)
		return 0;
	sqlite3_bind_int64(first, 1, level - 1);
	/* All of the group is as old as that. */
	sqlite3_bind_int64(
		first, 2, (int64_t)(now_ns - levels[level].after_ns - levels[level].length_ns));
	if (sqlite3_step(first) == SQLITE_ROW)
		t0_ns = (uint64_t)sqlite3_column_int64(first, 0);
	sqlite3_reset(first);
	return t0_ns;
}

static void window_join(struct group *group, sqlite3_stmt *row)
{
	struct store_window *whole = &group->whole;
	uint64_t t0_ns = (uint64_t)sqlite3_column_int64(row, 1);
	uint64_t t1_ns = (uint64_t)sqlite3_column_int64(row, 2);
	uint64_t covered_ns = (uint64_t)sqlite3_column_int64(row, 3);
	double rate = sqlite3_column_double(row, 5);
	uint64_t sum_ns = whole->covered_ns + covered_ns;

	if (!group->n) {
		whole->t0_ns = t0_ns;
		whole->event = (uint32_t)sqlite3_column_int64(row, 4);
		whole->host = (uint32_t)sqlite3_column_int64(row, 6);
	}
	if (t1_ns > whole->t1_ns)
		whole->t1_ns = t1_ns;
	if (sum_ns)
		whole->rate = (whole->rate * (double)whole->covered_ns +
				      rate * (double)covered_ns) /
			(double)sum_ns;
	whole->covered_ns = sum_ns;
	whole->n_cpus = (uint32_t)sqlite3_column_int64(row, 7);
	whole->missed += (uint64_t)sqlite3_column_int64(row, 8);
	group->ids[group->n++] = (uint32_t)sqlite3_column_int64(row, 0);
}

/* Windows of another event than the first's are of another group. */
static int group_read(struct group *group, uint64_t t0_ns)
{
	struct database *database = &group->store->database;
	sqlite3_stmt *row = database_statement(database, STATEMENT_window_group);
	uint64_t length_ns = levels[group->whole.level].length_ns;
	int step;

	if (!row)
		return database_error(database);
	sqlite3_bind_int64(row, 1, group->whole.level - 1);
	sqlite3_bind_int64(row, 2, (int64_t)t0_ns);
	sqlite3_bind_int64(row, 3, (int64_t)(t0_ns - t0_ns % length_ns + length_ns));
	while ((step = sqlite3_step(row)) == SQLITE_ROW && group->n < GROUP_MAX)
		if (!group->n || (uint32_t)sqlite3_column_int64(row, 4) == group->whole.event)
			window_join(group, row);
	sqlite3_reset(row);
	return step == SQLITE_DONE || step == SQLITE_ROW ? 0 : database_error(database);
}

static int segments_read(struct group *group, uint32_t window)
{
	struct database *database = &group->store->database;
	sqlite3_stmt *row = database_statement(database, STATEMENT_segment_get);
	int step, r = 0;

	if (!row)
		return database_error(database);
	sqlite3_bind_int64(row, 1, window);
	while (!r && (step = sqlite3_step(row)) == SQLITE_ROW) {
		struct part *part;

		r = part_find(group, (uint32_t)sqlite3_column_int64(row, 0), &part);
		if (!r)
			r = rows_decode(&part->rows, sqlite3_column_blob(row, 3),
				(size_t)sqlite3_column_bytes(row, 3),
				(size_t)sqlite3_column_int64(row, 2));
	}
	if (!r && step != SQLITE_DONE)
		r = database_error(database);
	sqlite3_reset(row);
	return r;
}

static int compare_stacks(const void *a, const void *b)
{
	const struct row *x = *(const struct row *const *)a, *y = *(const struct row *const *)b;

	return (x->stack > y->stack) - (x->stack < y->stack);
}

/* The rows of rare stacks get the pruned one, whatever their threads. */
static int prune(struct rows *rows, uint32_t pruned)
{
	CLEANUP(freep) struct row **by_stack = calloc(rows->n + 1, sizeof(*by_stack));
	int64_t whole = 0;

	if (!by_stack)
		return -ENOMEM;
	for (size_t i = 0; i < rows->n; i++) {
		by_stack[i] = &rows->items[i];
		whole = profile_value_add(whole, rows->items[i].n);
	}
	qsort(by_stack, rows->n, sizeof(*by_stack), compare_stacks);
	for (size_t i = 0, end; i < rows->n; i = end) {
		uint32_t stack = by_stack[i]->stack;
		int64_t n = 0;

		for (end = i; end < rows->n && by_stack[end]->stack == stack; end++)
			n = profile_value_add(n, by_stack[end]->n);
		for (size_t k = i; k < end && (double)n < RARE * (double)whole; k++) {
			by_stack[k]->stack = pruned;
			by_stack[k]->stop = 0;
			by_stack[k]->stop_class = PROFILE_STOP_COMPLETE;
		}
	}
	rows_combine(rows);
	return 0;
}

static int lost_move(struct group *group, uint32_t from)
{
	struct database *database = &group->store->database;
	sqlite3_stmt *get = database_statement(database, STATEMENT_lost_get);
	int step, r = 0;

	if (!get)
		return database_error(database);
	sqlite3_bind_int64(get, 1, from);
	while (!r && (step = sqlite3_step(get)) == SQLITE_ROW) {
		sqlite3_stmt *add = database_statement(database, STATEMENT_lost_add);

		if (!add)
			return database_error(database);
		sqlite3_bind_int64(add, 1, group->whole.id);
		sqlite3_bind_int64(add, 2, sqlite3_column_int64(get, 0));
		sqlite3_bind_int64(add, 3, sqlite3_column_int64(get, 1));
		r = database_run(database, STATEMENT_lost_add);
	}
	if (!r && step != SQLITE_DONE)
		r = database_error(database);
	sqlite3_reset(get);
	return r;
}

static int group_write(struct group *group, uint64_t now_ns)
{
	struct database *database = &group->store->database;
	uint32_t pruned;
	int r = dictionary_pruned_stack(database, (int64_t)(now_ns / NS_PER_SECOND), &pruned);

	if (!r)
		r = store_add_window(group->store, &group->whole, NULL);
	for (size_t i = 0; i < group->n && !r; i++) {
		r = lost_move(group, group->ids[i]);
		if (!r)
			r = store_remove_window(group->store, group->ids[i]);
	}
	for (size_t i = 0; i < group->n_parts && !r; i++) {
		struct part *part = &group->parts[i];

		rows_combine(&part->rows);
		r = prune(&part->rows, pruned);
		if (!r)
			r = store_add_segment(
				group->store, group->whole.id, part->visible_to, &part->rows);
	}
	return r;
}

static int roll_up(struct store *store, uint32_t level, uint64_t t0_ns, uint64_t now_ns)
{
	CLEANUP(group_done) struct group group = {.store = store, .whole.level = level};
	int r = group_read(&group, t0_ns);

	for (size_t i = 0; i < group.n && !r; i++)
		r = segments_read(&group, group.ids[i]);
	if (!r)
		r = database_begin(&store->database);
	if (r)
		return r;
	return database_end(&store->database, group_write(&group, now_ns));
}

int store_roll_up(struct store *store, uint64_t now_ns)
{
	for (uint32_t level = 1; level < STORE_LEVELS; level++) {
		uint64_t t0_ns = due(store, level, now_ns);

		if (t0_ns) {
			int r = roll_up(store, level, t0_ns, now_ns);

			return r ? r : 1;
		}
	}
	return 0;
}
