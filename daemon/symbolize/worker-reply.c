/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a worker says is as hostile as the file it read. Every count is checked against the size of
 * the body and against what was asked, every reference against its table; the strings must end
 * within their table and are made printable UTF-8 where they stand. What is left is harmless: wrong
 * names at worst, and only for files of the same trust.
 */

#include "daemon/symbolize/worker-reply.h"

#include <errno.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/utf8.h"

struct view {
	const struct worker_symbol *symbols;
	const struct worker_line *lines;
	const char *strings;
	const struct worker_reply *reply;
};

static bool is_string(const struct view *view, uint32_t offset)
{
	/* Strings begin behind a NUL: nobody points into the middle of one. */
	return offset < view->reply->strings_size && (!offset || !view->strings[offset - 1]);
}

static bool is_line(const struct view *view, const struct worker_line *line)
{
	return line->name && is_string(view, line->name) && is_string(view, line->system_name) &&
		is_string(view, line->file) && line->line <= INT32_MAX &&
		line->start_line <= INT32_MAX;
}

static bool is_symbol(const struct view *view, const struct worker_symbol *symbol, size_t *next)
{
	bool has_lines = symbol->unnamed == WORKER_NAMED ||
		symbol->unnamed == WORKER_UNNAMED_ALTERNATE ||
		symbol->unnamed == WORKER_UNNAMED_INLINED;

	if (symbol->unnamed >= N_WORKER_UNNAMED || !symbol->n_lines == has_lines)
		return false;
	/* Each line belongs to one symbol, in order. */
	if (symbol->first_line != *next || symbol->n_lines > WORKER_CHAIN_MAX ||
		symbol->n_lines > view->reply->n_lines - *next)
		return false;
	*next += symbol->n_lines;
	return true;
}

static bool is_valid(const struct view *view)
{
	const struct worker_reply *reply = view->reply;
	size_t next = 0;

	if (view->strings[0] || view->strings[reply->strings_size - 1])
		return false;
	for (size_t i = 0; i < reply->n_lines; i++)
		if (!is_line(view, &view->lines[i]))
			return false;
	for (size_t i = 0; i < reply->n_symbols; i++)
		if (!is_symbol(view, &view->symbols[i], &next))
			return false;
	return next == reply->n_lines;
}

/* Sizes first: nothing is looked at before they are known to fit. */
static bool is_sized(const struct worker_reply *reply, size_t n_offsets)
{
	uint64_t size = (uint64_t)reply->n_symbols * sizeof(struct worker_symbol) +
		(uint64_t)reply->n_lines * sizeof(struct worker_line) + reply->strings_size;

	return reply->status == WORKER_STATUS_OK && reply->n_symbols &&
		reply->n_symbols <= n_offsets && reply->strings_size &&
		reply->body_size <= WORKER_REPLY_BYTES_MAX && size == reply->body_size;
}

static const char *text(const char *strings, uint32_t offset)
{
	return offset ? strings + offset : NULL;
}

static void sanitize_all(char *strings, size_t size)
{
	for (size_t at = 0; at < size;) {
		size_t n = strlen(strings + at);

		strings[at + utf8_sanitize(strings + at, n)] = '\0';
		at += n + 1;
	}
}

static const char *unnamed_reason(unsigned unnamed)
{
	static const char *const reasons[N_WORKER_UNNAMED] = {
		[WORKER_UNNAMED_NO_SYMBOLS] = "no-symbols",
		[WORKER_UNNAMED_OUTSIDE] = "outside-segments",
		[WORKER_UNNAMED_ALTERNATE] = "dwz-file-missing",
		[WORKER_UNNAMED_INLINED] = "inlined-without-name",
	};

	return reasons[unnamed];
}

static struct symbol_block *make_block(const struct view *view)
{
	const struct worker_reply *reply = view->reply;
	size_t lines_at = sizeof(struct symbol_block) + reply->n_symbols * sizeof(struct symbol);
	size_t strings_at = lines_at + reply->n_lines * sizeof(struct symbol_line);
	struct symbol_block *block = calloc(1, strings_at + reply->strings_size);
	struct symbol_line *lines;
	char *strings;

