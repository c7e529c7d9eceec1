/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Struct -> JSON. The only failure is memory. jansson refuses text that is not UTF-8, so what comes
 * from targets (names, paths) is made harmless here, at this border, and nowhere before.
 */

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/utf8.h"
#include "proto/wire/fields.h"

static const void *member(const void *source, size_t offset)
{
	return (const char *)source + offset;
}

static json_t *encode_text(const char *text)
{
	json_t *value = json_string(text);
	CLEANUP(freep) char *copy = NULL;

	if (value)
		return value;
	copy = strdup(text);
	if (!copy)
		return NULL;
	return json_stringn(copy, utf8_sanitize(copy, strlen(copy)));
}

static json_t *encode_u64(uint64_t number)
{
	return json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number);
}

static json_t *encode_scalar(enum field_type type, const void *source)
{
	double number;

	switch (type) {
	case FIELD_BOOL:
		return json_boolean(*(const bool *)source);
	case FIELD_U32:
		return encode_u64(*(const uint32_t *)source);
	case FIELD_U64:
		return encode_u64(*(const uint64_t *)source);
	case FIELD_DOUBLE:
		number = *(const double *)source;
		return json_real(isfinite(number) ? number : 0);
	default:
		return encode_text(*(const char *const *)source);
	}
}

static json_t *encode_item(const struct field *field, const char *items, size_t i)
{
	switch (field->type) {
	case FIELD_TEXTS:
		return encode_scalar(FIELD_TEXT, items + i * sizeof(char *));
	case FIELD_U32S:
		return encode_scalar(FIELD_U32, items + i * sizeof(uint32_t));
	default:
		return fields_encode(field->fields, items + i * field->item_size);
	}
}

static json_t *encode_array(const struct field *field, const void *source)
{
	size_t n = *(const size_t *)member(source, field->n_offset);
	const char *items = *(const char *const *)member(source, field->offset);
	json_t *array = json_array();

	for (size_t i = 0; array && i < n; i++) {
		if (!json_array_append_new(array, encode_item(field, items, i)))
			continue;
		json_decref(array);
		array = NULL;
	}
	return array;
}

static json_t *encode_field(const struct field *field, const void *source)
{
	const void *place = member(source, field->offset);

	switch (field->type) {
	case FIELD_OBJECT:
		return fields_encode(field->fields, place);
	case FIELD_TEXTS:
	case FIELD_U32S:
	case FIELD_OBJECTS:
		return encode_array(field, source);
	default:
		return encode_scalar(field->type, place);
	}
}

static bool is_there(const struct field *field, const void *source)
{
	if (field->has_offset && !*(const bool *)member(source, field->has_offset))
		return false;
	return field->type != FIELD_TEXT || *(const char *const *)member(source, field->offset);
}

json_t *fields_encode(const struct field *fields, const void *source)
{
	json_t *object = json_object();

	for (; object && fields->name; fields++) {
		if (!is_there(fields, source))
			continue;
		if (!json_object_set_new(object, fields->name, encode_field(fields, source)))
			continue;
		json_decref(object);
		object = NULL;
	}
	return object;
}
