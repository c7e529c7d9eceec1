/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Each distinct raw frame is looked at once: a hash from the 64 bits that left the kernel (and for
 * an address in no file the number of whose it is) to the profile's frame. A mapping stands for one
 * object, not for one path: while it waits for its build-id it carries the object's number there, so
 * that a replaced file is never taken for the old.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/target/attribution-state.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

/* Raw frames, leaf first: the kernel's lie on top of the user's. */
struct stack_frames {
	const uint64_t *kernel, *user;
	size_t n_kernel, n_user;
};

/* In the place of all kernel frames of who may not see them: no address of the kernel's. */
#define RAW_HIDDEN_KERNEL UINT64_MAX

/* A frame whose name is final: `name` in the mapping called `module`. */
static int named_frame(struct attribution *attribution, const struct profile_frame *like,
	const char *module, const char *name, uint32_t *ret_frame)
{
	struct profile *profile = attribution->profile;
	struct profile_mapping mapping = {};
	struct profile_function function = {};
	struct profile_line line = {};
	struct profile_frame frame = *like;
	int r = profile_add_string(profile, module, &mapping.path);

	if (!r)
		r = profile_add_mapping(profile, &mapping, &frame.mapping);
	if (!r)
		r = profile_add_string(profile, name, &function.name);
	if (!r)
		r = profile_add_function(profile, &function, &line.function);
	if (r < 0)
		return r;
	return profile_add_frame(profile, &frame, &line, 1, ret_frame);
}

/* Which of n slots, a power of two, belongs to this address of ours? */
static size_t slot_of(const void *address, size_t n)
{
	return ((uintptr_t)address * 0x9e3779b97f4a7c15u >> 32) & (n - 1);
}

/* Is this the frame of that function? */
static bool is_function(
	const struct profile *profile, uint32_t frame, const char *module, const char *name)
{
	const struct profile_frame *known = &profile->frames[frame];
	uint32_t function = profile->lines[known->first_line].function;
	const char *path = profile_string(profile, profile->mappings[known->mapping].path);
	size_t n = strlen(module);

	return !strcmp(profile_string(profile, profile->functions[function].name), name) &&
		!strncmp(path + 1, module, n) && !strcmp(path + 1 + n, "]");
}

/* Functions of the kernel have one frame each, whatever the address: it is known by where the name
 * lies, if the name is still the same. */
static int kernel_frame(struct attribution *attribution, uint64_t address, uint32_t *ret_frame)
{
	struct profile_frame frame = {.kind = PROFILE_FRAME_KERNEL};
	const char *module = "", *name;
	uint32_t *known;
	char label[80];
	int r;

	if (address == RAW_HIDDEN_KERNEL)
		return named_frame(attribution, &frame, "[kernel]", "[kernel]", ret_frame);
	name = attribution->neighbours.kernel_name(
		attribution->neighbours.userdata, address, &module);
	if (!name) {
		r = profile_add_string(
			attribution->profile, *module ? module : "no-symbols", &frame.unnamed);
		if (r < 0)
			return r;
		return named_frame(attribution, &frame, "[kernel]", "[kernel]", ret_frame);
	}
	module = *module ? module : "kernel";
	known = &attribution->kernel[slot_of(name, KERNEL_SLOTS)];
	if (*known && is_function(attribution->profile, *known, module, name)) {
		*ret_frame = *known;
		return 0;
	}
	snprintf(label, sizeof(label), "[%s]", module);
	r = named_frame(attribution, &frame, label, name, ret_frame);
	if (!r)
		*known = *ret_frame;
	return r;
}

/* Code in memory that no file stands behind. While it waits for its name, its number stands in place
 * of the reason for having none. */
static int address_frame(struct attribution *attribution, struct attributed_frame *attributed)
{
	struct profile_frame frame = {
		.kind = PROFILE_FRAME_JIT,
		.address = attributed->raw & ~ABI_FRAME_ADDRESS,
	};
	char number[32];
	int r;

	attributed->is_address = true;
	snprintf(number, sizeof(number), "#%" PRIx64, attributed->number);
	r = profile_add_string(attribution->profile, number, &frame.unnamed);
	if (r < 0)
		return r;
	return profile_add_frame(attribution->profile, &frame, NULL, 0, &attributed->frame);
}

static int lost_file_frame(struct attribution *attribution, uint64_t raw, uint32_t *ret_frame)
{
	struct profile_frame frame = {
		.kind = PROFILE_FRAME_USER,
		.address = raw & ABI_FRAME_OFFSET_MASK,
	};
	int r = profile_add_string(attribution->profile, "file-unknown", &frame.unnamed);

	if (r < 0)
		return r;
	return named_frame(attribution, &frame, "[unknown]", "[unknown]", ret_frame);
}

