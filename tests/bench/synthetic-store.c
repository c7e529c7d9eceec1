// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * synthetic-store FILE SECONDS: a store as two CPUs sampled at 19 Hz would have filled it until now,
 * through the store's own writer, rolled up on the way as it would have been. Six units: one process,
 * several, many threads, and short-lived processes without end. Each has thousands of stacks, the
 * usual few of them hot, and now and then one that was never seen before. What is older comes in
 * windows of what it would be rolled up to by now.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/store/store.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"

#define HZ 19
#define N_CPUS 2
/* Of all ticks, those that find a CPU at work. */
#define BUSY 0.8
#define N_STACKS 4000 /* of a unit */
#define N_FUNCTIONS 1500
/* One of so many samples has a stack of its own. */
#define FRESH 25
#define HOUR_NS (3600 * NS_PER_SECOND)

static const struct unit {
	const char *name, *comm, *path;
	double weight;
	uint32_t n_processes, n_threads; /* n_processes 0: each lives for a window */
	uint32_t visible_to;
} units[] = {
	{"redis-server.service", "redis-server", "/usr/bin/redis-server", 0.25, 1, 3, 0},
	{"postgresql@15-main.service", "postgres", "/usr/lib/postgresql/15/bin/postgres", 0.25, 20,
		1, 0},
	{"nginx.service", "nginx", "/usr/sbin/nginx", 0.1, 2, 1, 0},
	{"app.service", "python3", "/usr/bin/python3.11", 0.2, 2, 8, 1000},
	{"cron.service", "sh", "/usr/bin/dash", 0.1, 0, 1, 0},
	{"init.scope", "systemd", "/usr/lib/systemd/systemd", 0.1, 6, 1, 0},
};

#define N_OFFSETS 24
#define N_PROCESSES_MAX 20
#define N_THREADS_MAX 8
/* Ids of this window's profile, 0: not made yet. */
static uint32_t frames[ARRAY_SIZE(units)][N_FUNCTIONS][N_OFFSETS];
static uint32_t stacks[ARRAY_SIZE(units)][N_STACKS];
static uint32_t callers_of[ARRAY_SIZE(units)][N_STACKS / 64];
static uint32_t functions[ARRAY_SIZE(units)][N_FUNCTIONS];
static uint32_t mappings[ARRAY_SIZE(units)];
static uint32_t threads[ARRAY_SIZE(units)][N_PROCESSES_MAX][N_THREADS_MAX];

static uint64_t state = 88172645463325252u;

/* G. Marsaglia, "Xorshift RNGs", 2003. */
static uint64_t draw(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static double draw_share(void)
{
	return (double)(draw() >> 11) / (double)(UINT64_C(1) << 53);
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t x = (a + 1) * UINT64_C(0x9e3779b97f4a7c15) ^
		(b + 1) * UINT64_C(0xc2b2ae3d27d4eb4f);

	x ^= x >> 29;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	return x ^ x >> 32;
}

static void must(int r)
{
	if (!r)
		return;
	fprintf(stderr, "synthetic-store: %s\n", strerror(r < 0 ? -r : r));
	exit(1);
}

static uint32_t text(struct profile *profile, const char *value)
{
	uint32_t id;

	must(profile_add_string(profile, value, &id));
	return id;
}

static void mapping_make(struct profile *profile, size_t unit)
{
	struct profile_mapping mapping = {.path = text(profile, units[unit].path)};
	char name[64];

	snprintf(name, sizeof(name), "%016llx", (unsigned long long)mix(unit, 77));
	mapping.build_id = text(profile, name);
	must(profile_add_mapping(profile, &mapping, &mappings[unit]));
}

static void function_make(struct profile *profile, size_t unit, uint64_t function)
{
	struct profile_function f = {0};
	char name[64];

	snprintf(name, sizeof(name), "%s_function_%llu", units[unit].comm,
		(unsigned long long)function);
	f.name = text(profile, name);
	snprintf(name, sizeof(name), "src/%s/file-%llu.c", units[unit].comm,
		(unsigned long long)function / 20);
	f.file = text(profile, name);
	must(profile_add_function(profile, &f, &functions[unit][function]));
}

static uint32_t frame_make(struct profile *profile, size_t unit, uint64_t function, uint64_t offset)
{
	struct profile_frame frame = {.address = 0x10000 + function * 512 + offset * 5};
	struct profile_line line = {.line = (uint32_t)(10 + offset)};
	uint32_t id;

	if (!mappings[unit])
		mapping_make(profile, unit);
	if (!functions[unit][function])
		function_make(profile, unit, function);
	frame.mapping = mappings[unit];
	line.function = functions[unit][function];
	must(profile_add_frame(profile, &frame, &line, 1, &id));
	return id;
}

static uint32_t frame_at(struct profile *profile, size_t unit, uint64_t at)
{
	uint64_t function = at % N_FUNCTIONS, offset = (at >> 32) % N_OFFSETS;
	uint32_t *known = &frames[unit][function][offset];

	if (!*known)
		*known = frame_make(profile, unit, function, offset);
	return *known;
}

struct span {
	uint32_t from, to; /* frames, from the root */
};

static uint32_t frames_add(
	struct profile *profile, size_t unit, uint64_t number, struct span span, uint32_t stack)
{
	for (uint32_t i = span.from; i < span.to; i++)
		must(profile_add_stack(profile, stack,
			frame_at(profile, unit, mix(number * 64 + i, unit)), &stack));
	return stack;
}

/* Some sixty ways lead to a unit's stacks, which differ in their last three frames. */
static uint32_t stack_make(struct profile *profile, size_t unit, uint64_t number)
{
	uint64_t callers = number / 64 % (N_STACKS / 64);
	uint32_t depth = 8 + (uint32_t)(mix(unit, callers) % 28);
	uint32_t *way = &callers_of[unit][callers];

	if (!*way)
		*way = frames_add(profile, unit, callers, (struct span){0, depth - 3}, 0);
	return frames_add(profile, unit, number, (struct span){depth - 3, depth}, *way);
}

static uint32_t stack_of(struct profile *profile, size_t unit, uint64_t number)
{
	if (number >= N_STACKS)
		return stack_make(profile, unit, number);
	if (!stacks[unit][number])
		stacks[unit][number] = stack_make(profile, unit, number);
	return stacks[unit][number];
}

/* start_ns 0: as long ago as its pid is high. */
static uint32_t thread_make(struct profile *profile, const struct unit *unit, uint64_t pid,
	uint32_t tid, uint64_t start_ns)
{
	struct profile_process p = {
		.pid = (uint32_t)pid,
		.uid = unit->visible_to,
		.visible_to = unit->visible_to,
		.start_ns = start_ns ? start_ns : pid,
		.comm = text(profile, unit->comm),
		.exe = text(profile, unit->path),
		.unit = text(profile, unit->name),
	};
	struct profile_thread t = {.tid = tid, .name = p.comm};
	uint32_t id;

	must(profile_add_process(profile, &p, &t.process));
	must(profile_add_thread(profile, &t, &id));
	return id;
}

static uint32_t thread_of(struct profile *profile, size_t i, uint64_t window)
{
	const struct unit *unit = &units[i];
	uint64_t process = draw() % (unit->n_processes ? unit->n_processes : 3);
	uint64_t thread = draw() % unit->n_threads;
	uint64_t pid = unit->n_processes ? 1000 * (i + 1) + process * 10
					 : 10000 + (window * 3 + process) % 4000000;
	uint32_t *known = &threads[i][process][thread];

	if (!unit->n_processes)
		return thread_make(profile, unit, pid, (uint32_t)pid, window * NS_PER_SECOND);
	if (!*known)
		*known = thread_make(profile, unit, pid, (uint32_t)(pid + thread), 0);
	return *known;
}

static size_t draw_unit(void)
{
	double share = draw_share();
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(units) && share >= units[i].weight)
		share -= units[i++].weight;
	return i;
}

