/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Whose a sample is, whether the caller may have it, and what it adds to the profile: its stack
 * (attribution-stack.c), the time that it stands for, and the slice of time that it was in.
 */

#include "daemon/target/attribution.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/limits.h"
#include "daemon/target/attribution-state.h"
#include "proto/base/time.h"

_Static_assert((int)SAMPLE_STOP_COMPLETE == PROFILE_STOP_COMPLETE &&
		(int)SAMPLE_STOP_TRUNCATED == PROFILE_STOP_TRUNCATED &&
		(int)SAMPLE_STOP_NO_USER_STACK == PROFILE_STOP_NO_USER_STACK,
	"classes of stops on both sides of the profile");

/* So many rows more, and the bytes of the profile are counted again: that takes as long as a sample. */
#define ROWS_UNLOOKED_MAX 256
/* What its name and its lines will take of a frame that waits for them, if they are as usual. */
#define NAME_BYTES 160

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

/* The time that a sample stands for: its tick's, times the inverse of the chance to be kept. */
static int64_t sample_weight(const struct attribution *attribution, const struct abi_sample *head)
{
	double chance = attribution->request.frequency_hz * head->period_ns / 1e9;

	return chance < 1 ? (int64_t)(head->period_ns / chance + 0.5) : head->period_ns;
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
		r = attribution_add_stack(attribution, sample, &key.stack);
	if (!r)
		r = profile_add_sample(attribution->profile, &key, values);
	return r;
}

/* A program may make distinct stacks without end; one stack more must fit below the limits. */
#define ONE_MORE (ABI_KERNEL_FRAMES_MAX + ABI_USER_FRAMES_MAX)

static bool is_full(const struct profile *profile, size_t n_stacks_max)
{
	return profile->n_frames + ONE_MORE > LIMIT_PROFILE_FRAMES ||
		profile->n_stacks + ONE_MORE > n_stacks_max ||
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
	const struct attribution_request *request = &attribution->request;
	const struct profile *profile = attribution->profile;
	size_t n = profile->n_frames + profile->n_stacks + profile->n_samples + profile->n_threads;

	if (is_full(profile, request->n_stacks_max ? request->n_stacks_max : LIMIT_PROFILE_STACKS))
		return "profile-full";
	if (request->n_stacks_held && profile->n_stacks + ONE_MORE > request->n_stacks_held)
		return "held-back";
	if (!attribution->may_grow || n - attribution->n_looked >= ROWS_UNLOOKED_MAX) {
		attribution->may_grow = attribution_may_grow(attribution, attribution->n_frames);
		attribution->n_looked = n;
	}
	return attribution->may_grow ? NULL : "memory-limit";
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
