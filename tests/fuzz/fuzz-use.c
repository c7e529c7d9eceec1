/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A profile that a reader handed out must be fit for everybody downstream, whatever it was made of. */

#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/utf8.h"
#include "proto/profile/folded.h"
#include "proto/profile/merge.h"
#include "proto/profile/narrow.h"
#include "proto/profile/profile-json.h"
#include "proto/profile/rank.h"
#include "proto/profile/tree.h"
#include "tests/fuzz/fuzz.h"

static void demand(bool is_so)
{
	if (!is_so)
		abort();
}

static void tables_check(const struct profile *profile)
{
	for (uint32_t i = 0; i < profile->strings.n; i++) {
		const char *text = profile_string(profile, i);

		demand(utf8_is_valid(text, strlen(text)));
	}
	for (size_t i = 1; i < profile->n_frames; i++) {
		const struct profile_frame *frame = &profile->frames[i];

		demand(frame->mapping < profile->n_mappings);
		demand(frame->n_lines && frame->first_line + frame->n_lines <= profile->n_lines);
	}
	for (size_t i = 1; i < profile->n_stacks; i++)
		demand(profile->stacks[i].parent < i &&
			profile->stacks[i].frame < profile->n_frames);
	for (size_t i = 0; i < profile->n_samples; i++)
		demand(profile->samples[i].stack < profile->n_stacks &&
			profile->samples[i].thread < profile->n_threads);
	demand(profile->ledger.taken >= profile->ledger.kept);
}

static void rank_check(const struct profile *profile)
{
	for (int by = RANK_BY_FUNCTION; by <= RANK_BY_CALLEE; by++) {
		CLEANUP(ranking_freep) struct ranking *ranking = NULL;
		CLEANUP(freep) char *json = NULL;
		const struct rank_options options = {.by = (enum rank_by)by,
			.value_type = profile->n_value_types - 1,
			.function = profile->functions[profile->n_functions - 1].name,
			.sort = (enum rank_sort)(by % 3)};

		demand(!ranking_new(profile, &options, &ranking));
		for (size_t i = 0; i < ranking->n_rows; i++)
			demand(ranking->rows[i].self <= ranking->rows[i].total &&
				ranking->rows[i].total <= ranking->whole);
		demand(!profile_json_encode_summary(profile, ranking, 10, "x", &json));
	}
}

static void tree_check(const struct profile *profile)
{
	CLEANUP(tree_freep) struct tree *tree = NULL;

	demand(!tree_new(profile, NULL, &tree));
	demand(tree->nodes[0].n_descendants == tree->n_nodes - 1);
	for (size_t i = 1; i < tree->n_nodes; i++) {
		const struct tree_node *node = &tree->nodes[i];

		demand(node->parent < i && *tree_name(tree, i) && node->value > 0);
		demand(node->value <= tree->nodes[node->parent].value);
		demand(node->depth == tree->nodes[node->parent].depth + 1);
	}
}

void fuzz_use(const struct profile *profile)
{
	const struct narrow_options options = {.focus = "a", .ignore = "b", .to_ns = 1000000000};
	CLEANUP(profile_unrefp) struct profile *merged = profile_new(), *narrowed = NULL;

	demand(profile->is_sealed && profile->n_value_types && merged);
	tables_check(profile);
	rank_check(profile);
	tree_check(profile);
	demand(!merge_add(merged, profile) && !merge_add(merged, profile));
	demand(merged->n_samples <= profile->n_samples * 2);
	demand(!narrow_profile(profile, &options, &narrowed, NULL));
	tables_check(narrowed);
}

void fuzz_compare(const struct profile *a, const struct profile *b)
{
	CLEANUP(buffer_done) struct buffer folded_a = {}, folded_b = {};
	const struct folded_options options = {.annotate = true};

	demand(a->ledger.kept == b->ledger.kept && a->ledger.complete == b->ledger.complete);
	demand(a->n_samples == b->n_samples && a->n_value_types == b->n_value_types);
	demand(!folded_encode(a, &options, &folded_a) && !folded_encode(b, &options, &folded_b));
	demand(folded_a.size == folded_b.size &&
		(!folded_a.size || !memcmp(folded_a.data, folded_b.data, folded_a.size)));
}
