// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A flame graph of two sides at once: both are one tree, in which a box is as wide as its time on both
 * sides together, so that what is gone is seen as well as what is new. Its colour is the change of its
 * total. A box whose counts do not carry a change is grey, however large the change: one sample
 * against none is nothing.
 */

#include <errno.h>
#include <math.h>
#include <string.h>

#include "cli/render/diff.h"
#include "cli/render/flame-picture.h"
#include "proto/base/cleanup.h"
#include "proto/profile/copy.h"

/* Both sides together are so many units. */
#define WHOLE 1e6
/* Standard errors of a difference that is coloured: there are many boxes. */
#define SURE 3.5
#define CHANGE_SMALL 0.1
#define CHANGE_LARGE 0.5

/* Values of the joint profile. */
enum { VALUE_SAMPLES, VALUE_BOTH, VALUE_AFTER };

static int times_of(const struct profile *profile)
{
	for (size_t i = 0; i < profile->n_value_types; i++)
		if (!strcmp(profile_string(profile, profile->value_types[i].unit), "nanoseconds"))
			return (int)i;
	return 0;
}

static double whole_of(const struct compare_side *side)
{
	double whole = 0;

	for (size_t i = 0; i < side->n; i++) {
		const struct profile *profile = side->profiles[i];
		size_t type = (size_t)times_of(profile);

		for (size_t j = 0; j < profile->n_samples; j++)
			whole += fmax(0, (double)profile_value(profile, j, type));
	}
	return whole;
}

/* One unit of the whole is the same of what is compared on both sides. */
static double factor_of(const struct diff *diff, int side, double whole)
{
	const struct comparison *comparison = diff->comparison;

	switch (comparison->mode) {
	case COMPARE_WORK:
		return 1 / (double)comparison->n_runs[side];
	case COMPARE_ABSOLUTE:
		return 1 / comparison->seconds[side];
	default:
		return side ? 1 / whole / comparison->normalizer : 1 / whole;
	}
}

static void scales_make(const struct diff *diff, double scales[COMPARE_SIDES])
{
	double wholes[COMPARE_SIDES], sum = 0;

	for (int side = 0; side < COMPARE_SIDES; side++) {
		wholes[side] = whole_of(&diff->sides[side]);
		scales[side] = factor_of(diff, side, wholes[side]);
		sum += scales[side] * wholes[side];
	}
	for (int side = 0; side < COMPARE_SIDES; side++)
		scales[side] *= WHOLE / sum;
}

static int profile_join(
	struct profile *into, const struct profile *from, double scale, bool is_after)
{
	CLEANUP(copy_done) struct copy copy = {};
	size_t type = (size_t)times_of(from);
	int r = copy_init_untyped(&copy, into, from);

	for (size_t i = 0; r == 0 && i < from->n_samples; i++) {
		double value = round(scale * fmax(0, (double)profile_value(from, i, type)));
		int64_t values[] = {
			profile_value(from, i, 0), (int64_t)value, is_after ? (int64_t)value : 0};

		if (value > 0)
			r = copy_sample_as(&copy, i, 0, values);
	}
	return r;
}

static int conditions_make(const struct diff *diff, struct profile *joint)
{
	static const char *const words[] = {"before: ", "after: "};
	CLEANUP(buffer_done) struct buffer text = {0};
	int r;

	for (int side = 0; side < COMPARE_SIDES; side++)
		buffer_printf(&text, "%s%s%s", side ? ", " : "", words[side], diff->names[side]);
	if (buffer_error(&text) < 0)
		return -ENOMEM;
	r = profile_add_string(joint, text.data, &joint->conditions.target);
	return r < 0
		? r
		: profile_add_string(joint,
			  "Wide: much time on both sides together. Red: more after; blue: less; "
			  "grey: the counts carry no change",
			  &joint->conditions.notes);
}

/* Both sides in one profile, with the values above. */
static int joint_make(
	const struct diff *diff, const double scales[COMPARE_SIDES], struct profile **ret_joint)
{
	CLEANUP(profile_unrefp) struct profile *joint = profile_new();
	int r = joint ? profile_add_value_type(joint, "samples", "count") : -ENOMEM;

	if (r == 0)
		r = profile_add_value_type(joint, "millionths of both sides' time", "count");
	if (r == 0)
		r = profile_add_value_type(joint, "after", "count");
	for (int side = 0; side < COMPARE_SIDES; side++)
		for (size_t i = 0; r == 0 && i < diff->sides[side].n; i++)
			r = profile_join(joint, diff->sides[side].profiles[i], scales[side], side);
	if (r == 0)
		r = conditions_make(diff, joint);
	if (r == 0)
		r = profile_count_samples(joint);
	if (r < 0)
		return r;
	profile_balance(joint);
	profile_seal(joint);
	*ret_joint = TAKE(joint);
	return 0;
}

/* So much of a box's value is one sample. */
static double per_sample(const struct diff *diff, int side, double scale)
{
	double n = (double)diff->comparison->n_samples[side];

	return n > 0 ? scale * whole_of(&diff->sides[side]) / n : 0;
}

static uint8_t kind_of(double before, double after, double variance)
{
	double change = before > 0 ? after / before - 1 : INFINITY;

	if (fabs(after - before) <= SURE * sqrt(variance))
		return FLAME_DIFF_SAME;
	if (change > 0)
		return change > CHANGE_LARGE    ? FLAME_DIFF_MORE + 2
			: change > CHANGE_SMALL ? FLAME_DIFF_MORE + 1
						: FLAME_DIFF_MORE;
	return change < -CHANGE_LARGE    ? FLAME_DIFF_LESS + 2
		: change < -CHANGE_SMALL ? FLAME_DIFF_LESS + 1
					 : FLAME_DIFF_LESS;
}

static void tree_paint(
	const struct diff *diff, const double scales[COMPARE_SIDES], struct tree *tree)
{
	double units[] = {per_sample(diff, 0, scales[0]), per_sample(diff, 1, scales[1])};
	double dispersion = fmax(1, diff->comparison->dispersion);

	for (size_t i = 1; i < tree->n_nodes; i++) {
		struct tree_node *node = &tree->nodes[i];
		double after = (double)node->other, before = (double)node->value - after;
		/* Of a count; under no change, both have half of it. */
		double variance = (before + after) / 2 * (units[0] + units[1]) * dispersion;

		node->kind = kind_of(before, after, variance);
	}
}

int render_flame_diff(
	const struct diff *diff, const struct render_options *options, struct buffer *out)
{
	struct tree_options tree_options = {
		.value_type = VALUE_BOTH, .has_other = true, .other_type = VALUE_AFTER};
	CLEANUP(profile_unrefp) struct profile *joint = NULL;
	struct render_options render = *options;
	CLEANUP(tree_freep) struct tree *tree = NULL;
	double scales[COMPARE_SIDES];
	int r;

	render.value_type = VALUE_BOTH;
	scales_make(diff, scales);
	r = joint_make(diff, scales, &joint);
	if (r == 0)
		r = tree_new(joint, &tree_options, &tree);
	if (r < 0)
		return r;
	tree_paint(diff, scales, tree);
	return flame_append(joint, &render, TAKE(tree), out);
}
