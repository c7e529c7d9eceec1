/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What acquisition keeps; for acquisition.c and acquisition-room.c. */

#include "daemon/acquisition.h"
#include "daemon/tables.h"
#include "daemon/watch.h"
#include "proto/base/list.h"

/* On the file system of the root, which nobody wants to unmount, or not. */
enum acquired_where { WHERE_UNKNOWN, WHERE_ROOT, WHERE_ELSEWHERE };

struct acquired {
	struct list link; /* acquisition.files */
	struct acquisition *acquisition;
	struct object *object; /* a reference */
	struct abi_file_key key;
	uint32_t file; /* the kernel's number for it */
	struct table table;
	bool is_improving; /* the symbolizer looks for its debug file, since the table is partial */
	bool is_improved; /* it has done so, once and for all */
	unsigned n_refused; /* times that it could not be opened */
	enum acquired_where where; /* found out when it matters */
};

struct acquisition {
	struct acquisition_config config;
	struct object_table *objects;
	struct tables *tables;
	struct acquired *vdso;
	struct list files;
	size_t n_files, n_opening, n_improving;
	struct watch *watch;
	bool is_open; /* whoever asked for it has it */
	uint64_t n_dropped; /* tables, for want of room */
	uint64_t dropped_ns; /* when files were last dropped, */
	uint64_t n_bad_before, n_unserved_before; /* the symbolizer's counts then, */
	uint64_t n_failed_before; /* and the tables' */
};

void acquired_free(struct acquired *acquired);
/* The image of the vdso, first among the files. 0 or a negative errno. */
int acquisition_add_vdso(struct acquisition *acquisition);

/* See tables_config.on_full. */
bool acquisition_on_full(void *userdata);
/* All of them: nobody is at work on one. */
void acquisition_drop_files(struct acquisition *acquisition);
