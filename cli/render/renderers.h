/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/buffer.h"
#include "proto/profile/profile.h"

struct render_options {
	const char *title; /* NULL: made from the profile */
	size_t value_type; /* what widths and weights are: an index into the value types */
	bool has_annotations; /* _[k] _[i] _[j] behind the names of folded stacks */
	unsigned width_px; /* of pictures; 0: RENDER_WIDTH_PX */
	bool is_icicle; /* root on top */
};

#define RENDER_WIDTH_PX 1200

/* Appends the whole document. 0, -ENOMEM, or -E2BIG above the limits of trees. */
typedef int render_function(
	const struct profile *profile, const struct render_options *options, struct buffer *out);

struct renderer {
	const char *suffix; /* with its dot */
	const char *about;
	render_function *render;
	bool is_binary;
	bool is_timeless; /* it does not look at when samples were taken */
};

/* The table, ended by an entry without suffix. */
extern const struct renderer renderers[];

/* By the end of a path's name (the longest suffix wins), or by suffix without dot; or NULL. */
const struct renderer *renderer_find(const char *path);
const struct renderer *renderer_find_format(const char *format);

/* "'.pb.gz', '.folded', …" for messages; malloc'ed, or NULL without memory. */
char *renderer_list_suffixes(void);

render_function render_pprof, render_folded, render_json, render_perf_script, render_speedscope,
	render_flame_svg;
