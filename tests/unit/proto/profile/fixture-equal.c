/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Two profiles are equal when they say the same; each record is compared by its texts. */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/proto/profile/fixture.h"

static void string_equal(
	const struct profile *a, uint32_t id_a, const struct profile *b, uint32_t id_b)
{
	ck_assert_str_eq(profile_string(a, id_a), profile_string(b, id_b));
}

static void conditions_equal(const struct profile *a, const struct profile *b)
{
	const struct profile_conditions *x = &a->conditions, *y = &b->conditions;

	string_equal(a, x->target, b, y->target);
	string_equal(a, x->event, b, y->event);
	string_equal(a, x->event_asked, b, y->event_asked);
	string_equal(a, x->call_graph, b, y->call_graph);
	string_equal(a, x->host, b, y->host);
	string_equal(a, x->kernel, b, y->kernel);
	string_equal(a, x->machine, b, y->machine);
	string_equal(a, x->version, b, y->version);
	string_equal(a, x->notes, b, y->notes);
	string_equal(a, x->command, b, y->command);
	string_equal(a, x->cpu_model, b, y->cpu_model);
	string_equal(a, x->governor, b, y->governor);
	string_equal(a, x->virtualization, b, y->virtualization);
	string_equal(a, x->load, b, y->load);
	ck_assert_double_eq(x->frequency_asked, y->frequency_asked);
	ck_assert_double_eq(x->frequency_reached, y->frequency_reached);
	ck_assert_uint_eq(x->start_realtime_ns, y->start_realtime_ns);
	ck_assert_uint_eq(x->duration_ns, y->duration_ns);
	ck_assert_uint_eq(x->sampled_ns, y->sampled_ns);
	ck_assert_uint_eq(x->scheduler_ns, y->scheduler_ns);
	ck_assert_uint_eq(x->n_cpus, y->n_cpus);
}

/* One kind of the ledger's counts, and whose texts its reasons are. */
struct counts {
	const struct profile *profile;
	const struct profile_count *counts;
	size_t n;
};

static void counts_equal(const struct counts *a, const struct counts *b)
{
	ck_assert_uint_eq(a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		string_equal(a->profile, a->counts[i].reason, b->profile, b->counts[i].reason);
		ck_assert_uint_eq(a->counts[i].n, b->counts[i].n);
	}
}

static void ledger_equal(const struct profile *a, const struct profile *b)
{
	const struct profile_ledger *x = &a->ledger, *y = &b->ledger;

	ck_assert_uint_eq(x->taken, y->taken);
	ck_assert_uint_eq(x->kept, y->kept);
	ck_assert_uint_eq(x->not_permitted, y->not_permitted);
	ck_assert_uint_eq(x->complete, y->complete);
	ck_assert_uint_eq(x->missed, y->missed);
	counts_equal(
		&(struct counts){a, x->lost, x->n_lost}, &(struct counts){b, y->lost, y->n_lost});
	counts_equal(&(struct counts){a, x->truncated, x->n_truncated},
		&(struct counts){b, y->truncated, y->n_truncated});
	counts_equal(&(struct counts){a, x->no_user_stack, x->n_no_user_stack},
		&(struct counts){b, y->no_user_stack, y->n_no_user_stack});
	ck_assert_uint_eq(x->n_unnamed, y->n_unnamed);
	for (size_t i = 0; i < x->n_unnamed; i++) {
		string_equal(a, x->unnamed[i].reason, b, y->unnamed[i].reason);
		ck_assert_uint_eq(x->unnamed[i].n_frames, y->unnamed[i].n_frames);
		ck_assert_uint_eq(x->unnamed[i].n_samples, y->unnamed[i].n_samples);
	}
}

static void frame_equal(
	const struct profile *a, uint32_t id_a, const struct profile *b, uint32_t id_b)
{
	const struct profile_frame *x = &a->frames[id_a], *y = &b->frames[id_b];

	ck_assert_uint_eq(x->address, y->address);
	ck_assert_uint_eq(x->kind, y->kind);
	ck_assert_uint_eq(x->n_lines, y->n_lines);
	string_equal(a, x->unnamed, b, y->unnamed);
	string_equal(a, a->mappings[x->mapping].path, b, b->mappings[y->mapping].path);
	string_equal(a, a->mappings[x->mapping].build_id, b, b->mappings[y->mapping].build_id);
	for (size_t i = 0; i < x->n_lines; i++) {
		const struct profile_line *line_a = &a->lines[x->first_line + i];
		const struct profile_line *line_b = &b->lines[y->first_line + i];
		const struct profile_function *f = &a->functions[line_a->function];
		const struct profile_function *g = &b->functions[line_b->function];

		ck_assert_uint_eq(line_a->line, line_b->line);
		string_equal(a, f->name, b, g->name);
		string_equal(a, f->system_name, b, g->system_name);
		string_equal(a, f->file, b, g->file);
		ck_assert_uint_eq(f->start_line, g->start_line);
	}
}

static void stack_equal(
	const struct profile *a, uint32_t id_a, const struct profile *b, uint32_t id_b)
{
	ck_assert_uint_eq(a->stacks[id_a].depth, b->stacks[id_b].depth);
	while (id_a && id_b) {
		frame_equal(a, a->stacks[id_a].frame, b, b->stacks[id_b].frame);
		id_a = a->stacks[id_a].parent;
		id_b = b->stacks[id_b].parent;
	}
	ck_assert(!id_a && !id_b);
}

