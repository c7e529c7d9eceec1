/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Any bytes as a file of the cache of unwind tables, as they are and with a head and a checksum that
 * are right: what is accepted has rows that the kernel side can use, and comes out as it went in.
 */

#include <stdlib.h>
#include <string.h>

#include "daemon/unwind/table-image.h"
#include "daemon/unwind/validate.h"
#include "proto/base/cleanup.h"
#include "tests/fuzz/fuzz.h"

static void check(const void *bytes, size_t n, const struct table_key *key)
{
	CLEANUP(buffer_done) struct buffer again = {};
	struct table_content content;

	if (table_image_decode(bytes, n, key, &content) < 0)
		return;
	if (rows_validate(content.rows, content.n, key->object.size) < 0)
		abort();
	table_image_encode(key, &content, &again);
	if (buffer_error(&again) < 0 || again.size != n || memcmp(again.data, bytes, n) != 0)
		abort();
}

/* As if a compiler had made these rows. */
static void wrap(const uint8_t *bytes, size_t n, const struct table_key *key)
{
	CLEANUP(buffer_done) struct buffer image = {};
	CLEANUP(freep) struct abi_row *rows = NULL;
	struct table_content content = {.n = n / sizeof(*rows), .is_partial = n & 1};

	rows = malloc(n + 1);
	if (!rows)
		return;
	memcpy(rows, bytes, n);
	content.rows = rows;
	table_image_encode(key, &content, &image);
	if (buffer_error(&image) < 0)
		return;
	check(image.data, image.size, key);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct table_key key = {.object = {.inode = 1, .size = 1 << 20}};

	check(bytes, n, &key);
	if (n >= 40 + sizeof(key)) {
		/* The key that the file itself has. */
		memcpy(&key, bytes + 40, sizeof(key));
		check(bytes, n, &key);
	}
	wrap(bytes, n, &key);
	return 0;
}
