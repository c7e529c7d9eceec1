/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What all rankings have in common: shares with their intervals, the order of rows, and whether the
 * recording was long enough. Rows are in one order whatever order they were found in: equal ones go
 * by name, file and line.
 */

#include "proto/profile/rank-rows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"

/* The standard normal's quantile at 97.5 %. */
#define Z_95 1.959963984540054
#define CANDIDATES_MAX 3

struct rank_share rank_share_of(double share, double n)
{
	double z2 = Z_95 * Z_95, centre, half;
	struct rank_share result = {.share = share, .low = 0, .high = 1};

	if (share < 0 || !isfinite(share))
		result.share = share = 0;
	if (share > 1)
		result.share = share = 1;
	result.speedup_max = share < 1 ? 1 / (1 - share) : INFINITY;
	if (n <= 0)
		return result;
	centre = (share + z2 / (2 * n)) / (1 + z2 / n);
	half = Z_95 / (1 + z2 / n) * sqrt(share * (1 - share) / n + z2 / (4 * n * n));
	/* At the ends the formula's own limits are exact; rounding is not. */
	result.low = share == 0 ? 0 : fmax(0, centre - half);
	result.high = share == 1 ? 1 : fmin(1, centre + half);
	return result;
}

struct order {
	const struct profile *profile;
	enum rank_sort sort;
};

static int texts_compare(
	const struct order *order, const struct rank_row *a, const struct rank_row *b)
{
	int r = strcmp(ranking_name(order->profile, a), ranking_name(order->profile, b));

	if (!r)
		r = strcmp(profile_string(order->profile, a->file),
			profile_string(order->profile, b->file));
	return r ? r : (a->line > b->line) - (a->line < b->line);
}

static int row_compare(const void *a, const void *b, void *userdata)
{
	const struct order *order = userdata;
	const struct rank_row *left = a, *right = b;
	bool is_by_total = order->sort == RANK_SORT_TOTAL;
	int64_t keys[][2] = {
		{left->self, right->self}, {left->total, right->total}, {left->self, right->self}};

	if (order->sort == RANK_SORT_SCORE && left->score != right->score)
		return left->score > right->score ? -1 : 1;
	for (size_t i = is_by_total; i < ARRAY_SIZE(keys); i++)
		if (keys[i][0] != keys[i][1])
			return keys[i][0] > keys[i][1] ? -1 : 1;
	return texts_compare(order, left, right);
}

void rank_rows_sort(const struct profile *profile, struct ranking *ranking)
{
	struct order order = {.profile = profile, .sort = ranking->options.sort};
	double whole = (double)ranking->whole, n = (double)ranking->n_samples;

	for (size_t i = 0; i < ranking->n_rows; i++) {
		struct rank_row *row = &ranking->rows[i];

		row->self_share = rank_share_of((double)row->self / whole, n);
		row->total_share = rank_share_of((double)row->total / whole, n);
		row->score = 50 * row->self_share.share + 50 * row->total_share.share;
	}
	if (ranking->n_rows)
		qsort_r(ranking->rows, ranking->n_rows, sizeof(*ranking->rows), row_compare,
			&order);
}

int ranking_new(const struct profile *profile, const struct rank_options *options,
	struct ranking **ret_ranking)
{
	CLEANUP(ranking_freep) struct ranking *ranking = calloc(1, sizeof(*ranking));
	int r;

	if (!ranking)
		return -ENOMEM;
	if (options)
		ranking->options = *options;
	r = intern_init(&ranking->labels);
	if (r < 0)
		return r;
	switch (ranking->options.by) {
	case RANK_BY_THREAD:
	case RANK_BY_PROCESS:
	case RANK_BY_UNIT:
		r = rank_owners(profile, ranking);
		break;
	case RANK_BY_CALLER:
	case RANK_BY_CALLEE:
		r = rank_neighbours(profile, ranking);
		break;
	default:
		r = rank_places(profile, ranking);
	}
	if (r < 0)
		return r;
	*ret_ranking = TAKE(ranking);
	return 0;
}

struct ranking *ranking_free(struct ranking *ranking)
{
	if (!ranking)
		return NULL;
	free(ranking->rows);
	intern_done(&ranking->labels);
	free(ranking);
	return NULL;
}

void ranking_freep(struct ranking **ranking)
{
	*ranking = ranking_free(*ranking);
}

const char *ranking_name(const struct profile *profile, const struct rank_row *row)
{
	if (row->label)
		return row->label;
	return row->name ? profile_string(profile, row->name) : "[unknown]";
}

const struct rank_share *ranking_share(const struct ranking *ranking, const struct rank_row *row)
{
	return ranking->options.sort == RANK_SORT_TOTAL ? &row->total_share : &row->self_share;
}

struct rank_sufficiency ranking_sufficiency(const struct ranking *ranking)
{
	struct rank_sufficiency result = {.half_width = 1, .halving = 3};
	const struct rank_share *first, *second;
	double n = (double)ranking->n_samples, apart, variance;

	if (!ranking->n_rows)
		return result;
	first = ranking_share(ranking, &ranking->rows[0]);
	result.half_width = (first->high - first->low) / 2;
	if (ranking->n_rows < 2 || n <= 0)
		return result;
	second = ranking_share(ranking, &ranking->rows[1]);
	apart = fabs(first->share - second->share);
	variance = first->share + second->share - apart * apart;
	result.telling_apart = fmax(0, Z_95 * Z_95 * variance / (apart * apart) / n - 1);
	return result;
}

static void candidates_say(
	const struct profile *profile, const char *name, struct profile_error *error)
{
	size_t used = 0, n = 0;

	snprintf(error->text, sizeof(error->text), "no function is called '%.64s'", name);
	used = strlen(error->text);
	for (size_t i = 1; i < profile->n_functions && n < CANDIDATES_MAX; i++) {
		const char *candidate = profile_function_name(profile, (uint32_t)i);

		if (!strcasestr(candidate, name))
			continue;
		used += (size_t)snprintf(error->text + used, sizeof(error->text) - used,
			"%s '%.48s'", n ? "," : "; there are", candidate);
		if (used >= sizeof(error->text))
			return;
		n++;
	}
}

int ranking_find_function(const struct profile *profile, const char *name, uint32_t *ret_function,
	struct profile_error *error)
{
	uint32_t found = 0;
	bool is_only = true;

	for (size_t i = 1; i < profile->n_functions; i++) {
		uint32_t string = profile->functions[i].name;
		const char *text = profile_string(profile, string);

		if (strcmp(text, name) == 0) {
			*ret_function = string;
			return 0;
		}
		if (!strstr(text, name))
			continue;
		is_only &= !found || found == string;
		found = string;
	}
	if (found && is_only) {
		*ret_function = found;
		return 0;
	}
	candidates_say(profile, name, error);
	return RANK_NO_FUNCTION;
}