static int object_mapping(
	struct attribution *attribution, const struct object *object, uint32_t *ret_mapping)
{
	struct profile *profile = attribution->profile;
	struct profile_mapping mapping = {};
	char number[32];
	int r = profile_add_string(profile, object->path, &mapping.path);

	snprintf(number, sizeof(number), "#%p", (const void *)object);
	if (!r)
		r = profile_add_string(profile, number, &mapping.build_id);
	return r ? r : profile_add_mapping(profile, &mapping, ret_mapping);
}

static int object_frame(struct attribution *attribution, const struct object *object,
	uint64_t file_offset, uint32_t *ret_frame)
{
	const struct known_mapping *known = &attribution->mappings[slot_of(object, MAPPING_SLOTS)];
	struct profile_frame frame = {
		.kind = PROFILE_FRAME_USER, .address = file_offset, .mapping = known->mapping};
	int r = 0;

	if (known->object != object)
		r = object_mapping(attribution, object, &frame.mapping);
	return r ? r : profile_add_frame(attribution->profile, &frame, NULL, 0, ret_frame);
}

/* To be called of objects that a frame keeps: no other will lie at the address. */
static void object_remember(struct attribution *attribution, const struct attributed_frame *frame)
{
	attribution->mappings[slot_of(frame->object, MAPPING_SLOTS)] = (struct known_mapping){
		frame->object, attribution->profile->frames[frame->frame].mapping};
}

static int frame_new(struct attribution *attribution, struct attributed_frame *frame)
{
	uint64_t raw = frame->raw;

	if (raw >> 48 == 0xffff)
		return kernel_frame(attribution, raw, &frame->frame);
	if (raw & ABI_FRAME_ADDRESS)
		return address_frame(attribution, frame);
	frame->object = object_table_find(
		attribution->objects, (uint32_t)(raw >> ABI_FRAME_OFFSET_BITS));
	frame->file_offset = raw & ABI_FRAME_OFFSET_MASK;
	if (!frame->object)
		return lost_file_frame(attribution, raw, &frame->frame);
	return object_frame(attribution, frame->object, frame->file_offset, &frame->frame);
}

static bool is_same(const void *frames, uint32_t id, const void *key)
{
	const struct attributed_frame *a = (const struct attributed_frame *)frames + id - 1,
				      *b = key;

	return a->raw == b->raw && a->number == b->number;
}

static bool is_address(uint64_t raw)
{
	return (raw & ABI_FRAME_ADDRESS) && raw >> 48 != 0xffff;
}

static int frame_add(struct attribution *attribution, uint64_t raw, const struct sample *sample,
	uint32_t *ret_frame)
{
	const struct attribution_neighbours *neighbours = &attribution->neighbours;
	struct attributed_frame frame = {.raw = raw, .time_ns = sample->head->time_ns};
	uint32_t value, id;
	int r;

	if (is_address(raw))
		frame.number = neighbours->on_address(
			neighbours->userdata, sample, raw & ~ABI_FRAME_ADDRESS);
	value = hash_bytes(&raw, sizeof(raw)) ^ (uint32_t)frame.number * 0x9e3779b1u;
	id = hash_find(&attribution->frame_hash, value, is_same, attribution->frames, &frame);
	if (id) {
		*ret_frame = attribution->frames[id - 1].frame;
		return 0;
	}
	r = frame_new(attribution, &frame);
	if (!r)
		r = array_reserve(&attribution->frames, &attribution->n_frames_allocated,
			attribution->n_frames + 1, sizeof(frame));
	if (!r)
		r = hash_add(&attribution->frame_hash, value, (uint32_t)attribution->n_frames + 1);
	if (r < 0)
		return r;
	attribution->frames[attribution->n_frames++] = frame;
	if (frame.object) {
		object_ref(frame.object);
		object_remember(attribution, &frame);
		neighbours->on_frame(neighbours->userdata, frame.object, frame.file_offset);
	}
	*ret_frame = frame.frame;
	return 0;
}

static int frame_push(
	struct attribution *attribution, const struct sample *sample, uint64_t raw, uint32_t *stack)
{
	uint32_t frame;
	int r = frame_add(attribution, raw, sample, &frame);

	return r ? r : profile_add_stack(attribution->profile, *stack, frame, stack);
}

/*
 * Puts a frame on top of *stack; what is known of it is kept `at` (as stack_cache_find says). What an
 * address in no file is, depends on whose it is and when.
 */
static int stack_push(struct attribution *attribution, const struct sample *sample, uint32_t at,
	uint64_t raw, uint32_t *stack)
{
	struct stack_cache *cache = &attribution->stacks;
	uint32_t parent = *stack, known = 0;
	int r;

	if (!is_address(raw))
		known = stack_cache_find(cache, at, parent, raw);
	if (known) {
		*stack = known;
		return 0;
	}
	r = frame_push(attribution, sample, raw, stack);
	if (!r && !is_address(raw))
		stack_cache_put(cache, at, parent, raw, *stack);
	return r;
}

