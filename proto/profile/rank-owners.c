/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Threads, processes and units are ranked by what a person calls them: records that read the same
 * are one row. A sample's owner is one, so totals are selfs.
 */

#include "proto/profile/rank-rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"

static void process_say(
	const struct profile *profile, const struct profile_process *process, struct buffer *text)
{
	buffer_append_text(
		text, process->comm ? profile_string(profile, process->comm) : "[unknown]");
	if (process->pid)
		buffer_printf(text, " (%u)", process->pid);
}

/* "redis-server (4242)", and behind it "bio_close (4244)" of a thread that is not its first. */
static void owner_say(
	const struct profile *profile, enum rank_by by, uint32_t thread_id, struct buffer *text)
{
	const struct profile_thread *thread = &profile->threads[thread_id];
	const struct profile_process *process = &profile->processes[thread->process];

	buffer_clear(text);
	if (by == RANK_BY_UNIT) {
		buffer_append_text(
			text, process->unit ? profile_string(profile, process->unit) : "[no unit]");
		return;
	}
	process_say(profile, process, text);
	if (by == RANK_BY_PROCESS || (thread->tid == process->pid && !thread->name))
		return;
	buffer_append_text(text, " / ");
	if (thread->name)
		buffer_append_text(text, profile_string(profile, thread->name));
	if (thread->tid)
		buffer_printf(text, "%s(%u)", thread->name ? " " : "", thread->tid);
}

/* Row i belongs to label i + 1. */
static int row_find(struct ranking *ranking, size_t *n_allocated, const struct buffer *text,
	struct rank_row **ret_row)
{
	uint32_t label;
	int r;

	if (buffer_error(text) < 0)
		return -ENOMEM;
	r = intern_add(&ranking->labels, text->data, text->size, &label);
	if (r < 0)
		return r;
	r = array_reserve(&ranking->rows, n_allocated, label, sizeof(*ranking->rows));
	if (r < 0)
		return r;
	if (ranking->n_rows < label)
		ranking->n_rows = label;
	*ret_row = &ranking->rows[label - 1];
	return 0;
}

static int threads_count(const struct profile *profile, struct ranking *ranking, int64_t *values)
{
	for (size_t i = 0; i < profile->n_samples; i++) {
		int64_t value = profile_value(profile, i, ranking->options.value_type);
		int64_t count = profile_value(profile, i, 0);
		int64_t *sum = &values[profile->samples[i].thread];

		if (value <= 0)
			continue;
		*sum = profile_value_add(*sum, value);
		ranking->whole = profile_value_add(ranking->whole, value);
		if (count > 0)
			ranking->n_samples = profile_value_add(ranking->n_samples, count);
	}
	return 0;
}

int rank_owners(const struct profile *profile, struct ranking *ranking)
{
	CLEANUP(freep) int64_t *values = calloc(profile->n_threads, sizeof(*values));
	CLEANUP(buffer_done) struct buffer text = {0};
	size_t n_allocated = 0;

	if (!values)
		return -ENOMEM;
	threads_count(profile, ranking, values);
	for (uint32_t i = 0; i < profile->n_threads; i++) {
		struct rank_row *row;
		int r;

		if (!values[i])
			continue;
		owner_say(profile, ranking->options.by, i, &text);
		r = row_find(ranking, &n_allocated, &text, &row);
		if (r < 0)
			return r;
		row->self = row->total = profile_value_add(row->self, values[i]);
	}
	for (size_t i = 0; i < ranking->n_rows; i++)
		ranking->rows[i].label = intern_text(&ranking->labels, (uint32_t)i + 1);
	rank_rows_sort(profile, ranking);
	return 0;
}
