/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What attribution keeps; for attribution.c and attribution-stack.c. */

#include "daemon/target/attribution.h"
#include "daemon/target/stack-cache.h"

/* What is remembered of an identity, in the slot of its number. */
#define WHO_SLOTS 256

struct who {
	uint64_t number; /* 0: nobody */
	uint32_t thread; /* of the profile, if it is permitted */
	bool is_permitted;
};

/* The mapping that stands for an object, in a slot of the object's address. */
#define MAPPING_SLOTS 32

struct known_mapping {
	const struct object *object; /* that of a frame, which keeps it; or NULL */
	uint32_t mapping;
};

/* The frames of functions of the kernel, each in a slot of where its name lies; 0: none. */
#define KERNEL_SLOTS 512

struct attribution {
	struct attribution_request request;
	struct attribution_neighbours neighbours;
	const struct object_table *objects;
	struct profile *profile;
	uint64_t start_ns;
	uint32_t slice; /* the last that a sample was of */
	struct attributed_frame *frames; /* id in the hash: index + 1 */
	size_t n_frames, n_frames_allocated;
	struct hash frame_hash;
	size_t n_granted; /* bytes that its account has for it */
	size_t n_looked; /* rows of the profile when its bytes were counted last */
	bool may_grow; /* what came of that */
	struct stack_cache stacks;
	struct who who[WHO_SLOTS];
	struct known_mapping mappings[MAPPING_SLOTS];
	uint32_t kernel[KERNEL_SLOTS];
};

/* The stack of the profile that a sample's frames are. 0 or a negative errno. */
int attribution_add_stack(
	struct attribution *attribution, const struct sample *sample, uint32_t *ret_stack);
