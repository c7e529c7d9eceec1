/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * An answer has so many samples at most, however much is asked for. Where there are more, first time is
 * told apart more coarsely, then processes by their labels alone, then rare stacks become one; totals
 * stay exact. A stack that is rare at first and met again later begins anew: what is lost of it each
 * time is less than `rare` (G. S. Manku and R. Motwani, "Approximate Frequency Counts over Data
 * Streams", 2002).
 */

#include "daemon/store/query-fit.h"

#include <inttypes.h>

static int slice_coarsen(void *userdata, struct gathered *sample)
{
	const struct reading *reading = userdata;

	sample->slice -= sample->slice % (uint32_t)(reading->cell_ns / SLICE_NS);
	return 0;
}

static int thread_fold(void *userdata, struct gathered *sample)
{
	struct reading *reading = userdata;

	return translation_folded(&reading->translation, sample->thread, &sample->thread);
}

static int stack_prune(void *userdata, struct gathered *sample)
{
	const struct reading *reading = userdata;

	if (sample->n < reading->rare || reading->rare == INT64_MAX) {
		sample->stack = READING_PRUNED;
		sample->stop = 0;
		sample->stop_class = PROFILE_STOP_COMPLETE;
	}
	return 0;
}

static int thread_forget(void *userdata, struct gathered *sample)
{
	sample->thread = 0;
	return 0;
}

/* Whether there is more to be had of rarer stacks. */
static bool has_stacks(const struct gathering *gathering)
{
	for (size_t i = 0; i < gathering->n_slots; i++)
		if (gathering->slots[i].is_used && gathering->slots[i].stack != READING_PRUNED)
			return true;
	return false;
}

/* The next thing that can be done about it. */
static int step(struct reading *reading)
{
	struct gathering *gathering = &reading->gathering;
	uint64_t span_ns = reading->query->until_ns - reading->query->since_ns;

	if (!reading->query->n_parts && reading->cell_ns < span_ns) {
		reading->cell_ns *= 2;
		return gathering_map(gathering, slice_coarsen, reading);
	}
	if (!reading->translation.is_folded) {
		translation_fold(&reading->translation);
		return gathering_map(gathering, thread_fold, reading);
	}
	if (has_stacks(gathering)) {
		reading->rare = !reading->rare          ? 2
			: reading->rare < INT64_MAX / 2 ? reading->rare * 2
							: INT64_MAX;
		return gathering_map(gathering, stack_prune, reading);
	}
	reading->is_nameless = true;
	return gathering_map(gathering, thread_forget, reading);
}

int reading_fit(struct reading *reading)
{
	size_t max = reading->n_samples_max;
	int r = 0;

	if (reading->gathering.n < max)
		return 0;
	/* By a good measure, or the next one would come soon. */
	while (!r && reading->gathering.n > max / 4 * 3)
		r = step(reading);
	return r;
}

void reading_note(const struct reading *reading, struct buffer *out)
{
	if (reading->translation.is_folded)
		buffer_printf(out, "%sprocesses are told apart by name, not by number",
			out->size ? "; " : "");
	if (reading->rare)
		buffer_printf(out, "; stacks of fewer than %" PRId64 " samples are [pruned]",
			reading->rare);
}
