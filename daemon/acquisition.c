/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One record for each file id. Its object goes OPENING -> OPEN (or stays OPENING when the process
 * was gone: the kernel asks again when another one has the file; or becomes GONE when the file itself
 * refuses), then its table is compiled, one job after another, by a worker pool of its own. Until a table is there the kernel side ends walks
 * in that file with "no-table": a missing frame is better than a wrong one.
 */

#include "daemon/acquisition.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/base/limits.h"
#include "daemon/symbolize/workers.h"
#include "daemon/unwind/upload.h"
#include "daemon/unwind/validate.h"
#include "daemon/watch.h"
#include "proto/base/cleanup.h"
#include "proto/base/list.h"
#include "proto/base/log.h"
#include "proto/base/time.h"

#define COMPILE_TIMEOUT_NS (10 * NS_PER_SECOND)
#define COMPILE_TRIES 2
/* What workers failed at is tried again, no more often: a hang may have been the machine's. */
#define RETRY_NS (60 * NS_PER_SECOND)
/* Where no worker can be started, what waits for one is tried again after this. */
#define BROKEN_RETRY_NS NS_PER_SECOND
/* Answers that say nothing of the process but of the file, or cost a deadline: so many and no more. */
#define OPEN_TRIES 2

struct acquired {
	struct list link; /* acquisition.files */
	struct list compile; /* acquisition.to_compile, while it waits or is at a worker */
	struct acquisition *acquisition;
	struct object *object; /* a reference */
	struct abi_file_key key;
	struct worker_call call;
	unsigned n_failures, n_refused; /* of compiling, of opening */
};

struct acquisition {
	struct acquisition_config config;
	struct object_table *objects;
	struct workers *workers;
	struct upload *upload;
	struct acquired *vdso;
	struct list files, to_compile;
	size_t n_files, n_opening, n_compiling, n_tables;
	struct watch *watch;
	struct loop_source *broken_timer;
	size_t n_given_up; /* files whose tables no worker brought */
	uint64_t dropped_ns; /* when files were last dropped, */
	uint64_t n_bad_before, n_unserved_before; /* and the symbolizer's counts then */
};

static void settle(struct acquisition *acquisition)
{
	if (acquisition_is_settled(acquisition))
		acquisition->config.on_settled(acquisition->config.userdata);
}

bool acquisition_is_settled(const struct acquisition *acquisition)
{
	return !acquisition->n_opening && !acquisition->n_compiling;
}

static struct acquired *acquired_new(
	struct acquisition *acquisition, struct object *object, const struct abi_file_key *key)
{
	struct acquired *acquired = calloc(1, sizeof(*acquired));

	if (!acquired)
		return NULL;
	acquired->acquisition = acquisition;
	acquired->object = object_ref(object);
	acquired->key = *key;
	list_add_tail(&acquisition->files, &acquired->link);
	acquisition->n_files++;
	return acquired;
}

static void acquired_free(struct acquired *acquired)
{
	list_remove(&acquired->compile);
	list_remove(&acquired->link);
	acquired->acquisition->n_files--;
	object_unref(acquired->object);
	free(acquired);
}

/* Tells the kernel side; ABI_TABLE_NONE sends it after frame pointers. */
static void table_set(struct acquired *acquired, uint32_t table)
{
	struct acquisition *acquisition = acquired->acquisition;

	if (acquired == acquisition->vdso)
		capture_set_vdso_table(acquisition->config.capture, table);
	else
		capture_set_table(acquisition->config.capture, &acquired->key, table);
}

/* Copies the rows out of the reply, then validates the copy. */
static int table_take(struct acquired *acquired, const struct worker_reply *reply, const void *body)
{
	CLEANUP(freep) struct abi_row *rows = NULL;
	size_t n = reply->body_size / sizeof(*rows);
	uint32_t index;
	int r;

	if (!n || reply->body_size % sizeof(*rows))
		return -EBADMSG;
	rows = malloc(reply->body_size);
	if (!rows)
		return -ENOMEM;
	memcpy(rows, body, reply->body_size);
	r = rows_validate(rows, n, (uint64_t)acquired->object->stat.st_size);
	if (r)
		return -EBADMSG;
	r = upload_add(acquired->acquisition->upload, rows, n, &index);
	if (r < 0)
		return r;
	acquired->acquisition->n_tables++;
	table_set(acquired, index);
	return 0;
}

