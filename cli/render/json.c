// SPDX-License-Identifier: GPL-2.0-or-later
/* The machine-readable summary of a profile with all its functions. */

#include "proto/base/cleanup.h"
#include "proto/profile/profile-json.h"
#include "proto/profile/rank.h"

#include "cli/render/renderers.h"

int render_json(
	const struct profile *profile, const struct render_options *options, struct buffer *out)
{
	struct rank_options rank = {.value_type = options->value_type};
	CLEANUP(ranking_freep) struct ranking *ranking = NULL;
	CLEANUP(freep) char *text = NULL;
	int r;

	r = ranking_new(profile, &rank, &ranking);
	if (r < 0)
		return r;
	r = profile_json_encode_summary(profile, ranking, ranking->n_rows, NULL, &text);
	if (r < 0)
		return r;
	buffer_append_text(out, text);
	return buffer_error(out);
}
