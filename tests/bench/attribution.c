/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What it costs to make a profile of samples, with no kernel: the same samples each time, of a made-up
 * service, go through attribution, and the CPU time for each is printed. Under
 * `valgrind --tool=callgrind` the instructions of a sample are the same from run to run.
 *
 * The service is shaped after a redis-server under load, recorded at 4999 Hz: stacks of 16 frames on
 * average, a third of them with the kernel's on top; there are some 1200 distinct steps from a caller
 * to a callee, and of five samples four are the first of their stack in its slice of time.
 *
 * usage: bench-attribution [ROUNDS]
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/target/attribution.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"

#define N_SAMPLES 50000
#define N_THREADS 4
#define N_PATHS 160
#define FREQUENCY_HZ 4999
#define FILE_ID 2u
#define KERNEL_TEXT UINT64_C(0xffffffff81000000)
#define USER_DEPTH_MIN 6
#define KERNEL_DEPTH_MIN 4
#define DEPTH_SPREAD 8

struct made {
	struct abi_sample head;
	uint64_t callers; /* as of struct sample */
	uint64_t kernel[KERNEL_DEPTH_MIN + DEPTH_SPREAD], user[USER_DEPTH_MIN + DEPTH_SPREAD];
};

static uint32_t random_next(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32);
}

/* The call that a frame of this depth makes: mostly the same one, the more so near the root. */
static uint64_t call_offset(uint64_t caller, size_t depth)
{
	uint32_t n_callees = 1 + (uint32_t)depth / 3, dice = random_next() % 100;
	uint64_t callee = dice < 60 ? 0 : dice % n_callees;

	return (caller * 31 + callee * 0x1234 + depth * 0x5678) & 0xfffff;
}

/* Leaf first; each offset follows from its caller's. */
static size_t stack_make(uint64_t *frames, size_t depth_min, uint64_t base)
{
	size_t n = depth_min + random_next() % DEPTH_SPREAD;
	uint64_t offset = 0;

	for (size_t i = n; i--;) {
		offset = call_offset(offset, n - i);
		frames[i] = base + offset;
	}
	return n;
}

static void path_make(struct made *path)
{
	path->head = (struct abi_sample){
		.stop = ABI_STOP_END,
		.period_ns = 1000000000 / FREQUENCY_HZ,
		.recordings = 1,
	};
	path->head.n_user = (uint16_t)stack_make(
		path->user, USER_DEPTH_MIN, (uint64_t)FILE_ID << ABI_FRAME_OFFSET_BITS);
	if (random_next() % 3 == 0)
		path->head.n_kernel = (uint16_t)stack_make(
			path->kernel, KERNEL_DEPTH_MIN, KERNEL_TEXT);
}

/* One of the paths, the first ones more often, with some address in its innermost function. */
static void sample_make(struct made *made, const struct made *paths, uint64_t time_ns)
{
	uint32_t a = random_next() % N_PATHS, b = random_next() % N_PATHS;
	uint32_t within = (random_next() % 4) * (random_next() % 4) * 4;

	*made = paths[a < b ? a : b];
	made->head.time_ns = time_ns;
	made->head.slot = (uint16_t)(random_next() % N_THREADS);
	if (made->head.n_kernel)
		made->kernel[0] += within;
	else
		made->user[0] += within;
}

static void on_frame(void *userdata, struct object *object, uint64_t file_offset)
{
}

static const char *kernel_name(void *userdata, uint64_t address, const char **ret_module)
{
	static char name[32];

	*ret_module = "";
	snprintf(name, sizeof(name), "function_%x", (unsigned)(address >> 8));
	return name;
}

static void on_labels(void *userdata, const struct abi_identity *who, struct label_texts *ret)
{
	*ret = (struct label_texts){
		"/usr/bin/service", "/system.slice/service.service", "service.service", ""};
}

/* The time of one recording of all samples, or -1. */
static double run(const struct made *made, const struct sample_identity *threads)
{
	const struct attribution_request request = {
		.caller.is_admin = true,
		.sees_kernel = true,
		.with_kernel = true,
		.with_callers = true,
		.frequency_hz = FREQUENCY_HZ,
	};
	const struct attribution_neighbours neighbours = {
		.on_frame = on_frame, .kernel_name = kernel_name, .labels = on_labels};
	struct object_table *objects = object_table_new();
	struct object *object = object_new(OBJECT_FILE, "/usr/bin/service");
	struct attribution *attribution = attribution_new(&request, &neighbours, objects);
	uint64_t start_ns;
	double taken_ns = -1;
	int r = 0;

	if (attribution && object && !object_table_add(objects, FILE_ID, object)) {
		start_ns = time_now_ns(CLOCK_PROCESS_CPUTIME_ID);
		for (size_t i = 0; i < N_SAMPLES && !r; i++) {
			const struct sample sample = {.head = &made[i].head,
				.identity = &threads[made[i].head.slot],
				.callers = made[i].callers,
				.place = (uint32_t)made[i].callers,
				.kernel = made[i].kernel,
				.user = made[i].user};

			r = attribution_add(attribution, &sample);
		}
		taken_ns = r ? -1 : (double)(time_now_ns(CLOCK_PROCESS_CPUTIME_ID) - start_ns);
	}
	attribution_free(attribution);
	object_unref(object);
	object_table_free(objects);
	return taken_ns;
}

int main(int argc, char **argv)
{
	CLEANUP(freep) struct made *made = calloc(N_SAMPLES, sizeof(*made));
	struct made paths[N_PATHS] = {};
	struct sample_identity threads[N_THREADS] = {};
	int n_rounds = argc > 1 ? atoi(argv[1]) : 7;
	double best_ns = 0;

	if (!made)
		return 1;
	for (size_t i = 0; i < N_THREADS; i++) {
		threads[i].number = i + 1;
		threads[i].facts = (struct abi_identity){.pid = 100 + (uint32_t)i / 4,
			.tid = 100 + (uint32_t)i,
			.comm = "service",
			.thread = "thread"};
	}
	for (size_t i = 0; i < N_PATHS; i++) {
		path_make(&paths[i]);
		paths[i].callers = i + 1;
	}
	for (size_t i = 0; i < N_SAMPLES; i++)
		sample_make(&made[i], paths, i * 200000);
	for (int i = 0; i < n_rounds; i++) {
		double taken_ns = run(made, threads);

		if (taken_ns < 0)
			return 1;
		if (!i || taken_ns < best_ns)
			best_ns = taken_ns;
	}
	printf("attribution: %.0f ns per sample\n", best_ns / N_SAMPLES);
	return 0;
}