static void compile_next(struct acquisition *acquisition);

/* Back into the queue, or given up. */
static void compile_failed(struct acquired *acquired)
{
	struct acquisition *acquisition = acquired->acquisition;

	if (++acquired->n_failures < COMPILE_TRIES) {
		acquired->call.on_reply = NULL;
		list_add_tail(&acquisition->to_compile, &acquired->compile);
		acquisition->n_compiling++;
		return;
	}
	acquisition->n_given_up++;
	log_warning("no unwind table for %s: the worker gave up; its stacks end there",
		acquired->object->path);
}

static int on_compiled(struct worker_call *call, const struct worker_reply *reply, const void *body)
{
	struct acquired *acquired = container_of(call, struct acquired, call);
	struct acquisition *acquisition = acquired->acquisition;
	int r = 0;

	list_remove(&acquired->compile);
	acquisition->n_compiling--;
	if (!reply)
		compile_failed(acquired);
	else if (reply->status == WORKER_STATUS_NO_TABLE)
		table_set(acquired, ABI_TABLE_NONE);
	else if (reply->status == WORKER_STATUS_OK)
		r = table_take(acquired, reply, body);
	if (r == -ENOSPC)
		log_warning("no room for the unwind table of %s", acquired->object->path);
	compile_next(acquisition);
	settle(acquisition);
	return r == -EBADMSG ? r : 0;
}

/* Hands on as many as the workers take. Those that found none to be started stay in the queue. */
static void compile_next(struct acquisition *acquisition)
{
	list_for_each (&acquisition->to_compile, link) {
		struct acquired *acquired = container_of(link, struct acquired, compile);
		int r;

		if (acquired->call.on_reply)
			continue;
		acquired->call = (struct worker_call){
			.job = WORKER_JOB_TABLE,
			.trust = workers_trust(&acquired->object->stat),
			.fds = WORKER_ONLY_OBJECT(acquired->object->fd),
			.on_reply = on_compiled,
		};
		r = workers_run(acquisition->workers, &acquired->call);
		if (!r)
			continue;
		acquired->call.on_reply = NULL;
		if (r == WORKERS_BROKEN)
			loop_source_set_time(acquisition->broken_timer,
				time_now_ns(CLOCK_MONOTONIC) + BROKEN_RETRY_NS);
		if (r > 0)
			return;
		list_remove(&acquired->compile);
		acquisition->n_compiling--;
		acquisition->n_given_up++;
	}
}

static int on_workers_idle(void *userdata)
{
	struct acquisition *acquisition = userdata;

	compile_next(acquisition);
	settle(acquisition);
	return 0;
}

static void compile(struct acquired *acquired)
{
	struct acquisition *acquisition = acquired->acquisition;

	list_add_tail(&acquisition->to_compile, &acquired->compile);
	acquisition->n_compiling++;
	compile_next(acquisition);
}

/* Of a process that has gone, another one may still have the file. */
static bool is_refused(int error)
{
	return error && error != -ENOENT && error != -ESRCH && error != -ESTALE && error != -EBUSY;
}

/* The kernel asks no more, and a file that costs a deadline at each try costs others no more. */
static void give_up(struct acquired *acquired)
{
	struct acquisition *acquisition = acquired->acquisition;

	acquired->object->state = OBJECT_GONE;
	capture_answer_file(acquisition->config.capture, &acquired->key);
	symbolizer_on_object(acquisition->config.symbolizer, acquired->object);
}

