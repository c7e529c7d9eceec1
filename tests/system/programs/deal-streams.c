// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A recording dealt out to the runs of two sides, over and over: what a comparison says of a program
 * against itself, and of one in which a function takes some per cent longer. A recording of runs of a
 * command is dealt out run by run: two that were neighbours are a pair, one of either side, as they are
 * where the sides take turns. Any other is dealt out second by second.
 *
 * usage: deal-streams PROFILE TRIES RUNS FUNCTION PER-CENT [shares]
 * Prints {"tries":…,"alarms":…,"found":…,"beyond":…}: comparisons that call a function or the whole
 * slower, those that name FUNCTION first, and those that claim of it surely more than PER-CENT.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/profile/compare.h"
#include "proto/profile/copy.h"
#include "proto/profile/pprof.h"

/* Dealt out second by second, so that what goes on within one stays together. */
#define BLOCK_SLICES 10
#define RUNS_MAX 20

struct dealing {
	const struct profile *stream;
	uint32_t n_blocks, *order; /* block -> its place in the deal */
	size_t n_runs;
	uint32_t function; /* string of its name */
	double more; /* 0.1: the function takes 10 % longer on the second side */
	enum compare_mode mode;
	unsigned short random[3];
};

static void demand(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "deal-streams: %s\n", what);
	exit(1);
}

static struct profile *stream_read(const char *path)
{
	CLEANUP(buffer_done) struct buffer bytes = {0};
	CLEANUP(fclosep) FILE *file = fopen(path, "rb");
	struct profile_error error = {0};
	struct profile *profile = NULL;
	char chunk[65536];
	size_t n;

	demand(file != NULL, "cannot open the profile");
	while ((n = fread(chunk, 1, sizeof(chunk), file)))
		buffer_append(&bytes, chunk, n);
	demand(pprof_decode(bytes.data, bytes.size, &profile, &error) == 0, error.text);
	return profile;
}

static uint32_t function_find(const struct profile *profile, const char *name)
{
	for (uint32_t i = 1; i < profile->n_functions; i++)
		if (!strcmp(profile_function_name(profile, i), name))
			return profile->functions[i].name;
	demand(false, "no such function");
	return 0;
}

static bool is_of_function(const struct dealing *dealing, size_t sample)
{
	const struct profile *stream = dealing->stream;
	uint32_t stack = stream->samples[sample].stack;
	const struct profile_frame *frame = &stream->frames[stream->stacks[stack].frame];

	return stack && frame->n_lines &&
		stream->functions[stream->lines[frame->first_line].function].name ==
		dealing->function;
}

static void shuffle(struct dealing *dealing)
{
	for (uint32_t i = 0; i < dealing->n_blocks; i++)
		dealing->order[i] = i;
	for (uint32_t i = dealing->n_blocks - 1; i; i--) {
		uint32_t j = (uint32_t)(erand48(dealing->random) * (i + 1));
		uint32_t swapped = dealing->order[i];

		dealing->order[i] = dealing->order[j];
		dealing->order[j] = swapped;
	}
}

/* A longer function has so many more samples, each by chance. */
static double more_of(struct dealing *dealing, size_t sample, size_t run)
{
	double factor = 1;

	if (run % 2 == 0 || !is_of_function(dealing, sample))
		return 1;
	for (double more = dealing->more; more > 0; more -= 1)
		factor += erand48(dealing->random) < more;
	return factor;
}

static void values_of(struct dealing *dealing, size_t sample, size_t run, int64_t *values)
{
	double factor = more_of(dealing, sample, run);

	for (size_t type = 0; type < dealing->stream->n_value_types; type++)
		values[type] = (int64_t)((double)profile_value(dealing->stream, sample, type) *
			factor);
}

/* Pairs of neighbours among the stream's runs: run -> its place in the deal, or UINT32_MAX. */
static void pairs_deal(struct dealing *dealing)
{
	const size_t n_pairs = dealing->stream->n_runs / 2;
	uint32_t n_taken = 0;

	for (size_t pair = 0; pair < n_pairs; pair++) {
		size_t n_left = dealing->n_runs - n_taken;
		bool is_taken = erand48(dealing->random) * (double)(n_pairs - pair) <
			(double)n_left;
		uint32_t first = erand48(dealing->random) < 0.5;

		for (uint32_t i = 0; i < 2; i++)
			dealing->order[2 * pair + i] = is_taken ? 2 * n_taken + (i ^ first)
								: UINT32_MAX;
		n_taken += is_taken;
	}
}

/* One of the stream's runs behind those that the side has. */
static void run_add(struct dealing *dealing, struct profile *side, struct copy *copy, size_t number)
{
	const struct profile *stream = dealing->stream;
	struct profile_run run = stream->runs[number];
	uint32_t first = run.first_slice, n_slices = 0;

	for (size_t i = 0; i < side->n_runs; i++)
		n_slices = side->runs[i].first_slice + side->runs[i].n_slices;
	for (size_t i = 0; i < stream->n_samples; i++) {
		uint32_t slice = stream->samples[i].slice;
		int64_t values[PROFILE_VALUES_MAX];

		if (slice < first || slice >= first + run.n_slices)
			continue;
		values_of(dealing, i, dealing->order[number], values);
		run.user_ns += (uint64_t)(values[1] - profile_value(stream, i, 1));
		demand(!copy_sample_as(copy, i, (int64_t)n_slices - (int64_t)first, values),
			"no memory");
	}
	run.first_slice = n_slices;
	demand(!profile_add_run(side, &run), "cannot add a run");
	demand(!copy_string(copy, stream->conditions.command, &side->conditions.command),
		"no memory");
}

