/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct perfd_bpf;

/* See capture_tell_function() in capture-functions.h. */
int functions_tell(struct perfd_bpf *bpf, uint64_t address, char *text, size_t size);
