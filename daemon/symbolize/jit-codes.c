/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A sorted array that batches are merged into. Code may overlap as its maker likes: each item has
 * the highest end of those up to it, so that a search backwards knows when to stop. Whoever writes
 * a map chooses all of this: every step that it could make long has a bound, beyond which names are
 * missed, which is the writer's own loss.
 */

#include "daemon/symbolize/jit-codes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/limits.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

#define PAGE_SHIFT 12
#define PAGES_MAX (1u << 16)
#define PAGES_PER_CODE_MAX 64
#define STEPS_MAX 1024
/* Of one batch: code that was moved may have been made in the same batch. */
#define MERGES_MAX 16

void jit_codes_done(struct jit_codes *codes)
{
	free(codes->items);
	free(codes->ends);
	free(codes->lines);
	free(codes->pages);
	hash_done(&codes->page_hash);
	buffer_done(&codes->names);
	*codes = (struct jit_codes){};
}

const char *jit_codes_text(const struct jit_codes *codes, uint32_t text)
{
	return codes->names.data + text;
}

static bool has_page(const void *pages, uint32_t id, const void *key)
{
	return ((const uint64_t *)pages)[id - 1] == *(const uint64_t *)key;
}

static bool page_find(const struct jit_codes *codes, uint64_t page)
{
	return hash_find(
		&codes->page_hash, hash_bytes(&page, sizeof(page)), has_page, codes->pages, &page);
}

bool jit_codes_is_reused(const struct jit_codes *codes, uint64_t address)
{
	return codes->n_pages && page_find(codes, address >> PAGE_SHIFT);
}

/* The addresses of this code were another's before. */
static int set_reused(struct jit_codes *codes, const struct jit_code *code)
{
	uint64_t first = code->address >> PAGE_SHIFT, last = (code->end - 1) >> PAGE_SHIFT;
	int r = 0;

	for (uint64_t page = first; page <= last && page - first < PAGES_PER_CODE_MAX && !r;
		page++) {
		if (codes->n_pages == PAGES_MAX || page_find(codes, page))
			continue;
		r = array_reserve(&codes->pages, &codes->n_pages_allocated, codes->n_pages + 1,
			sizeof(*codes->pages));
		if (!r)
			r = hash_add(&codes->page_hash, hash_bytes(&page, sizeof(page)),
				(uint32_t)codes->n_pages + 1);
		if (!r)
			codes->pages[codes->n_pages++] = page;
	}
	return r;
}

