/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Each distinct raw frame is looked at once: a hash from the 64 bits that left the kernel (and for an
 * address in no file the number of whose it is) to the profile's frame. A mapping stands for one object, not for one path: while it waits for its
 * build-id it carries the object's number there, so that a replaced file is never taken for the old.
 */

#include "daemon/target/attribution.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/limits.h"
#include "daemon/target/stack-cache.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

_Static_assert((int)SAMPLE_STOP_COMPLETE == PROFILE_STOP_COMPLETE &&
		(int)SAMPLE_STOP_TRUNCATED == PROFILE_STOP_TRUNCATED &&
		(int)SAMPLE_STOP_NO_USER_STACK == PROFILE_STOP_NO_USER_STACK,
	"classes of stops on both sides of the profile");

/* In the place of all kernel frames of who may not see them: no address of the kernel's. */
#define RAW_HIDDEN_KERNEL UINT64_MAX

/* What its name and its lines will take of a frame that waits for them, if they are as usual. */
#define NAME_BYTES 160

/* What is remembered of an identity, in the slot of its number. */
#define WHO_SLOTS 256

struct who {
	uint64_t number; /* 0: nobody */
	uint32_t thread; /* of the profile, if it is permitted */
	bool is_permitted;
};

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
	struct stack_cache stacks;
	struct who who[WHO_SLOTS];
};

struct attribution *attribution_new(const struct attribution_request *request,
	const struct attribution_neighbours *neighbours, const struct object_table *objects)
{
	struct attribution *attribution = calloc(1, sizeof(*attribution));

	if (!attribution)
		return NULL;
	attribution->request = *request;
	attribution->neighbours = *neighbours;
	attribution->objects = objects;
	attribution->profile = profile_new();
	if (!attribution->profile || stack_cache_init(&attribution->stacks) < 0 ||
		profile_add_value_type(attribution->profile, "samples", "count") < 0 ||
		profile_add_value_type(attribution->profile, "cpu", "nanoseconds") < 0)
		return attribution_free(attribution);
	return attribution;
}

struct attribution *attribution_free(struct attribution *attribution)
{
	if (!attribution)
		return NULL;
	for (size_t i = 0; i < attribution->n_frames; i++)
		object_unref(attribution->frames[i].object);
	free(attribution->frames);
	hash_done(&attribution->frame_hash);
	stack_cache_done(&attribution->stacks);
	profile_unref(attribution->profile);
	free(attribution);
	return NULL;
}

void attribution_start(struct attribution *attribution, uint64_t start_ns)
{
	attribution->start_ns = start_ns;
}

struct profile *attribution_profile(struct attribution *attribution)
{
	return attribution->profile;
}

const struct attributed_frame *attribution_frames(
	const struct attribution *attribution, size_t *ret_n)
{
	*ret_n = attribution->n_frames;
	return attribution->frames;
}

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

static int kernel_frame(struct attribution *attribution, uint64_t address, uint32_t *ret_frame)
{
	struct profile_frame frame = {.kind = PROFILE_FRAME_KERNEL};
	const char *module = "", *name;
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
	snprintf(label, sizeof(label), *module ? "[%s]" : "[kernel]", module);
	return named_frame(attribution, &frame, label, name, ret_frame);
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

static int object_frame(struct attribution *attribution, struct object *object,
	uint64_t file_offset, uint32_t *ret_frame)
{
	struct profile *profile = attribution->profile;
	struct profile_mapping mapping = {};
	struct profile_frame frame = {.kind = PROFILE_FRAME_USER, .address = file_offset};
	char number[32];
	int r = profile_add_string(profile, object->path, &mapping.path);

	snprintf(number, sizeof(number), "#%p", (void *)object);
	if (!r)
		r = profile_add_string(profile, number, &mapping.build_id);
	if (!r)
		r = profile_add_mapping(profile, &mapping, &frame.mapping);
	if (r < 0)
		return r;
	return profile_add_frame(profile, &frame, NULL, 0, ret_frame);
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
		neighbours->on_frame(neighbours->userdata, frame.object, frame.file_offset);
	}
	*ret_frame = frame.frame;
	return 0;
}

/* Puts a frame on top of *stack. What an address in no file is, depends on whose it is and when. */
static int stack_push(
	struct attribution *attribution, const struct sample *sample, uint64_t raw, uint32_t *stack)
{
	struct stack_cache *cache = &attribution->stacks;
	uint32_t frame, parent = *stack, known = 0;
	int r;

	if (!is_address(raw))
		known = stack_cache_find(cache, parent, raw);
	if (known) {
		*stack = known;
		return 0;
	}
	r = frame_add(attribution, raw, sample, &frame);
	if (!r)
		r = profile_add_stack(attribution->profile, parent, frame, stack);
	if (!r && !is_address(raw))
		stack_cache_put(cache, parent, raw, *stack);
	return r;
}

