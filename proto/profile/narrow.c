/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Narrowing is copying the samples that match. Expressions are tried once on each function, and what
 * they found is passed from callers to callees, since a stack's parent has a smaller id: no stack is
 * walked and no text is looked at twice.
 */

#include "proto/profile/narrow.h"

#include <errno.h>
#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/buffer.h"
#include "proto/base/cgroup-name.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"
#include "proto/profile/copy.h"

#define SLICE_NS (PROFILE_SLICE_MS * NS_PER_MS)

struct narrowing {
	const struct profile *profile;
	const struct narrow_options *options;
	bool *is_focused, *is_ignored; /* by stack; NULL: not asked for */
	uint64_t first_slice, end_slice;
};

static void narrowing_done(struct narrowing *narrowing)
{
	free(narrowing->is_focused);
	free(narrowing->is_ignored);
}

struct expression {
	regex_t regex;
	bool is_compiled;
};

static void expression_done(struct expression *expression)
{
	if (expression->is_compiled)
		regfree(&expression->regex);
}

/* 0 or PROFILE_MALFORMED. */
static int expression_compile(
	struct expression *expression, const char *text, struct profile_error *error)
{
	int status = regcomp(&expression->regex, text, REG_EXTENDED | REG_NOSUB);
	char cause[128];

	expression->is_compiled = !status;
	if (!status)
		return 0;
	regerror(status, &expression->regex, cause, sizeof(cause));
	return profile_malformed(error, "bad expression '%s': %s", text, cause);
}

int narrow_check_expression(const char *text, struct profile_error *error)
{
	CLEANUP(expression_done) struct expression expression = {};

	return expression_compile(&expression, text, error);
}

/* By function: does its name match? */
static int functions_match(const struct profile *profile, const char *text, bool **ret_matches,
	struct profile_error *error)
{
	CLEANUP(freep) bool *matches = calloc(profile->n_functions, sizeof(*matches));
	CLEANUP(expression_done) struct expression expression = {};
	int r;

	if (!matches)
		return -ENOMEM;
	r = expression_compile(&expression, text, error);
	if (r != 0)
		return r;
	for (uint32_t i = 0; i < profile->n_functions; i++)
		matches[i] = !regexec(
			&expression.regex, profile_function_name(profile, i), 0, NULL, 0);
	*ret_matches = TAKE(matches);
	return 0;
}

static bool frame_matches(
	const struct profile *profile, const struct profile_frame *frame, const bool *matches)
{
	for (size_t i = 0; i < frame->n_lines; i++)
		if (matches[profile->lines[frame->first_line + i].function])
			return true;
	return !frame->n_lines && matches[0];
}

/* By stack: is there a function whose name matches? */
static int stacks_match(const struct profile *profile, const char *expression, bool **ret_matches,
	struct profile_error *error)
{
	CLEANUP(freep) bool *stacks = calloc(profile->n_stacks, sizeof(*stacks));
	CLEANUP(freep) bool *functions = NULL;
	int r;

	if (!expression)
		return 0;
	if (!stacks)
		return -ENOMEM;
	r = functions_match(profile, expression, &functions, error);
	if (r)
		return r;
	for (size_t i = 1; i < profile->n_stacks; i++)
		stacks[i] = stacks[profile->stacks[i].parent] ||
			frame_matches(
				profile, &profile->frames[profile->stacks[i].frame], functions);
	*ret_matches = TAKE(stacks);
	return 0;
}

static bool thread_matches(
	const struct profile *profile, const struct profile_thread *thread, const char *wanted)
{
	char tid[16];

	snprintf(tid, sizeof(tid), "%" PRIu32, thread->tid);
	return !strcmp(wanted, profile_string(profile, thread->name)) || !strcmp(wanted, tid);
}

static bool unit_matches(
	const struct profile *profile, const struct profile_process *process, const char *wanted)
{
	char unit[CGROUP_NAME_SIZE];

	return cgroup_unit_complete(wanted, unit, sizeof(unit)) == 0 &&
		!strcmp(unit, profile_string(profile, process->unit));
}

static bool sample_matches(const struct narrowing *narrowing, const struct profile_sample *sample)
{
	const struct profile *profile = narrowing->profile;
	const struct narrow_options *options = narrowing->options;
	const struct profile_thread *thread = &profile->threads[sample->thread];
	const struct profile_process *process = &profile->processes[thread->process];

	if (sample->slice < narrowing->first_slice || sample->slice >= narrowing->end_slice)
		return false;
	if (options->pid && process->pid != options->pid)
		return false;
	if (options->unit && !unit_matches(profile, process, options->unit))
		return false;
	if (options->comm && strcmp(options->comm, profile_comm(profile, sample->thread)))
		return false;
	if (options->thread && !thread_matches(profile, thread, options->thread))
		return false;
	if (narrowing->is_focused && !narrowing->is_focused[sample->stack])
		return false;
	return !narrowing->is_ignored || !narrowing->is_ignored[sample->stack];
}

static bool is_narrowed(const struct narrow_options *options)
{
	return options->comm || options->thread || options->unit || options->pid ||
		options->focus || options->ignore || options->from_ns || options->to_ns;
}

