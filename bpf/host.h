/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Stand-ins, so that unwind.bpf.h also compiles as plain C for tests. Whoever includes this says
 * where user memory comes from.
 */

#include <stdbool.h>

#include "bpf/abi.h"

#undef __always_inline
#define __always_inline inline __attribute__((always_inline))

/* Reads `size` bytes at an address of the process under test. 0 or a negative errno. */
long host_read_user(void *to, __u32 size, const void *address);

#define bpf_probe_read_user(to, size, address) host_read_user(to, size, address)

#include "bpf/unwind.bpf.h"
