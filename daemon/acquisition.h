/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What targets map executable is acquired: told by the kernel, opened by perfd-opener, handed to
 * the symbolizer, its unwind table compiled by a worker and put where the kernel side finds it. A
 * corridor's side room: it knows capture, opener, symbolizer and unwind, and no recording.
 */

#include <stdbool.h>

#include "bpf/abi.h"
#include "daemon/base/loop.h"
#include "daemon/capture/capture.h"
#include "daemon/opener/opener.h"
#include "daemon/symbolize/symbolizer.h"
#include "daemon/tables.h"
#include "daemon/target/object-table.h"

struct acquisition;

struct acquisition_config {
	struct loop *loop; /* all borrowed */
	struct capture *capture;
	struct opener *opener;
	struct symbolizer *symbolizer;
	const char *worker_path;
	const char *cache_directory; /* for unwind tables; NULL: none */
	/* Nothing is being opened or compiled any more. From the loop. */
	void (*on_settled)(void *userdata);
	void *userdata;
};

struct acquisition_statistics {
	uint64_t n_objects;
	struct tables_statistics tables;
	uint64_t n_tables_dropped; /* for want of room: those in use come back */
};

/* 0 or a negative errno. */
int acquisition_new(const struct acquisition_config *config, struct acquisition **ret_acquisition);
struct acquisition *acquisition_free(struct acquisition *acquisition);

/* ABI_EVENT_NEED_FILE: code of a file that is not known, or could not be opened so far. */
void acquisition_need(struct acquisition *acquisition, const struct abi_event *event);

/* ABI_EVENT_EXEC: a target has a new program, and will load its libraries within milliseconds. They
 * are looked for a few times, so that their tables are there before many samples fall on them. */
void acquisition_watch(struct acquisition *acquisition, uint32_t pid);

/* Answer to symbolizer_want_files(). */
void acquisition_on_files(struct acquisition *acquisition, const struct object *object);

/* How many files are being opened, or have their tables made. 0: all is settled. */
size_t acquisition_n_pending(const struct acquisition *acquisition);

const struct object_table *acquisition_objects(const struct acquisition *acquisition);

/* Nothing is sampled now: lets go of what should not be held for longer (deleted files, or too much
 * of anything), unless something is still being opened or compiled: then on_settled will tell. What
 * stays makes the next recording quick. */
void acquisition_rest(struct acquisition *acquisition);

/* See the functions of these names in tables.h. */
void acquisition_set_share(struct acquisition *acquisition, double share);
void acquisition_trim(struct acquisition *acquisition);
uint64_t acquisition_cpu_ns(const struct acquisition *acquisition);

/*
 * While sampling never ends: lets go of files that no sample has met for so long, and of deleted ones
 * that none has met for a tenth of it. They are acquired anew when they are met again. How many went.
 */
size_t acquisition_age(struct acquisition *acquisition, uint64_t age_ns);
/* Lets go of files that keep others from unmounting: of another file system than the root's, met by no
 * sample for so long, and of a process that has ended. */
void acquisition_part(struct acquisition *acquisition, uint64_t idle_ns);

void acquisition_statistics(
	const struct acquisition *acquisition, struct acquisition_statistics *ret_statistics);
