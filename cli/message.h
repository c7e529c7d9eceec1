/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What perfctl says to people, on standard error. Texts may hold names chosen by others: control
 * characters and invalid UTF-8 are shown as '?', so that none reaches a terminal.
 */

/* "perfctl: …" and a newline; an error names the thing, the cause and the mend. */
void message_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line of information; nothing after message_set_quiet(). */
void message_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

void message_set_quiet(void);
