/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * perfd-elf-worker: takes one request at a time from its socket, answers it, and ends with the end
 * of the socket. Objects stay open between jobs, the least recently used go first when memory
 * passes a ceiling. Descriptors come with each request, so that the daemon need not know what is
 * kept in here: an object that is already open closes them again.
 *
 * A worker that has used up its share of CPU time answers with RETIRING and ends, so that limits
 * on a process's life never strike in the middle of an honest job.
 */

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include "daemon/worker/job-jit.h"
#include "daemon/worker/jobs.h"
#include "daemon/worker/sandbox.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/stream.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

#define OBJECTS_MAX 64
#define MEMORY_CEILING_BYTES (UINT64_C(512) << 20)
/* Address space beyond the files themselves; inflated sections are the largest part. */
#define MEMORY_BUDGET_BYTES (UINT64_C(2) << 30)
#define MEMORY_PER_FILE_BYTE 8
/* A request is answered in part rather than late. */
#define SLICE_NS (50 * NS_PER_MS)
#define RETIRE_CPU_NS (100 * NS_PER_SECOND)

struct slot {
	uint64_t cookie, used; /* used: number of the job that used it last */
	struct job_object *object;
};

struct worker {
	int socket;
	uint64_t n_jobs;
	struct slot slots[OBJECTS_MAX];
};

/* A request as it came in. Descriptors that no job took are closed with it. */
struct incoming {
	struct worker_request header;
	uint64_t offsets[WORKER_OFFSETS_MAX];
	int fds[N_WORKER_FILES];
};

static void incoming_done(struct incoming *incoming)
{
	for (int i = 0; i < N_WORKER_FILES; i++)
		closep(&incoming->fds[i]);
}

/* The descriptors that came, in the order of the bits of `files`. */
static int take_descriptors(const struct msghdr *message, struct incoming *incoming)
{
	const struct cmsghdr *control = CMSG_FIRSTHDR(message);
	size_t n = 0, next = 0;
	int fds[N_WORKER_FILES];

	if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS) {
		n = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(control), n * sizeof(int));
	}
	for (int i = 0; i < N_WORKER_FILES && next < n; i++)
		if (incoming->header.files & 1u << i)
			incoming->fds[i] = fds[next++];
	return next == n && (size_t)__builtin_popcount(incoming->header.files) == n ? 0 : -EPROTO;
}

/* 1: the socket has ended. */
static int receive(int fd, struct incoming *incoming)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * N_WORKER_FILES)];
		struct cmsghdr align;
	} control;
	struct iovec vector = {&incoming->header, sizeof(incoming->header)};
	struct msghdr message = {.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	ssize_t n;
	int r;

	do
		n = recvmsg(fd, &message, MSG_WAITALL | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : 1;
	if (n != sizeof(incoming->header) || incoming->header.magic != WORKER_MAGIC ||
		incoming->header.n_offsets > WORKER_OFFSETS_MAX)
		return -EPROTO;
	r = take_descriptors(&message, incoming);
	if (r < 0)
		return r;
	r = stream_receive(
		fd, incoming->offsets, incoming->header.n_offsets * sizeof(incoming->offsets[0]));
	return r > 0 ? -ECONNRESET : r;
}

static uint64_t file_bytes(const struct worker *worker)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < OBJECTS_MAX; i++)
		if (worker->slots[i].object)
			bytes += job_object_file_bytes(worker->slots[i].object);
	return bytes;
}

static void drop(struct slot *slot)
{
	job_object_close(slot->object);
	*slot = (struct slot){};
}

static struct slot *least_recently_used(struct worker *worker)
{
	struct slot *least = NULL;

	for (size_t i = 0; i < OBJECTS_MAX; i++) {
		struct slot *slot = &worker->slots[i];

		if (slot->object && (!least || slot->used < least->used))
			least = slot;
	}
	return least;
}

static uint64_t memory_in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static void trim(struct worker *worker)
{
	struct slot *slot;

	while (memory_in_use() > MEMORY_CEILING_BYTES && (slot = least_recently_used(worker)))
		drop(slot);
}

static struct slot *free_slot(struct worker *worker)
{
	struct slot *slot;

	for (size_t i = 0; i < OBJECTS_MAX; i++)
		if (!worker->slots[i].object)
			return &worker->slots[i];
	slot = least_recently_used(worker);
	drop(slot);
	return slot;
}

/* Before an object is opened: room for its files, and for what comes out of them. */
static void make_room(struct worker *worker, const struct incoming *incoming)
{
	uint64_t bytes = file_bytes(worker);

	for (int i = 0; i < N_WORKER_FILES; i++) {
		off_t size = incoming->fds[i] < 0 ? 0 : lseek(incoming->fds[i], 0, SEEK_END);

		bytes += size > 0 ? (uint64_t)size : 0;
	}
	sandbox_limit_memory(MEMORY_BUDGET_BYTES + bytes * MEMORY_PER_FILE_BYTE);
}

static int find_object(
	struct worker *worker, struct incoming *incoming, struct job_object **ret_object)
{
	struct slot *slot;
	int r;

	for (size_t i = 0; i < OBJECTS_MAX; i++) {
		slot = &worker->slots[i];
		if (slot->object && slot->cookie == incoming->header.object) {
			slot->used = worker->n_jobs;
			*ret_object = slot->object;
			return 0;
		}
	}
	make_room(worker, incoming);
	slot = free_slot(worker);
	r = job_object_open(incoming->fds, &slot->object);
	if (r)
		return r;
	slot->cookie = incoming->header.object;
	slot->used = worker->n_jobs;
	*ret_object = slot->object;
	return 0;
}