/* One profile a side, with its runs. */
static void runs_deal(struct dealing *dealing, struct profile **sides)
{
	struct copy copies[COMPARE_SIDES] = {0};

	pairs_deal(dealing);
	for (size_t i = 0; i < COMPARE_SIDES; i++) {
		sides[i] = profile_new();
		demand(sides[i] && !copy_init(&copies[i], sides[i], dealing->stream), "no memory");
	}
	for (size_t i = 0; i < dealing->stream->n_runs / 2 * 2; i++)
		if (dealing->order[i] != UINT32_MAX)
			run_add(dealing, sides[dealing->order[i] % 2],
				&copies[dealing->order[i] % 2], i);
	for (size_t i = 0; i < COMPARE_SIDES; i++) {
		copy_done(&copies[i]);
		profile_seal(sides[i]);
	}
}

static void deal(struct dealing *dealing, struct profile **runs)
{
	const struct profile *stream = dealing->stream;
	struct copy copies[RUNS_MAX] = {0};
	size_t n = COMPARE_SIDES * dealing->n_runs;

	shuffle(dealing);
	for (size_t i = 0; i < n; i++) {
		runs[i] = profile_new();
		demand(runs[i] && !copy_init(&copies[i], runs[i], stream), "no memory");
	}
	for (size_t i = 0; i < stream->n_samples; i++) {
		uint32_t block = stream->samples[i].slice / BLOCK_SLICES;
		int64_t values[PROFILE_VALUES_MAX];
		uint32_t place;

		if (block >= dealing->n_blocks)
			continue;
		place = dealing->order[block];
		if (place >= dealing->n_blocks / n * n)
			continue;
		values_of(dealing, i, place % n, values);
		demand(!copy_sample_as(&copies[place % n], i,
			       (int64_t)(place / n * BLOCK_SLICES) -
				       (int64_t)(block * BLOCK_SLICES),
			       values),
			"no memory");
	}
	for (size_t i = 0; i < n; i++) {
		copy_done(&copies[i]);
		runs[i]->conditions.duration_ns = dealing->n_blocks / n * BLOCK_SLICES *
			UINT64_C(100000000);
		profile_seal(runs[i]);
	}
}

struct tally {
	unsigned n, n_alarms, n_found, n_beyond;
};

static void compare(struct dealing *dealing, struct tally *tally)
{
	struct profile *runs[RUNS_MAX], *sides[COMPARE_SIDES][RUNS_MAX];
	bool has_runs = dealing->stream->n_runs > 0;
	size_t n = has_runs ? 1 : dealing->n_runs;
	const struct compare_side compared[] = {{(const struct profile *const *)sides[0], n},
		{(const struct profile *const *)sides[1], n}};
	const struct compare_options options = {.mode = dealing->mode};
	CLEANUP(comparison_freep) struct comparison *comparison = NULL;
	const char *name = profile_string(dealing->stream, dealing->function);
	const struct compare_row *first;
	struct profile_error error;

	if (has_runs)
		runs_deal(dealing, runs);
	else
		deal(dealing, runs);
	for (size_t i = 0; i < COMPARE_SIDES * n; i++)
		sides[i % 2][i / 2] = runs[i];
	demand(comparison_new(compared, &options, &comparison, &error) == 0, "cannot compare");
	first = comparison->rows;
	tally->n++;
	tally->n_alarms += comparison->n_slower > 0 || comparison->whole.verdict == COMPARE_SLOWER;
	if (comparison->n_rows && first->verdict == COMPARE_SLOWER && !strcmp(first->name, name)) {
		tally->n_found++;
		tally->n_beyond += first->low > dealing->more;
	}
	for (size_t i = 0; i < COMPARE_SIDES * n; i++)
		profile_unref(runs[i]);
}

int main(int argc, char **argv)
{
	struct dealing dealing = {.random = {1, 2, 3}};
	CLEANUP(profile_unrefp) struct profile *stream = NULL;
	struct tally tally = {0};

	demand(argc == 6 || argc == 7,
		"usage: deal-streams PROFILE TRIES RUNS FUNCTION PER-CENT [shares]");
	dealing.mode = argc == 7 ? COMPARE_SHARES : COMPARE_AUTO;
	dealing.stream = stream = stream_read(argv[1]);
	dealing.n_runs = (size_t)atoi(argv[3]);
	demand(dealing.n_runs >= 1 && COMPARE_SIDES * dealing.n_runs <= RUNS_MAX, "RUNS");
	dealing.function = function_find(stream, argv[4]);
	dealing.more = atof(argv[5]) / 100;
	dealing.n_blocks = (uint32_t)(stream->conditions.duration_ns / 100000000 / BLOCK_SLICES);
	if (stream->n_runs)
		dealing.n_blocks = (uint32_t)stream->n_runs;
	demand(dealing.n_blocks >= COMPARE_SIDES * dealing.n_runs, "the profile is too short");
	dealing.order = calloc(dealing.n_blocks, sizeof(*dealing.order));
	demand(dealing.order != NULL, "no memory");
	for (int i = atoi(argv[2]); i > 0; i--)
		compare(&dealing, &tally);
	printf("{\"tries\":%u,\"alarms\":%u,\"found\":%u,\"beyond\":%u}\n", tally.n, tally.n_alarms,
		tally.n_found, tally.n_beyond);
	free(dealing.order);
	return 0;
}