/* How it was narrowed, behind the notes that were there. */
static int notes_add(struct profile *into, const struct narrow_options *options)
{
	CLEANUP(buffer_done) struct buffer notes = {};
	const struct {
		const char *name, *value;
	} texts[] = {{"comm", options->comm}, {"thread", options->thread}, {"unit", options->unit},
		{"focus", options->focus}, {"ignore", options->ignore}};

	buffer_append_text(&notes, profile_string(into, into->conditions.notes));
	buffer_append_text(&notes, notes.size ? "; narrowed to" : "narrowed to");
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i].value)
			buffer_printf(&notes, " %s=%s", texts[i].name, texts[i].value);
	if (options->pid)
		buffer_printf(&notes, " pid=%" PRIu32, options->pid);
	if (options->from_ns)
		buffer_printf(&notes, " from=%gs", (double)options->from_ns / 1e9);
	if (options->to_ns)
		buffer_printf(&notes, " to=%gs", (double)options->to_ns / 1e9);
	if (buffer_error(&notes))
		return -ENOMEM;
	return profile_add_string_n(into, notes.data, notes.size, &into->conditions.notes);
}

static int conditions_copy(struct copy *copy)
{
	struct profile_conditions *conditions = &copy->into->conditions;
	uint32_t *const texts[] = {&conditions->target, &conditions->event,
		&conditions->event_asked, &conditions->call_graph, &conditions->host,
		&conditions->kernel, &conditions->machine, &conditions->version, &conditions->notes,
		&conditions->command, &conditions->cpu_model, &conditions->governor,
		&conditions->virtualization, &conditions->load};

	*conditions = copy->from->conditions;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		int r = copy_string(copy, *texts[i], texts[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

/* What the kept samples stand for, in nanoseconds, or 0 if no value says so. */
static uint64_t sampled_ns(const struct profile *profile)
{
	int64_t sum = 0;
	size_t type = 0;

	while (type < profile->n_value_types &&
		strcmp(profile_string(profile, profile->value_types[type].unit), "nanoseconds"))
		type++;
	if (type == profile->n_value_types)
		return 0;
	for (size_t i = 0; i < profile->n_samples; i++)
		sum = profile_value_add(sum, profile_value(profile, i, type));
	return sum > 0 ? (uint64_t)sum : 0;
}

/* Whoever looks at a part of the time does not look at runs. */
static int runs_copy(
	struct profile *into, const struct profile *from, const struct narrow_options *options)
{
	for (size_t i = 0; i < from->n_runs && !options->from_ns && !options->to_ns; i++) {
		int r = profile_add_run(into, &from->runs[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

static int rest_copy(struct copy *copy, const struct narrowing *narrowing)
{
	const struct narrow_options *options = narrowing->options;
	struct profile *into = copy->into;
	const struct profile_ledger *ledger = &copy->from->ledger;
	struct profile_conditions *conditions = &into->conditions;
	uint64_t from_ns = narrowing->first_slice * SLICE_NS, to_ns;
	int r = conditions_copy(copy);

	if (r < 0)
		return r;
	if (is_narrowed(options))
		r = notes_add(into, options);
	if (r < 0)
		return r;
	r = runs_copy(into, copy->from, options);
	if (r < 0)
		return r;
	to_ns = conditions->duration_ns;
	if (options->to_ns && options->to_ns < to_ns)
		to_ns = narrowing->end_slice * SLICE_NS;
	conditions->duration_ns = to_ns > from_ns ? to_ns - from_ns : 0;
	if (conditions->start_realtime_ns)
		conditions->start_realtime_ns += from_ns;
	if (is_narrowed(options)) {
		conditions->sampled_ns = sampled_ns(into);
		conditions->scheduler_ns = 0;
	}
	into->ledger.not_permitted = ledger->not_permitted;
	into->ledger.missed = ledger->missed;
	for (size_t i = 0; i < ledger->n_lost; i++) {
		r = profile_count_lost(into, profile_string(copy->from, ledger->lost[i].reason),
			ledger->lost[i].n);
		if (r < 0)
			return r;
	}
	return 0;
}

static int narrowing_init(struct narrowing *narrowing, struct profile_error *error)
{
	const struct narrow_options *options = narrowing->options;
	int r = stacks_match(narrowing->profile, options->focus, &narrowing->is_focused, error);

	if (r)
		return r;
	narrowing->first_slice = options->from_ns / SLICE_NS;
	narrowing->end_slice = options->to_ns ? options->to_ns / SLICE_NS : UINT64_MAX;
	if (options->to_ns % SLICE_NS)
		narrowing->end_slice++;
	return stacks_match(narrowing->profile, options->ignore, &narrowing->is_ignored, error);
}

int narrow_profile(const struct profile *profile, const struct narrow_options *options,
	struct profile **ret_profile, struct profile_error *error)
{
	CLEANUP(narrowing_done)
	struct narrowing narrowing = {.profile = profile, .options = options};
	CLEANUP(profile_unrefp) struct profile *into = profile_new();
	CLEANUP(copy_done) struct copy copy = {};
	int r;

	if (!into)
		return -ENOMEM;
	r = narrowing_init(&narrowing, error);
	if (r)
		return r;
	r = copy_init(&copy, into, profile);
	if (r)
		return r;
	copy.substitutions = options->substitutions;
	copy.n_substitutions = options->n_substitutions;
	for (size_t i = 0; i < profile->n_samples; i++) {
		if (!sample_matches(&narrowing, &profile->samples[i]))
			continue;
		r = copy_sample(&copy, i, -(int64_t)narrowing.first_slice);
		if (r < 0)
			return r;
	}
	r = rest_copy(&copy, &narrowing);
	if (r < 0)
		return r;
	r = profile_count_samples(into);
	if (r < 0)
		return r;
	profile_balance(into);
	profile_seal(into);
	*ret_profile = TAKE(into);
	return 0;
}
