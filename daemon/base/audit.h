/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Lines of the log that somebody without privilege can bring about: so many for each user in a
 * while, and what was left out is said with the next that is written. Denials, and what admins
 * record, are told by them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/base/log.h"

/* A line that was brought about by this user, whoever is the subject of it. */
void audit_line(uid_t uid, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define AUDIT_USERS 64 /* remembered: those that spoke last */

struct audit_user {
	uid_t uid;
	bool is_known;
	unsigned n; /* lines since start_ns */
	uint64_t start_ns, last_ns;
	uint64_t n_left_out; /* lines that nobody was told of yet */
};

struct audit {
	struct audit_user users[AUDIT_USERS];
};

/* May one more line of this user be written at this time? If so, *ret_n_left_out lines before it were
 * not. One whose place was taken by another begins anew. */
bool audit_allows(struct audit *audit, uid_t uid, uint64_t now_ns, uint64_t *ret_n_left_out);
