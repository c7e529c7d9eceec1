/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "proto/base/buffer.h"

/*
 * As much of a function's name as fits into so many cells of a fixed-width font, the telling part
 * first: whole; else without arguments and template arguments; else without the outer scopes; else
 * cut, with "…" at the cut. Nothing below three cells. Appends valid UTF-8 if `name` is.
 */
void text_fit_append(struct buffer *out, const char *name, size_t n_cells);

/* Cells of a text: two for a wide (East Asian) character, none for a combining one. */
size_t text_fit_cells(const char *text, size_t n);
