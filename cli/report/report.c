// SPDX-License-Identifier: GPL-2.0-or-later
/* Kind -> document. */

#include "cli/report/report.h"

#include "cli/report/report-parts.h"

int report_append_markdown(struct report *report, struct buffer *out, struct profile_error *error)
{
	int r;

	switch (report->kind) {
	case REPORT_BASELINE:
		r = report_append_baseline(report, out);
		break;
	case REPORT_AFTER:
		r = report_append_after(report, out, error);
		break;
	default:
		r = report_append_diagnosis(report, out);
	}
	return r ? r : buffer_error(out);
}
