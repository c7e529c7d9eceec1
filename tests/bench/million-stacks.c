/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Two recordings of a program with a million different stacks, made from a seed, written as
 * DIRECTORY/before.pb.gz and DIRECTORY/after.pb.gz; and what it takes to rank one and to compare both
 * once they are in memory.
 *
 * usage: million-stacks DIRECTORY
 * Prints {"stacks":…,"depth":…,"ranking_s":…,"diff_s":…}: the mean depth, and the least of three times.
 *
 * Calls are made as programs make them: each function calls a few others, some of them far more often,
 * so that stacks share their outer frames and differ in the inner ones.
 */

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/base/array.h"
#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"
#include "proto/base/hash.h"
#include "proto/profile/compare.h"
#include "proto/profile/pprof.h"
#include "proto/profile/rank.h"

#define STACKS 1000000
#define FUNCTIONS 20000
#define PLACES 4 /* from which a function calls, of which each calls several */
#define CALLEES_MAX 12
#define DEPTH_MIN 16
#define DEPTH_SPREAD 24
#define THREADS 16
#define SAMPLES_PER_SLICE 256
#define NS_PER_SAMPLE 10000000
#define TRIES 3

struct making {
	struct profile *profile;
	uint32_t frames[FUNCTIONS][PLACES], threads[THREADS];
	unsigned short random[3];
	bool *is_leaf; /* by stack */
	size_t n_allocated;
	uint32_t n_leaves, n_samples;
	uint64_t n_frames; /* on all different stacks */
};

static void demand(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "million-stacks: %s\n", what);
	exit(1);
}

static uint32_t string_add(struct profile *profile, const char *text)
{
	uint32_t id;

	demand(profile_add_string(profile, text, &id) == 0, "no memory");
	return id;
}

static void frames_make(struct making *making)
{
	struct profile *profile = making->profile;
	struct profile_mapping mapping = {.path = string_add(profile, "/usr/bin/program"),
		.build_id = string_add(profile, "0123456789abcdef")};
	uint32_t id;

	demand(profile_add_mapping(profile, &mapping, &id) == 0, "no memory");
	for (uint32_t i = 0; i < FUNCTIONS; i++) {
		struct profile_function function = {.start_line = 10 * i + 1};
		struct profile_line line = {0};
		char text[128];

		snprintf(text, sizeof(text),
			"component%u::Handler<std::string, unsigned long>::operation_%u(int) const",
			i % 97, i);
		function.name = string_add(profile, text);
		snprintf(text, sizeof(text), "/usr/src/program/component%u.cc", i % 97);
		function.file = string_add(profile, text);
		demand(profile_add_function(profile, &function, &line.function) == 0, "no memory");
		for (uint32_t place = 0; place < PLACES; place++) {
			struct profile_frame frame = {
				.address = 0x1000 + i * 256 + place * 16, .mapping = id};

			line.line = function.start_line + place;
			demand(profile_add_frame(
				       profile, &frame, &line, 1, &making->frames[i][place]) == 0,
				"no memory");
		}
	}
}

static void threads_make(struct making *making)
{
	struct profile_process process = {.pid = 4242,
		.comm = string_add(making->profile, "program"),
		.exe = string_add(making->profile, "/usr/bin/program"),
		.unit = string_add(making->profile, "program.service")};
	struct profile_thread thread = {0};

	demand(profile_add_process(making->profile, &process, &thread.process) == 0, "no memory");
	for (uint32_t i = 0; i < THREADS; i++) {
		thread.tid = 4242 + i;
		demand(profile_add_thread(making->profile, &thread, &making->threads[i]) == 0,
			"no memory");
	}
}

/* The first function that one calls three times of four, the second three of the other four, … */
static uint32_t callee_choose(struct making *making)
{
	uint32_t n = 0;

	while (n < CALLEES_MAX && erand48(making->random) < 0.25)
		n++;
	return n;
}

static void leaf_note(struct making *making, uint32_t stack)
{
	demand(array_reserve(&making->is_leaf, &making->n_allocated, making->profile->n_stacks,
		       sizeof(bool)) == 0,
		"no memory");
	if (making->is_leaf[stack])
		return;
	making->is_leaf[stack] = true;
	making->n_leaves++;
	making->n_frames += making->profile->stacks[stack].depth;
}

