/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The one document: strings -> functions -> frames -> stacks -> samples. Dense ids, append-only, no
 * pointers between records; id 0 of every table is "none" (string 0 is "", stack 0 is the empty
 * stack): record 0 is there, counted, and all zero. Lines and samples have no ids and begin at 0.
 * Strings are valid UTF-8 without control characters. Built by one owner, then sealed; a sealed
 * profile never changes and may be shared.
 *
 * The shape follows pprof's (github.com/google/pprof, proto/profile.proto): a frame is a pprof
 * Location, a line is a pprof Line.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/hash.h"
#include "proto/profile/intern.h"
#include "proto/profile/ledger.h"

#define PROFILE_VALUES_MAX 8
/* Samples are told apart by time in slices of this length. */
#define PROFILE_SLICE_MS 100
#define PROFILE_UID_UNKNOWN UINT32_MAX

enum profile_frame_kind {
	PROFILE_FRAME_USER,
	PROFILE_FRAME_KERNEL,
	PROFILE_FRAME_JIT,
	PROFILE_FRAME_INTERPRETER,
	PROFILE_FRAME_MARKER, /* stands for something that is no code: [truncated:…], [kernel] */
};

enum profile_stop_class {
	PROFILE_STOP_COMPLETE,
	PROFILE_STOP_TRUNCATED,
	PROFILE_STOP_NO_USER_STACK, /* kernel thread, in exec, 32-bit: there is none to be had */
};

struct profile_value_type {
	uint32_t type, unit; /* strings: "samples" "count", "cpu" "nanoseconds" */
};

struct profile_mapping {
	uint32_t path; /* string */
	uint32_t build_id; /* string, lower-case hexadecimal, or 0 */
};

struct profile_function {
	uint32_t name; /* string, demangled */
	uint32_t system_name; /* string, as the linker knows it, or 0 */
	uint32_t file; /* string, or 0 */
	uint32_t start_line; /* 0: unknown */
};

struct profile_line {
	uint32_t function;
	uint32_t line; /* 0: unknown */
};

/* One address of one mapping. Its lines are innermost first: all but the last were inlined. */
struct profile_frame {
	uint64_t address; /* ELF virtual address; 0 for kernel frames; the address itself for JIT */
	uint32_t mapping;
	uint32_t first_line;
	uint16_t n_lines; /* 0 only while it waits for its name */
	uint8_t kind; /* enum profile_frame_kind */
	uint32_t unnamed; /* string: why it has no name; 0 when it has one */
};

/* A stack is its leaf frame on top of another stack. */
struct profile_stack {
	uint32_t parent; /* stack of the callers; 0 when this frame is the root */
	uint32_t frame;
	uint32_t depth; /* 1 + the parent's */
};

struct profile_process {
	uint32_t pid;
	uint32_t uid; /* PROFILE_UID_UNKNOWN */
	uint64_t start_ns; /* since boot; 0: unknown */
	uint32_t comm; /* strings */
	uint32_t exe, unit, container;
	uint32_t cgroup; /* its path in the unified hierarchy */
	uint32_t visible_to; /* who besides admins may see it when it is kept: a uid; 0: nobody */
};

struct profile_thread {
	uint32_t process;
	uint32_t tid;
	uint32_t name; /* string */
};

/* What samples are told apart by; equal keys are one record whose values add up. */
struct profile_sample {
	uint32_t stack;
	uint32_t thread;
	uint32_t slice; /* time since the start / PROFILE_SLICE_MS */
	uint32_t stop; /* string: why the stack is not complete; 0 if it is */
	uint8_t stop_class; /* enum profile_stop_class */
};

struct profile {
	unsigned n_refs;
	bool is_sealed;
	struct intern strings;

	struct profile_value_type value_types[PROFILE_VALUES_MAX];
	size_t n_value_types;

	struct profile_mapping *mappings;
	size_t n_mappings, n_mappings_allocated;
	struct profile_function *functions;
	size_t n_functions, n_functions_allocated;
	struct profile_line *lines;
	size_t n_lines, n_lines_allocated;
	struct profile_frame *frames;
	size_t n_frames, n_frames_allocated;
	struct profile_stack *stacks;
	size_t n_stacks, n_stacks_allocated;
	struct profile_process *processes;
	size_t n_processes, n_processes_allocated;
	struct profile_thread *threads;
	size_t n_threads, n_threads_allocated;
	struct profile_sample *samples;
	int64_t *values; /* n_samples * n_value_types, row by row */
	size_t n_samples, n_samples_allocated, n_values_allocated;

	struct profile_conditions conditions;
	struct profile_ledger ledger;
	/* In order of time, apart from each other; none: one recording. */
	struct profile_run *runs;
	size_t n_runs, n_runs_allocated;

	/* Indexes for finding equal records again; gone once sealed. */
	struct hash mapping_hash, function_hash, frame_hash, stack_hash, process_hash, thread_hash,
		sample_hash;
	/* How many stacks and samples were put into theirs; those that were appended were not. */
	size_t n_stacks_indexed, n_samples_indexed;
};
