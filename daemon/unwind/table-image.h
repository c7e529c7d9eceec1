/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* An unwind table as bytes on disk: whose it is, which compiler made it, its rows, a checksum. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/unwind-row.h"
#include "daemon/base/identity.h"
#include "proto/base/buffer.h"

/* The files that a table was compiled from. */
struct table_key {
	struct file_identity object;
	struct file_identity debug; /* all zero: none */
};

struct table_content {
	const struct abi_row *rows;
	size_t n; /* 0: the file describes no frames */
	bool is_partial; /* much of the code has no row: a separate debug file may know more */
};

#define TABLE_IMAGE_BYTES_MAX ((8u << 18) * 8 + 4096) /* the largest table, and its head */

/* Appends head and rows. Errors are the buffer's. */
void table_image_encode(
	const struct table_key *key, const struct table_content *content, struct buffer *buffer);

/* The rows lie in `bytes`, which must be aligned as malloc() does; they have passed rows_validate().
 * 0, or -EBADMSG: cut short, damaged, of another version, or of other files. */
int table_image_decode(const void *bytes, size_t n, const struct table_key *key,
	struct table_content *ret_content);
