/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/connection.h"
#include "cli/target.h"
#include "cli/workload.h"
#include "proto/base/buffer.h"

/* What is asked of the daemon. Texts are borrowed; NULL and 0: not said. */
struct recording_request {
	const struct target *target;
	const char *event, *call_graph, *per, *title;
	double frequency_hz;
	uint64_t duration_ns;
	bool has_kernel, has_no_kernel, is_on_exec, is_detached;
};

/* One recording from the call to its profile. For CLEANUP nothing is needed: all is borrowed. */
struct recording {
	struct connection *connection;
	struct workload *workload; /* may hold no child */
	int signal_fd; /* SIGINT, SIGTERM, SIGHUP, SIGCHLD, all blocked */
	const char *title;
	char id[64], profile_id[64];
	bool is_quiet;

	/* Within. */
	bool is_stop_wanted, is_stop_sent, is_aborted;
	unsigned n_interrupts;
	uint64_t interrupt_ns; /* when the last of them came */
};

/*
 * Records until the duration is over, the target or the workload has ended, or a signal comes, and
 * appends the profile, gzipped pprof. 0, or an exit code after saying why.
 */
int recording_run(struct recording *recording, const struct recording_request *request,
	struct buffer *ret_profile);

/* Starts one that goes on in the daemon, and gives its id. 0, or an exit code after saying why. */
int recording_detach(struct recording *recording, const struct recording_request *request);

/* Blocks the signals and opens the descriptor that they come through. A fd or a negative errno. */
int recording_open_signals(sigset_t *ret_mask);

/* Waits, unless a signal comes before. 0, or an exit code (128 + signal). */
int recording_delay(int signal_fd, uint64_t delay_ns);
