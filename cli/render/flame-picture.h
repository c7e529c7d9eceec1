/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A flame graph on its way into a file; shared by the files that write its parts (flame-*.c) and by
 * nobody else. Form, from above: title, facts (conditions and ledger), a row with the legend and
 * room for the script's buttons, the boxes, a footnote.
 */

#include <stdbool.h>

#include "cli/render/layout.h"
#include "cli/render/renderers.h"
#include "proto/base/buffer.h"
#include "proto/profile/tree.h"

#define FLAME_PAD 10
#define FLAME_ROW 17
#define FLAME_CELL_PX 6.8 /* of the widest of the usual fixed-width fonts at 11 px */
#define FLAME_TITLE_ROW 36
#define FLAME_FACT_ROW 16
#define FLAME_LEGEND_ROW 34
#define FLAME_FOOT_ROW 28
#define FLAME_BOX_MIN_PX 0.1
/* Beside the kinds of frames, in a picture of two sides: a change of up to 10 %, up to 50 %, more. */
#define FLAME_DIFF_SAME (TREE_MARKER + 1)
#define FLAME_DIFF_MORE (TREE_MARKER + 2)
#define FLAME_DIFF_LESS (TREE_MARKER + 5)
#define FLAME_N_KINDS (TREE_MARKER + 8)

struct flame_picture {
	const struct profile *profile;
	const struct render_options *options;
	struct tree *tree;
	struct layout layout;
	struct buffer facts; /* lines, wrapped */
	struct buffer *out;
	unsigned width, height, top, n_facts;
	bool is_icicle;
};

/* The class of a kind in flame-svg.css, and its name for people (NULL: needs none). */
struct flame_kind {
	char letter;
	const char *label;
};

extern const struct flame_kind flame_kinds[FLAME_N_KINDS];

/* Fills in facts and n_facts. 0 or -ENOMEM. */
int flame_make_facts(struct flame_picture *picture);

/* The facts as one paragraph. */
void flame_append_description(const struct flame_picture *picture);

/* What stands above the boxes, and below them. */
void flame_append_head(const struct flame_picture *picture, const char *title, const char *warning);
void flame_append_footnote(const struct flame_picture *picture);

/* The boxes and the names in them. 0 or -ENOMEM. */
int flame_append_boxes(const struct flame_picture *picture);

/* The whole picture of a tree, which is freed. 0 or -ENOMEM. */
int flame_append(const struct profile *profile, const struct render_options *options,
	struct tree *tree, struct buffer *out);

/* What the widths are: "samples", "nanoseconds". */
const char *flame_unit(const struct flame_picture *picture);
