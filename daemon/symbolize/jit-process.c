/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Who may have written the file? Anybody can put a perf-PID.map into /tmp. It counts only if it is a
 * regular file with one name, reached without following a link, and the target's own; what its bytes
 * say is the business of a worker that serves this user alone. A run-time that replaces its map
 * by another file is followed: the path is looked at in each round.
 */

#include "daemon/symbolize/jit-process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/limits.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

#define READS_PER_ROUND_MAX 256
#define FAILURES_MAX 2
#define STATUS_BYTES_MAX (64u << 10)

static void advance(struct jit_process *process);

/* The pid in the innermost pid namespace (proc_pid_status(5), NSpid): by it the process calls its
 * files. */
static uint32_t own_pid(uint32_t pid)
{
	CLEANUP(freep) char *text = NULL;
	char path[32], *line, *end, *last;
	uint32_t own = pid;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/status", pid);
	if (text_read_file(AT_FDCWD, path, STATUS_BYTES_MAX, &text, NULL) < 0)
		return pid;
	line = strstr(text, "\nNSpid:\t");
	end = line ? strchr(line + 1, '\n') : NULL;
	if (!end)
		return pid;
	*end = '\0';
	last = strrchr(line, '\t');
	return text_parse_u32(last + 1, &own) < 0 ? pid : own;
}

struct jit_process *jit_process_new(struct jit_context *context, const struct jit_process_id *id)
{
	struct jit_process *process = calloc(1, sizeof(*process));
	uint32_t pid;

	if (!process)
		return NULL;
	pid = own_pid(id->pid);
	process->context = context;
	process->id = *id;
	process->root_fd = process->map.fd = process->dump.fd = -1;
	process->step = JIT_STEP_DONE;
	snprintf(process->map_path, sizeof(process->map_path), "/tmp/perf-%" PRIu32 ".map", pid);
	snprintf(process->dump_name, sizeof(process->dump_name), "jit-%" PRIu32 ".dump", pid);
	return process;
}

struct jit_process *jit_process_free(struct jit_process *process)
{
	if (!process)
		return NULL;
	opener_cancel(process->context->opener, process);
	list_remove(&process->link);
	if (process->call.on_reply && process->is_asked) {
		process->is_dropped = true;
		list_add_tail(&process->context->dropped, &process->link);
		return NULL;
	}
	process->context->n_codes -= process->codes.n;
	closep(&process->root_fd);
	closep(&process->map.fd);
	closep(&process->dump.fd);
	jit_codes_done(&process->codes);
	free(process);
	return NULL;
}

static void file_refuse(struct jit_file *file, const char *reason)
{
	file->is_bad = true;
	file->reason = reason;
}

/* A file that was opened becomes the one that is read, unless it is that already, or is not the
 * target's. */
static void file_take(
	struct jit_process *process, struct jit_file *file, struct opener_reply *reply)
{
	const struct stat *now = &reply->stat;

	if (file->fd >= 0 && file->stat.st_dev == now->st_dev && file->stat.st_ino == now->st_ino)
		return;
	if (now->st_uid != process->id.uid) {
		file->reason = "jit-map-foreign";
	} else if (now->st_nlink > 1) {
		file->reason = "jit-map-irregular";
	} else if ((uint64_t)now->st_size > LIMIT_JIT_FILE_BYTES) {
		file->reason = "jit-map-too-large";
	} else {
		closep(&file->fd);
		*file = (struct jit_file){.fd = take_fd(&reply->fd), .stat = *now};
		file->trust = workers_trust(now);
	}
}

static void on_root(void *userdata, struct opener_reply *reply)
{
	struct jit_process *process = userdata;

	process->is_asked = false;
	process->is_gone = reply->error == -ESRCH || reply->error == -ENOENT;
	if (!reply->error)
		process->root_fd = take_fd(&reply->fd);
	else if (!process->is_gone)
		process->map.reason = "jit-map-unreadable";
	process->step++;
	advance(process);
}

static void on_file(struct jit_process *process, struct jit_file *file, struct opener_reply *reply)
{
	process->is_asked = false;
	if (!reply->error)
		file_take(process, file, reply);
	else if (reply->error == -EINVAL || reply->error == -ELOOP)
		file->reason = "jit-map-irregular";
	else if (reply->error == -EFBIG)
		file->reason = "jit-map-too-large";
	else if (reply->error != -ENOENT && reply->error != -ESRCH && reply->error != -ENOTDIR)
		file->reason = "jit-map-unreadable";
	process->step++;
	advance(process);
}

static void on_dump(void *userdata, struct opener_reply *reply)
{
	struct jit_process *process = userdata;

	on_file(process, &process->dump, reply);
}

static void on_map(void *userdata, struct opener_reply *reply)
{
	struct jit_process *process = userdata;

	on_file(process, &process->map, reply);
}

static void ask(struct jit_process *process, const struct opener_request *request,
	opener_callback *callback)
{
	struct opener_request asked = *request;

	asked.pid = process->id.pid;
	asked.process_start_ns = process->id.start_ns;
	if (opener_submit(process->context->opener, &asked, callback, process) < 0)
		process->step++; /* the next round, then */
	else
		process->is_asked = true;
}

