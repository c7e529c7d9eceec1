/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * JSON objects from and to plain C structs, by a table per struct: one row per field. Decoding
 * checks every type and range, and names the field that is wrong.
 *
 *	static const struct field stop_fields[] = {
 *		{FIELD(struct stop_parameters, recording, FIELD_TEXT), .is_required = true},
 *		{},
 *	};
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_t;

enum field_type {
	FIELD_BOOL, /* bool */
	FIELD_U32, /* uint32_t */
	FIELD_U64, /* uint64_t; sent as at most INT64_MAX */
	FIELD_DOUBLE, /* double, finite */
	FIELD_TEXT, /* const char *; decoded: borrowed from the JSON value */
	FIELD_OBJECT, /* a struct, embedded; .fields describes it */
	FIELD_TEXTS, /* const char **, malloc'ed when decoded, of *n_offset items */
	FIELD_U32S, /* uint32_t *, likewise */
	FIELD_OBJECTS, /* struct *, likewise, of item_size bytes each */
};

struct field {
	const char *name; /* NULL ends a table */
	enum field_type type;
	size_t offset;
	bool is_required; /* decoding without it fails; others keep what the struct held before */
	/* Offset of a bool that says whether the field is there, or 0 (no struct begins with such a
	 * bool). Without one, a field is sent always, except a NULL text. */
	size_t has_offset;
	/* For arrays: offset of a size_t; and for objects what is inside. */
	size_t n_offset;
	size_t item_size;
	const struct field *fields;
};

/* The columns that every row has: the JSON name is the member's. */
#define FIELD(type_, member_, kind_)                                                               \
	.name = #member_, .type = kind_, .offset = offsetof(type_, member_)
/* The same where C calls it otherwise. */
#define FIELD_AS(name_, type_, member_, kind_)                                                     \
	.name = name_, .type = kind_, .offset = offsetof(type_, member_)

enum fields_mode {
	FIELDS_STRICT, /* an unknown field is an error: the daemon, reading parameters */
	FIELDS_LENIENT, /* unknown fields are left out: a client, reading what a newer daemon says */
};

enum fields_outcome {
	FIELDS_INVALID = 1, /* and *ret_invalid names the field: "target.pids" */
};

struct fields_invalid {
	char name[128];
};

/*
 * Absent and null are the same. On 0 the arrays in `target` are its own: fields_done() frees them.
 * Otherwise nothing in it needs freeing. 0, FIELDS_INVALID, -ENOMEM.
 */
int fields_decode(const struct field *fields, struct json_t *object, enum fields_mode mode,
	void *target, struct fields_invalid *ret_invalid);

/* Frees the arrays that fields_decode() made. */
void fields_done(const struct field *fields, void *target);

/*
 * A new JSON object, or NULL without memory. Texts may hold any bytes: what JSON cannot carry
 * becomes '?'. Numbers that are not finite are sent as 0.
 */
struct json_t *fields_encode(const struct field *fields, const void *source);