static void sample_make(struct making *making)
{
	uint32_t number = making->n_samples++;
	struct profile_sample sample = {
		.thread = making->threads[hash_bytes(&number, sizeof(number)) % THREADS],
		.slice = number / SAMPLES_PER_SLICE};
	unsigned depth = DEPTH_MIN + (unsigned)(DEPTH_SPREAD * erand48(making->random));
	int64_t n = 1 + (int64_t)(0.3 / (1e-3 + erand48(making->random)));
	uint32_t call[] = {0, 0};

	for (unsigned i = 0; i < depth; i++) {
		call[1] = callee_choose(making);
		demand(profile_add_stack(making->profile, sample.stack,
			       making->frames[call[0]][call[1] % PLACES], &sample.stack) == 0,
			"no memory");
		call[0] = hash_bytes(call, sizeof(call)) % FUNCTIONS;
	}
	leaf_note(making, sample.stack);
	demand(profile_add_sample(
		       making->profile, &sample, (const int64_t[]){n, n * NS_PER_SAMPLE}) == 0,
		"no memory");
}

static struct profile *make(unsigned short seed, double *ret_depth)
{
	static struct making making;

	making = (struct making){.profile = profile_new(), .random = {seed, 2, 3}};
	demand(making.profile != NULL, "no memory");
	demand(profile_add_value_type(making.profile, "samples", "count") == 0, "no memory");
	demand(profile_add_value_type(making.profile, "cpu", "nanoseconds") == 0, "no memory");
	frames_make(&making);
	threads_make(&making);
	while (making.n_leaves < STACKS)
		sample_make(&making);
	free(making.is_leaf);
	making.profile->conditions.duration_ns = (making.n_samples / SAMPLES_PER_SLICE + 1) *
		UINT64_C(100000000);
	demand(profile_count_samples(making.profile) == 0, "no memory");
	profile_balance(making.profile);
	profile_seal(making.profile);
	*ret_depth = (double)making.n_frames / STACKS;
	return making.profile;
}

static void write_to(const struct profile *profile, const char *directory, const char *name)
{
	CLEANUP(buffer_done) struct buffer bytes = {0};
	CLEANUP(freep) char *path = NULL;
	CLEANUP(fclosep) FILE *file = NULL;

	demand(pprof_encode(profile, &bytes) == 0, "no memory");
	demand(asprintf(&path, "%s/%s.pb.gz", directory, name) > 0, "no memory");
	file = fopen(path, "wb");
	demand(file && fwrite(bytes.data, 1, bytes.size, file) == bytes.size, "cannot write");
}

/* As commands have them: read back. */
static struct profile *read_from(const char *directory, const char *name)
{
	CLEANUP(buffer_done) struct buffer bytes = {0};
	CLEANUP(freep) char *path = NULL;
	CLEANUP(fclosep) FILE *file = NULL;
	struct profile *profile = NULL;
	struct profile_error error;
	char chunk[65536];
	size_t n;

	demand(asprintf(&path, "%s/%s.pb.gz", directory, name) > 0, "no memory");
	file = fopen(path, "rb");
	demand(file != NULL, "cannot read");
	while ((n = fread(chunk, 1, sizeof(chunk), file)))
		buffer_append(&bytes, chunk, n);
	demand(pprof_decode(bytes.data, bytes.size, &profile, &error) == 0, "cannot decode");
	return profile;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double ranking_time(const struct profile *profile)
{
	double best = INFINITY;

	for (int i = 0; i < TRIES; i++) {
		CLEANUP(ranking_freep) struct ranking *ranking = NULL;
		double start = now();

		demand(ranking_new(profile, NULL, &ranking) == 0, "cannot rank");
		best = fmin(best, now() - start);
	}
	return best;
}

static double diff_time(const struct profile *before, const struct profile *after)
{
	const struct compare_side sides[] = {{&before, 1}, {&after, 1}};
	double best = INFINITY;

	for (int i = 0; i < TRIES; i++) {
		CLEANUP(comparison_freep) struct comparison *comparison = NULL;
		struct profile_error error;
		double start = now();

		demand(comparison_new(sides, NULL, &comparison, &error) == 0, "cannot compare");
		best = fmin(best, now() - start);
	}
	return best;
}

int main(int argc, char **argv)
{
	CLEANUP(profile_unrefp) struct profile *before = NULL, *after = NULL;
	static const char *const names[] = {"before", "after"};
	double depth;

	demand(argc == 2, "usage: million-stacks DIRECTORY");
	for (int side = 0; side < COMPARE_SIDES; side++) {
		CLEANUP(profile_unrefp) struct profile *made = make(side ? 7 : 1, &depth);

		write_to(made, argv[1], names[side]);
	}
	before = read_from(argv[1], names[0]);
	after = read_from(argv[1], names[1]);
	printf("{\"stacks\":%d,\"depth\":%.1f,\"ranking_s\":%.3f,\"diff_s\":%.3f}\n", STACKS, depth,
		ranking_time(before), diff_time(before, after));
	return 0;
}
