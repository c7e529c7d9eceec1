/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* How the names in an object's files are shown; each is worked out once. */

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/hash.h"

struct spelling {
	const char *key; /* where the name stands */
	bool is_stub;
	char *name; /* demangled, without the linker's version, printable; never NULL or empty */
	char *system_name; /* as the linker knows it, or NULL if the same */
};

struct spellings {
	struct spelling *items; /* item 0 is none */
	size_t n, n_allocated;
	struct hash hash; /* of keys */
};

/* The spelling of a name that stands where it stands as long as the spellings are kept; NULL is
 * shown as "??", a stub as "name@plt". Good until the next call; NULL without memory. */
const struct spelling *spellings_find(struct spellings *spellings, const char *name, bool is_stub);
void spellings_done(struct spellings *spellings);
