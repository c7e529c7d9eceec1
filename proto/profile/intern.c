/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * All texts lie in one growing block, each with its NUL, and are found by offset, so that growing
 * moves no more than two arrays. Invariant: text 0 is "", from intern_init on; offsets stay below
 * 2^32.
 */

#include "proto/profile/intern.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"

struct text_key {
	const char *text;
	size_t n;
};

static bool text_is_equal(const void *table, uint32_t id, const void *key)
{
	const struct intern *intern = table;
	const struct text_key *wanted = key;
	const char *text = intern->bytes + intern->offsets[id];

	/* The block ends in a NUL, so a shorter text stops strncmp within it. */
	return !strncmp(text, wanted->text, wanted->n) && !text[wanted->n];
}

static int text_append(struct intern *intern, const char *text, size_t n, uint32_t *ret_id)
{
	int r;

	if (n >= UINT32_MAX - intern->n_bytes || intern->n >= INT32_MAX)
		return -E2BIG;
	r = array_reserve(&intern->bytes, &intern->n_bytes_allocated, intern->n_bytes + n + 1, 1);
	if (r < 0)
		return r;
	r = array_reserve(
		&intern->offsets, &intern->n_allocated, intern->n + 1, sizeof(*intern->offsets));
	if (r < 0)
		return r;
	memcpy(intern->bytes + intern->n_bytes, text, n);
	intern->bytes[intern->n_bytes + n] = '\0';
	intern->offsets[intern->n] = (uint32_t)intern->n_bytes;
	*ret_id = (uint32_t)intern->n;
	return 0;
}

int intern_init(struct intern *intern)
{
	uint32_t id;
	int r;

	*intern = (struct intern){};
	r = text_append(intern, "", 0, &id);
	if (r < 0)
		return r;
	intern->n = 1;
	intern->n_bytes = 1;
	return 0;
}

void intern_done(struct intern *intern)
{
	free(intern->bytes);
	free(intern->offsets);
	hash_done(&intern->hash);
	*intern = (struct intern){};
}

int intern_add(struct intern *intern, const char *text, size_t n, uint32_t *ret_id)
{
	struct text_key key = {.text = text, .n = strnlen(text, n)};
	uint32_t value, id;
	int r;

	if (!key.n) {
		*ret_id = 0;
		return 0;
	}
	value = hash_bytes(text, key.n);
	id = hash_find(&intern->hash, value, text_is_equal, intern, &key);
	if (!id) {
		r = text_append(intern, text, key.n, &id);
		if (r < 0)
			return r;
		r = hash_add(&intern->hash, value, id);
		if (r < 0)
			return r;
		intern->n++;
		intern->n_bytes += key.n + 1;
	}
	*ret_id = id;
	return 0;
}

const char *intern_text(const struct intern *intern, uint32_t id)
{
	return id ? intern->bytes + intern->offsets[id] : "";
}
