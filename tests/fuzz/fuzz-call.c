/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Any bytes as a stream of calls and replies: framed, parsed, their parameters read by a table with
 * every type of field. What was read is written and reads back to the same text. */

#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/wire/base64.h"
#include "proto/wire/call.h"
#include "proto/wire/fields.h"
#include "tests/fuzz/fuzz.h"

struct item {
	const char *name;
	const char **words;
	size_t n_words;
};

struct everything {
	struct item item, *items;
	const char *text;
	uint32_t *numbers, small;
	uint64_t large;
	double real;
	size_t n_items, n_numbers;
	bool flag;
};

static const struct field item_fields[] = {
	{FIELD(struct item, name, FIELD_TEXT), .is_required = true},
	{FIELD(struct item, words, FIELD_TEXTS), .n_offset = offsetof(struct item, n_words)},
	{},
};

static const struct field everything_fields[] = {
	{FIELD(struct everything, item, FIELD_OBJECT), .fields = item_fields},
	{FIELD(struct everything, items, FIELD_OBJECTS),
		.n_offset = offsetof(struct everything, n_items), .item_size = sizeof(struct item),
		.fields = item_fields},
	{FIELD(struct everything, text, FIELD_TEXT)},
	{FIELD(struct everything, numbers, FIELD_U32S),
		.n_offset = offsetof(struct everything, n_numbers)},
	{FIELD(struct everything, small, FIELD_U32)},
	{FIELD(struct everything, large, FIELD_U64)},
	{FIELD(struct everything, real, FIELD_DOUBLE)},
	{FIELD(struct everything, flag, FIELD_BOOL)},
	{},
};

/* Decodes; encodes; what comes out decodes again. */
static void use_parameters(struct json_t *parameters, enum fields_mode mode)
{
	CLEANUP(buffer_done) struct buffer text = {};
	struct everything everything = {}, back = {};
	struct fields_invalid invalid;
	struct reply reply;
	int r = fields_decode(everything_fields, parameters, mode, &everything, &invalid);

	if (r == FIELDS_INVALID && strlen(invalid.name) >= sizeof(invalid.name))
		abort();
	if (r)
		return;
	/* An embedded object that was not there has no name, so it is not sent soundly. */
	if (!everything.item.name)
		everything.item.name = "";
	if (reply_format(&text, NULL, fields_encode(everything_fields, &everything), false) ||
		reply_parse(text.data, text.size, &reply) ||
		fields_decode(everything_fields, reply.parameters, FIELDS_STRICT, &back, &invalid))
		abort();
	if (back.n_items != everything.n_items || back.n_numbers != everything.n_numbers ||
		back.small != everything.small || back.large != everything.large)
		abort();
	fields_done(everything_fields, &back);
	reply_done(&reply);
	fields_done(everything_fields, &everything);
}

static void use_message(const char *text, size_t size)
{
	CLEANUP(buffer_done) struct buffer bytes = {}, back = {};
	struct reply reply;
	struct call call;

	if (!call_parse(text, size, &call)) {
		if (!call.method || !call.parameters)
			abort();
		use_parameters(call.parameters, FIELDS_STRICT);
		use_parameters(call.parameters, FIELDS_LENIENT);
		call_done(&call);
	}
	if (!reply_parse(text, size, &reply)) {
		if (reply.error && reply.continues)
			abort();
		use_parameters(reply.parameters, FIELDS_LENIENT);
		reply_done(&reply);
	}
	if (!base64_decode(&bytes, text, size)) {
		base64_encode(&back, bytes.data, bytes.size);
		if (back.size != size || (size && memcmp(back.data, text, size)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const char *text = (const char *)bytes, *end;

	/* One NUL after another, as frame.c cuts them; the last may lack it. */
	while (n && (end = memchr(text, '\0', n))) {
		use_message(text, (size_t)(end - text));
		n -= (size_t)(end + 1 - text);
		text = end + 1;
	}
	use_message(text, n);
	return 0;
}
