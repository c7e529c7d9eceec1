/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The one place with a second thread, since to unpack takes about as long as to read, and one need not
 * wait for the other. The thread touches nothing but the section that it unpacks: its source, its bytes
 * beyond n_ready, and, under the lock, the rest of struct unpacking. It has one section at a time; who
 * brings another one meanwhile unpacks that without it.
 */

#include "daemon/worker/unpacker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "proto/base/cleanup.h"

#define STACK_BYTES ((size_t)1 << 18)

struct unpacking {
	struct inflating *stream; /* NULL: over */
	struct elf_bytes bytes;
	uint8_t *data; /* the same */
	uint64_t n_seen; /* of n_ready, by who waits */
	/* Under the lock, as long as the thread has it. */
	uint64_t n_ready;
	bool is_over, is_abandoned;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t given, progress;
	bool is_running;
	struct unpacking *job; /* NULL: none, or none any more */
} unpacker = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.given = PTHREAD_COND_INITIALIZER,
	.progress = PTHREAD_COND_INITIALIZER,
};

static struct unpacking *await_job(void)
{
	struct unpacking *job;

	pthread_mutex_lock(&unpacker.lock);
	while (!unpacker.job)
		pthread_cond_wait(&unpacker.given, &unpacker.lock);
	job = unpacker.job;
	pthread_mutex_unlock(&unpacker.lock);
	return job;
}

/* False: that was all of it, for the thread at least; the job is the other one's. */
static bool publish(struct unpacking *job, uint64_t n_ready, bool is_over)
{
	pthread_mutex_lock(&unpacker.lock);
	job->n_ready = n_ready;
	job->is_over = is_over || job->is_abandoned;
	is_over = job->is_over;
	if (is_over)
		unpacker.job = NULL;
	pthread_cond_broadcast(&unpacker.progress);
	pthread_mutex_unlock(&unpacker.lock);
	return !is_over;
}

static void *run(void *nothing)
{
	pthread_mutex_lock(&unpacker.lock);
	unpacker.is_running = true;
	pthread_cond_broadcast(&unpacker.progress);
	pthread_mutex_unlock(&unpacker.lock);
	for (;;) {
		struct unpacking *job = await_job();
		size_t n;
		int r;

		do {
			r = inflating_step(job->stream, &n);
		} while (publish(job, n, r != INFLATE_MORE));
	}
	return nothing;
}

int unpacker_start(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int r = unpacker.is_running ? 0 : pthread_attr_init(&attributes);

	if (r || unpacker.is_running)
		return -r;
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	r = pthread_create(&thread, &attributes, run, NULL);
	pthread_attr_destroy(&attributes);
	if (r)
		return -r;
	/* What the C library does at a thread's start, no filter may meet any more. */
	pthread_mutex_lock(&unpacker.lock);
	while (!unpacker.is_running)
		pthread_cond_wait(&unpacker.progress, &unpacker.lock);
	pthread_mutex_unlock(&unpacker.lock);
	return 0;
}

static bool give(struct unpacking *unpacking)
{
	bool is_given;

	pthread_mutex_lock(&unpacker.lock);
	is_given = unpacker.is_running && !unpacker.job;
	if (is_given)
		unpacker.job = unpacking;
	pthread_cond_signal(&unpacker.given);
	pthread_mutex_unlock(&unpacker.lock);
	return is_given;
}

static void unpack_alone(struct unpacking *unpacking)
{
	size_t n;

	while (inflating_step(unpacking->stream, &n) == INFLATE_MORE)
		;
	unpacking->n_ready = n;
	unpacking->is_over = true;
}

static void unpacking_freep(struct unpacking **unpacking)
{
	unpacking_free(*unpacking);
}

int unpacking_new(const struct inflate_source *source, struct unpacking **ret_unpacking)
{
	CLEANUP(unpacking_freep) struct unpacking *unpacking = calloc(1, sizeof(*unpacking));
	int r;

	if (!unpacking)
		return -ENOMEM;
	unpacking->is_over = true;
	/* Zeros, since it may be damaged. */
	unpacking->data = calloc(1, source->size);
	if (!unpacking->data)
		return -ENOMEM;
	r = inflating_new(source, unpacking->data, &unpacking->stream);
	if (r < 0)
		return r;
	unpacking->bytes = (struct elf_bytes){.data = unpacking->data, .size = source->size};
	unpacking->is_over = false;
	if (!give(unpacking))
		unpack_alone(unpacking);
	*ret_unpacking = TAKE(unpacking);
	return 0;
}

struct unpacking *unpacking_free(struct unpacking *unpacking)
{
	if (!unpacking)
		return NULL;
	pthread_mutex_lock(&unpacker.lock);
	unpacking->is_abandoned = true;
	while (!unpacking->is_over)
		pthread_cond_wait(&unpacker.progress, &unpacker.lock);
	pthread_mutex_unlock(&unpacker.lock);
	inflating_free(unpacking->stream);
	free(unpacking->data);
	free(unpacking);
	return NULL;
}

struct elf_bytes unpacking_bytes(const struct unpacking *unpacking)
{
	return unpacking->bytes;
}

void unpacking_wait(struct unpacking *unpacking, uint64_t end)
{
	if (unpacking->n_seen >= end)
		return;
	pthread_mutex_lock(&unpacker.lock);
	while (unpacking->n_ready < end && !unpacking->is_over)
		pthread_cond_wait(&unpacker.progress, &unpacker.lock);
	unpacking->n_seen = unpacking->is_over ? UINT64_MAX : unpacking->n_ready;
	pthread_mutex_unlock(&unpacker.lock);
}

bool unpacking_is_over(struct unpacking *unpacking)
{
	bool is_over;

	pthread_mutex_lock(&unpacker.lock);
	is_over = unpacking->is_over;
	pthread_mutex_unlock(&unpacker.lock);
	return is_over;
}
