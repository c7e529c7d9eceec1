// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes the profile that the golden tests are about, gzipped pprof, to standard output: two
 * programs, every kind of frame, inlined functions, recursion, a truncated stack, a stack without
 * user part, losses, frames without names, and names that would like to be markup.
 */

#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/profile/pprof.h"
#include "proto/profile/profile.h"

#define STACK_MAX 12

/* A frame as it is written down: names of its lines, innermost first, apart by '|'. */
struct frame_text {
	const char *names, *module, *file;
	uint8_t kind;
	const char *unnamed;
};

struct sample_text {
	uint32_t pid, tid, slice;
	const char *stop;
	enum profile_stop_class stop_class;
	int64_t n;
	struct frame_text frames[STACK_MAX]; /* outermost first */
};

#define SERVER(names)                                                                              \
	{                                                                                          \
		names, "/usr/bin/server", "src/server.c", PROFILE_FRAME_USER                       \
	}
#define LIBC(names)                                                                                \
	{                                                                                          \
		names, "/lib/libc.so.6", NULL, PROFILE_FRAME_USER                                  \
	}
#define KERNEL(names)                                                                              \
	{                                                                                          \
		names, "[kernel]", NULL, PROFILE_FRAME_KERNEL                                      \
	}
#define JIT(names)                                                                                 \
	{                                                                                          \
		names, NULL, NULL, PROFILE_FRAME_JIT                                               \
	}
#define PYTHON(names)                                                                              \
	{                                                                                          \
		names, NULL, "app.py", PROFILE_FRAME_INTERPRETER                                   \
	}

#define START LIBC("_start"), LIBC("__libc_start_main"), SERVER("main")

static const struct sample_text samples[] = {
	{4242, 4242, 0, NULL, PROFILE_STOP_COMPLETE, 40,
		{START, SERVER("loop"), SERVER("hash|find|get")}},
	{4242, 4242, 3, NULL, PROFILE_STOP_COMPLETE, 25,
		{START, SERVER("loop"), SERVER("hash|find|get")}},
	{4242, 4242, 3, NULL, PROFILE_STOP_COMPLETE, 30,
		{START, SERVER("loop"), LIBC("write"), KERNEL("entry_SYSCALL_64"),
			KERNEL("ksys_write"), KERNEL("tcp_sendmsg")}},
	{4242, 4243, 1, NULL, PROFILE_STOP_COMPLETE, 12,
		{LIBC("clone3"), LIBC("start_thread"), SERVER("walk"), SERVER("walk"),
			SERVER("walk")}},
	{4242, 4243, 2, "fp-end", PROFILE_STOP_TRUNCATED, 7,
		{SERVER("std::vector<int, std::allocator<int> >::push_back(int&&)"),
			LIBC("memmove")}},
	{4242, 4243, 2, NULL, PROFILE_STOP_COMPLETE, 3,
		{START,
			{"[server+0x1234]", "/usr/bin/server", NULL, PROFILE_FRAME_USER,
				"stripped"}}},
	{5000, 5000, 4, NULL, PROFILE_STOP_COMPLETE, 9,
		{LIBC("_start"), PYTHON("<module>"), PYTHON("handle;request"),
			JIT("jit compiled")}},
	{5000, 5000, 4, NULL, PROFILE_STOP_COMPLETE, 4,
		{LIBC("_start"), SERVER("</svg><script>alert(1)</script>"), SERVER("\" onload=\"x"),
			SERVER("]]>&amp;'"), SERVER("函数名")}},
	{5000, 5000, 5, "exec", PROFILE_STOP_NO_USER_STACK, 2, {KERNEL("do_exit")}},
};

static uint32_t add(struct profile *profile, const char *text)
{
	uint32_t id = 0;

	if (text && profile_add_string(profile, text, &id) < 0)
		abort();
	return id;
}

static uint32_t add_frame(struct profile *profile, const struct frame_text *text)
{
	struct profile_mapping mapping = {.path = add(profile, text->module)};
	struct profile_frame frame = {.kind = text->kind, .unnamed = add(profile, text->unnamed)};
	struct profile_line lines[8];
	char names[128], *rest = names, *name;
	uint32_t id;
	size_t n = 0;

	if (text->module && strcmp(text->module, "[kernel]") != 0)
		mapping.build_id = add(profile, "0123456789abcdef");
	if (text->module && profile_add_mapping(profile, &mapping, &frame.mapping) < 0)
		abort();
	if (text->kind == PROFILE_FRAME_USER)
		frame.address = 0x1000 + 0x10 * strlen(text->names);
	snprintf(names, sizeof(names), "%s", text->names);
	while ((name = strsep(&rest, "|"))) {
		struct profile_function function = {
			.name = add(profile, name), .file = add(profile, text->file)};

		if (text->file)
			function.start_line = 10;
		if (profile_add_function(profile, &function, &lines[n].function) < 0)
			abort();
		lines[n].line = text->file ? 17 + (uint32_t)n : 0;
		n++;
	}
	if (profile_add_frame(profile, &frame, lines, n, &id) < 0)
		abort();
	return id;
}

