/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The two kinds of lines of perf script's text. Texts point into the line. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct perf_script_text {
	const char *at;
	size_t size;
};

struct perf_script_heading {
	struct perf_script_text comm, event;
	struct perf_script_text rest; /* behind the event */
	uint32_t pid; /* 0: not printed */
	uint32_t tid;
	uint64_t time_ns;
	uint64_t period; /* 0: not printed */
};

struct perf_script_frame {
	struct perf_script_text symbol; /* without its offset */
	struct perf_script_text module; /* a path, or "[kernel.kallsyms]"; empty: unknown */
	bool is_kernel, is_inlined, is_unnamed;
};

/* False: the line is none. */
bool perf_script_heading_parse(
	struct perf_script_text line, struct perf_script_heading *ret_heading);
bool perf_script_frame_parse(struct perf_script_text line, struct perf_script_frame *ret_frame);
