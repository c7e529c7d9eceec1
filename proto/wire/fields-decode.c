/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * JSON -> struct. The table is walked twice: once over the object's keys, to find the unknown, and
 * once over the rows. Arrays are allocated here, zeroed, and freed here if a later field is wrong,
 * so that a caller has either all of the struct or nothing to free.
 */

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/utf8.h"
#include "proto/wire/fields.h"

static int decode_object(const struct field *fields, json_t *object, enum fields_mode mode,
	void *target, struct fields_invalid *ret_invalid);

static void *member(const void *target, size_t offset)
{
	return (char *)target + offset;
}

/* The name may be the peer's: cut to size, and made harmless. */
static int invalid(struct fields_invalid *ret_invalid, const char *name)
{
	size_t n = strnlen(name, sizeof(ret_invalid->name) - 1);

	memcpy(ret_invalid->name, name, n);
	ret_invalid->name[utf8_sanitize(ret_invalid->name, n)] = '\0';
	return FIELDS_INVALID;
}

/* "pids" inside "target" becomes "target.pids". */
static int invalid_within(struct fields_invalid *ret_invalid, const char *outer, int r)
{
	char inner[sizeof(ret_invalid->name)];

	if (r != FIELDS_INVALID)
		return r;
	memcpy(inner, ret_invalid->name, sizeof(inner));
	snprintf(ret_invalid->name, sizeof(ret_invalid->name), "%.40s.%.80s", outer, inner);
	return r;
}

static bool decode_u64(const json_t *value, uint64_t max, uint64_t *ret_number)
{
	json_int_t number;

	if (!json_is_integer(value))
		return false;
	number = json_integer_value(value);
	if (number < 0 || (uint64_t)number > max)
		return false;
	*ret_number = (uint64_t)number;
	return true;
}

static bool decode_scalar(enum field_type type, const json_t *value, void *target)
{
	uint64_t number;

	switch (type) {
	case FIELD_BOOL:
		if (!json_is_boolean(value))
			return false;
		*(bool *)target = json_is_true(value);
		return true;
	case FIELD_U32:
		if (!decode_u64(value, UINT32_MAX, &number))
			return false;
		*(uint32_t *)target = (uint32_t)number;
		return true;
	case FIELD_U64:
		return decode_u64(value, INT64_MAX, target);
	case FIELD_DOUBLE:
		if (!json_is_number(value) || !isfinite(json_number_value(value)))
			return false;
		*(double *)target = json_number_value(value);
		return true;
	case FIELD_TEXT:
		if (!json_is_string(value))
			return false;
		*(const char **)target = json_string_value(value);
		return true;
	default:
		return false;
	}
}

static size_t item_size(const struct field *field)
{
	if (field->type == FIELD_OBJECTS)
		return field->item_size;
	return field->type == FIELD_TEXTS ? sizeof(char *) : sizeof(uint32_t);
}

static int decode_item(const struct field *field, json_t *value, enum fields_mode mode,
	void *target, struct fields_invalid *ret_invalid)
{
	enum field_type type = field->type == FIELD_TEXTS ? FIELD_TEXT : FIELD_U32;

	if (field->type == FIELD_OBJECTS)
		return invalid_within(ret_invalid, field->name,
			decode_object(field->fields, value, mode, target, ret_invalid));
	return decode_scalar(type, value, target) ? 0 : invalid(ret_invalid, field->name);
}

static int decode_array(const struct field *field, json_t *array, enum fields_mode mode,
	void *target, struct fields_invalid *ret_invalid)
{
	size_t n = json_array_size(array), size = item_size(field);
	size_t *ret_n = member(target, field->n_offset);
	char **ret_items = member(target, field->offset);

	if (!json_is_array(array))
		return invalid(ret_invalid, field->name);
	*ret_n = 0;
	*ret_items = calloc(n ? n : 1, size);
	if (!*ret_items)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int r = decode_item(
			field, json_array_get(array, i), mode, *ret_items + i * size, ret_invalid);

		if (r)
			return r;
		*ret_n = i + 1;
	}
	return 0;
}

static int decode_field(const struct field *field, json_t *value, enum fields_mode mode,
	void *target, struct fields_invalid *ret_invalid)
{
	void *place = member(target, field->offset);

	switch (field->type) {
	case FIELD_OBJECT:
		return invalid_within(ret_invalid, field->name,
			decode_object(field->fields, value, mode, place, ret_invalid));
	case FIELD_TEXTS:
	case FIELD_U32S:
	case FIELD_OBJECTS:
		return decode_array(field, value, mode, target, ret_invalid);
	default:
		return decode_scalar(field->type, value, place) ? 0
								: invalid(ret_invalid, field->name);
	}
}

static const struct field *find_field(const struct field *fields, const char *name)
{
	for (; fields->name; fields++)
		if (!strcmp(fields->name, name))
			return fields;
	return NULL;
}

/* On failure the arrays of `target` are freed again. */
static int decode_object(const struct field *fields, json_t *object, enum fields_mode mode,
	void *target, struct fields_invalid *ret_invalid)
{
	const char *key;
	json_t *value;
	int r = 0;

	if (!json_is_object(object))
		return invalid(ret_invalid, "");
	if (mode == FIELDS_STRICT)
		json_object_foreach(object, key,
			value) if (!find_field(fields, key)) return invalid(ret_invalid, key);
	for (const struct field *field = fields; field->name && !r; field++) {
		value = json_object_get(object, field->name);
		if (!value || json_is_null(value)) {
			if (field->is_required)
				r = invalid(ret_invalid, field->name);
			continue;
		}
		r = decode_field(field, value, mode, target, ret_invalid);
		if (!r && field->has_offset)
			*(bool *)member(target, field->has_offset) = true;
	}
	if (r)
		fields_done(fields, target);
	return r;
}

int fields_decode(const struct field *fields, json_t *object, enum fields_mode mode, void *target,
	struct fields_invalid *ret_invalid)
{
	struct fields_invalid found = {};
	int r = decode_object(fields, object, mode, target, &found);
	size_t n = strlen(found.name);

	if (r != FIELDS_INVALID)
		return r;
	/* An object that is none is called by the field that should hold it. */
	if (n && found.name[n - 1] == '.')
		found.name[n - 1] = '\0';
	*ret_invalid = found;
	return r;
}

void fields_done(const struct field *fields, void *target)
{
	for (; fields->name; fields++) {
		void *place = member(target, fields->offset);
		size_t *n;

		if (fields->type == FIELD_OBJECT)
			fields_done(fields->fields, place);
		if (fields->type < FIELD_TEXTS)
			continue;
		n = member(target, fields->n_offset);
		for (size_t i = 0; fields->type == FIELD_OBJECTS && i < *n; i++)
			fields_done(fields->fields, *(char **)place + i * fields->item_size);
		free(*(void **)place);
		*(void **)place = NULL;
		*n = 0;
	}
}
