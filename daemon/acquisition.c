/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One record for each file id. Its object goes OPENING -> OPEN (or stays OPENING when the process
 * was gone: the kernel asks again when another one has the file; or becomes GONE when the file itself
 * refuses), then its table is wanted.
 */

#include "daemon/acquisition.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/acquisition-state.h"
#include "daemon/base/limits.h"
#include "proto/base/cleanup.h"

/* Answers that say nothing of the process but of the file, or cost a deadline: so many and no more. */
#define OPEN_TRIES 2

static void settle(struct acquisition *acquisition)
{
	if (acquisition->is_open && !acquisition_n_pending(acquisition))
		acquisition->config.on_settled(acquisition->config.userdata);
}

size_t acquisition_n_pending(const struct acquisition *acquisition)
{
	return acquisition->n_opening + acquisition->n_improving +
		tables_n_wanted(acquisition->tables);
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

void acquired_free(struct acquired *acquired)
{
	if (acquired->acquisition->tables)
		tables_drop(acquired->acquisition->tables, &acquired->table);
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

static struct acquired *file_find(struct acquisition *acquisition, const struct object *object)
{
	list_for_each (&acquisition->files, link) {
		struct acquired *acquired = container_of(link, struct acquired, link);

		if (acquired->object == object)
			return acquired;
	}
	return NULL;
}

/* Much of the code has no row: what is compiled from the separate debug file as well may have. */
static void improve(struct acquired *acquired)
{
	if (acquired->is_improved || acquired->object->kind != OBJECT_FILE)
		return;
	acquired->is_improved = true;
	acquired->is_improving = true;
	acquired->acquisition->n_improving++;
	symbolizer_want_files(acquired->acquisition->config.symbolizer, acquired->object);
}

static void on_table(void *userdata, struct table *table)
{
	struct acquired *acquired = container_of(table, struct acquired, table);

	if (table->state == TABLE_READY)
		table_set(acquired, table->index);
	if (table->state == TABLE_READY && table->is_partial)
		improve(acquired);
	settle(userdata);
}

void acquisition_on_files(struct acquisition *acquisition, const struct object *object)
{
	struct acquired *acquired = file_find(acquisition, object);
	struct symbolizer_debug_file debug;

	if (!acquired || !acquired->is_improving)
		return;
	acquired->is_improving = false;
	acquisition->n_improving--;
	/* What a worker is at, or waits for one, is of the object alone. */
	if ((acquired->table.state == TABLE_READY || acquired->table.state == TABLE_IDLE) &&
		symbolizer_debug_file(object, &debug)) {
		acquired->table.debug_fd = debug.fd;
		acquired->table.debug_trust = debug.trust;
		acquired->table.debug_identity = debug.identity;
		if (acquired->table.state == TABLE_READY)
			tables_want(acquisition->tables, &acquired->table);
	}
	settle(acquisition);
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
	acquired->table = (struct table){
		.object = object,
		.has_identity = reply->has_identity,
		.identity = reply->identity,
		.debug_fd = -1,
	};
	tables_want(acquisition->tables, &acquired->table);
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
	struct acquired *acquired;

	if (acquisition->n_files >= LIMIT_OBJECTS)
		return NULL;
	memcpy(name, event->need.name, ABI_FILE_NAME_SIZE);
	name[ABI_FILE_NAME_SIZE] = '\0';
	object = object_new(OBJECT_FILE, name);
	if (!object || object_table_add(acquisition->objects, event->need.file, object) < 0)
		return NULL;
	object->pid = event->pid;
	object->process_start_ns = event->start_ns;
	acquired = acquired_new(acquisition, object, &event->need.key);
	if (acquired)
		acquired->file = event->need.file;
	return acquired;
}

/* A file whose table was dropped for want of room is met again. */
static void reload(struct acquisition *acquisition, const struct object *object)
{
	struct acquired *acquired = file_find(acquisition, object);

	if (!acquired || acquired->table.state != TABLE_IDLE)
		return;
	list_remove(&acquired->link);
	list_add_tail(&acquisition->files, &acquired->link);
	capture_answer_file(acquisition->config.capture, &acquired->key);
	tables_want(acquisition->tables, &acquired->table);
}

void acquisition_need(struct acquisition *acquisition, const struct abi_event *event)
{
	struct object *object = object_table_find(acquisition->objects, event->need.file);
	struct acquired *acquired;

	if (object && object->state == OBJECT_OPEN)
		reload(acquisition, object);
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

/* The image is no file: it is told by its first page, where the build-id is, and its size. */
static bool vdso_identify(const struct object *object, struct file_identity *ret_identity)
{
	struct file_identity found;

	if (!file_identity_read(object->fd, &object->stat, &found))
		return false;
	*ret_identity = (struct file_identity){
		.size = found.size,
		.first_page = found.first_page,
	};
	return true;
}

int acquisition_add_vdso(struct acquisition *acquisition)
{
	CLEANUP(object_unrefp) struct object *object = object_new_vdso();
	static const struct abi_file_key none;
	struct file_identity identity = {};
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
	acquisition->vdso->table = (struct table){
		.object = object,
		.has_identity = vdso_identify(object, &identity),
		.identity = identity,
		.debug_fd = -1,
	};
	tables_want(acquisition->tables, &acquisition->vdso->table);
	return 0;
}

int acquisition_new(const struct acquisition_config *config, struct acquisition **ret_acquisition)
{
	struct acquisition *acquisition = calloc(1, sizeof(*acquisition));
	struct tables_config tables = {
		.loop = config->loop,
		.worker_path = config->worker_path,
		.cache_directory = config->cache_directory,
		.on_table = on_table,
		.on_full = acquisition_on_full,
		.userdata = acquisition,
	};
	struct capture_unwind_maps maps;
	int r;

	if (!acquisition)
		return -ENOMEM;
	acquisition->config = *config;
	list_init(&acquisition->files);
	capture_unwind_maps(config->capture, &maps);
	tables.shards_fd = maps.shards_fd;
	tables.tables_fd = maps.tables_fd;
	acquisition->objects = object_table_new();
	r = acquisition->objects ? 0 : -ENOMEM;
	if (!r)
		r = tables_new(&tables, &acquisition->tables);
	if (!r)
		r = watch_new(config->loop, config->capture, &acquisition->watch);
	if (!r)
		r = acquisition_add_vdso(acquisition);
	if (r < 0) {
		acquisition_free(acquisition);
		return r;
	}
	acquisition->is_open = true;
	*ret_acquisition = acquisition;
	return 0;
}

struct acquisition *acquisition_free(struct acquisition *acquisition)
{
	if (!acquisition)
		return NULL;
	watch_free(acquisition->watch);
	acquisition->tables = tables_free(acquisition->tables);
	if (acquisition->objects)
		acquisition_drop_files(acquisition);
	object_table_free(acquisition->objects);
	free(acquisition);
	return NULL;
}

const struct object_table *acquisition_objects(const struct acquisition *acquisition)
{
	return acquisition->objects;
}

void acquisition_statistics(
	const struct acquisition *acquisition, struct acquisition_statistics *ret_statistics)
{
	ret_statistics->n_objects = object_table_size(acquisition->objects);
	tables_statistics(acquisition->tables, &ret_statistics->tables);
	ret_statistics->n_tables_dropped = acquisition->n_dropped;
}

void acquisition_set_share(struct acquisition *acquisition, double share)
{
	tables_set_share(acquisition->tables, share);
}

void acquisition_trim(struct acquisition *acquisition)
{
	tables_trim(acquisition->tables);
}

uint64_t acquisition_cpu_ns(const struct acquisition *acquisition)
{
	return tables_cpu_ns(acquisition->tables);
}