static void on_opened(void *userdata, struct opener_reply *reply)
{
	struct acquired *acquired = userdata;
	struct acquisition *acquisition = acquired->acquisition;
	struct object *object = acquired->object;

	object->is_requested = false;
	acquisition->n_opening--;
	/* The process may have another program at these addresses by now: that is none of this file. */
	if (!reply->error &&
		!capture_is_file(acquisition->config.capture, reply->fd, &acquired->key))
		reply->error = -ESTALE;
	if (reply->error || object->state != OBJECT_OPENING) {
		object->open_error = reply->error;
		if (is_refused(reply->error) && ++acquired->n_refused == OPEN_TRIES)
			give_up(acquired);
		settle(acquisition);
		return;
	}
	if (reply->path[0])
		object_set_path(object, reply->path);
	object->fd = take_fd(&reply->fd);
	object->stat = reply->stat;
	object->is_by_path = reply->is_by_path;
	object->state = OBJECT_OPEN;
	capture_answer_file(acquisition->config.capture, &acquired->key);
	symbolizer_on_object(acquisition->config.symbolizer, object);
	compile(acquired);
	settle(acquisition);
}

static void request(struct acquired *acquired, const struct abi_event *event)
{
	struct acquisition *acquisition = acquired->acquisition;
	struct opener_request open = {
		.how = OPENER_MAPPING,
		.pid = event->pid,
		.process_start_ns = event->start_ns,
		.start = event->need.start,
		.end = event->need.end,
	};

	if (opener_submit(acquisition->config.opener, &open, on_opened, acquired) < 0)
		return;
	acquired->object->is_requested = true;
	acquisition->n_opening++;
}

/* The record of a file that is new, or NULL. */
static struct acquired *file_add(struct acquisition *acquisition, const struct abi_event *event)
{
	CLEANUP(object_unrefp) struct object *object = NULL;
	char name[ABI_FILE_NAME_SIZE + 1];

	if (acquisition->n_files >= LIMIT_OBJECTS)
		return NULL;
	memcpy(name, event->need.name, ABI_FILE_NAME_SIZE);
	name[ABI_FILE_NAME_SIZE] = '\0';
	object = object_new(OBJECT_FILE, name);
	if (!object || object_table_add(acquisition->objects, event->need.file, object) < 0)
		return NULL;
	object->pid = event->pid;
	return acquired_new(acquisition, object, &event->need.key);
}

static struct acquired *file_find(struct acquisition *acquisition, const struct object *object)
{
	list_for_each (&acquisition->files, link) {
		struct acquired *acquired = container_of(link, struct acquired, link);

		if (acquired->object == object)
			return acquired;
	}
	return NULL;
}

void acquisition_need(struct acquisition *acquisition, const struct abi_event *event)
{
	struct object *object = object_table_find(acquisition->objects, event->need.file);
	struct acquired *acquired;

	if (object && (object->state != OBJECT_OPENING || object->is_requested))
		return;
	acquired = object ? file_find(acquisition, object) : file_add(acquisition, event);
	if (acquired)
		request(acquired, event);
	else
		capture_answer_file(acquisition->config.capture, &event->need.key);
}

void acquisition_watch(struct acquisition *acquisition, uint32_t pid)
{
	watch_add(acquisition->watch, pid);
}

static int vdso_add(struct acquisition *acquisition)
{
	CLEANUP(object_unrefp) struct object *object = object_new_vdso();
	static const struct abi_file_key none;
	int r;

	if (!object)
		return 0; /* a kernel without it */
	r = object_table_add(acquisition->objects, ABI_FILE_VDSO, object);
	if (r < 0)
		return r;
	acquisition->vdso = acquired_new(acquisition, object, &none);
	if (!acquisition->vdso)
		return -ENOMEM;
	capture_set_vdso_table(acquisition->config.capture, 0);
	compile(acquisition->vdso);
	return 0;
}

int acquisition_new(const struct acquisition_config *config, struct acquisition **ret_acquisition)
{
	struct acquisition *acquisition = calloc(1, sizeof(*acquisition));
	struct workers_config workers = {
		.path = config->worker_path,
		.n_max = 2,
		.job_timeout_ns = COMPILE_TIMEOUT_NS,
		.on_idle = on_workers_idle,
		.userdata = acquisition,
	};
	struct capture_unwind_maps maps;
	int r;

	if (!acquisition)
		return -ENOMEM;
	acquisition->config = *config;
	list_init(&acquisition->files);
	list_init(&acquisition->to_compile);
	capture_unwind_maps(config->capture, &maps);
	acquisition->objects = object_table_new();
	r = acquisition->objects ? 0 : -ENOMEM;
	if (!r)
		r = upload_new(maps.shards_fd, maps.tables_fd, &acquisition->upload);
	if (!r)
		r = workers_new(config->loop, &workers, &acquisition->workers);
	if (!r)
		r = watch_new(config->loop, config->capture, &acquisition->watch);
	if (!r)
		r = loop_add_timer(config->loop, UINT64_MAX / 2, on_workers_idle, acquisition,
			&acquisition->broken_timer);
	if (!r)
		r = vdso_add(acquisition);
	if (r < 0) {
		acquisition_free(acquisition);
		return r;
	}
	*ret_acquisition = acquisition;
	return 0;
}

