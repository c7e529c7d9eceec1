/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The job that compiles a file's unwind table: rows go out as they came from the compiler. */

#include "daemon/worker/jobs.h"

#include "daemon/worker/elf-file.h"
#include "daemon/worker/unwind-table.h"
#include "proto/base/cleanup.h"

int job_table(int fd, struct worker_reply *reply, struct buffer *body)
{
	CLEANUP(elf_file_closep) struct elf_file *file = NULL;
	struct unwind_table table;
	int r = elf_file_open(fd, &file);

	if (r)
		return r < 0 ? r : WORKER_STATUS_BAD_ELF;
	r = unwind_table_compile(file, NULL, &table);
	if (r == UNWIND_NONE || r == UNWIND_FOREIGN)
		return WORKER_STATUS_NO_TABLE;
	if (r)
		return r < 0 ? r : WORKER_STATUS_TOO_LARGE;
	buffer_append(body, table.rows, table.n * sizeof(*table.rows));
	reply->n_symbols = (uint32_t)table.n;
	reply->body_size = (uint32_t)body->size;
	unwind_table_done(&table);
	return buffer_error(body);
}
