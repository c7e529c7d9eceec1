/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the worker keeps of an object between jobs. */

#include "daemon/worker/dwarf-index.h"
#include "daemon/worker/elf-file.h"
#include "daemon/worker/jobs.h"
#include "daemon/worker/range-index.h"
#include "daemon/worker/spellings.h"
#include "daemon/worker/symbol-table.h"

struct job_object {
	struct elf_file *files[N_WORKER_FILES]; /* NULL where there is none */
	struct elf_file *small; /* what .gnu_debugdata holds, or NULL */
	struct symbol_table *symbols;
	struct range_index functions; /* from .eh_frame */
	struct dwarf_index *dwarf; /* NULL: none, or not tried */
	bool is_dwarf_tried;
	struct spellings spellings;
};

/* Is a part of its DWARF in a dwz file that is not there? */
bool job_object_lacks_alternate(const struct job_object *object);
/* Looks for DWARF, once, which may be asked about these offsets of the file next. 0 or -ENOMEM. */
int job_object_open_dwarf(struct job_object *object, const uint64_t *offsets, size_t n);
