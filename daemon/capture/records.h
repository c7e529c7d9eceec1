/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the kernel's perf events tell of all processes as it happens: new mappings of code, programs
 * executed, forks, ends.
 */

#include <stdint.h>

#include "daemon/base/loop.h"

struct records;

enum record_kind {
	RECORD_MAPPED, /* code was mapped, or memory was made code */
	RECORD_EXEC,
	RECORD_FORK, /* `parent` is set: a process, no thread */
	RECORD_EXIT, /* of the first thread */
	RECORD_LOST, /* more happened than was told; there is no pid */
};

typedef void records_callback(void *userdata, enum record_kind kind, uint32_t pid, uint32_t parent);

/* An event on each online CPU. 0, or a negative errno of perf_event_open. */
int records_new(struct loop *loop, records_callback *callback, void *userdata,
	struct records **ret_records);
struct records *records_free(struct records *records);
