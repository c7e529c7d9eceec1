/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One table for the process, as there is one log. Time comes in windows that begin with the first
 * line of a user. */

#include "daemon/base/audit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "daemon/base/limits.h"
#include "proto/base/time.h"

#define WINDOW_NS (60 * NS_PER_SECOND)

static struct audit audit_users;

/* The place of this user, or of who has been silent for longest. */
static struct audit_user *find(struct audit *audit, uid_t uid)
{
	struct audit_user *oldest = &audit->users[0];

	for (size_t i = 0; i < AUDIT_USERS; i++) {
		struct audit_user *user = &audit->users[i];

		if (user->is_known && user->uid == uid)
			return user;
		if (user->last_ns < oldest->last_ns)
			oldest = user;
	}
	*oldest = (struct audit_user){.uid = uid, .is_known = true};
	return oldest;
}

bool audit_allows(struct audit *audit, uid_t uid, uint64_t now_ns, uint64_t *ret_n_left_out)
{
	struct audit_user *user = find(audit, uid);

	if (!user->n || now_ns - user->start_ns >= WINDOW_NS) {
		user->start_ns = now_ns;
		user->n = 0;
	}
	user->last_ns = now_ns;
	if (user->n == LIMIT_LOG_LINES_PER_UID) {
		user->n_left_out++;
		return false;
	}
	user->n++;
	*ret_n_left_out = user->n_left_out;
	user->n_left_out = 0;
	return true;
}

void audit_line(uid_t uid, enum log_level level, const char *format, ...)
{
	char text[768];
	uint64_t n_left_out;
	va_list args;

	if (!audit_allows(&audit_users, uid, time_now_ns(CLOCK_MONOTONIC), &n_left_out))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n_left_out)
		log_line(level, "%s (and %" PRIu64 " lines on account of uid %u before it)", text,
			n_left_out, uid);
	else
		log_line(level, "%s", text);
}
