/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Profiles for tests. Comparing goes by what records say, never by ids. */

#include "tests/unit/proto/profile/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"

#define SAMPLE_NS 10000000

struct profile *fixture_new(void)
{
	struct profile *profile = profile_new();

	ck_assert_ptr_nonnull(profile);
	ck_assert_int_eq(profile_add_value_type(profile, "samples", "count"), 0);
	ck_assert_int_eq(profile_add_value_type(profile, "cpu", "nanoseconds"), 0);
	return profile;
}

static uint32_t string(struct profile *profile, const char *text)
{
	uint32_t id = 0;

	ck_assert_int_eq(profile_add_string(profile, text, &id), 0);
	return id;
}

uint32_t fixture_thread(struct profile *profile, const char *comm, uint32_t pid, uint32_t tid)
{
	struct profile_process process = {
		.pid = pid, .uid = PROFILE_UID_UNKNOWN, .comm = string(profile, comm)};
	struct profile_thread thread = {.tid = tid};
	uint32_t id = 0;

	ck_assert_int_eq(profile_add_process(profile, &process, &thread.process), 0);
	ck_assert_int_eq(profile_add_thread(profile, &thread, &id), 0);
	return id;
}

static struct profile_line line(struct profile *profile, const char *name)
{
	struct profile_function function = {.name = string(profile, name)};
	struct profile_line result = {};

	ck_assert_int_eq(profile_add_function(profile, &function, &result.function), 0);
	return result;
}

uint32_t fixture_frame(struct profile *profile, const char *text)
{
	CLEANUP(freep) char *copy = strdup(text);
	char *name = copy, *module, *rest = NULL;
	struct profile_mapping mapping = {};
	struct profile_frame frame = {};
	struct profile_line lines[16];
	size_t n_lines = 0;
	uint32_t id = 0;

	if (!strncmp(name, "k:", 2))
		frame.kind = PROFILE_FRAME_KERNEL;
	else if (!strncmp(name, "j:", 2))
		frame.kind = PROFILE_FRAME_JIT;
	else if (!strncmp(name, "?:", 2))
		frame.unnamed = string(profile, "no-symbols");
	if (name[0] && name[1] == ':' && strchr("kj?", name[0]))
		name += 2;
	module = strchr(name, '@');
	if (module) {
		*module++ = '\0';
		mapping.path = string(profile, module);
		ck_assert_int_eq(profile_add_mapping(profile, &mapping, &frame.mapping), 0);
	}
	for (char *part = strtok_r(name, "<", &rest); part; part = strtok_r(NULL, "<", &rest))
		lines[n_lines++] = line(profile, part);
	ck_assert_int_eq(profile_add_frame(profile, &frame, lines, n_lines, &id), 0);
	return id;
}

void fixture_add(
	struct profile *profile, uint32_t thread, const char *stack, const char *stop, int64_t n)
{
	CLEANUP(freep) char *copy = strdup(stack);
	struct profile_sample sample = {.thread = thread};
	int64_t values[] = {n, n * SAMPLE_NS};
	char *rest = NULL;

	for (char *name = strtok_r(copy, ";", &rest); name; name = strtok_r(NULL, ";", &rest))
		ck_assert_int_eq(profile_add_stack(profile, sample.stack,
					 fixture_frame(profile, name), &sample.stack),
			0);
	if (stop) {
		sample.stop_class = PROFILE_STOP_TRUNCATED;
		sample.stop = string(profile, stop);
	}
	ck_assert_int_eq(profile_add_sample(profile, &sample, values), 0);
}

void fixture_seal(struct profile *profile)
{
	ck_assert_int_eq(profile_count_samples(profile), 0);
	profile_balance(profile);
	profile_seal(profile);
}

static void hostile_conditions(struct profile *profile)
{
	profile->conditions = (struct profile_conditions){
		.target = string(profile, "pid 42 (\"nasty\\name\")"),
		.event = string(profile, "cpu-clock"),
		.event_asked = string(profile, "cpu"),
		.call_graph = string(profile, "auto"),
		.host = string(profile, "h\xc3\xb6st"),
		.kernel = string(profile, "6.1.0"),
		.machine = string(profile, "x86_64"),
		.version = string(profile, "0.1"),
		.notes = string(profile, "</script><b>;"),
		.command = string(profile, "sh -c 'a | b'"),
		.cpu_model = string(profile, "Some \"CPU\" @ 3 GHz"),
		.governor = string(profile, "performance"),
		.virtualization = string(profile, "kvm"),
		.load = string(profile, "0.10 0.20 0.30"),
		.frequency_asked = 99,
		.frequency_reached = 98.76543210123,
		.start_realtime_ns = UINT64_C(1790000000123456789),
		.duration_ns = UINT64_C(5000000001),
		.sampled_ns = 123,
		.scheduler_ns = 456,
		.n_cpus = 8,
	};
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_int_eq(profile_add_run(profile,
					 &(struct profile_run){.first_slice = 3 * i,
						 .n_slices = 2,
						 .exit_code = i,
						 .wall_ns = UINT64_C(5000000000) + i,
						 .user_ns = 2 * i,
						 .system_ns = 3 * i,
						 .peak_bytes = UINT64_C(1) << 40,
						 .n_voluntary = 4,
						 .n_involuntary = 5}),
			0);
	profile->ledger.not_permitted = 3;
	profile->ledger.missed = 4;
	ck_assert_int_eq(profile_count_lost(profile, "ring-full", 7), 0);
	ck_assert_int_eq(profile_count_lost(profile, "odd \"reason\"", 1), 0);
}

