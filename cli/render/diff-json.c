// SPDX-License-Identifier: GPL-2.0-or-later
/* A comparison as JSON; a number that is infinite or unknown is null. */

#include <errno.h>
#include <jansson.h>
#include <math.h>

#include "cli/render/diff.h"
#include "proto/base/cleanup.h"

static void json_freep(json_t **json)
{
	json_decref(*json);
}

static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

/* Takes over `value`, also when it is NULL. */
static int set(json_t *object, const char *name, json_t *value)
{
	return json_object_set_new(object, name, value) < 0 ? -ENOMEM : 0;
}

static int set_numbers(json_t *object, const struct compare_row *row)
{
	static const char *const sides[] = {"before", "after"};
	const struct {
		const char *name;
		double value;
	} numbers[] = {{"change", row->change}, {"low", row->low}, {"high", row->high},
		{"p", row->p}, {"detectable", row->detectable}};

	for (int side = 0; side < COMPARE_SIDES; side++) {
		json_t *values = json_object();

		if (set(object, sides[side], values) < 0 ||
			set(values, "value", number(row->value[side])) < 0 ||
			set(values, "share", number(row->share[side])) < 0 ||
			set(values, "samples", json_integer(row->n_samples[side])) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (set(object, numbers[i].name, number(numbers[i].value)) < 0)
			return -ENOMEM;
	return 0;
}

static json_t *row_encode(const struct compare_row *row)
{
	static const char *const verdicts[] = {"no evidence", "slower", "faster"};
	static const char *const fates[] = {"same", "renamed", "inlined", "outlined"};
	CLEANUP(json_freep) json_t *object = json_object();

	if (set(object, "name", json_string(row->name)) < 0 ||
		set(object, "module", json_string(row->module)) < 0 ||
		set(object, "file", json_string(row->file)) < 0 ||
		set(object, "line", json_integer(row->line)) < 0 ||
		set(object, "verdict", json_string(verdicts[row->verdict])) < 0 ||
		set(object, "settled", json_boolean(!row->is_unsettled)) < 0 ||
		set_numbers(object, row) < 0)
		return NULL;
	if (row->other &&
		(set(object, "fate", json_string(fates[row->fate])) < 0 ||
			set(object, "other", json_string(row->other)) < 0))
		return NULL;
	return TAKE(object);
}

static int rows_encode(const struct diff *diff, json_t *document)
{
	const struct comparison *comparison = diff->comparison;
	size_t n = diff->limit && diff->limit < comparison->n_rows ? diff->limit
								   : comparison->n_rows;
	json_t *rows = json_array(), *powers = json_array();
	int r = set(document, "functions", rows);

	if (set(document, "could_have_shown", powers) < 0 || r < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(rows, row_encode(&comparison->rows[i])) < 0)
			return -ENOMEM;
	for (size_t i = 0; i < COMPARE_POWERS; i++) {
		json_t *power = json_object();

		if (json_array_append_new(powers, power) < 0 ||
			set(power, "share", number(comparison->powers[i].share)) < 0 ||
			set(power, "change", number(comparison->powers[i].detectable)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int gate_encode(const struct diff *diff, json_t *document)
{
	json_t *gate = json_object();

	if (isnan(diff->threshold)) {
		json_decref(gate);
		return 0;
	}
	if (set(document, "gate", gate) < 0 || set(gate, "threshold", number(diff->threshold)) < 0)
		return -ENOMEM;
	return set(gate, "regression",
		diff->regression ? json_string(diff->regression->name) : json_null());
}

static int sides_encode(const struct diff *diff, json_t *document)
{
	static const char *const names[] = {"before", "after"};
	const struct comparison *comparison = diff->comparison;

	for (int side = 0; side < COMPARE_SIDES; side++) {
		json_t *object = json_object();

		if (set(document, names[side], object) < 0 ||
			set(object, "source", json_string(diff->names[side])) < 0 ||
			set(object, "runs", json_integer((json_int_t)comparison->n_runs[side])) <
				0 ||
			set(object, "samples", json_integer(comparison->n_samples[side])) < 0 ||
			set(object, "seconds", number(comparison->seconds[side])) < 0)
			return -ENOMEM;
	}
	return 0;
}

int diff_append_json(const struct diff *diff, struct buffer *out)
{
	static const char *const modes[] = {"auto", "shares", "absolute", "work"};
	const struct comparison *comparison = diff->comparison;
	CLEANUP(json_freep) json_t *document = json_object();
	CLEANUP(freep) char *text = NULL;

	if (set(document, "perfctl", json_integer(1)) < 0 || sides_encode(diff, document) < 0 ||
		set(document, "mode", json_string(modes[comparison->mode])) < 0 ||
		set(document, "method",
			json_string(comparison->method == COMPARE_RUNS ? "runs" : "batches")) < 0 ||
		set(document, "q", number(comparison->q)) < 0 ||
		set(document, "normalizer", number(comparison->normalizer)) < 0 ||
		set(document, "tested", json_integer((json_int_t)comparison->n_tested)) < 0 ||
		set(document, "slower", json_integer((json_int_t)comparison->n_slower)) < 0 ||
		set(document, "faster", json_integer((json_int_t)comparison->n_faster)) < 0 ||
		set(document, "whole", row_encode(&comparison->whole)) < 0 ||
		gate_encode(diff, document) < 0 || rows_encode(diff, document) < 0)
		return -ENOMEM;
	text = json_dumps(document, JSON_INDENT(2));
	if (!text)
		return -ENOMEM;
	buffer_append_text(out, text);
	buffer_append_char(out, '\n');
	return buffer_error(out);
}