static void files_drop(struct acquisition *acquisition)
{
	list_for_each (&acquisition->files, link) {
		struct acquired *acquired = container_of(link, struct acquired, link);

		if (acquired->object->is_requested)
			opener_cancel(acquisition->config.opener, acquired);
		acquired_free(acquired);
	}
	acquisition->vdso = NULL;
	acquisition->n_opening = 0;
	acquisition->n_compiling = 0;
	object_table_clear(acquisition->objects);
}

struct acquisition *acquisition_free(struct acquisition *acquisition)
{
	if (!acquisition)
		return NULL;
	watch_free(acquisition->watch);
	loop_source_free(acquisition->broken_timer);
	workers_free(acquisition->workers);
	if (acquisition->objects)
		files_drop(acquisition);
	object_table_free(acquisition->objects);
	upload_free(acquisition->upload);
	free(acquisition);
	return NULL;
}

const struct object_table *acquisition_objects(const struct acquisition *acquisition)
{
	return acquisition->objects;
}

/* Space of a deleted file is not given back while somebody holds it. */
static bool holds_deleted(const struct acquisition *acquisition)
{
	list_for_each (&acquisition->files, link) {
		const struct object *object = container_of(link, struct acquired, link)->object;
		struct stat now;

		if (object->kind == OBJECT_FILE &&
			(object->state != OBJECT_OPEN || fstat(object->fd, &now) < 0 ||
				!now.st_nlink))
			return true;
	}
	return false;
}

/* What only waits for a worker may be dropped; what a worker or the opener is at may not. */
static bool is_at_work(const struct acquisition *acquisition)
{
	list_for_each (&acquisition->to_compile, link)
		if (container_of(link, struct acquired, compile)->call.on_reply)
			return true;
	return acquisition->n_opening;
}

static bool may_retry(
	const struct acquisition *acquisition, const struct symbolizer_statistics *symbols)
{
	/* Workers that cannot be started cost no time. */
	if (symbols->n_unserved != acquisition->n_unserved_before)
		return true;
	if (!acquisition->n_given_up && symbols->n_bad_objects == acquisition->n_bad_before)
		return false;
	return !acquisition->dropped_ns ||
		time_now_ns(CLOCK_MONOTONIC) - acquisition->dropped_ns > RETRY_NS;
}

void acquisition_rest(struct acquisition *acquisition)
{
	struct symbolizer_statistics symbols;

	watch_clear(acquisition->watch);
	symbolizer_statistics(acquisition->config.symbolizer, &symbols);
	if (is_at_work(acquisition) ||
		(acquisition->n_files <= LIMIT_OBJECTS_RESTING && !holds_deleted(acquisition) &&
			!may_retry(acquisition, &symbols)))
		return;
	files_drop(acquisition);
	acquisition->n_given_up = 0;
	acquisition->n_bad_before = symbols.n_bad_objects;
	acquisition->n_unserved_before = symbols.n_unserved;
	acquisition->dropped_ns = time_now_ns(CLOCK_MONOTONIC);
	capture_forget_files(acquisition->config.capture);
	upload_reset(acquisition->upload);
	acquisition->n_tables = 0;
	if (vdso_add(acquisition) < 0)
		log_warning("the vdso stays without names: out of memory");
}

void acquisition_statistics(
	const struct acquisition *acquisition, struct acquisition_statistics *ret_statistics)
{
	*ret_statistics = (struct acquisition_statistics){
		.n_objects = object_table_size(acquisition->objects),
		.n_tables = acquisition->n_tables,
		.n_rows = upload_rows(acquisition->upload),
		.table_bytes = upload_bytes(acquisition->upload),
	};
}
