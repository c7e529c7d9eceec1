/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "cli/connection.h"
#include "cli/doctor.h"

/* One line about the process: a file, or the code that it makes while it runs. */
struct doctor_line {
	char what[256];
	struct doctor_finding finding;
	char mend[256]; /* "" or finding.mend */
};

/* Run-times that can tell of their code: what each is known by, and what to do for it. `is_told`: it
 * does already. NULL: none of them, or nothing to do. */
const char *doctor_runtime(const char *module, bool has_code, bool is_told);

/* From a reply of Examine, malloc'ed. n is 0 without memory. `is_host`: the process has this host's
 * files, so that their packages are this host's. */
struct doctor_line *doctor_process_lines(json_t *reply, bool is_host, size_t *ret_n);

/* Asks the daemon, or a private one, about the process. 0, or an exit code after saying why. */
int doctor_process_ask(const struct connection_options *options, uint32_t pid, json_t **ret_reply);