static void sample_add(struct profile *profile, uint64_t window)
{
	static const int64_t values[] = {1, NS_PER_SECOND / HZ};
	size_t unit = draw_unit();
	/* About as Zipf has it: the hottest hundred have half of all. */
	uint64_t number = (uint64_t)(pow(N_STACKS, draw_share())) - 1;
	struct profile_sample sample = {0};

	if (draw() % FRESH == 0)
		number = N_STACKS + draw() % (UINT64_C(1) << 40);
	sample.thread = thread_of(profile, unit, window);
	sample.stack = stack_of(profile, unit, number);
	must(profile_add_sample(profile, &sample, values));
}

static void window_put(struct store *store, uint64_t t0_ns, uint64_t length_ns)
{
	CLEANUP(profile_unrefp) struct profile *profile = profile_new();
	uint8_t serial[STORE_SERIAL_SIZE] = {0};
	uint64_t n = (uint64_t)((double)length_ns / NS_PER_SECOND * HZ * N_CPUS * BUSY);
	uint64_t window = t0_ns / (10 * NS_PER_SECOND);

	memset(frames, 0, sizeof(frames));
	memset(stacks, 0, sizeof(stacks));
	memset(callers_of, 0, sizeof(callers_of));
	memset(functions, 0, sizeof(functions));
	memset(mappings, 0, sizeof(mappings));
	memset(threads, 0, sizeof(threads));
	must(profile_add_value_type(profile, "samples", "count"));
	must(profile_add_value_type(profile, "cpu", "nanoseconds"));
	for (uint64_t i = 0; i < n; i++)
		sample_add(profile, window + i * length_ns / n / (10 * NS_PER_SECOND));
	profile->conditions.start_realtime_ns = t0_ns;
	profile->conditions.duration_ns = length_ns;
	profile->conditions.frequency_asked = HZ;
	profile->conditions.n_cpus = N_CPUS;
	profile->conditions.event = text(profile, "cpu-clock");
	must(profile_count_samples(profile));
	profile_balance(profile);
	profile_seal(profile);
	memcpy(serial, &t0_ns, sizeof(t0_ns));
	must(store_append(store, profile, serial, t0_ns + length_ns));
}

static uint64_t length_of(uint64_t age_ns)
{
	if (age_ns > 26 * HOUR_NS)
		return 600 * NS_PER_SECOND;
	return (age_ns > 2 * HOUR_NS ? 60 : 10) * NS_PER_SECOND;
}

int main(int argc, char **argv)
{
	struct store_limits limits = {UINT64_C(1) << 40, UINT64_C(1) << 60};
	uint64_t now_ns = time_now_ns(CLOCK_REALTIME);
	struct store store = {0};
	bool has_more = true;

	if (argc != 3)
		return 2;
	must(store_open(&store, argv[1], &limits));
	must(database_execute(&store.database, "PRAGMA synchronous = OFF"));
	for (uint64_t at_ns = now_ns - strtoull(argv[2], NULL, 10) * NS_PER_SECOND, length_ns;
		at_ns < now_ns; at_ns += length_ns) {
		length_ns = length_of(now_ns - at_ns);
		window_put(&store, at_ns, length_ns);
		must(store_tend(&store, at_ns + length_ns, &has_more));
	}
	while (has_more)
		must(store_tend(&store, now_ns, &has_more));
	store_close(&store);
	return 0;
}
