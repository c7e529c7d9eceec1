/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

/* Columns of the terminal that stream `fd` is, or 0: it is none. */
int terminal_width(int fd);

/* Colour: `fd` is a terminal that knows it, and NO_COLOR (no-color.org) is not set. */
bool terminal_has_colour(int fd);

/* One line of standard error, written over again and again; nothing where that is no terminal. */
void terminal_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void terminal_progress_clear(void);
