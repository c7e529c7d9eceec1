/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include "bpf/abi.h"

/* A sample as it came out of the ring: valid only during the callback that hands it on. */
struct sample {
	const struct abi_sample *head;
	const uint64_t *kernel; /* head->n_kernel addresses, leaf first */
	const uint64_t *user; /* head->n_user frames (ABI_FRAME_…), leaf first */
};