static int add_frames(struct attribution *attribution, const struct sample *sample,
	const uint64_t *raw, size_t n, uint32_t *stack)
{
	int r = 0;

	for (size_t i = n; i-- && !r;)
		r = stack_push(attribution, sample, *stack, raw[i], stack);
	return r;
}

static bool has_address(const uint64_t *raw, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_address(raw[i]))
			return true;
	return false;
}

/* Puts all of them on top of *stack. Which of a sample's frames are chosen is the same for all whose
 * callers have the same number. */
static int callers_add(struct attribution *attribution, const struct sample *sample,
	const struct stack_frames *callers, uint32_t *stack)
{
	const struct stack_callers key = {sample->callers, sample->place, *stack};
	uint32_t known = 0;
	int r;

	if (sample->callers)
		known = stack_cache_find_callers(&attribution->stacks, &key);
	if (known) {
		*stack = known;
		return 0;
	}
	r = add_frames(attribution, sample, callers->user, callers->n_user, stack);
	if (!r)
		r = add_frames(attribution, sample, callers->kernel, callers->n_kernel, stack);
	/* No frame of the kernel's is an address in no file. */
	if (!r && sample->callers && !has_address(callers->user, callers->n_user))
		stack_cache_put_callers(&attribution->stacks, &key, *stack);
	return r;
}

/* The root that was asked for: of the thread, the process or the CPU. */
static int root_add(
	struct attribution *attribution, const struct sample *sample, uint32_t *ret_stack)
{
	const struct abi_identity *who = &sample->identity->facts;
	const struct profile_frame marker = {.kind = PROFILE_FRAME_MARKER};
	char name[48];
	uint32_t frame;
	int r;

	if (attribution->request.per == ATTRIBUTION_PER_CPU)
		snprintf(name, sizeof(name), "cpu %u", sample->head->cpu);
	else if (attribution->request.per == ATTRIBUTION_PER_PROCESS)
		snprintf(name, sizeof(name), "%.*s (%" PRIu32 ")", ABI_COMM_SIZE, who->comm,
			who->pid);
	else
		snprintf(name, sizeof(name), "%.*s (%" PRIu32 ")", ABI_COMM_SIZE, who->thread,
			who->tid);
	r = named_frame(attribution, &marker, "", name, &frame);
	if (r < 0)
		return r;
	return profile_add_stack(attribution->profile, 0, frame, ret_stack);
}

/* What is wanted of a sample's frames. */
static void frames_choose(const struct attribution *attribution, const struct sample *sample,
	struct stack_frames *ret_frames)
{
	static const uint64_t hidden[] = {RAW_HIDDEN_KERNEL};
	bool sees_kernel = attribution->request.sees_kernel;
	size_t n_kernel = attribution->request.with_kernel ? sample->head->n_kernel : 0;
	size_t n_user = sample->head->n_user;

	if (!attribution->request.with_callers) {
		n_user = n_kernel ? 0 : n_user > 0;
		n_kernel = n_kernel > 0;
	}
	if (n_kernel && !sees_kernel)
		n_kernel = ARRAY_SIZE(hidden);
	*ret_frames = (struct stack_frames){
		.kernel = sees_kernel ? sample->kernel : hidden,
		.user = sample->user,
		.n_kernel = n_kernel,
		.n_user = n_user,
	};
}

/* The innermost frame, which is no caller any more in *frames. */
static uint64_t leaf_take(struct stack_frames *frames)
{
	if (frames->n_kernel) {
		frames->n_kernel--;
		return *frames->kernel++;
	}
	frames->n_user--;
	return *frames->user++;
}

/* Callers first: the user's, then the kernel's on top of them. */
int attribution_add_stack(
	struct attribution *attribution, const struct sample *sample, uint32_t *ret_stack)
{
	struct stack_frames frames;
	uint32_t stack = 0;
	uint64_t leaf;
	int r = 0;

	frames_choose(attribution, sample, &frames);
	if (attribution->request.per)
		r = root_add(attribution, sample, &stack);
	if (!r && frames.n_kernel + frames.n_user) {
		leaf = leaf_take(&frames);
		if (frames.n_kernel + frames.n_user)
			r = callers_add(attribution, sample, &frames, &stack);
		if (!r)
			r = stack_push(attribution, sample, sample->callers ? sample->place : stack,
				leaf, &stack);
	}
	if (!r)
		*ret_stack = stack;
	return r;
}

void attribution_expect(const struct attribution *attribution, uint32_t place, uint64_t leaf)
{
	stack_cache_expect(&attribution->stacks, place, leaf);
}
