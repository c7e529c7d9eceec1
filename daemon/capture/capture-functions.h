/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct capture;

/* What the kernel calls an address of its own, in the form of its backtraces: "name+0x10/0x40 [module]",
 * or the plain number. Cut to `size`. 0 or a negative errno. */
int capture_tell_function(struct capture *capture, uint64_t address, char *text, size_t size);
