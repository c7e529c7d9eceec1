// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The course of a share as a static SVG picture: a step for each stretch of time, its 95 % interval
 * around it, and gaps as such. No script; titles of the steps say their figures.
 */

#include <inttypes.h>

#include "cli/render/facts.h"
#include "cli/render/timeline.h"
#include "cli/render/xml.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"
#include "proto/profile/rank.h"

enum {
	WIDTH = 960,
	HEIGHT = 360,
	LEFT = 56,
	RIGHT = 940,
	TOP = 76,
	BOTTOM = 308,
	N_TIMES = 6,
};

static const char style[] =
	"<style>\n"
	"text { font: 12px system-ui, -apple-system, \"Segoe UI\", Roboto, \"Helvetica Neue\", "
	"\"Liberation Sans\", Arial, sans-serif; fill: #59606c; }\n"
	".title { font-size: 17px; font-weight: 600; fill: #1d1f24; }\n"
	".page { fill: #ffffff; } .grid { stroke: #e1e4ea; }\n"
	".range { fill: #7fb2e5; fill-opacity: .45; } .share { stroke: #1f5fa8; stroke-width: 2; }\n"
	".gap { fill: #e9ebef; } .over { fill: #000000; fill-opacity: 0; }\n"
	"@media (prefers-color-scheme: dark) {\n"
	"  text { fill: #a2a9b5; } .title { fill: #f1f3f6; } .page { fill: #16181d; }\n"
	"  .grid { stroke: #343942; } .range { fill: #2f6cab; } .share { stroke: #8fc1f2; }\n"
	"  .gap { fill: #2a2e36; }\n"
	"}\n</style>\n";

/* Where things lie. */
struct plot {
	const struct timeline *timeline;
	uint64_t from_ns, until_ns;
	double top; /* the share at the upper edge */
};

static struct rank_share share_of(const struct timeline_row *row)
{
	return rank_share_of((double)row->n_with / (double)row->n, (double)row->n);
}

static double x_of(const struct plot *plot, uint64_t at_ns)
{
	if (at_ns > plot->until_ns)
		at_ns = plot->until_ns;
	return LEFT +
		(RIGHT - LEFT) * (double)(at_ns - plot->from_ns) /
		(double)(plot->until_ns - plot->from_ns);
}

static double y_of(const struct plot *plot, double share)
{
	return BOTTOM - (BOTTOM - TOP) * share / plot->top;
}

/* Round, and room for all intervals. */
static double top_of(const struct timeline *timeline)
{
	static const double tops[] = {0.01, 0.02, 0.05, 0.1, 0.2, 0.5};
	double high = 0;

	for (size_t i = 0; i < timeline->n; i++)
		if (timeline->rows[i].n && share_of(&timeline->rows[i]).high > high)
			high = share_of(&timeline->rows[i]).high;
	for (size_t i = 0; i < ARRAY_SIZE(tops); i++)
		if (high <= tops[i])
			return tops[i];
	return 1;
}

static void append_axes(const struct plot *plot, struct buffer *out)
{
	for (int i = 0; i <= 4; i++) {
		double share = plot->top * i / 4, y = y_of(plot, share);

		buffer_printf(out,
			"<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
			"<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.4g %%</text>\n",
			LEFT, RIGHT, y, y, LEFT - 8, y + 4, 100 * share);
	}
	for (int i = 0; i <= N_TIMES; i++) {
		uint64_t at_ns = plot->from_ns +
			(plot->until_ns - plot->from_ns) / N_TIMES * (uint64_t)i;
		char when[32];

		time_format(at_ns, when, sizeof(when));
		/* The time of day; the days stand in the head. */
		buffer_printf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%s</text>\n",
			x_of(plot, at_ns), BOTTOM + 20,
			i == 0                 ? "start"
				: i == N_TIMES ? "end"
					       : "middle",
			when + sizeof("2026-11-21"));
	}
}

static void append_row(const struct plot *plot, const struct timeline_row *row, struct buffer *out)
{
	double x = x_of(plot, row->from_ns), width = x_of(plot, row->until_ns) - x;
	struct rank_share share;
	char when[32];

	time_format(row->from_ns, when, sizeof(when));
	if (row->is_gap) {
		buffer_printf(out,
			"<rect class=\"gap\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" "
			"height=\"%d\"><title>%s: nothing was recorded</title></rect>\n",
			x, TOP, width, BOTTOM - TOP, when);
		return;
	}
	if (!row->n)
		return;
	share = share_of(row);
	buffer_printf(out,
		"<rect class=\"range\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>"
		"<line class=\"share\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
		"<rect class=\"over\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\">"
		"<title>%s: %.1f %% (%.1f…%.1f) of %" PRId64 " samples</title></rect>\n",
		x, y_of(plot, share.high), width, y_of(plot, share.low) - y_of(plot, share.high), x,
		x + width, y_of(plot, share.share), y_of(plot, share.share), x, TOP, width,
		BOTTOM - TOP, when, 100 * share.share, 100 * share.low, 100 * share.high, row->n);
}

static void append_head(const struct profile *profile, const struct plot *plot, struct buffer *out)
{
	CLEANUP(buffer_done) struct buffer facts = {0};
	char from[32], until[32];

	facts_append_title(profile, NULL, &facts);
	time_format(plot->from_ns, from, sizeof(from));
	time_format(plot->until_ns, until, sizeof(until));
	buffer_printf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"viewBox=\"0 0 %d %d\" role=\"img\">\n<title>Share of ",
		WIDTH, HEIGHT, WIDTH, HEIGHT);
	xml_append_text(out, plot->timeline->name);
	buffer_printf(out, "</title>\n%s<rect class=\"page\" width=\"%d\" height=\"%d\"/>\n", style,
		WIDTH, HEIGHT);
	buffer_append_text(out, "<text class=\"title\" x=\"16\" y=\"28\">Share of ");
	xml_append_text(out, plot->timeline->name);
	buffer_append_text(out, " in the samples</text>\n<text x=\"16\" y=\"50\">");
	xml_append(out, facts.data ? facts.data : "", facts.size);
	xml_append_text(out, " · ");
	xml_append_text(out, profile_string(profile, profile->conditions.host));
	buffer_printf(out, " · %s to %s</text>\n", from, until);
}

int timeline_append_svg(
	const struct profile *profile, const struct timeline *timeline, struct buffer *out)
{
	struct plot plot = {.timeline = timeline, .top = top_of(timeline)};

	plot.from_ns = timeline->n ? timeline->rows[0].from_ns : 0;
	plot.until_ns = timeline->n ? timeline->rows[timeline->n - 1].until_ns : 1;
	append_head(profile, &plot, out);
	append_axes(&plot, out);
	for (size_t i = 0; i < timeline->n; i++)
		append_row(&plot, &timeline->rows[i], out);
	buffer_printf(out,
		"<rect class=\"range\" x=\"%d\" y=\"%d\" width=\"14\" height=\"10\"/>"
		"<text x=\"%d\" y=\"%d\">share, with its 95 %% interval</text>"
		"<rect class=\"gap\" x=\"%d\" y=\"%d\" width=\"14\" height=\"10\"/>"
		"<text x=\"%d\" y=\"%d\">nothing was recorded</text>\n</svg>\n",
		LEFT, HEIGHT - 18, LEFT + 20, HEIGHT - 9, LEFT + 220, HEIGHT - 18, LEFT + 240,
		HEIGHT - 9);
	return buffer_error(out);
}
