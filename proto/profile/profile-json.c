/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Conditions and ledger as JSON, by tables of fields. The profile's strings are valid UTF-8 without
 * control characters, which is what jansson wants. Numbers above INT64_MAX do not fit jansson and are
 * written as INT64_MAX; a number that is missing or of another kind when read stays as it was.
 */

#include "proto/profile/profile-json.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/utf8.h"

enum field_type { FIELD_STRING, FIELD_U64, FIELD_U32, FIELD_DOUBLE };

struct field {
	const char *name;
	enum field_type type;
	size_t offset;
};

#define CONDITION(member, type)                                                                    \
	{                                                                                          \
#member, type, offsetof(struct profile_conditions, member)                         \
	}

static const struct field condition_fields[] = {
	CONDITION(target, FIELD_STRING),
	CONDITION(event, FIELD_STRING),
	CONDITION(event_asked, FIELD_STRING),
	CONDITION(call_graph, FIELD_STRING),
	CONDITION(host, FIELD_STRING),
	CONDITION(kernel, FIELD_STRING),
	CONDITION(machine, FIELD_STRING),
	CONDITION(version, FIELD_STRING),
	CONDITION(notes, FIELD_STRING),
	CONDITION(command, FIELD_STRING),
	CONDITION(cpu_model, FIELD_STRING),
	CONDITION(governor, FIELD_STRING),
	CONDITION(virtualization, FIELD_STRING),
	CONDITION(load, FIELD_STRING),
	CONDITION(frequency_asked, FIELD_DOUBLE),
	CONDITION(frequency_reached, FIELD_DOUBLE),
	CONDITION(start_realtime_ns, FIELD_U64),
	CONDITION(duration_ns, FIELD_U64),
	CONDITION(sampled_ns, FIELD_U64),
	CONDITION(scheduler_ns, FIELD_U64),
	CONDITION(n_cpus, FIELD_U32),
};

#define LEDGER(member)                                                                             \
	{                                                                                          \
#member, FIELD_U64, offsetof(struct profile_ledger, member)                        \
	}

static const struct field ledger_fields[] = {
	LEDGER(taken),
	LEDGER(kept),
	LEDGER(not_permitted),
	LEDGER(complete),
	LEDGER(missed),
};

#define RUN(member, type)                                                                          \
	{                                                                                          \
#member, type, offsetof(struct profile_run, member)                                \
	}

static const struct field run_fields[] = {
	RUN(first_slice, FIELD_U32),
	RUN(n_slices, FIELD_U32),
	RUN(exit_code, FIELD_U32),
	RUN(wall_ns, FIELD_U64),
	RUN(user_ns, FIELD_U64),
	RUN(system_ns, FIELD_U64),
	RUN(peak_bytes, FIELD_U64),
	RUN(n_voluntary, FIELD_U64),
	RUN(n_involuntary, FIELD_U64),
};

static void json_freep(json_t **json)
{
	json_decref(*json);
}

static json_t *u64_encode(uint64_t value)
{
	return json_integer(value < INT64_MAX ? (json_int_t)value : INT64_MAX);
}

static json_t *double_encode(double value)
{
	return json_real(isfinite(value) ? value : 0);
}

/* Sets a field and gives 0 or -ENOMEM; takes over `value`, also when it is NULL. */
static int set(json_t *object, const char *name, json_t *value)
{
	return json_object_set_new(object, name, value) < 0 ? -ENOMEM : 0;
}

static int field_encode(const struct profile *profile, const struct field *field,
	const void *record, json_t *object)
{
	const char *at = (const char *)record + field->offset;

	switch (field->type) {
	case FIELD_STRING:
		return set(object, field->name,
			json_string(profile_string(profile, *(const uint32_t *)at)));
	case FIELD_U64:
		return set(object, field->name, u64_encode(*(const uint64_t *)at));
	case FIELD_U32:
		return set(object, field->name, u64_encode(*(const uint32_t *)at));
	default:
		return set(object, field->name, double_encode(*(const double *)at));
	}
}

static int fields_encode(const struct profile *profile, const struct field *fields, size_t n_fields,
	const void *record, json_t *object)
{
	for (size_t i = 0; i < n_fields; i++) {
		int r = field_encode(profile, &fields[i], record, object);

		if (r < 0)
			return r;
	}
	return 0;
}

static int counts_encode(const struct profile *profile, const struct profile_count *counts,
	size_t n_counts, json_t *object, const char *name)
{
	CLEANUP(json_freep) json_t *encoded = json_object();

	for (size_t i = 0; i < n_counts; i++)
		if (set(encoded, profile_string(profile, counts[i].reason),
			    u64_encode(counts[i].n)) < 0)
			return -ENOMEM;
	return set(object, name, TAKE(encoded));
}