static int add_frames(struct attribution *attribution, const struct sample *sample,
	const uint64_t *raw, size_t n, uint32_t *stack)
{
	int r = 0;

	for (size_t i = n; i-- && !r;)
		r = stack_push(attribution, sample, raw[i], stack);
	return r;
}

static bool has_address(const uint64_t *raw, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_address(raw[i]))
			return true;
	return false;
}

/* Puts all of them on top of *stack. */
static int callers_add(struct attribution *attribution, const struct sample *sample,
	const struct stack_frames *callers, uint32_t *stack)
{
	struct stack_cache *cache = &attribution->stacks;
	uint32_t root = *stack, known = stack_cache_find_callers(cache, root, callers);
	int r;

	if (known) {
		*stack = known;
		return 0;
	}
	r = add_frames(attribution, sample, callers->user, callers->n_user, stack);
	if (!r)
		r = add_frames(attribution, sample, callers->kernel, callers->n_kernel, stack);
	/* No frame of the kernel's is an address in no file. */
	if (!r && !has_address(callers->user, callers->n_user))
		stack_cache_put_callers(cache, root, callers, *stack);
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
static int stack_add(
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
			r = stack_push(attribution, sample, leaf, &stack);
	}
	if (!r)
		*ret_stack = stack;
	return r;
}

static int labels_add(struct attribution *attribution, const struct abi_identity *who,
	struct profile_process *process)
{
	struct profile *profile = attribution->profile;
	struct label_texts texts;
	int r;

	attribution->neighbours.labels(attribution->neighbours.userdata, who, &texts);
	r = profile_add_string(profile, texts.exe, &process->exe);
	if (!r)
		r = profile_add_string(profile, texts.cgroup, &process->cgroup);
	if (!r)
		r = profile_add_string(profile, texts.unit, &process->unit);
	if (!r)
		r = profile_add_string(profile, texts.container, &process->container);
	return r;
}

static struct access_process access_of(const struct attribution *attribution,
	const struct abi_credentials *c, bool is_kernel_thread)
{
	return (struct access_process){
		.uid = c->uid,
		.euid = c->euid,
		.suid = c->suid,
		.gid = c->gid,
		.egid = c->egid,
		.sgid = c->sgid,
		.cap_permitted = c->cap_permitted,
		.is_dumpable = c->is_dumpable,
		.is_initial_userns = c->user_namespace ==
			attribution->request.initial_user_namespace,
		.is_kernel_thread = is_kernel_thread,
	};
}

static bool is_permitted(const struct attribution *attribution, const struct abi_credentials *c,
	bool is_kernel_thread)
{
	struct access_process process = access_of(attribution, c, is_kernel_thread);

	return access_check_process(&attribution->request.caller, &process) == ACCESS_ALLOWED;
}

static int thread_add(
	struct attribution *attribution, const struct abi_identity *who, uint32_t *ret_thread)
{
	struct profile_process process = {
		.pid = who->pid,
		.uid = who->credentials.uid,
		.start_ns = who->start_ns,
	};
	struct profile_thread thread = {.tid = who->tid};
	struct profile *profile = attribution->profile;
	struct access_process access = access_of(attribution, &who->credentials, false);
	int r = profile_add_string_n(
		profile, who->comm, strnlen(who->comm, sizeof(who->comm)), &process.comm);

	if (attribution->request.with_visibility)
		process.visible_to = access_visible_to(&access);
	if (!r)
		r = labels_add(attribution, who, &process);
	if (!r)
		r = profile_add_process(profile, &process, &thread.process);
	if (!r)
		r = profile_add_string_n(profile, who->thread,
			strnlen(who->thread, sizeof(who->thread)), &thread.name);
	if (!r)
		r = profile_add_thread(profile, &thread, ret_thread);
	return r;
}

/* What follows from an identity alone. Equal numbers mean equal facts: the answer stays good. */
static int who_find(struct attribution *attribution, const struct sample_identity *identity,
	const struct who **ret_who)
{
	struct who *slot = &attribution->who[identity->number % WHO_SLOTS];
	struct who who = {.number = identity->number};
	int r = 0;

	if (slot->number != identity->number) {
		who.is_permitted = is_permitted(attribution, &identity->facts.credentials, false);
		if (who.is_permitted)
			r = thread_add(attribution, &identity->facts, &who.thread);
		if (r < 0)
			return r;
		*slot = who;
	}
	*ret_who = slot;
	return 0;
}

/* The time that a sample stands for: its tick's, times the inverse of the chance to be drawn. */
static int64_t sample_weight(const struct attribution *attribution, const struct abi_sample *head)
{
	double drawn = attribution->request.frequency_hz * 1e3 / head->base_mhz;

	return (int64_t)((double)head->period_ns / (drawn < 1 ? drawn : 1) + 0.5);
}