static int run_symbols(struct worker *worker, struct incoming *incoming, struct worker_reply *reply,
	struct buffer *body)
{
	struct job_symbols_request request = {
		.offsets = incoming->offsets,
		.n = incoming->header.n_offsets,
		.with_lines = incoming->header.job == WORKER_JOB_LINES,
		.deadline_ns = time_now_ns(CLOCK_MONOTONIC) + SLICE_NS,
	};
	struct job_object *object;
	int split_fd = take_fd(&incoming->fds[WORKER_FILE_SPLIT]);
	int r = find_object(worker, incoming, &object);

	if (!r && incoming->header.flags & WORKER_FLAG_SPLIT)
		r = job_object_grant(object, incoming->header.split, take_fd(&split_fd));
	closep(&split_fd);
	return r ? r : job_symbols(object, &request, reply, body);
}

static int run_probe(struct incoming *incoming, struct worker_reply *reply, struct buffer *body)
{
	struct worker_probe probe;
	int r = job_probe(take_fd(&incoming->fds[WORKER_FILE_OBJECT]),
		incoming->header.flags & WORKER_FLAG_CRC, &probe);

	if (r)
		return r;
	reply->body_size = sizeof(probe);
	buffer_append(body, &probe, sizeof(probe));
	return buffer_error(body);
}

static int run_table(struct worker *worker, struct incoming *incoming, struct worker_reply *reply,
	struct buffer *body)
{
	make_room(worker, incoming);
	return job_table(take_fd(&incoming->fds[WORKER_FILE_OBJECT]),
		take_fd(&incoming->fds[WORKER_FILE_DEBUG]), reply, body);
}

static int run_jit(struct incoming *incoming, struct worker_reply *reply, struct buffer *body)
{
	struct job_jit_request request = {
		.is_dump = incoming->header.job == WORKER_JOB_JITDUMP,
		.position = incoming->offsets[WORKER_JIT_POSITION],
		.check = incoming->offsets[WORKER_JIT_CHECK],
		.deadline_ns = time_now_ns(CLOCK_MONOTONIC) + SLICE_NS,
	};

	if (incoming->header.n_offsets != N_WORKER_JIT_REQUEST)
		return WORKER_STATUS_FAILED;
	return job_jit(take_fd(&incoming->fds[WORKER_FILE_OBJECT]), &request, reply, body);
}

/* A negative errno ends the worker: the request makes no sense. */
static int answer(struct worker *worker, struct incoming *incoming)
{
	struct worker_reply reply = {.magic = WORKER_MAGIC, .id = incoming->header.id};
	CLEANUP(buffer_done) struct buffer body = {};
	int r;

	worker->n_jobs++;
	if (incoming->header.job == WORKER_JOB_PROBE)
		r = run_probe(incoming, &reply, &body);
	else if (incoming->header.job == WORKER_JOB_NAMES ||
		incoming->header.job == WORKER_JOB_LINES)
		r = run_symbols(worker, incoming, &reply, &body);
	else if (incoming->header.job == WORKER_JOB_TABLE)
		r = run_table(worker, incoming, &reply, &body);
	else if (incoming->header.job == WORKER_JOB_JIT_MAP ||
		incoming->header.job == WORKER_JOB_JITDUMP)
		r = run_jit(incoming, &reply, &body);
	else
		return -EPROTO;
	if (r == WORKER_STATUS_WANTS_SPLIT) {
		reply.status = (uint32_t)r;
	} else if (r) {
		buffer_clear(&body);
		reply = (struct worker_reply){.magic = WORKER_MAGIC,
			.id = incoming->header.id,
			.status = r < 0 ? WORKER_STATUS_FAILED : (uint32_t)r};
	}
	trim(worker);
	if (time_now_ns(CLOCK_PROCESS_CPUTIME_ID) > RETIRE_CPU_NS)
		reply.flags |= WORKER_FLAG_RETIRING;
	r = stream_send(worker->socket, &reply, sizeof(reply));
	if (r < 0)
		return r;
	r = stream_send(worker->socket, body.data, body.size);
	if (r < 0)
		return r;
	return reply.flags & WORKER_FLAG_RETIRING ? -ESHUTDOWN : 0;
}

static int serve(struct worker *worker)
{
	for (;;) {
		CLEANUP(incoming_done) struct incoming incoming = {};
		int r;

		for (int i = 0; i < N_WORKER_FILES; i++)
			incoming.fds[i] = -1;
		r = receive(worker->socket, &incoming);
		if (r)
			return r;
		r = answer(worker, &incoming);
		if (r < 0)
			return r;
	}
}

/* When memory runs out in the unit, a worker is to go before perfd. */
static void volunteer_for_oom(void)
{
	CLEANUP(fclosep) FILE *file = fopen("/proc/self/oom_score_adj", "we");

	if (file)
		fputs("1000\n", file);
}

int main(int argc, char **argv)
{
	static struct worker worker = {.socket = WORKER_SOCKET_FD};
	static const struct worker_reply greeting = {.magic = WORKER_MAGIC};
	const char *step = "";
	int r;

	log_init("perfd-elf-worker", LOG_LEVEL_WARNING);
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		printf("perfd-elf-worker %s\n", PERFCTL_VERSION);
		return 0;
	}
	if (argc != 1) {
		log_error("started by perfd only; see perfd(8)");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	volunteer_for_oom();
	r = sandbox_enter(worker.socket, &step);
	if (r < 0) {
		log_error("cannot enter the sandbox: %s: %s", step, strerror(-r));
		return 1;
	}
	/* The first word: the sandbox stands. */
	r = stream_send(worker.socket, &greeting, sizeof(greeting));
	if (!r)
		r = serve(&worker);
	/* No destructors: the kernel is quicker. */
	_exit(r == 1 ? 0 : 1);
}