static int unnamed_encode(const struct profile *profile, json_t *object)
{
	const struct profile_ledger *ledger = &profile->ledger;
	CLEANUP(json_freep) json_t *encoded = json_object();

	for (size_t i = 0; i < ledger->n_unnamed; i++) {
		const struct profile_unnamed *unnamed = &ledger->unnamed[i];
		json_t *numbers = json_object();

		if (set(encoded, profile_string(profile, unnamed->reason), numbers) < 0 ||
			set(numbers, "frames", u64_encode(unnamed->n_frames)) < 0 ||
			set(numbers, "samples", u64_encode(unnamed->n_samples)) < 0)
			return -ENOMEM;
	}
	return set(object, "unnamed", TAKE(encoded));
}

static int ledger_encode(const struct profile *profile, json_t *object)
{
	const struct profile_ledger *ledger = &profile->ledger;
	int r = fields_encode(profile, ledger_fields, ARRAY_SIZE(ledger_fields), ledger, object);

	if (r < 0)
		return r;
	r = counts_encode(profile, ledger->lost, ledger->n_lost, object, "lost");
	if (r < 0)
		return r;
	r = counts_encode(profile, ledger->truncated, ledger->n_truncated, object, "truncated");
	if (r < 0)
		return r;
	r = counts_encode(
		profile, ledger->no_user_stack, ledger->n_no_user_stack, object, "no_user_stack");
	return r < 0 ? r : unnamed_encode(profile, object);
}

/* A file's name may hold any bytes, JSON may not. */
static json_t *path_encode(const char *path)
{
	CLEANUP(freep) char *clean = strdup(path);

	return clean ? json_stringn(clean, utf8_sanitize(clean, strlen(clean))) : NULL;
}

/* A new object that `parent` owns under that name, or NULL without memory. */
static json_t *object_add(json_t *parent, const char *name)
{
	json_t *object = json_object();

	return set(parent, name, object) < 0 ? NULL : object;
}

