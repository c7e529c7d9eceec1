/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Offsets to names. The name of the outermost function comes from the symbol table where it has one,
 * what was inlined into it from DWARF. Without a name, the entry of the function as .eh_frame knows
 * it.
 */

#include <errno.h>
#include <string.h>

#include "daemon/worker/job-object.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/hash.h"
#include "proto/base/time.h"
#include "proto/base/utf8.h"

/* A reply is ended before it can pass WORKER_REPLY_BYTES_MAX by its next symbol. */
#define ROOM_FOR_ONE                                                                               \
	(sizeof(struct worker_symbol) +                                                            \
		WORKER_CHAIN_MAX * (sizeof(struct worker_line) + 3 * WORKER_STRING_BYTES_MAX))

struct known {
	const char *text;
	uint32_t id; /* of the string */
};

struct answer {
	struct buffer symbols, lines, strings;
	struct hash hash; /* of strings, by their offset */
	/* Texts by where they were taken from: the same come again and again. Item 0 is none. */
	struct known *known;
	size_t n_known, n_known_allocated;
	struct hash known_hash;
	uint32_t n_symbols, n_lines;
};

static void answer_done(struct answer *answer)
{
	buffer_done(&answer->symbols);
	buffer_done(&answer->lines);
	buffer_done(&answer->strings);
	hash_done(&answer->hash);
	hash_done(&answer->known_hash);
	free(answer->known);
}

static bool is_string(const void *table, uint32_t id, const void *key)
{
	const struct answer *answer = table;

	return !strcmp(answer->strings.data + id, key);
}

static bool is_pointer(const void *table, uint32_t id, const void *key)
{
	const struct answer *answer = table;

	return answer->known[id].text == key;
}

/* A text that was added from the same place before, and still is the same there; 0: none. */
static uint32_t find_known(const struct answer *answer, uint32_t value, const char *text)
{
	uint32_t i = hash_find(&answer->known_hash, value, is_pointer, answer, text);

	return i && is_string(answer, answer->known[i].id, text) ? answer->known[i].id : 0;
}

static void add_known(struct answer *answer, uint32_t value, const char *text, uint32_t id)
{
	uint32_t i = answer->n_known ? (uint32_t)answer->n_known : 1;

	if (array_reserve(&answer->known, &answer->n_known_allocated, i + 1,
		    sizeof(*answer->known)) < 0 ||
		hash_add(&answer->known_hash, value, i) < 0)
		return;
	answer->known[i] = (struct known){.text = text, .id = id};
	answer->n_known = i + 1;
}

/* The offset of a text among the strings; 0 for NULL and "". */
static uint32_t add_string(struct answer *answer, const char *text)
{
	uint32_t place = hash_bytes(&text, sizeof(text)), value, id;
	char copy[WORKER_STRING_BYTES_MAX];
	size_t n;

	if (!text || !*text)
		return 0;
	id = find_known(answer, place, text);
	if (id)
		return id;
	n = strnlen(text, sizeof(copy) - 1);
	memcpy(copy, text, n);
	n = utf8_sanitize(copy, n);
	copy[n] = '\0';
	value = hash_bytes(copy, n);
	id = hash_find(&answer->hash, value, is_string, answer, copy);
	if (!id) {
		id = (uint32_t)answer->strings.size;
		buffer_append(&answer->strings, copy, n + 1);
		if (buffer_error(&answer->strings) || hash_add(&answer->hash, value, id) < 0)
			return 0;
	}
	add_known(answer, place, text, id);
	return id;
}

static int add_line(
	struct answer *answer, const struct spelling *spelling, const struct dwarf_frame *frame)
{
	struct worker_line line = {
		.file = add_string(answer, frame->file),
		.line = frame->line,
		.start_line = frame->start_line,
	};

	if (!spelling)
		return -ENOMEM;
	line.name = add_string(answer, spelling->name);
	line.system_name = add_string(answer, spelling->system_name);
	buffer_append(&answer->lines, &line, sizeof(line));
	answer->n_lines++;
	return line.name ? 0 : -ENOMEM;
}

/* Adds the lines of a chain whose outermost function has a name. Whoever was inlined into it need not
 * have one, if that stands in a file that is not there. 0 or -ENOMEM. */
static int add_chain(struct job_object *object, const struct dwarf_chain *chain, bool is_stub,
	struct answer *answer, struct worker_symbol *symbol)
{
	int r = 0;

	for (size_t i = 0; i < chain->n && !r; i++) {
		const struct dwarf_frame *frame = &chain->frames[i];

		if (!frame->name)
			symbol->unnamed = job_object_lacks_alternate(object)
				? WORKER_UNNAMED_ALTERNATE
				: WORKER_UNNAMED_INLINED;
		r = add_line(answer,
			spellings_find(&object->spellings, frame->name ? frame->name : "[inlined]",
				is_stub && i + 1 == chain->n),
			frame);
	}
	symbol->n_lines = (uint16_t)chain->n;
	return r;
}