static uint32_t hostile_frame(struct profile *profile, uint8_t kind)
{
	struct profile_mapping mapping = {
		.path = string(profile, "/opt/a b;c/\xe2\x82\xac (deleted)"),
		.build_id = string(profile, "00ff")};
	struct profile_function function = {
		.name = string(profile, "ns::f<int, char;>(a b)"),
		.system_name = string(profile, "_Z1fv"),
		.file = string(profile, "/src/f o;o.c"),
		.start_line = 12,
	};
	struct profile_frame frame = {.address = 0xffffffffffffffff - kind, .kind = kind};
	struct profile_line lines[3] = {};
	uint32_t id = 0;

	ck_assert_int_eq(profile_add_mapping(profile, &mapping, &frame.mapping), 0);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		function.start_line += (uint32_t)i;
		lines[i].line = (uint32_t)(i * INT32_MAX / 2);
		ck_assert_int_eq(profile_add_function(profile, &function, &lines[i].function), 0);
	}
	if (kind == PROFILE_FRAME_MARKER)
		frame.unnamed = string(profile, "worker-failed");
	ck_assert_int_eq(profile_add_frame(profile, &frame, lines, 1u + kind % 3, &id), 0);
	return id;
}

struct profile *fixture_hostile(void)
{
	static const char *const names[] = {"a;b", "tab\there", "\xff\xfe", "[truncated:x]",
		"sp ace 12", "", "\"quote\"", "\xf0\x9f\x94\xa5"};
	struct profile *profile = fixture_new();

	hostile_conditions(profile);
	for (uint32_t i = 0; i < 60; i++) {
		struct profile_process process = {.pid = i % 3,
			.uid = i % 2 ? 0 : 1000 + i % 5,
			.start_ns = i % 4,
			.comm = string(profile, names[i % 8]),
			.exe = string(profile, names[(i + 1) % 8]),
			.cgroup = string(profile, names[(i + 4) % 8]),
			.unit = string(profile, i % 2 ? "" : "nginx.service"),
			.container = string(profile, i % 5 ? "" : "c0ffee")};
		struct profile_thread thread = {
			.tid = i % 6, .name = string(profile, names[i % 7])};
		struct profile_sample sample = {.slice = i / 7,
			.stop_class = (uint8_t)(i % 3),
			.stop = string(profile, names[i % 4])};
		int64_t values[] = {i + 1, (i + 1) * INT64_C(1001001)};

		if (i % 11 == 0)
			process.uid = PROFILE_UID_UNKNOWN;
		if (i % 13) {
			ck_assert_int_eq(
				profile_add_process(profile, &process, &thread.process), 0);
			ck_assert_int_eq(profile_add_thread(profile, &thread, &sample.thread), 0);
		}
		for (uint32_t depth = 0; depth < i % 9; depth++)
			ck_assert_int_eq(profile_add_stack(profile, sample.stack,
						 hostile_frame(profile, (uint8_t)((i + depth) % 5)),
						 &sample.stack),
				0);
		ck_assert_int_eq(profile_add_sample(profile, &sample, values), 0);
	}
	fixture_seal(profile);
	return profile;
}

struct profile *fixture_random(unsigned seed, size_t n_samples)
{
	struct profile *profile = fixture_new();
	uint32_t thread = fixture_thread(profile, "program", 100, 101), frames[40];

	for (int i = 0; i < 40; i++) {
		char name[64];

		/* Two frames of each name, so that functions are more than frames. */
		if (i % 5)
			snprintf(name, sizeof(name), "f%d()@/bin/m%d", i / 2, i % 4);
		else
			snprintf(name, sizeof(name), "g%d<f%d()@/bin/m%d", i % 3, i / 2, i % 4);
		frames[i] = fixture_frame(profile, name);
	}
	for (size_t i = 0; i < n_samples; i++) {
		struct profile_sample sample = {.thread = thread, .slice = (uint32_t)(i / 50)};
		int64_t values[] = {1, SAMPLE_NS};
		int depth = (int)(rand_r(&seed) % 25);

		for (int at = 0; at < depth; at++)
			ck_assert_int_eq(
				profile_add_stack(profile, sample.stack,
					frames[(rand_r(&seed) % 5 + at) % 40], &sample.stack),
				0);
		ck_assert_int_eq(profile_add_sample(profile, &sample, values), 0);
	}
	fixture_seal(profile);
	return profile;
}
