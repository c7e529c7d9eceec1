/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bpf/unwind-row.h"

/* Rows that the worker sent: may the kernel side use them for a file of file_size bytes? n may be
 * 0. 0, or -EINVAL. */
int rows_validate(const struct abi_row *rows, size_t n, uint64_t file_size);
