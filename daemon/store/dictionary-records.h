/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the parts of the dictionary share: records with a digest. `digest` of a record is set first;
 * functions give 0 or a negative errno.
 */

#include "daemon/store/dictionary.h"
#include "daemon/store/recent.h"
#include "proto/base/buffer.h"

/* Sets all of it; id 0: there is none. */
int record_find(struct dictionary *dictionary, enum recent_kind kind, struct recent_record *record);
/* Runs a statement that is bound, and sets the id. */
int record_add(struct dictionary *dictionary, enum recent_kind kind, enum statement add,
	struct recent_record *record);
/* Whether it is time to write down that it was met. */
bool record_is_due(const struct dictionary *dictionary, const struct recent_record *record);
/* Does so, if it is. */
int record_touch(
	struct dictionary *dictionary, enum recent_kind kind, struct recent_record *record);

/* A text as part of what a digest is made of. */
void digest_put_text(struct buffer *out, const struct profile *profile, uint32_t string);
