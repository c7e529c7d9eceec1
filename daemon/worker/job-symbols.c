/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Offsets to names. An object's tables are made when they are first asked for and kept. The name of
 * the outermost function comes from the symbol table where it has one, what was inlined into it
 * from DWARF. Without a name, the entry of the function as .eh_frame knows it.
 */

#include "daemon/worker/jobs.h"

#include <errno.h>
#include <string.h>

#include "daemon/worker/demangle.h"
#include "daemon/worker/dwarf-file.h"
#include "daemon/worker/dwarf-index.h"
#include "daemon/worker/eh-frame.h"
#include "daemon/worker/elf-file.h"
#include "daemon/worker/symbol-table.h"
#include "proto/base/cleanup.h"
#include "proto/base/hash.h"
#include "proto/base/time.h"
#include "proto/base/utf8.h"

/* A reply is ended before it can pass WORKER_REPLY_BYTES_MAX by its next symbol. */
#define ROOM_FOR_ONE                                                                               \
	(sizeof(struct worker_symbol) +                                                            \
		WORKER_CHAIN_MAX * (sizeof(struct worker_line) + 3 * WORKER_STRING_BYTES_MAX))

struct job_object {
	struct elf_file *files[N_WORKER_FILES]; /* NULL where there is none */
	struct symbol_table *symbols;
	struct range_index functions; /* from .eh_frame */
	struct dwarf_index *dwarf;
	bool is_dwarf_tried;
};

struct answer {
	struct buffer symbols, lines, strings;
	struct hash hash; /* of strings, by their offset */
	uint32_t n_symbols, n_lines;
};

static void answer_done(struct answer *answer)
{
	buffer_done(&answer->symbols);
	buffer_done(&answer->lines);
	buffer_done(&answer->strings);
	hash_done(&answer->hash);
}

static void job_object_closep(struct job_object **object)
{
	job_object_close(*object);
}

int job_object_open(int fds[N_WORKER_FILES], struct job_object **ret_object)
{
	CLEANUP(job_object_closep) struct job_object *object = calloc(1, sizeof(*object));
	int r = object ? 0 : -ENOMEM;

	for (int i = 0; i < N_WORKER_FILES; i++) {
		if (fds[i] < 0)
			continue;
		if (r) {
			closep(&fds[i]);
			continue;
		}
		r = elf_file_open(take_fd(&fds[i]), &object->files[i]);
		/* A bad debug file is as none; a bad object is the caller's to know. */
		if (r == ELF_FILE_BAD)
			r = i == WORKER_FILE_OBJECT ? WORKER_STATUS_BAD_ELF : 0;
	}
	if (!r && !object->files[WORKER_FILE_OBJECT])
		r = WORKER_STATUS_BAD_ELF;
	if (r)
		return r;
	r = symbol_table_new(object->files[WORKER_FILE_OBJECT], object->files[WORKER_FILE_DEBUG],
		&object->symbols);
	if (r < 0)
		return r;
	r = eh_frame_add(object->files[WORKER_FILE_OBJECT], &object->functions);
	if (r < 0)
		return r;
	range_index_seal(&object->functions);
	*ret_object = TAKE(object);
	return 0;
}

struct job_object *job_object_close(struct job_object *object)
{
	if (!object)
		return NULL;
	dwarf_index_free(object->dwarf);
	symbol_table_free(object->symbols);
	range_index_done(&object->functions);
	for (int i = 0; i < N_WORKER_FILES; i++)
		elf_file_close(object->files[i]);
	free(object);
	return NULL;
}

uint64_t job_object_file_bytes(const struct job_object *object)
{
	uint64_t size = 0;

	for (int i = 0; i < N_WORKER_FILES; i++)
		size += object->files[i] ? object->files[i]->size : 0;
	return size;
}

