/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include "bpf/abi.h"

/* Who a sample is of. Equal numbers mean equal facts; no number is given twice. */
struct sample_identity {
	uint64_t number; /* from 1 on */
	struct abi_identity facts;
};

/* A sample as it came out of the ring: valid only during the callback that hands it on. */
struct sample {
	const struct abi_sample *head;
	const struct sample_identity *identity;
	/* Equal numbers mean that all frames but the leaf are equal, and as many the kernel's; no number
	 * is given twice. 0: others may be equal too. */
	uint64_t callers;
	uint32_t
		place; /* a small number that goes with the callers' one: where to keep what is known */
	const uint64_t *kernel; /* head->n_kernel addresses, leaf first */
	const uint64_t *user; /* head->n_user frames (ABI_FRAME_…), leaf first */
};

enum sample_stop_class {
	SAMPLE_STOP_COMPLETE,
	SAMPLE_STOP_TRUNCATED,
	SAMPLE_STOP_NO_USER_STACK,
};

/* How a walk ended, for people and for the wire: the rows of stop-reason.def. */
struct sample_stop {
	const char *word;
	enum sample_stop_class class;
	const char *sentence;
};

/* Never NULL: a number that is not in the table reads as "unknown", truncated. */
const struct sample_stop *sample_stop_find(unsigned stop);
