/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The job that compiles a file's unwind table: rows go out as they came from the compiler. */

#include "daemon/worker/jobs.h"

#include <gelf.h>

#include "daemon/worker/elf-file.h"
#include "daemon/worker/unwind-table.h"
#include "proto/base/cleanup.h"

/* Padding between functions and what a linker adds are a few per cent; of a stub, most. */
#define COVERED_ENOUGH 0.85
#define UNCOVERED_BYTES_MIN 256

/* Segments may hold more than code, so sections are asked where there are any. */
static uint64_t code_bytes(const struct elf_file *file)
{
	Elf_Scn *section = NULL;
	uint64_t n = 0;

	while ((section = elf_nextscn(file->elf, section))) {
		GElf_Shdr header;

		if (gelf_getshdr(section, &header) && header.sh_type == SHT_PROGBITS &&
			header.sh_flags & SHF_EXECINSTR && header.sh_size <= file->size)
			n += header.sh_size;
	}
	for (size_t i = 0; !n && i < file->n_segments; i++)
		n += file->segments[i].size;
	return n;
}

/* May another file know more of this one's code? */
static bool is_partial(const struct elf_file *file, const struct unwind_table *table)
{
	uint64_t n = code_bytes(file);

	return n > table->n_covered + UNCOVERED_BYTES_MIN &&
		(double)table->n_covered < COVERED_ENOUGH * (double)n;
}

int job_table(int fd, int debug_fd, struct worker_reply *reply, struct buffer *body)
{
	CLEANUP(elf_file_closep) struct elf_file *file = NULL, *debug_file = NULL;
	CLEANUP(unwind_table_done) struct unwind_table table = {0};
	int r = elf_file_open(fd, &file), debug_r = 0;

	if (debug_fd >= 0)
		debug_r = elf_file_open(debug_fd, &debug_file); /* a bad one is as good as none */
	if (r < 0 || debug_r < 0)
		return r < 0 ? r : debug_r;
	if (r)
		return WORKER_STATUS_BAD_ELF;
	r = unwind_table_compile(file, debug_file, &table);
	if (r == UNWIND_NONE || r == UNWIND_FOREIGN)
		return WORKER_STATUS_NO_TABLE;
	if (r)
		return r < 0 ? r : WORKER_STATUS_TOO_LARGE;
	buffer_append(body, table.rows, table.n * sizeof(*table.rows));
	reply->n_symbols = (uint32_t)table.n;
	reply->body_size = (uint32_t)body->size;
	reply->flags |= is_partial(file, &table) ? WORKER_FLAG_PARTIAL : 0;
	return buffer_error(body);
}