/* DWARF's chain at the address, else one frame without name and place. 0, DWARF_INDEX_WANTS, or
 * -ENOMEM. */
static int find_chain(struct job_object *object, uint64_t address, bool with_lines,
	struct dwarf_chain *chain, struct dwarf_wanted *ret_wanted)
{
	int r = 0;

	chain->n = 0;
	if (with_lines && object->dwarf)
		r = dwarf_index_find(object->dwarf, address, chain, ret_wanted);
	if (!r && !chain->n)
		chain->frames[chain->n++] = (struct dwarf_frame){};
	return r;
}

/* 0, DWARF_INDEX_WANTS (nothing was added), or -ENOMEM. */
static int add_symbol(struct job_object *object, uint64_t offset, bool with_lines,
	struct answer *answer, struct dwarf_wanted *ret_wanted)
{
	struct worker_symbol symbol = {.address = offset, .first_line = answer->n_lines};
	struct symbol_table_entry entry = {};
	struct dwarf_chain chain;
	size_t function;
	int r;

	if (!elf_file_address(object->files[WORKER_FILE_OBJECT], offset, &symbol.address)) {
		symbol.unnamed = WORKER_UNNAMED_OUTSIDE;
		buffer_append(&answer->symbols, &symbol, sizeof(symbol));
		answer->n_symbols++;
		return 0;
	}
	function = range_index_find(&object->functions, symbol.address);
	if (function != RANGE_NONE)
		symbol.entry = object->functions.ranges[function].start;
	r = find_chain(object, symbol.address, with_lines, &chain, ret_wanted);
	if (r)
		return r;
	answer->n_symbols++;
	if (symbol_table_find(object->symbols, symbol.address, symbol.entry, &entry)) {
		chain.frames[chain.n - 1].name = entry.name;
		symbol.entry = entry.start;
	}
	if (chain.frames[chain.n - 1].name)
		r = add_chain(object, &chain, entry.is_stub, answer, &symbol);
	else
		symbol.unnamed = WORKER_UNNAMED_NO_SYMBOLS;
	buffer_append(&answer->symbols, &symbol, sizeof(symbol));
	return r;
}

/* Joins the path of a .dwo file: relative to the directory of the compilation. */
static int want(const struct dwarf_wanted *wanted, struct worker_reply *reply, struct buffer *body)
{
	struct worker_want want = {.id = wanted->id};
	bool is_absolute = wanted->name[0] == '/';
	int n;

	n = snprintf(want.path, sizeof(want.path), "%s%s%s",
		is_absolute || !wanted->directory ? "" : wanted->directory, is_absolute ? "" : "/",
		wanted->name);
	if (n < 0 || (size_t)n >= sizeof(want.path) || want.path[0] != '/')
		memset(want.path, 0, sizeof(want.path));
	reply->body_size = sizeof(want);
	buffer_append(body, &want, sizeof(want));
	return buffer_error(body) ? -ENOMEM : WORKER_STATUS_WANTS_SPLIT;
}

int job_symbols(struct job_object *object, const struct job_symbols_request *request,
	struct worker_reply *reply, struct buffer *body)
{
	CLEANUP(answer_done) struct answer answer = {};
	struct dwarf_wanted wanted;
	size_t start = body->size;
	int r;

	r = request->with_lines ? job_object_open_dwarf(object, request->offsets, request->n) : 0;
	if (r < 0)
		return r;
	buffer_append_char(&answer.strings, '\0');
	for (size_t i = 0; i < request->n; i++) {
		size_t size = answer.symbols.size + answer.lines.size + answer.strings.size;

		if (i &&
			(size + ROOM_FOR_ONE > WORKER_REPLY_BYTES_MAX ||
				time_now_ns(CLOCK_MONOTONIC) >= request->deadline_ns))
			break;
		r = add_symbol(object, request->offsets[i], request->with_lines, &answer, &wanted);
		if (r < 0)
			return r;
		if (r == DWARF_INDEX_WANTS && !i)
			return want(&wanted, reply, body);
		if (r == DWARF_INDEX_WANTS)
			break;
	}
	if (buffer_error(&answer.symbols) || buffer_error(&answer.lines) ||
		buffer_error(&answer.strings))
		return -ENOMEM;
	buffer_append(body, answer.symbols.data, answer.symbols.size);
	buffer_append(body, answer.lines.data, answer.lines.size);
	buffer_append(body, answer.strings.data, answer.strings.size);
	reply->n_symbols = answer.n_symbols;
	reply->n_lines = answer.n_lines;
	reply->strings_size = (uint32_t)answer.strings.size;
	reply->body_size = (uint32_t)(body->size - start);
	return buffer_error(body);
}