static int compare(const void *a, const void *b)
{
	const struct jit_code *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* How many items begin at or below the address. */
static size_t n_up_to(const struct jit_codes *codes, uint64_t address)
{
	size_t low = 0, high = codes->n_sorted;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (codes->items[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct jit_code *jit_codes_find(
	const struct jit_codes *codes, uint64_t address, uint64_t time_ns)
{
	const struct jit_code *before = NULL, *after = NULL;
	size_t i = n_up_to(codes, address);

	for (unsigned step = 0; i-- > 0 && step < STEPS_MAX && codes->ends[i] > address; step++) {
		const struct jit_code *code = &codes->items[i];

		if (code->end <= address)
			continue;
		if (code->since_ns <= time_ns) {
			if (!before || code->order > before->order)
				before = code;
		} else if (!after || code->order < after->order) {
			after = code;
		}
	}
	return before ? before : after;
}

const struct jit_code_line *jit_codes_line(
	const struct jit_codes *codes, const struct jit_code *code, uint64_t address)
{
	const struct jit_code_line *found = NULL;

	for (uint32_t i = 0; i < code->n_lines; i++) {
		const struct jit_code_line *line = &codes->lines[code->first_line + i];

		if (line->address <= address && (!found || line->address >= found->address))
			found = line;
	}
	return found;
}

/* Sorts the new items in, and sums up the ends again. */
static int merge(struct jit_codes *codes)
{
	CLEANUP(freep) struct jit_code *added = NULL;
	size_t n_old = codes->n_sorted, n_new = codes->n - n_old, to = codes->n;
	int r = array_reserve(
		&codes->ends, &codes->n_ends_allocated, codes->n, sizeof(*codes->ends));

	if (r < 0 || !n_new)
		return r;
	added = malloc(n_new * sizeof(*added));
	if (!added)
		return -ENOMEM;
	memcpy(added, codes->items + n_old, n_new * sizeof(*added));
	qsort(added, n_new, sizeof(*added), compare);
	while (n_new) {
		if (n_old && compare(&codes->items[n_old - 1], &added[n_new - 1]) > 0)
			codes->items[--to] = codes->items[--n_old];
		else
			codes->items[--to] = added[--n_new];
	}
	for (size_t i = to; i < codes->n; i++) {
		uint64_t before = i ? codes->ends[i - 1] : 0;

		codes->ends[i] = before > codes->items[i].end ? before : codes->items[i].end;
	}
	codes->n_sorted = codes->n;
	return 0;
}

/* A text of the reply in our own names; the one before is remembered. */
static int text_add(struct jit_codes *codes, const char *text, uint32_t *ret_text)
{
	if (!codes->names.size)
		buffer_append_char(&codes->names, '\0');
	*ret_text = 0;
	if (*text) {
		*ret_text = (uint32_t)codes->names.size;
		buffer_append(&codes->names, text, strlen(text) + 1);
	}
	return buffer_error(&codes->names);
}

static int lines_add(
	struct jit_codes *codes, const struct jit_reply *reply, const struct worker_jit_code *from)
{
	uint32_t last = 0, file = 0;
	int r = array_reserve(&codes->lines, &codes->n_lines_allocated,
		codes->n_lines + from->n_lines, sizeof(*codes->lines));

	for (uint32_t i = 0; i < from->n_lines && !r; i++) {
		const struct worker_jit_line *line = &reply->lines[from->first_line + i];

		if (line->file != last)
			r = text_add(codes, reply->strings + line->file, &file);
		last = line->file;
		codes->lines[codes->n_lines++] = (struct jit_code_line){
			.address = line->address, .file = file, .line = line->line};
	}
	return r;
}

/* Is exactly this what stands there last? A map that is written anew says most of it again. */
static bool is_known(const struct jit_codes *codes, const struct jit_code *code, const char *name)
{
	const struct jit_code *known = jit_codes_find(codes, code->address, UINT64_MAX);

	return known && known->address == code->address && known->end == code->end &&
		!known->n_lines && !strcmp(jit_codes_text(codes, known->name), name);
}

static int code_add(struct jit_codes *codes, const struct jit_reply *reply,
	const struct worker_jit_code *from, uint64_t since_ns)
{
	struct jit_code code = {
		.address = from->address,
		.end = from->address + from->size,
		.since_ns = from->time_ns ? from->time_ns : since_ns,
		.first_line = (uint32_t)codes->n_lines,
		.n_lines = from->n_lines,
	};
	int r;

	if (from->moved_from) {
		const struct jit_code *moved = jit_codes_find(
			codes, from->moved_from, code.since_ns);

		if (!moved)
			return 0;
		code.name = moved->name;
	} else if (!from->n_lines && is_known(codes, &code, reply->strings + from->name)) {
		return 0;
	}
	if (codes->n >= LIMIT_JIT_CODES || codes->names.size >= LIMIT_JIT_NAME_BYTES ||
		codes->n_lines + from->n_lines > LIMIT_JIT_LINES)
		return JIT_CODES_FULL;
	r = array_reserve(&codes->items, &codes->n_allocated, codes->n + 1, sizeof(code));
	if (!r && !from->moved_from)
		r = text_add(codes, reply->strings + from->name, &code.name);
	if (!r)
		r = lines_add(codes, reply, from);
	if (r < 0)
		return r;
	code.order = codes->next_order++;
	codes->items[codes->n++] = code;
	return 0;
}

/* Marks the pages where code of this order or a later one lies upon earlier code. */
static int mark_reused(struct jit_codes *codes, uint32_t first_order)
{
	int r = 0;

	for (size_t i = 0; i < codes->n && !r; i++) {
		const struct jit_code *code = &codes->items[i];
		uint64_t below = i ? codes->ends[i - 1] : 0;
		bool is_upon = below > code->address;
		bool is_below = i + 1 < codes->n && code->end > codes->items[i + 1].address;

		if (code->order >= first_order && (is_upon || is_below))
			r = set_reused(codes, code);
	}
	return r;
}

int jit_codes_add(struct jit_codes *codes, const struct jit_reply *reply, uint64_t since_ns)
{
	uint32_t first_order = codes->next_order;
	unsigned n_merges = 0;
	int full = 0, r = 0;

	for (size_t i = 0; i < reply->n_codes && r >= 0; i++) {
		if (reply->codes[i].moved_from && codes->n > codes->n_sorted &&
			n_merges++ < MERGES_MAX)
			r = merge(codes);
		if (!r)
			r = code_add(codes, reply, &reply->codes[i], since_ns);
		if (r > 0) {
			full = r;
			r = 0;
		}
	}
	/* What was added belongs in its place even where memory ran out later. */
	if (merge(codes) < 0) {
		codes->n = codes->n_sorted;
		return -ENOMEM;
	}
	if (r >= 0)
		r = mark_reused(codes, first_order);
	return r < 0 ? r : full;
}
