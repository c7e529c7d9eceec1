/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The worker's names without worker, sandbox and daemon, for comparison with other programs: reads
 * hexadecimal addresses from standard input, writes for each its chain, innermost first, one line
 * "NAME\tLINKAGE-NAME\tFILE:LINE" a frame, and an empty line; "?" stands for what is unknown. With
 * --time it writes to standard error how long that took, cold; then the shortest of ten times warm,
 * with strings and for the look-ups alone, in CPU time, since then nothing is waited for but other
 * programs; and the largest resident size.
 *
 * usage: names [--debug FILE] [--alternate FILE] [--package FILE] [--symbols] [--time] FILE
 */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "daemon/symbolize/worker-reply.h"
#include "daemon/worker/elf-file.h"
#include "daemon/worker/job-object.h"
#include "daemon/worker/jobs.h"
#include "daemon/worker/unpacker.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"

#define BATCH WORKER_OFFSETS_MAX
#define N_WARM 10

struct question {
	struct job_object *object;
	uint64_t *addresses, *offsets;
	size_t n;
	bool with_lines, is_quiet;
};

static void fail(const char *what)
{
	fprintf(stderr, "names: cannot %s\n", what);
	exit(1);
}

static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail(path);
	return fd;
}

static void read_addresses(struct question *question)
{
	size_t n_allocated = 0;
	uint64_t address;

	while (scanf("%" SCNx64, &address) == 1) {
		if (array_reserve(&question->addresses, &n_allocated, question->n + 1,
			    sizeof(address)) < 0)
			fail("have memory");
		question->addresses[question->n++] = address;
	}
}

/* Addresses to file offsets; what is in no executable segment stays as it is. */
static void find_offsets(struct question *question, int fd)
{
	CLEANUP(elf_file_closep) struct elf_file *file = NULL;

	if (elf_file_open(fd, &file))
		fail("read the file");
	question->offsets = calloc(question->n + 1, sizeof(uint64_t));
	for (size_t i = 0; i < question->n; i++) {
		question->offsets[i] = UINT64_MAX;
		for (size_t j = 0; j < file->n_segments; j++) {
			const struct elf_segment *segment = &file->segments[j];
			uint64_t at = question->addresses[i] - segment->address;

			if (at < segment->size)
				question->offsets[i] = at + segment->offset;
		}
	}
}

static void print(const struct symbol *symbol)
{
	for (size_t i = 0; i < symbol->n_lines; i++) {
		const struct symbol_line *line = &symbol->lines[i];

		printf("%s\t%s\t%s:%u\n", line->name,
			line->system_name ? line->system_name : line->name,
			line->file ? line->file : "?", line->line);
	}
	if (symbol->unnamed)
		printf("?\t?\t%s:0\n", symbol->unnamed);
	puts("");
}

static void grant(struct question *question, const void *body)
{
	struct worker_want want;
	int fd;

	memcpy(&want, body, sizeof(want));
	fd = open(want.path, O_RDONLY | O_CLOEXEC);
	if (job_object_grant(question->object, want.id, fd) < 0)
		fail("grant a file");
}

/* One reply; returns how many are answered. */
static size_t ask_some(struct question *question, size_t first)
{
	CLEANUP(buffer_done) struct buffer body = {};
	CLEANUP(freep) struct symbol_block *block = NULL;
	struct worker_reply reply = {};
	struct job_symbols_request request = {
		.offsets = question->offsets + first,
		.n = question->n - first < BATCH ? question->n - first : BATCH,
		.with_lines = question->with_lines,
		.deadline_ns = UINT64_MAX,
	};
	int r = job_symbols(question->object, &request, &reply, &body);

	if (r == WORKER_STATUS_WANTS_SPLIT) {
		grant(question, body.data);
		return 0;
	}
	if (r || worker_reply_symbols(&reply, body.data, request.n, &block))
		fail("find names");
	for (size_t i = 0; i < block->n && !question->is_quiet; i++)
		print(&block->symbols[i]);
	return block->n;
}

static uint64_t ask(struct question *question, clockid_t clock)
{
	uint64_t start_ns = time_now_ns(clock);

	for (size_t i = 0; i < question->n;)
		i += ask_some(question, i);
	return time_now_ns(clock) - start_ns;
}

/* The look-ups alone, in tables that are there. */
static uint64_t look_up(const struct question *question)
{
	uint64_t start_ns = time_now_ns(CLOCK_PROCESS_CPUTIME_ID);
	struct symbol_table_entry entry;
	struct dwarf_wanted wanted;
	struct dwarf_chain chain;

	for (size_t i = 0; i < question->n; i++) {
		symbol_table_find(question->object->symbols, question->addresses[i], 0, &entry);
		if (question->with_lines && question->object->dwarf)
			dwarf_index_find(
				question->object->dwarf, question->addresses[i], &chain, &wanted);
	}
	return time_now_ns(CLOCK_PROCESS_CPUTIME_ID) - start_ns;
}

int main(int argc, char **argv)
{
	static const char *const options[] = {
		[WORKER_FILE_DEBUG] = "--debug",
		[WORKER_FILE_ALTERNATE] = "--alternate",
		[WORKER_FILE_PACKAGE] = "--package",
		[WORKER_FILE_SPLIT] = NULL,
	};
	struct question question = {.with_lines = true};
	int fds[N_WORKER_FILES];
	uint64_t start_ns, cold_ns;
	struct rusage usage;
	bool is_timed = false;

	/* As the worker does. */
	if (unpacker_start() < 0)
		fail("make a thread");
	for (int i = 0; i < N_WORKER_FILES; i++)
		fds[i] = -1;
	for (int i = 1; i < argc; i++) {
		for (int j = 1; j < N_WORKER_FILES; j++)
			if (i + 1 < argc && options[j] && !strcmp(argv[i], options[j]))
				fds[j] = open_file(argv[++i]);
		if (!strcmp(argv[i], "--symbols"))
			question.with_lines = false;
		is_timed |= !strcmp(argv[i], "--time");
	}
	question.is_quiet = is_timed;
	read_addresses(&question);
	find_offsets(&question, open_file(argv[argc - 1]));
	fds[WORKER_FILE_OBJECT] = open_file(argv[argc - 1]);
	start_ns = time_now_ns(CLOCK_MONOTONIC);
	if (job_object_open(fds, &question.object))
		fail("open the object");
	cold_ns = time_now_ns(CLOCK_MONOTONIC) - start_ns + ask(&question, CLOCK_MONOTONIC);
	if (is_timed) {
		uint64_t warm_ns = UINT64_MAX, found_ns = UINT64_MAX;

		for (int i = 0; i < N_WARM; i++) {
			uint64_t asked = ask(&question, CLOCK_PROCESS_CPUTIME_ID);

			warm_ns = asked < warm_ns ? asked : warm_ns;
		}
		for (int i = 0; i < N_WARM; i++) {
			uint64_t found = look_up(&question);

			found_ns = found < found_ns ? found : found_ns;
		}
		getrusage(RUSAGE_SELF, &usage);
		fprintf(stderr,
			"cold_ns %" PRIu64 " warm_ns %" PRIu64 " found_ns %" PRIu64
			" kib %ld n %zu\n",
			cold_ns, warm_ns, found_ns, usage.ru_maxrss, question.n);
	}
	job_object_close(question.object);
	return 0;
}
