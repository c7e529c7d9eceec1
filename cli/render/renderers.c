// SPDX-License-Identifier: GPL-2.0-or-later
/* Suffix -> renderer. A new format is one line here and one file beside it. */

#include "cli/render/renderers.h"

#include <string.h>

#include "proto/base/text.h"
#include "proto/profile/folded.h"
#include "proto/profile/pprof.h"

const struct renderer renderers[] = {
	{".pb.gz", "pprof, the native file", render_pprof, true},
	{".folded", "folded stacks", render_folded, .is_timeless = true},
	{".svg", "flame graph", render_flame_svg, .is_timeless = true},
	{".speedscope.json", "speedscope", render_speedscope},
	{".json", "conditions, ledger and hotspots", render_json},
	{".perf", "the text of perf script", render_perf_script},
	{NULL},
};

const struct renderer *renderer_find(const char *path)
{
	const struct renderer *found = NULL;

	for (const struct renderer *renderer = renderers; renderer->suffix; renderer++) {
		if (!text_ends_with(path, renderer->suffix))
			continue;
		if (!found || strlen(renderer->suffix) > strlen(found->suffix))
			found = renderer;
	}
	return found;
}

const struct renderer *renderer_find_format(const char *format)
{
	if (strcmp(format, "pprof") == 0)
		format = "pb.gz";
	if (strcmp(format, "speedscope") == 0)
		format = "speedscope.json";
	for (const struct renderer *renderer = renderers; renderer->suffix; renderer++) {
		if (strcmp(renderer->suffix + 1, format + (*format == '.')) == 0)
			return renderer;
	}
	return NULL;
}

char *renderer_list_suffixes(void)
{
	struct buffer list = {0};

	for (const struct renderer *renderer = renderers; renderer->suffix; renderer++)
		buffer_printf(&list, "%s%s", renderer == renderers ? "" : ", ", renderer->suffix);
	if (buffer_error(&list) < 0)
		buffer_done(&list);
	return buffer_take(&list, NULL);
}

int render_pprof(
	const struct profile *profile, const struct render_options *options, struct buffer *out)
{
	return pprof_encode(profile, out);
}

/* A time is written in milliseconds, everything else as the number of samples. */
int render_folded(
	const struct profile *profile, const struct render_options *options, struct buffer *out)
{
	struct folded_options folded = {
		.weight = options->value_type ? FOLDED_MS : FOLDED_SAMPLES,
		.annotate = options->has_annotations,
	};

	return folded_encode(profile, &folded, out);
}
