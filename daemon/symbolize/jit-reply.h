/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "daemon/worker/jit-messages.h"

/* A worker's answer to a JIT_MAP or JITDUMP job, checked. Everything points into the body. */
struct jit_reply {
	struct worker_jit_head head;
	const struct worker_jit_code *codes;
	const struct worker_jit_line *lines;
	const char *strings; /* valid UTF-8 without control characters */
	size_t n_codes, n_lines;
};

/* Checks the reply, and makes the strings of `body`, a private copy, printable where they stand. 0 or
 * -EPROTO: nothing in it is to be used. */
int jit_reply_parse(const struct worker_reply *reply, void *body, struct jit_reply *ret_reply);
