/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Written and read by perfd alone, on one machine: native byte order, fixed layout. The checksum is
 * for disks and for machines that stop in the middle; who may write into the cache's directory could
 * as well replace perfd. Still the rows pass the same validator as a worker's.
 */

#include "daemon/unwind/table-image.h"

#include <errno.h>
#include <string.h>

#include "daemon/unwind/validate.h"
#include "daemon/worker/unwind-compiler.h"
#include "proto/base/hash.h"

#define MAGIC UINT64_C(0x3162617464667265) /* "erfdtab1" */
#define FLAG_PARTIAL 1u

struct head {
	uint64_t magic;
	uint64_t compiler;
	uint64_t checksum; /* of the head with this field 0, then the rows */
	uint64_t n_rows;
	uint64_t flags;
	struct table_key key;
};

_Static_assert(sizeof(struct head) == 40 + 2 * 56, "no padding");

static uint64_t checksum(const struct head *head, const struct abi_row *rows)
{
	struct head copy = *head;
	uint64_t parts[2];

	copy.checksum = 0;
	parts[0] = hash_bytes_64(&copy, sizeof(copy));
	parts[1] = hash_bytes_64(rows, head->n_rows * sizeof(*rows));
	return hash_bytes_64(parts, sizeof(parts));
}

void table_image_encode(
	const struct table_key *key, const struct table_content *content, struct buffer *buffer)
{
	struct head head = {
		.magic = MAGIC,
		.compiler = UNWIND_COMPILER_VERSION,
		.n_rows = content->n,
		.flags = content->is_partial ? FLAG_PARTIAL : 0,
		.key = *key,
	};

	head.checksum = checksum(&head, content->rows);
	buffer_append(buffer, &head, sizeof(head));
	buffer_append(buffer, content->rows, content->n * sizeof(*content->rows));
}

int table_image_decode(
	const void *bytes, size_t n, const struct table_key *key, struct table_content *ret_content)
{
	const struct abi_row *rows;
	struct head head;

	if (n < sizeof(head))
		return -EBADMSG;
	memcpy(&head, bytes, sizeof(head));
	rows = (const struct abi_row *)((const char *)bytes + sizeof(head));
	if (head.magic != MAGIC || head.compiler != UNWIND_COMPILER_VERSION ||
		head.flags & ~(uint64_t)FLAG_PARTIAL || memcmp(&head.key, key, sizeof(*key)) != 0 ||
		head.n_rows != (n - sizeof(head)) / sizeof(*rows) ||
		(n - sizeof(head)) % sizeof(*rows))
		return -EBADMSG;
	if (head.checksum != checksum(&head, rows) ||
		rows_validate(rows, head.n_rows, key->object.size) < 0)
		return -EBADMSG;
	*ret_content = (struct table_content){
		.rows = rows, .n = head.n_rows, .is_partial = head.flags & FLAG_PARTIAL};
	return 0;
}
