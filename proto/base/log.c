/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Log lines are made in one piece and written with one write, so that lines of several processes
 * do not mix. Control bytes in what a peer chose become '?', so that one failure stays one line.
 */

#include "proto/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *log_program = "perfctl";
static enum log_level log_least = LOG_LEVEL_INFO;

void log_init(const char *program, enum log_level level)
{
	log_program = program;
	log_least = level;
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[1024];
	size_t size;
	va_list args;
	int n;

	if (level > log_least)
		return;
	if (getenv("JOURNAL_STREAM"))
		n = snprintf(line, sizeof(line), "<%d>", (int)level);
	else
		n = snprintf(line, sizeof(line), "%s: ", log_program);
	size = (size_t)n;
	va_start(args, format);
	n = vsnprintf(line + size, sizeof(line) - size - 1, format, args);
	va_end(args);
	if (n < 0)
		return;
	size = strlen(line);
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[size++] = '\n';
	if (write(STDERR_FILENO, line, size) < 0)
		return;
}
