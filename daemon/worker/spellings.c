/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Demangling takes some microseconds a name, much longer than finding it. Names are told apart by
 * where they stand in their files, not by what they say: that needs no look at long names. When
 * there are many, all are forgotten.
 */

#include "daemon/worker/spellings.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/worker/demangle.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/utf8.h"

#define SPELLINGS_MAX (1u << 16)
#define NAME_BYTES_MAX 4096

static void spelling_done(struct spelling *spelling)
{
	free(spelling->name);
	free(spelling->system_name);
}

void spellings_done(struct spellings *spellings)
{
	for (size_t i = 1; i < spellings->n; i++)
		spelling_done(&spellings->items[i]);
	free(spellings->items);
	hash_done(&spellings->hash);
	*spellings = (struct spellings){};
}

static bool is_key(const void *table, uint32_t id, const void *key)
{
	const struct spelling *item = &((const struct spellings *)table)->items[id];
	const struct spelling *wanted = key;

	return item->key == wanted->key && item->is_stub == wanted->is_stub;
}

/* A printable copy, with what comes behind; NULL without memory. */
static char *copy(const char *text, const char *behind)
{
	size_t n = strnlen(text, NAME_BYTES_MAX), size = n + strlen(behind) + 1;
	char *to = malloc(size);

	if (!to)
		return NULL;
	memcpy(to, text, n);
	n = utf8_sanitize(to, n);
	snprintf(to + n, size - n, "%s", behind);
	return to;
}

static int spell(struct spelling *spelling)
{
	CLEANUP(freep) char *name = strndup(spelling->key, NAME_BYTES_MAX);
	CLEANUP(freep) char *demangled = NULL;
	const char *behind = spelling->is_stub ? "@plt" : "";

	if (!name)
		return -ENOMEM;
	/* "memcpy@@GLIBC_2.14": the version is the linker's. */
	if (*name && strchr(name + 1, '@'))
		*strchr(name + 1, '@') = '\0';
	demangled = demangle(name);
	spelling->name = copy(demangled ? demangled : *name ? name : "??", behind);
	if (spelling->name && demangled)
		spelling->system_name = copy(name, behind);
	return !spelling->name || (demangled && !spelling->system_name) ? -ENOMEM : 0;
}

const struct spelling *spellings_find(struct spellings *spellings, const char *name, bool is_stub)
{
	struct spelling spelling = {.key = name ? name : "??", .is_stub = is_stub};
	uint32_t value = hash_bytes(&spelling.key, sizeof(spelling.key)), id;

	id = hash_find(&spellings->hash, value, is_key, spellings, &spelling);
	if (id)
		return &spellings->items[id];
	if (spellings->n >= SPELLINGS_MAX)
		spellings_done(spellings);
	id = spellings->n ? (uint32_t)spellings->n : 1;
	if (array_reserve(&spellings->items, &spellings->n_allocated, id + 1,
		    sizeof(*spellings->items)) < 0)
		return NULL;
	if (spell(&spelling) < 0 || hash_add(&spellings->hash, value, id) < 0) {
		spelling_done(&spelling);
		return NULL;
	}
	spellings->items[id] = spelling;
	spellings->n = id + 1;
	return &spellings->items[id];
}
