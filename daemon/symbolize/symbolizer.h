/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Addresses to names: keeps the answers per object, asks the sandboxed workers for what is missing,
 * in batches by object, and never blocks. What is wanted during a recording is named while it
 * goes on, so that little is left at its end.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/loop.h"
#include "daemon/opener/opener.h"
#include "daemon/symbolize/fetcher.h"
#include "daemon/target/objects.h"

struct symbolizer;

/* One line of a frame; innermost first in a symbol. */
struct symbol_line {
	const char *name; /* demangled, valid UTF-8; never NULL */
	const char *system_name; /* as the linker knows it, or NULL if the same as name */
	const char *file; /* or NULL */
	uint32_t line, start_line; /* 0: unknown */
};

struct symbol {
	uint64_t address; /* ELF virtual address, or the file offset where the worker failed */
	uint64_t entry; /* of the function it is in, where .eh_frame or a symbol tells; else 0 */
	const char *unnamed; /* why it has no name ("no-symbols", "file-gone", "worker-failed",
				"gave-up", …); NULL when it has one. lines is empty then, unless
				it is something inlined alone that has none. */
	const struct symbol_line *lines;
	size_t n_lines;
	bool is_kept; /* for name_table_age() alone */
};

struct symbolizer_config {
	const char *worker_path; /* of the perfd-elf-worker to execute */
	const char *const *debug_directories; /* NULL-terminated; default /usr/lib/debug */
	struct fetcher_config fetcher; /* without a directory: nothing is fetched */
	unsigned n_workers;
	uint64_t job_timeout_ns; /* 0: default */
	/* While nobody waits, names wanted within so long are asked for together: a call to a worker
	 * costs as much as the names of hundreds of frames. */
	uint64_t gather_ns;
	/* Once for each symbolizer_want_files(), from the loop or from within that call. May be NULL. */
	void (*on_files)(void *userdata, struct object *object);
	void *userdata;
};

/* The separate debug file of an object. */
struct symbolizer_debug_file {
	int fd; /* borrowed */
	uint64_t trust; /* of both together */
	struct file_identity identity; /* all zero: none */
};

/* The opener is borrowed and must outlive the symbolizer. */
int symbolizer_new(struct loop *loop, struct opener *opener, const struct symbolizer_config *config,
	struct symbolizer **ret_symbolizer);
struct symbolizer *symbolizer_free(struct symbolizer *symbolizer);

/* Where separate debug information lies from now on; NULL-terminated, copied. Files that were searched
 * for theirs are not searched for again. 0 or -ENOMEM. */
int symbolizer_set_debug_directories(struct symbolizer *symbolizer, const char *const *directories);
/* The same for what is fetched. */
int symbolizer_set_fetcher(struct symbolizer *symbolizer, const struct fetcher_config *config);

/* Asks for a name; cheap when it was asked before. The object may still be OPENING. 0 or -ENOMEM. */
int symbolizer_want(struct symbolizer *symbolizer, struct object *object, uint64_t file_offset);

/* Debug files that were looked for in vain longer ago than that are looked for again when an address of
 * their object is wanted: they may have been installed since. */
void symbolizer_refresh(struct symbolizer *symbolizer, uint64_t age_ns);

/* Asks for the object's files, though it may have no address to name: on_files will tell. */
void symbolizer_want_files(struct symbolizer *symbolizer, struct object *object);
/* What has been found so far. False: no debug file. */
bool symbolizer_debug_file(const struct object *object, struct symbolizer_debug_file *ret_file);

/* To be called when an object's state has left OPENING: its waiting wants go on (or are answered
 * with why it could not be opened). */
void symbolizer_on_object(struct symbolizer *symbolizer, struct object *object);

/*
 * Forgets names that nobody has wanted between the last two calls of this and since: they are asked for
 * anew when they are. What symbolizer_find() gave before is not valid any more.
 */
void symbolizer_age(struct symbolizer *symbolizer);

/* NULL: not (yet) known. Valid while the object lives, up to the next symbolizer_age(). */
const struct symbol *symbolizer_find(
	struct symbolizer *symbolizer, struct object *object, uint64_t file_offset);

/* What there is to name an object with. */
struct symbol_sources {
	bool has_symtab, has_dynsym, has_dwarf; /* in it or in its debug file */
	bool has_debug_file; /* a separate one was found */
	bool lacks_dwz_file; /* a part of its DWARF is in one that was not found */
	bool has_unwind; /* .eh_frame or .debug_frame */
	const char *why; /* nothing is known: why, or NULL */
};
void symbolizer_sources(const struct object *object, struct symbol_sources *ret_sources);

/* Calls back once, from the loop, when all that was wanted before this call is answered, or at the
 * CLOCK_MONOTONIC deadline: what is still open then reads "gave-up" for the caller (find gives
 * NULL), and goes on in the background. */
int symbolizer_wait(struct symbolizer *symbolizer, uint64_t deadline_ns, loop_callback *callback,
	void *userdata);
void symbolizer_cancel_wait(struct symbolizer *symbolizer, void *userdata);

/* What naming may use from now on, of one CPU; from 1 on it is not held back. */
void symbolizer_set_share(struct symbolizer *symbolizer, double share);
/* Ends workers that have nothing to do. */
void symbolizer_trim(struct symbolizer *symbolizer);
/* CPU time of the workers so far. */
uint64_t symbolizer_cpu_ns(const struct symbolizer *symbolizer);

struct symbolizer_statistics {
	uint64_t n_wanted, n_named, n_worker_restarts, n_timeouts, n_bad_objects, n_workers;
	uint64_t n_unserved; /* times that names were given up since no worker could be started */
	struct fetcher_statistics fetcher;
};
void symbolizer_statistics(
	const struct symbolizer *symbolizer, struct symbolizer_statistics *ret_statistics);