	if (!block)
		return NULL;
	lines = (struct symbol_line *)((char *)block + lines_at);
	strings = (char *)block + strings_at;
	memcpy(strings, view->strings, reply->strings_size);
	sanitize_all(strings, reply->strings_size);
	for (size_t i = 0; i < reply->n_lines; i++)
		lines[i] = (struct symbol_line){
			.name = strings + view->lines[i].name,
			.system_name = text(strings, view->lines[i].system_name),
			.file = text(strings, view->lines[i].file),
			.line = view->lines[i].line,
			.start_line = view->lines[i].start_line,
		};
	block->n = reply->n_symbols;
	for (size_t i = 0; i < reply->n_symbols; i++)
		block->symbols[i] = (struct symbol){
			.address = view->symbols[i].address,
			.entry = view->symbols[i].entry,
			.unnamed = unnamed_reason(view->symbols[i].unnamed),
			.lines = lines + view->symbols[i].first_line,
			.n_lines = view->symbols[i].n_lines,
		};
	return block;
}

int worker_reply_symbols(const struct worker_reply *reply, const void *body, size_t n_offsets,
	struct symbol_block **ret_block)
{
	struct view view = {.symbols = body, .reply = reply};
	struct symbol_block *block;

	if (!is_sized(reply, n_offsets))
		return -EPROTO;
	view.lines = (const struct worker_line *)(view.symbols + reply->n_symbols);
	view.strings = (const char *)(view.lines + reply->n_lines);
	if (!is_valid(&view))
		return -EPROTO;
	block = make_block(&view);
	if (!block)
		return -ENOMEM;
	*ret_block = block;
	return 0;
}

static bool is_printable(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name < ' ' || *name == 0x7f)
			return false;
	return true;
}

/* A name of a file that may be looked for: no directory in it. */
static void clean_name(char *name)
{
	if (strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, "..") || !is_printable(name))
		*name = '\0';
}

int worker_reply_probe(
	const struct worker_reply *reply, const void *body, struct worker_probe *ret_probe)
{
	struct worker_probe probe;
	char *slash;

	if (reply->status != WORKER_STATUS_OK || reply->body_size != sizeof(probe))
		return -EPROTO;
	memcpy(&probe, body, sizeof(probe));
	if (probe.build_id_size > WORKER_BUILD_ID_MAX ||
		probe.alternate_id_size > WORKER_BUILD_ID_MAX ||
		!memchr(probe.debug_link, '\0', sizeof(probe.debug_link)) ||
		!memchr(probe.alternate, '\0', sizeof(probe.alternate)))
		return -EPROTO;
	clean_name(probe.debug_link);
	/* dwz writes a path; only its last part is ever used. */
	slash = strrchr(probe.alternate, '/');
	if (slash)
		memmove(probe.alternate, slash + 1, strlen(slash + 1) + 1);
	clean_name(probe.alternate);
	*ret_probe = probe;
	return 0;
}

int worker_reply_want(
	const struct worker_reply *reply, const void *body, struct worker_want *ret_want)
{
	struct worker_want want;

	if (reply->status != WORKER_STATUS_WANTS_SPLIT || reply->body_size != sizeof(want))
		return -EPROTO;
	memcpy(&want, body, sizeof(want));
	if (!memchr(want.path, '\0', sizeof(want.path)))
		return -EPROTO;
	if (want.path[0] != '/' || !is_printable(want.path))
		want.path[0] = '\0';
	*ret_want = want;
	return 0;
}

struct symbol_block *symbol_block_unnamed(const uint64_t *offsets, size_t n, const char *reason)
{
	struct symbol_block *block = calloc(1, sizeof(*block) + n * sizeof(block->symbols[0]));

	if (!block)
		return NULL;
	block->n = n;
	for (size_t i = 0; i < n; i++)
		block->symbols[i] = (struct symbol){.address = offsets[i], .unnamed = reason};
	return block;
}
