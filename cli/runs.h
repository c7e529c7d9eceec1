/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A command run several times, each run recorded, into one profile that tells the runs apart. */

#include "cli/recording.h"
#include "proto/profile/profile.h"

#define RUNS_MAX 1000

/* A command under repetition. */
struct runs {
	char **argv; /* borrowed, ended by NULL */
	const char *command; /* as a person would type it; borrowed */
	struct profile *profile; /* of the runs so far; not sealed until runs_finish() */
	unsigned n;
	int exit_code; /* of the last */
};

/* What all runs share. Borrowed. */
struct runner {
	struct connection *connection;
	const struct recording_request *request; /* target and title are made for each run */
	int signal_fd;
	const sigset_t *mask;
	bool is_quiet;
};

/* Runs it once more; a warm-up is recorded too, and forgotten. 0, or an exit code after saying why: also
 * that of a command that failed. */
int runs_add(struct runs *runs, const struct runner *runner, bool is_warm_up);

/* Says where and on what it was run, and seals. 0 or -ENOMEM. */
int runs_finish(struct runs *runs);

void runs_done(struct runs *runs);
