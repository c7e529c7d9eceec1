/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The table begins with a header of offsets to its parts: names, small programs that give a value
 * for each address, and a list of (entry, where the function's record is). Every offset is checked
 * when it is used, so that a table made by an enemy costs no more than an honest one of its size.
 */

#include "daemon/worker/go-functions.h"

#include <string.h>

/* Of Go's versions: 1.16 and 1.17, 1.18 and 1.19, 1.20 and later. */
#define MAGIC_1_16 0xfffffffau
#define MAGIC_1_18 0xfffffff0u
#define MAGIC_1_20 0xfffffff1u
/* Bytes from the record's entry to the fields that matter, the same in all versions. */
#define NAME_AT 0
#define DEPTH_AT 12
#define FUNCTIONS_MAX (4u << 20)

static uint64_t read_at(const struct go_functions *functions, uint64_t at, size_t n)
{
	uint64_t value = 0;

	if (at > functions->size || functions->size - at < n)
		return 0;
	memcpy(&value, functions->data + at, n);
	return value;
}

bool go_functions_open(
	const uint8_t *data, size_t size, uint64_t text, struct go_functions *ret_functions)
{
	struct go_functions functions = {.data = data, .size = size};
	uint32_t magic = (uint32_t)read_at(&functions, 0, 4);
	uint64_t at = 8, text_start = 0;

	if (magic != MAGIC_1_16 && magic != MAGIC_1_18 && magic != MAGIC_1_20)
		return false;
	/* Two bytes of 0, instructions of one byte, pointers of eight. */
	if (read_at(&functions, 4, 4) != 0x08010000)
		return false;
	functions.n = read_at(&functions, at, 8);
	at += 16;
	if (magic != MAGIC_1_16) {
		text_start = read_at(&functions, at, 8);
		at += 8;
	}
	functions.text = magic == MAGIC_1_16 ? 0 : text_start ? text_start : text;
	functions.names = read_at(&functions, at, 8);
	functions.programs = read_at(&functions, at + 24, 8);
	functions.functions = read_at(&functions, at + 32, 8);
	functions.n_word = magic == MAGIC_1_16 ? 8 : 4;
	functions.flags_at = magic == MAGIC_1_20 ? 37 : 33;
	if (!functions.n || functions.n > FUNCTIONS_MAX || functions.names >= size ||
		functions.programs >= size || functions.functions >= size ||
		(size - functions.functions) / (2 * functions.n_word) < functions.n)
		return false;
	*ret_functions = functions;
	return true;
}

bool go_functions_get(
	const struct go_functions *functions, size_t index, struct go_function *ret_function)
{
	uint64_t n_word = functions->n_word;
	uint64_t at = functions->functions + index * 2 * n_word;
	uint64_t start = read_at(functions, at, n_word);
	/* Behind the last one stands the end of the code alone. */
	uint64_t end = read_at(functions, at + 2 * n_word, n_word);
	uint64_t record = functions->functions + read_at(functions, at + n_word, n_word) + n_word;
	uint64_t name, depth;

	if (end <= start || record >= functions->size || functions->size - record < 40)
		return false;
	name = functions->names + read_at(functions, record + NAME_AT, 4);
	depth = functions->programs + read_at(functions, record + DEPTH_AT, 4);
	if (name >= functions->size || depth >= functions->size)
		return false;
	*ret_function = (struct go_function){
		.start = functions->text + start,
		.size = end - start,
		.name = (const char *)functions->data + name,
		.name_max = functions->size - name,
		.flags = (uint32_t)read_at(functions, record + functions->flags_at, 1),
		.depth = {.at = functions->data + depth, .end = functions->data + functions->size},
	};
	return true;
}

bool go_function_next_depth(
	struct cfi_cursor *depth, int32_t *depth_now, bool is_first, uint32_t *ret_size)
{
	uint32_t change = (uint32_t)cfi_read_uleb(depth), size;

	if (!change && !is_first)
		return false;
	size = (uint32_t)cfi_read_uleb(depth);
	if (depth->is_bad || !size)
		return false;
	/* Zigzag: the lowest bit is the sign. */
	*depth_now = (int32_t)((uint32_t)*depth_now + (-(change & 1) ^ change >> 1));
	*ret_size = size;
	return true;
}
