// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is known of the terminal, and the one line of progress on it. Only this file writes escape
 * sequences to standard error.
 */

#include "cli/terminal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "proto/base/text.h"
#include "proto/base/utf8.h"

#define WIDTH_MIN 20
#define WIDTH_DEFAULT 80
#define WIDTH_MAX 500

static bool has_progress;

int terminal_width(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size = {0};
	uint32_t width;

	if (!isatty(fd))
		return 0;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= WIDTH_MIN)
		return size.ws_col < WIDTH_MAX ? size.ws_col : WIDTH_MAX;
	if (columns && text_parse_u32(columns, &width) == 0 && width >= WIDTH_MIN)
		return width < WIDTH_MAX ? (int)width : WIDTH_MAX;
	return WIDTH_DEFAULT;
}

bool terminal_has_colour(int fd)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");

	if (no_colour && *no_colour)
		return false;
	return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

void terminal_progress(const char *format, ...)
{
	int width = terminal_width(STDERR_FILENO);
	char text[WIDTH_MAX];
	va_list arguments;
	int n;

	if (!width)
		return;
	va_start(arguments, format);
	n = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (n < 0)
		return;
	utf8_sanitize(text, strlen(text));
	fprintf(stderr, "\r%.*s\033[K", width - 1, text);
	fflush(stderr);
	has_progress = true;
}

void terminal_progress_clear(void)
{
	if (!has_progress)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	has_progress = false;
}
