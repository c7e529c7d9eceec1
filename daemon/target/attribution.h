/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Samples of one recording become its profile: whose they are, which objects their frames lie in.
 * User frames stay without a name here (object and offset; the pipeline names them at the end);
 * kernel frames are named at once, since their addresses go nowhere.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/access/access.h"
#include "daemon/base/shares.h"
#include "daemon/capture/sample.h"
#include "daemon/target/labels.h"
#include "daemon/target/object-table.h"
#include "proto/profile/profile.h"

/* What attribution asks of its neighbours. */
struct attribution_neighbours {
	/* A frame that this recording has not had before. */
	void (*on_frame)(void *userdata, struct object *object, uint64_t file_offset);
	/* Code of no file, at an address: a number that together with the address tells its name, and
	 * so tells processes apart. */
	uint64_t (*on_address)(void *userdata, const struct sample *sample, uint64_t address);
	/* The kernel function's name, and its module ("" for the kernel proper); or NULL, and why it
	 * has none. */
	const char *(*kernel_name)(
		void *userdata, uint64_t address, const char **ret_module_or_reason);
	/* What the process is called besides; texts are valid until the next call. */
	void (*labels)(void *userdata, const struct abi_identity *who, struct label_texts *ret);
	void *userdata;
};

/* What stands below all stacks as their root. */
enum attribution_per {
	ATTRIBUTION_PER_NOTHING,
	ATTRIBUTION_PER_THREAD,
	ATTRIBUTION_PER_PROCESS,
	ATTRIBUTION_PER_CPU,
};

struct attribution_request {
	struct access_caller caller;
	struct memory_account *memory; /* whose memory it is; NULL: nobody's */
	bool sees_kernel; /* else kernel frames are one [kernel] */
	bool with_kernel;
	enum attribution_per per;
	bool with_visibility; /* says of each process who may see what is kept of it */
	bool with_callers; /* else a stack is its leaf alone, and complete with that */
	size_t n_stacks_held; /* so many while it is held back by the budget; 0: it is not */
	size_t n_stacks_max; /* distinct ones, as profile_add_stack() counts; 0: LIMIT_PROFILE_STACKS */
	double frequency_hz;
	uint32_t initial_user_namespace;
};

struct attributed_frame {
	uint64_t raw; /* as in the sample */
	uint64_t number; /* on_address's, where is_address */
	bool is_address; /* it waits for its name, at profile_frame.address */
	struct object *object; /* a reference. NULL and no address: the frame has its final name */
	uint64_t file_offset;
	uint64_t time_ns; /* of the first sample */
	uint32_t frame; /* in the profile */
};

struct attribution;

/* The table is borrowed; a new profile is begun. NULL without memory. */
struct attribution *attribution_new(const struct attribution_request *request,
	const struct attribution_neighbours *neighbours, const struct object_table *objects);
struct attribution *attribution_free(struct attribution *attribution);

/* Slices count from this CLOCK_MONOTONIC time. */
void attribution_start(struct attribution *attribution, uint64_t start_ns);

/* Adds a sample, or counts it as not permitted, or as lost: "profile-full" above LIMIT_PROFILE_...,
 * "held-back" above what the budget leaves, "memory-limit" where there is no more memory for its user. 0 or -ENOMEM (counted as lost). */
/* A sample of callers with this place, and with this leaf, will come soon. */
void attribution_expect(const struct attribution *attribution, uint32_t place, uint64_t leaf);
int attribution_add(struct attribution *attribution, const struct sample *sample);

/* The profile under construction: the caller names frames, fills in the conditions, and seals. */
struct profile *attribution_profile(struct attribution *attribution);
/* Is there memory for more, with so many frames still to be named? */
bool attribution_may_grow(struct attribution *attribution, size_t n_to_name);
/* All distinct user frames. */
const struct attributed_frame *attribution_frames(
	const struct attribution *attribution, size_t *ret_n);