static int runs_encode(const struct profile *profile, json_t *document)
{
	json_t *runs = json_array();

	if (!profile->n_runs) {
		json_decref(runs);
		return 0;
	}
	if (set(document, "runs", runs) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < profile->n_runs; i++) {
		json_t *run = json_object();

		if (json_array_append_new(runs, run) < 0 ||
			fields_encode(profile, run_fields, ARRAY_SIZE(run_fields),
				&profile->runs[i], run) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* {"perfctl":1,"conditions":{…},"ledger":{…},"runs":[…]}, or NULL without memory. */
static json_t *document_encode(const struct profile *profile)
{
	CLEANUP(json_freep) json_t *document = json_object();
	json_t *conditions, *ledger;

	if (set(document, "perfctl", json_integer(PROFILE_JSON_VERSION)) < 0)
		return NULL;
	conditions = object_add(document, "conditions");
	if (fields_encode(profile, condition_fields, ARRAY_SIZE(condition_fields),
		    &profile->conditions, conditions) < 0)
		return NULL;
	ledger = object_add(document, "ledger");
	if (ledger_encode(profile, ledger) < 0 || runs_encode(profile, document) < 0)
		return NULL;
	return TAKE(document);
}

int profile_json_encode(const struct profile *profile, char **ret_text)
{
	CLEANUP(json_freep) json_t *document = document_encode(profile);
	char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;

	if (!text)
		return -ENOMEM;
	*ret_text = text;
	return 0;
}

static int share_encode(json_t *row, const char *name, const struct rank_share *share)
{
	json_t *numbers = object_add(row, name);

	if (set(numbers, "share", double_encode(share->share)) < 0 ||
		set(numbers, "low", double_encode(share->low)) < 0 ||
		set(numbers, "high", double_encode(share->high)) < 0)
		return -ENOMEM;
	/* No bound is no number. */
	return set(numbers, "speedup_max",
		isfinite(share->speedup_max) ? json_real(share->speedup_max) : json_null());
}

static int hotspot_encode(
	const struct profile *profile, const struct rank_row *row, json_t *hotspots)
{
	json_t *encoded = json_object();

	if (json_array_append_new(hotspots, encoded) < 0 ||
		set(encoded, "name", json_string(ranking_name(profile, row))) < 0 ||
		set(encoded, "module", json_string(profile_string(profile, row->module))) < 0 ||
		set(encoded, "file", json_string(profile_string(profile, row->file))) < 0 ||
		set(encoded, "line", u64_encode(row->line)) < 0 ||
		set(encoded, "self", json_integer(row->self)) < 0 ||
		set(encoded, "total", json_integer(row->total)) < 0 ||
		set(encoded, "score", double_encode(row->score)) < 0 ||
		share_encode(encoded, "self_share", &row->self_share) < 0)
		return -ENOMEM;
	return share_encode(encoded, "total_share", &row->total_share);
}

/* What the rows are shares of, and whether that was long enough; a number that is not finite is
 * null. */
static int sufficiency_encode(const struct ranking *ranking, json_t *document)
{
	struct rank_sufficiency sufficiency = ranking_sufficiency(ranking);
	bool is_finite = isfinite(sufficiency.telling_apart);
	json_t *numbers = object_add(document, "sufficiency");

	if (set(numbers, "whole", json_integer(ranking->whole)) < 0 ||
		set(numbers, "samples", json_integer(ranking->n_samples)) < 0 ||
		set(numbers, "half_width", double_encode(sufficiency.half_width)) < 0 ||
		set(numbers, "halving", double_encode(sufficiency.halving)) < 0)
		return -ENOMEM;
	return set(numbers, "telling_apart",
		is_finite ? json_real(sufficiency.telling_apart) : json_null());
}

static int hotspots_encode(const struct profile *profile, const struct ranking *ranking,
	size_t n_rows, json_t *document)
{
	json_t *hotspots = json_array();

	if (set(document, "hotspots", hotspots) < 0 || sufficiency_encode(ranking, document) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n_rows && i < ranking->n_rows; i++)
		if (hotspot_encode(profile, &ranking->rows[i], hotspots) < 0)
			return -ENOMEM;
	return 0;
}

int profile_json_encode_summary(const struct profile *profile, const struct ranking *ranking,
	size_t n_rows, const char *output, char **ret_text)
{
	CLEANUP(json_freep) json_t *document = document_encode(profile);
	CLEANUP(freep) char *text = NULL, *line = NULL;

	if (!document || (ranking && hotspots_encode(profile, ranking, n_rows, document) < 0))
		return -ENOMEM;
	if (output && set(document, "output", path_encode(output)) < 0)
		return -ENOMEM;
	text = json_dumps(document, JSON_INDENT(2));
	if (!text || asprintf(&line, "%s\n", text) < 0)
		return -ENOMEM;
	*ret_text = TAKE(line);
	return 0;
}

static int field_decode(
	struct profile *profile, const struct field *field, const json_t *object, void *record)
{
	const json_t *value = json_object_get(object, field->name);
	char *at = (char *)record + field->offset;

	if (field->type == FIELD_STRING && json_is_string(value))
		return profile_add_string(profile, json_string_value(value), (uint32_t *)at);
	if (field->type == FIELD_DOUBLE && json_is_number(value))
		*(double *)at = json_number_value(value);
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return 0;
	if (field->type == FIELD_U64)
		*(uint64_t *)at = (uint64_t)json_integer_value(value);
	if (field->type == FIELD_U32 && json_integer_value(value) <= UINT32_MAX)
		*(uint32_t *)at = (uint32_t)json_integer_value(value);
	return 0;
}

static int fields_decode(struct profile *profile, const struct field *fields, size_t n_fields,
	const json_t *object, void *record)
{
	for (size_t i = 0; i < n_fields; i++) {
		int r = field_decode(profile, &fields[i], object, record);

		if (r < 0)
			return r;
	}
	return 0;
}

static int lost_decode(struct profile *profile, json_t *lost)
{
	const char *reason;
	json_t *n;

	json_object_foreach(lost, reason, n)
	{
		int r = 0;

		if (json_is_integer(n) && json_integer_value(n) > 0)
			r = profile_count_lost(profile, reason, (uint64_t)json_integer_value(n));
		if (r < 0)
			return r;
	}
	return 0;
}

/* A run that does not fit behind the others is left out. */
static int runs_decode(struct profile *profile, json_t *runs)
{
	size_t i;
	json_t *value;

	json_array_foreach(runs, i, value)
	{
		struct profile_run run = {0};
		int r = fields_decode(profile, run_fields, ARRAY_SIZE(run_fields), value, &run);

		if (r == 0)
			r = profile_add_run(profile, &run);
		if (r == -ENOMEM)
			return r;
	}
	return 0;
}

int profile_json_decode(struct profile *profile, const char *text, size_t n)
{
	CLEANUP(json_freep)
	json_t *document = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	json_t *ledger = json_object_get(document, "ledger");
	json_t *version = json_object_get(document, "perfctl");
	int r;

	/* Without memory jansson cannot be told from bad JSON; the comment is then left aside. */
	if (!json_is_integer(version) || json_integer_value(version) != PROFILE_JSON_VERSION)
		return PROFILE_JSON_FOREIGN;
	r = fields_decode(profile, condition_fields, ARRAY_SIZE(condition_fields),
		json_object_get(document, "conditions"), &profile->conditions);
	if (r < 0)
		return r;
	r = fields_decode(
		profile, ledger_fields, ARRAY_SIZE(ledger_fields), ledger, &profile->ledger);
	if (r < 0)
		return r;
	r = runs_decode(profile, json_object_get(document, "runs"));
	return r < 0 ? r : lost_decode(profile, json_object_get(ledger, "lost"));
}
