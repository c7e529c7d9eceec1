/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/target/selector.h"

/* Called for each process; a negative errno ends the survey with it. */
typedef int survey_function(void *userdata, const struct selected *process);

/*
 * Looks at all processes of `proc_path` ("/proc"): name and real user of each, by its status file
 * (proc_pid_status(5)), and if asked for its control group (proc_pid_cgroup(5)). Those that end meanwhile are passed over. 0 or a negative errno.
 */
int survey_processes(
	const char *proc_path, bool with_cgroup, survey_function *on_process, void *userdata);