/*
 * Which slice of time a sample is of. What is in one slice has no equal in another: the profile needs
 * to look among the samples of the last one only, which stay in the cache. One that comes late, from
 * another CPU, may get a row of its own.
 */
static uint32_t slice_find(struct attribution *attribution, uint64_t time_ns)
{
	uint64_t start_ns = attribution->start_ns;
	uint32_t slice = time_ns > start_ns
		? (uint32_t)((time_ns - start_ns) / NS_PER_MS / PROFILE_SLICE_MS)
		: 0;

	if (slice > attribution->slice) {
		attribution->slice = slice;
		profile_forget_samples(attribution->profile);
	}
	return slice;
}

static int sample_add(struct attribution *attribution, const struct sample *sample, uint32_t thread,
	int64_t weight_ns)
{
	const struct abi_sample *head = sample->head;
	const struct sample_stop *stop = sample_stop_find(head->stop);
	struct profile_sample key = {
		.slice = slice_find(attribution, head->time_ns),
		.stop_class = (uint8_t)stop->class,
		.thread = thread,
	};
	int64_t values[] = {1, weight_ns};
	int r = 0;

	if (!attribution->request.with_callers && stop->class == SAMPLE_STOP_TRUNCATED)
		key.stop_class = PROFILE_STOP_COMPLETE;
	if (key.stop_class != PROFILE_STOP_COMPLETE)
		r = profile_add_string(attribution->profile, stop->word, &key.stop);
	if (!r)
		r = stack_add(attribution, sample, &key.stack);
	if (!r)
		r = profile_add_sample(attribution->profile, &key, values);
	return r;
}

/* A program may make distinct stacks without end; one stack more must fit below the limits. */
static bool is_full(const struct attribution *attribution)
{
	const struct profile *profile = attribution->profile;
	size_t n = ABI_KERNEL_FRAMES_MAX + ABI_USER_FRAMES_MAX;
	size_t n_stacks_max = attribution->request.n_stacks_max;

	return profile->n_frames + n > LIMIT_PROFILE_FRAMES ||
		profile->n_stacks + n > (n_stacks_max ? n_stacks_max : LIMIT_PROFILE_STACKS) ||
		profile->n_samples >= LIMIT_PROFILE_SAMPLES ||
		profile->n_threads >= LIMIT_PROFILE_THREADS;
}

bool attribution_may_grow(struct attribution *attribution, size_t n_to_name)
{
	struct memory_account *memory = attribution->request.memory;
	size_t bytes = profile_bytes(attribution->profile) + n_to_name * NAME_BYTES +
		attribution->n_frames_allocated * sizeof(*attribution->frames) +
		attribution->frame_hash.n_slots * sizeof(struct hash_slot);

	if (!memory || bytes <= attribution->n_granted)
		return true;
	bytes += LIMIT_MEMORY_STEP_BYTES;
	if (memory_set(memory, bytes) != SHARE_GRANTED)
		return false;
	attribution->n_granted = bytes;
	return true;
}

/* Why nothing may be added any more, or NULL. */
static const char *full(struct attribution *attribution)
{
	if (is_full(attribution))
		return "profile-full";
	return attribution_may_grow(attribution, attribution->n_frames) ? NULL : "memory-limit";
}

/* Threads of the kernel are told by how the walk ended, not by who they are. */
static bool is_refused(
	const struct attribution *attribution, const struct sample *sample, const struct who *who)
{
	return !who->is_permitted ||
		(sample->head->stop == ABI_STOP_KERNEL_THREAD &&
			!is_permitted(attribution, &sample->identity->facts.credentials, true));
}

int attribution_add(struct attribution *attribution, const struct sample *sample)
{
	struct profile *profile = attribution->profile;
	int64_t weight_ns = sample_weight(attribution, sample->head);
	const char *why = full(attribution);
	const struct who *who;
	int r;

	if (why) {
		/* Nothing may be added, not even who it is. */
		if (is_permitted(attribution, &sample->identity->facts.credentials,
			    sample->head->stop == ABI_STOP_KERNEL_THREAD))
			return profile_count_lost(profile, why, 1);
		profile->ledger.not_permitted++;
		return 0;
	}
	r = who_find(attribution, sample->identity, &who);
	if (!r && is_refused(attribution, sample, who)) {
		profile->ledger.not_permitted++;
		return 0;
	}
	if (!r)
		r = sample_add(attribution, sample, who->thread, weight_ns);
	if (r < 0)
		profile_count_lost(profile, "no-memory", 1);
	else
		profile->conditions.sampled_ns += (uint64_t)weight_ns;
	return r;
}
