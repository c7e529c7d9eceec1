// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The two sides take turns, so that what drifts on the machine (its clock rate, its other work) drifts
 * alike on both. A shell that runs one simple command becomes it by `exec`, which is left to whoever
 * writes the line; the shell's own time is in the runs of both.
 */

#include "cli/diff-runs.h"

#include <errno.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/runs.h"
#include "proto/base/cleanup.h"
#include "proto/profile/pprof.h"

#define RUNS_DEFAULT 5
#define FREQUENCY_DEFAULT_HZ 999

static const char *const side_names[] = {"before", "after"};

void diff_runs_init(struct diff_runs *diff)
{
	*diff = (struct diff_runs){.n_runs = RUNS_DEFAULT, .n_warm_ups = 1};
	diff->request.frequency_hz = FREQUENCY_DEFAULT_HZ;
}

int diff_runs_set(struct diff_runs *diff, const struct option_spec *spec, const char *value)
{
	bool was_asked = diff->is_asked;

	diff->is_asked = true;
	switch (spec->id) {
	case OPTION_RUNS:
		return option_parse_count(spec, value, &diff->n_runs);
	case OPTION_RUNS_WARM_UP:
		diff->n_warm_ups = 0;
		return strcmp(value, "0") == 0 ? 0
					       : option_parse_count(spec, value, &diff->n_warm_ups);
	case OPTION_RUNS_BEFORE:
	case OPTION_RUNS_AFTER:
		diff->commands[spec->id == OPTION_RUNS_AFTER] = value;
		return 0;
	case OPTION_RUNS_KEEP:
		diff->keep = value;
		return 0;
	case 'F':
		return option_parse_frequency(spec, value, &diff->request.frequency_hz);
	case 'd':
		return option_parse_duration(spec, value, &diff->request.duration_ns);
	case OPTION_RUNS_SOCKET:
		diff->connection.socket = value;
		return 0;
	case OPTION_RUNS_NO_DAEMON:
		diff->connection.is_private = true;
		return 0;
	default:
		diff->is_asked = was_asked;
		return DIFF_RUNS_FOREIGN;
	}
}

static int keep(const struct diff_runs *diff, const struct profile *profile, int side)
{
	CLEANUP(buffer_done) struct buffer bytes = {0};
	CLEANUP(freep) char *path = NULL;
	int r = pprof_encode(profile, &bytes);

	if (r == 0 && asprintf(&path, "%s-%s.pb.gz", diff->keep, side_names[side]) < 0) {
		path = NULL;
		r = -ENOMEM;
	}
	if (r < 0) {
		message_error("cannot keep the runs: %s", strerror(-r));
		return EXIT_FAILED;
	}
	if (output_write_file(path, bytes.data, bytes.size) < 0)
		return EXIT_FAILED;
	message_note("Wrote %s", path);
	return 0;
}

static int finish(const struct diff_runs *diff, struct runs runs[COMPARE_SIDES],
	struct side sides[COMPARE_SIDES])
{
	for (int side = 0; side < COMPARE_SIDES; side++) {
		int r;

		if (!runs[side].profile) {
			message_error("'%s' ended before anything was taken", runs[side].command);
			return EXIT_NO_TARGET;
		}
		r = runs_finish(&runs[side]);
		if (r < 0) {
			message_error("cannot keep the runs: %s", strerror(-r));
			return EXIT_FAILED;
		}
		if (diff->keep && keep(diff, runs[side].profile, side) != 0)
			return EXIT_FAILED;
		sides[side].profiles[0] = TAKE(runs[side].profile);
		sides[side].n = 1;
		sides[side].source = runs[side].command;
	}
	return 0;
}

static void runs_done_all(struct runs (*runs)[COMPARE_SIDES])
{
	for (int side = 0; side < COMPARE_SIDES; side++)
		runs_done(&(*runs)[side]);
}

int diff_runs_record(const struct diff_runs *diff, struct side sides[COMPARE_SIDES])
{
	CLEANUP(connection_done) struct connection connection = {0};
	CLEANUP(closep) int signal_fd = -1;
	char *argvs[COMPARE_SIDES][4] = {{"sh", "-c", (char *)diff->commands[0], NULL},
		{"sh", "-c", (char *)diff->commands[1], NULL}};
	CLEANUP(runs_done_all)
	struct runs runs[COMPARE_SIDES] = {{.argv = argvs[0], .command = diff->commands[0]},
		{.argv = argvs[1], .command = diff->commands[1]}};
	sigset_t mask;
	struct runner runner = {
		.connection = &connection, .request = &diff->request, .mask = &mask};
	int r;

	signal_fd = runner.signal_fd = recording_open_signals(&mask);
	if (signal_fd < 0) {
		message_error("cannot wait for signals: %s", strerror(-signal_fd));
		return EXIT_FAILED;
	}
	r = connection_open(&connection, &diff->connection);
	for (uint32_t i = 0; r == 0 && i < 2 * (diff->n_warm_ups + diff->n_runs); i++)
		r = runs_add(&runs[i % 2], &runner, i / 2 < diff->n_warm_ups);
	if (r != 0)
		return r >= EXIT_OWN_FAILURE || runs[0].exit_code || runs[1].exit_code ? EXIT_FAILED
										       : r;
	return finish(diff, runs, sides);
}
