/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

/*
 * Leaves behind all that foreign bytes must not get at, for good: user, groups, capabilities,
 * environment, every descriptor but 0-2 (which become /dev/null) and keep_fd, and all system calls
 * but those for reading what one was given. Never fails open: a negative errno means that the
 * caller must end; *ret_step then says what could not be done.
 */
int sandbox_enter(int keep_fd, const char **ret_step);

/* How much address space this process may use from now on (no-op in sanitizer builds). 0 or a
 * negative errno. */
int sandbox_limit_memory(uint64_t bytes);
