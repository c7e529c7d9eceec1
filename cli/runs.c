// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each run is a recording of its own, from the command's first instruction; what the system accounts
 * for it comes from wait4(2), and so includes all children that it has waited for. A command that
 * fails ends the series: what it did is not what was to be measured.
 */

#include "cli/runs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/message.h"
#include "cli/target.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"
#include "proto/profile/merge.h"
#include "proto/profile/pprof.h"

static uint64_t timeval_ns(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * NS_PER_SECOND + (uint64_t)time->tv_usec * NS_PER_US;
}

static struct profile_run figures_of(const struct workload *workload)
{
	const struct rusage *usage = &workload->usage;

	return (struct profile_run){
		.exit_code = (uint32_t)workload_exit_code(workload),
		.wall_ns = workload->ended_ns - workload->released_ns,
		.user_ns = timeval_ns(&usage->ru_utime),
		.system_ns = timeval_ns(&usage->ru_stime),
		.peak_bytes = (uint64_t)usage->ru_maxrss * 1024,
		.n_voluntary = (uint64_t)usage->ru_nvcsw,
		.n_involuntary = (uint64_t)usage->ru_nivcsw,
	};
}

static int profile_join(
	struct runs *runs, const struct buffer *bytes, const struct workload *workload)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	struct profile_run run = figures_of(workload);
	struct profile_error error = {0};
	int r = pprof_decode(bytes->data, bytes->size, &profile, &error);

	if (r != 0) {
		message_error("the daemon sent no profile that can be read: %s",
			r < 0 ? strerror(-r) : error.text);
		return EXIT_FAILED;
	}
	if (!runs->profile)
		runs->profile = profile_new();
	r = runs->profile ? merge_add_run(runs->profile, profile, &run) : -ENOMEM;
	if (r == 0)
		return 0;
	message_error("cannot keep a run: %s",
		r < 0 ? strerror(-r) : "it measured something else than those before");
	return EXIT_FAILED;
}

/* From the release to the end; the recording is over by then. */
static int workload_finish(struct runs *runs, struct workload *workload, int signal_fd)
{
	if (!workload->is_released)
		return EXIT_FAILED;
	workload_wait(workload, signal_fd);
	runs->exit_code = workload_exit_code(workload);
	if (workload->exec_error)
		message_error("cannot run '%s': %s", runs->argv[0], strerror(workload->exec_error));
	else if (runs->exit_code)
		message_error("'%s' ended with %d in its run %u; nothing was kept", runs->command,
			runs->exit_code, runs->n + 1);
	return runs->exit_code;
}

int runs_add(struct runs *runs, const struct runner *runner, bool is_warm_up)
{
	CLEANUP(workload_done) struct workload workload = {.gate_fd = -1, .report_fd = -1};
	CLEANUP(buffer_done) struct buffer bytes = {0};
	struct recording_request request = *runner->request;
	struct target target = {.n_pids = 1};
	struct recording recording = {.connection = runner->connection,
		.workload = &workload,
		.signal_fd = runner->signal_fd,
		.is_quiet = runner->is_quiet};
	int r = workload_start(&workload, runs->argv, runner->mask);

	if (r < 0) {
		message_error("cannot start '%s': %s", runs->argv[0], strerror(-r));
		return EXIT_FAILED;
	}
	target.pids[0] = (uint32_t)workload.pid;
	request.target = &target;
	request.is_on_exec = true;
	if (!request.title)
		request.title = text_base_name(runs->argv[0]);
	recording.title = request.title;
	r = recording_run(&recording, &request, &bytes);
	/* That nothing was taken of it is no failure: it was short. */
	if (r != 0 && r != EXIT_NO_TARGET && !workload.exec_error)
		return r;
	r = workload_finish(runs, &workload, runner->signal_fd);
	if (r != 0)
		return r;
	if (recording.n_interrupts)
		return EXIT_SIGNAL + SIGINT;
	if (is_warm_up || !bytes.size)
		return 0;
	r = profile_join(runs, &bytes, &workload);
	runs->n += r == 0;
	return r;
}

int runs_finish(struct runs *runs)
{
	int r;

	if (!runs->profile)
		return -ENOMEM;
	r = environment_add(runs->profile);
	if (r == 0)
		r = profile_add_string(
			runs->profile, runs->command, &runs->profile->conditions.command);
	if (r == 0)
		profile_seal(runs->profile);
	return r;
}

void runs_done(struct runs *runs)
{
	profile_unrefp(&runs->profile);
}
