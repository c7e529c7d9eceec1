// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One line per message, written at once. Whatever stands on the progress line of a terminal is
 * wiped first, so that a message never continues it.
 */

#include "cli/message.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/terminal.h"
#include "proto/base/cleanup.h"
#include "proto/base/utf8.h"

static bool is_quiet;

static void write_line(const char *prefix, const char *format, va_list arguments)
{
	CLEANUP(freep) char *text = NULL;

	if (vasprintf(&text, format, arguments) < 0) {
		text = NULL;
		return;
	}
	utf8_sanitize(text, strlen(text));
	terminal_progress_clear();
	fprintf(stderr, "%s%s\n", prefix, text);
}

void message_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_line("perfctl: ", format, arguments);
	va_end(arguments);
}

void message_note(const char *format, ...)
{
	va_list arguments;

	if (is_quiet)
		return;
	va_start(arguments, format);
	write_line("", format, arguments);
	va_end(arguments);
}

void message_set_quiet(void)
{
	is_quiet = true;
}