/* DWARF of the debug file, else of the object itself. */
static int open_dwarf(struct job_object *object)
{
	static const enum worker_file order[] = {WORKER_FILE_DEBUG, WORKER_FILE_OBJECT};
	struct dwarf_index_files files = {
		.alternate = object->files[WORKER_FILE_ALTERNATE],
		.package = object->files[WORKER_FILE_PACKAGE],
	};

	if (object->is_dwarf_tried)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(order) && !files.elf; i++) {
		struct elf_file *file = object->files[order[i]];

		if (file && dwarf_file_has(file, false))
			files.elf = file;
	}
	object->is_dwarf_tried = true;
	return files.elf ? dwarf_index_new(&files, &object->dwarf) : 0;
}

static bool is_string(const void *table, uint32_t id, const void *key)
{
	const struct answer *answer = table;

	return !strcmp(answer->strings.data + id, key);
}

/* The offset of a text among the strings; 0 for NULL and "". */
static uint32_t add_string(struct answer *answer, const char *text)
{
	char copy[WORKER_STRING_BYTES_MAX];
	uint32_t value, id;
	size_t n;

	if (!text || !*text)
		return 0;
	n = strnlen(text, sizeof(copy) - 1);
	memcpy(copy, text, n);
	n = utf8_sanitize(copy, n);
	copy[n] = '\0';
	value = hash_bytes(copy, n);
	id = hash_find(&answer->hash, value, is_string, answer, copy);
	if (id)
		return id;
	id = (uint32_t)answer->strings.size;
	buffer_append(&answer->strings, copy, n + 1);
	if (buffer_error(&answer->strings) || hash_add(&answer->hash, value, id) < 0)
		return 0;
	return id;
}

static void add_line(struct answer *answer, const struct dwarf_frame *frame)
{
	CLEANUP(freep) char *name = strdup(frame->name ? frame->name : "");
	CLEANUP(freep) char *demangled = NULL;
	struct worker_line line = {
		.file = add_string(answer, frame->file),
		.line = frame->line,
		.start_line = frame->start_line,
	};

	if (!name) {
		answer->lines.error = -ENOMEM;
		return;
	}
	/* "memcpy@@GLIBC_2.14": the version is the linker's. */
	if (*name && strchr(name + 1, '@'))
		*strchr(name + 1, '@') = '\0';
	demangled = demangle(name);
	line.name = add_string(answer, demangled ? demangled : name);
	if (demangled)
		line.system_name = add_string(answer, name);
	if (!line.name)
		line.name = add_string(answer, "??");
	buffer_append(&answer->lines, &line, sizeof(line));
	answer->n_lines++;
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
	struct symbol_table_entry entry;
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
	if (chain.frames[chain.n - 1].name) {
		for (size_t i = 0; i < chain.n; i++)
			add_line(answer, &chain.frames[i]);
		symbol.n_lines = (uint16_t)chain.n;
	} else {
		symbol.unnamed = WORKER_UNNAMED_NO_SYMBOLS;
	}
	buffer_append(&answer->symbols, &symbol, sizeof(symbol));
	return 0;
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

int job_object_grant(struct job_object *object, uint64_t id, int fd)
{
	CLEANUP(closep) int owned = fd;
	struct elf_file *elf = NULL;
	int r = open_dwarf(object);

	if (r < 0 || !object->dwarf)
		return r;
	if (owned >= 0) {
		r = elf_file_open(take_fd(&owned), &elf);
		if (r < 0)
			return r;
		/* Mapped: as many as a program has units would be too many descriptors. */
		if (!r)
			elf_file_forget_fd(elf);
	}
	return dwarf_index_grant(object->dwarf, id, elf);
}

int job_symbols(struct job_object *object, const struct job_symbols_request *request,
	struct worker_reply *reply, struct buffer *body)
{
	CLEANUP(answer_done) struct answer answer = {};
	struct dwarf_wanted wanted;
	size_t start = body->size;
	int r;

	r = request->with_lines ? open_dwarf(object) : 0;
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
