/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct capture;

/* Where the code of BPF programs lies: address of the first byte, and of the one behind the last, in no
 * order. To be freed by who asked. 0 or a negative errno. */
int capture_find_programs(struct capture *capture, uint64_t (**ret_bounds)[2], size_t *ret_n);
