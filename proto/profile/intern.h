/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "proto/base/hash.h"

/* Each distinct text once, with a dense id; id 0 is "". Texts hold no NUL. */
struct intern {
	char *bytes; /* the texts, each with its NUL */
	size_t n_bytes, n_bytes_allocated;
	uint32_t *offsets; /* id -> offset into bytes */
	size_t n, n_allocated;
	struct hash hash;
};

/* 0 or -ENOMEM. */
int intern_init(struct intern *intern);
void intern_done(struct intern *intern);

/* Adds or finds n bytes (a NUL within ends them), which are not the intern's own. 0, -ENOMEM, or
 * -E2BIG above 4 GiB of text or 2^31 texts. */
int intern_add(struct intern *intern, const char *text, size_t n, uint32_t *ret_id);

/* Never NULL for an id that was handed out. Valid until the next intern_add. */
const char *intern_text(const struct intern *intern, uint32_t id);