static void take_reply(struct jit_process *process, struct jit_file *file,
	const struct jit_reply *reply, bool *ret_more)
{
	size_t n = process->codes.n;
	bool is_new = reply->head.position != file->position || reply->n_codes;
	int r;

	file->n_failures = 0;
	*ret_more = (reply->head.flags & WORKER_JIT_MORE) && is_new &&
		++process->n_reads < READS_PER_ROUND_MAX;
	file->position = reply->head.position;
	file->check = reply->head.check;
	r = jit_codes_add(&process->codes, reply, process->last_round_ns);
	process->context->n_codes += process->codes.n - n;
	if (r || file->position > LIMIT_JIT_FILE_BYTES ||
		process->context->n_codes > LIMIT_JIT_CODES_ALL)
		file_refuse(file, "jit-map-too-large");
}

static int on_reply(struct worker_call *call, const struct worker_reply *reply, const void *body)
{
	struct jit_process *process = call->userdata;
	struct jit_file *file = process->step == JIT_STEP_READ_MAP ? &process->map : &process->dump;
	CLEANUP(freep) void *copy = reply ? malloc(reply->body_size + 1) : NULL;
	bool is_more = false;
	struct jit_reply parsed;
	int r = -EPIPE;

	process->is_asked = false;
	process->call.on_reply = NULL;
	if (process->is_dropped) {
		jit_process_free(process);
		return 0;
	}
	if (copy && reply->status == WORKER_STATUS_OK) {
		memcpy(copy, body, reply->body_size);
		r = jit_reply_parse(reply, copy, &parsed);
	}
	if (!r)
		take_reply(process, file, &parsed, &is_more);
	else if (reply && reply->status == WORKER_STATUS_BAD_ELF)
		file_refuse(file, "jit-map-bad");
	else if (++file->n_failures == FAILURES_MAX || r == -EPROTO || call->is_to_blame)
		file_refuse(file, "worker-failed");
	if (!is_more || file->is_bad)
		process->step++;
	advance(process);
	return r == -EPROTO ? r : 0;
}

static void read_file(struct jit_process *process, struct jit_file *file, enum worker_job job)
{
	static uint64_t last_cookie;
	int r;

	if (file->fd < 0 || file->is_bad) {
		process->step++;
		return;
	}
	process->call_offsets[WORKER_JIT_POSITION] = file->position;
	process->call_offsets[WORKER_JIT_CHECK] = file->check;
	process->call = (struct worker_call){
		.job = job,
		.cookie = ++last_cookie,
		.trust = file->trust,
		.fds = {file->fd, -1, -1},
		.offsets = process->call_offsets,
		.n_offsets = N_WORKER_JIT_REQUEST,
		.on_reply = on_reply,
		.userdata = process,
	};
	r = workers_run(process->context->workers, &process->call);
	process->is_asked = !r;
	process->is_waiting = r == WORKERS_BUSY;
	if (!r)
		return;
	process->call.on_reply = NULL;
	if (r == WORKERS_BUSY)
		return;
	file->reason = "worker-failed";
	process->step++;
}

static void step_run(struct jit_process *process)
{
	switch (process->step) {
	case JIT_STEP_ROOT:
		if (process->root_fd >= 0 || process->is_gone)
			process->step++;
		else
			ask(process, &(struct opener_request){.how = OPENER_ROOT}, on_root);
		break;
	case JIT_STEP_FIND_DUMP:
		if (process->dump.fd >= 0 || process->is_gone)
			process->step++;
		else
			ask(process,
				&(struct opener_request){
					.how = OPENER_MAPPED_NAME, .path = process->dump_name},
				on_dump);
		break;
	case JIT_STEP_FIND_MAP:
		if (process->root_fd < 0)
			process->step++;
		else
			ask(process,
				&(struct opener_request){.how = OPENER_BENEATH,
					.root_fd = process->root_fd,
					.path = process->map_path},
				on_map);
		break;
	case JIT_STEP_READ_MAP:
		read_file(process, &process->map, WORKER_JOB_JIT_MAP);
		break;
	default:
		read_file(process, &process->dump, WORKER_JOB_JITDUMP);
	}
}

static void advance(struct jit_process *process)
{
	while (process->step < JIT_STEP_DONE && !process->is_asked && !process->is_waiting)
		step_run(process);
	if (process->step == JIT_STEP_DONE) {
		process->last_round_ns = process->round_ns;
		process->context->on_round(process);
	}
}

void jit_process_begin(struct jit_process *process)
{
	process->round_ns = time_now_ns(CLOCK_MONOTONIC);
	process->step = JIT_STEP_ROOT;
	process->n_reads = 0;
	advance(process);
}

void jit_process_resume(struct jit_process *process)
{
	if (!process->is_waiting)
		return;
	process->is_waiting = false;
	advance(process);
}

const char *jit_process_reason(const struct jit_process *process)
{
	if (process->map.reason)
		return process->map.reason;
	if (process->dump.reason)
		return process->dump.reason;
	if (process->map.fd >= 0 || process->dump.fd >= 0)
		return "not-in-jit-map";
	return process->is_gone ? "process-gone" : "no-jit-map";
}