static void thread_equal(
	const struct profile *a, uint32_t id_a, const struct profile *b, uint32_t id_b)
{
	const struct profile_thread *s = &a->threads[id_a], *t = &b->threads[id_b];
	const struct profile_process *p = &a->processes[s->process], *q = &b->processes[t->process];

	ck_assert_int_eq(!id_a, !id_b);
	ck_assert_int_eq(!s->process, !t->process);
	ck_assert_uint_eq(s->tid, t->tid);
	string_equal(a, s->name, b, t->name);
	ck_assert_uint_eq(p->pid, q->pid);
	ck_assert_uint_eq(p->uid, q->uid);
	ck_assert_uint_eq(p->start_ns, q->start_ns);
	string_equal(a, p->comm, b, q->comm);
	string_equal(a, p->exe, b, q->exe);
	string_equal(a, p->cgroup, b, q->cgroup);
	string_equal(a, p->unit, b, q->unit);
	string_equal(a, p->container, b, q->container);
}

static void runs_equal(const struct profile *a, const struct profile *b)
{
	ck_assert_uint_eq(a->n_runs, b->n_runs);
	for (size_t i = 0; i < a->n_runs; i++) {
		const struct profile_run *x = &a->runs[i], *y = &b->runs[i];

		ck_assert_uint_eq(x->first_slice, y->first_slice);
		ck_assert_uint_eq(x->n_slices, y->n_slices);
		ck_assert_uint_eq(x->exit_code, y->exit_code);
		ck_assert_uint_eq(x->wall_ns, y->wall_ns);
		ck_assert_uint_eq(x->user_ns, y->user_ns);
		ck_assert_uint_eq(x->system_ns, y->system_ns);
		ck_assert_uint_eq(x->peak_bytes, y->peak_bytes);
		ck_assert_uint_eq(x->n_voluntary, y->n_voluntary);
		ck_assert_uint_eq(x->n_involuntary, y->n_involuntary);
	}
}

struct keyed {
	char *key;
	size_t sample;
};

/* A text that tells a sample apart, whatever the ids are. */
static char *key_of(const struct profile *profile, const struct profile_sample *sample)
{
	const struct profile_thread *thread = &profile->threads[sample->thread];
	const struct profile_process *process = &profile->processes[thread->process];
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	for (uint32_t at = sample->stack; at; at = profile->stacks[at].parent) {
		const struct profile_frame *frame = &profile->frames[profile->stacks[at].frame];

		fprintf(out, "%llx %s", (unsigned long long)frame->address,
			profile_string(profile, profile->mappings[frame->mapping].path));
		for (uint32_t i = 0; i < frame->n_lines; i++)
			fprintf(out, " %s:%u",
				profile_function_name(
					profile, profile->lines[frame->first_line + i].function),
				profile->lines[frame->first_line + i].line);
		fputc('\n', out);
	}
	fprintf(out, "%s %u %u %s %u %u %s\n", profile_comm(profile, sample->thread), process->pid,
		thread->tid, profile_string(profile, thread->name), sample->slice,
		sample->stop_class, profile_string(profile, sample->stop));
	fprintf(out, "%u %s %s %s %s", process->uid, profile_string(profile, process->exe),
		profile_string(profile, process->unit), profile_string(profile, process->container),
		profile_string(profile, process->cgroup));
	fclose(out);
	return text;
}

static int keyed_compare(const void *a, const void *b)
{
	const struct keyed *left = a, *right = b;
	int r = strcmp(left->key, right->key);

	return r ? r : (left->sample > right->sample) - (left->sample < right->sample);
}

static struct keyed *samples_sorted(const struct profile *profile)
{
	struct keyed *sorted = calloc(profile->n_samples + 1, sizeof(*sorted));

	ck_assert_ptr_nonnull(sorted);
	for (size_t i = 0; i < profile->n_samples; i++)
		sorted[i] = (struct keyed){key_of(profile, &profile->samples[i]), i};
	qsort(sorted, profile->n_samples, sizeof(*sorted), keyed_compare);
	return sorted;
}

static void sample_equal(const struct profile *a, size_t i, const struct profile *b, size_t j)
{
	const struct profile_sample *x = &a->samples[i], *y = &b->samples[j];

	stack_equal(a, x->stack, b, y->stack);
	thread_equal(a, x->thread, b, y->thread);
	ck_assert_uint_eq(x->slice, y->slice);
	ck_assert_uint_eq(x->stop_class, y->stop_class);
	string_equal(a, x->stop, b, y->stop);
	for (size_t type = 0; type < a->n_value_types; type++)
		ck_assert_int_eq(profile_value(a, i, type), profile_value(b, j, type));
}

void fixture_assert_equal(const struct profile *a, const struct profile *b)
{
	struct keyed *sorted_a, *sorted_b;

	conditions_equal(a, b);
	ledger_equal(a, b);
	runs_equal(a, b);
	ck_assert_uint_eq(a->n_value_types, b->n_value_types);
	for (size_t i = 0; i < a->n_value_types; i++) {
		string_equal(a, a->value_types[i].type, b, b->value_types[i].type);
		string_equal(a, a->value_types[i].unit, b, b->value_types[i].unit);
	}
	ck_assert_uint_eq(a->n_samples, b->n_samples);
	sorted_a = samples_sorted(a);
	sorted_b = samples_sorted(b);
	for (size_t i = 0; i < a->n_samples; i++) {
		sample_equal(a, sorted_a[i].sample, b, sorted_b[i].sample);
		free(sorted_a[i].key);
		free(sorted_b[i].key);
	}
	free(sorted_a);
	free(sorted_b);
}