static void add_sample(struct profile *profile, const struct sample_text *text, int64_t n)
{
	struct profile_process process = {
		.pid = text->pid,
		.uid = 1000,
		.comm = add(profile, text->pid == 4242 ? "server" : "python3"),
	};
	struct profile_thread thread = {
		.tid = text->tid,
		.name = add(profile, text->pid == text->tid ? "" : "worker"),
	};
	struct profile_sample key = {
		.slice = text->slice,
		.stop = add(profile, text->stop),
		.stop_class = text->stop_class,
	};
	int64_t values[2] = {n, n * 10101010};

	for (size_t i = 0; i < STACK_MAX && text->frames[i].names; i++) {
		uint32_t frame = add_frame(profile, &text->frames[i]);

		if (profile_add_stack(profile, key.stack, frame, &key.stack) < 0)
			abort();
	}
	if (profile_add_process(profile, &process, &thread.process) < 0 ||
		profile_add_thread(profile, &thread, &key.thread) < 0 ||
		profile_add_sample(profile, &key, values) < 0)
		abort();
}

static void set_conditions(struct profile *profile)
{
	struct profile_conditions *conditions = &profile->conditions;

	conditions->target = add(profile, "server (4242), python3 (5000)");
	conditions->event = add(profile, "cpu-clock");
	conditions->event_asked = add(profile, "cpu");
	conditions->call_graph = add(profile, "auto");
	conditions->host = add(profile, "web1");
	conditions->kernel = add(profile, "6.1.0");
	conditions->machine = add(profile, "x86_64");
	conditions->version = add(profile, "0.0.0");
	conditions->frequency_asked = 99;
	conditions->frequency_reached = 97.25;
	conditions->start_realtime_ns = UINT64_C(1795269909000000000);
	conditions->duration_ns = UINT64_C(1500000000);
	conditions->sampled_ns = UINT64_C(1333333320);
	conditions->scheduler_ns = UINT64_C(1400000000);
	conditions->n_cpus = 2;
}

static void add_samples(struct profile *profile)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		add_sample(profile, &samples[i], samples[i].n);
	if (profile_count_samples(profile) < 0 || profile_count_lost(profile, "ring-full", 5) < 0)
		abort();
	profile->ledger.missed = 3;
	profile->ledger.taken = profile->ledger.kept + 5;
}

/* Ten seconds of it, with enough samples to compare; on the second side `hash` takes 1.4 times as
 * long, and a function has another name. */
static void add_long(struct profile *profile, bool is_after)
{
	for (uint32_t slice = 0; slice < 100; slice++) {
		for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
			struct sample_text sample = samples[i];
			/* Not the same in each slice, and in no step with the batches. */
			int64_t n = sample.n / 2 + (int64_t)(slice * 7 + i * 3) % 5 - 1;

			sample.slice = slice;
			if (is_after && i == 0)
				n = n * 9 / 5;
			if (is_after && i == 3)
				for (size_t j = 2; j < 5; j++)
					sample.frames[j].names = "walk.isra.0";
			if (n > 0)
				add_sample(profile, &sample, n);
		}
	}
	profile->conditions.duration_ns = UINT64_C(10000000000);
	profile->conditions.frequency_reached = 650;
	if (profile_count_samples(profile) < 0)
		abort();
	profile->ledger.taken = profile->ledger.kept;
	profile->conditions.sampled_ns = profile->conditions.scheduler_ns = 0;
}

/* With "idle": a recording of a target that used no CPU; with "before" and "after": two to compare. */
int main(int argc, char **argv)
{
	bool is_idle = argc > 1 && strcmp(argv[1], "idle") == 0;
	CLEANUP(profile_unrefp) struct profile *profile = profile_new();
	CLEANUP(buffer_done) struct buffer out = {0};

	if (!profile || profile_add_value_type(profile, "samples", "count") < 0 ||
		profile_add_value_type(profile, "cpu", "nanoseconds") < 0)
		abort();
	set_conditions(profile);
	if (argc > 1 && !is_idle)
		add_long(profile, strcmp(argv[1], "after") == 0);
	else if (is_idle)
		profile->conditions.sampled_ns = profile->conditions.scheduler_ns = 0;
	else
		add_samples(profile);
	profile_seal(profile);
	if (pprof_encode(profile, &out) < 0)
		abort();
	return fwrite(out.data, 1, out.size, stdout) == out.size ? 0 : 1;
}
