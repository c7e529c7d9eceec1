/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct perfd_bpf;

/* See capture_find_programs() in capture-programs.h. */
int programs_read(struct perfd_bpf *bpf, uint64_t (**ret_bounds)[2], size_t *ret_n);
