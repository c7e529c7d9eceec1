/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the records of the dictionary are made of; all numbers are varints, texts are ids of str.
 *
 *     str      the text
 *     frame    kind, path, build-id, address; unnamed, detail; its lines, the innermost first: name,
 *              system name, file, first line, line
 *     stack    frames, leaf first
 *     thread   pid, uid, start in ns, tid; name, comm, exe, unit, container, cgroup
 *
 * detail: how much is known of a frame, the more the better.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/digest.h"
#include "proto/base/buffer.h"

enum record_detail {
	RECORD_DETAIL_NONE,
	RECORD_DETAIL_NAME,
	RECORD_DETAIL_LINES,
};

#define RECORD_THREAD_NUMBERS 4
#define RECORD_THREAD_TEXTS 6

struct frame_record {
	uint64_t kind, path, build_id, address, unnamed, detail;
	const uint8_t *place, *place_end, *lines, *end; /* in the record */
};

/* 0 or -EUCLEAN. */
int frame_record_parse(struct frame_record *frame, const uint8_t *bytes, size_t size);

struct line_record {
	uint64_t texts[3]; /* name, system name, file */
	uint64_t start_line, line;
};

/* The next one. 0 or -EUCLEAN. */
int line_record_parse(struct line_record *line, const uint8_t **at, const uint8_t *end);

/* What a frame is told by: where it is, if it is a place in a file; else what it is called, too. 0 or
 * -ENOMEM. */
int frame_record_digest(
	const struct frame_record *frame, const struct digest *key, struct digest *ret_digest);
