/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The one door of libdebuginfod: its environment, and one question. */

#include <stdint.h>

struct debuginfod_question {
	const char *build_id; /* hexadecimal */
	const char *urls; /* of servers, apart by blanks */
	const char *directory; /* an empty one, for its cache */
	uint64_t max_bytes;
	uint32_t time_max_s;
};

/* Asks the servers, and waits. 0 with the path of the file, malloc'ed, below the directory; -ENOENT:
 * they say that they have none; or another negative errno. */
int debuginfod_ask(const struct debuginfod_question *question, char **ret_path);
