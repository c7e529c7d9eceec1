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
#include <sys/stat.h>

#include "daemon/base/limits.h"
#include "daemon/tables.h"
#include "daemon/unwind/table-shares.h"
#include "daemon/watch.h"
#include "proto/base/cleanup.h"
#include "proto/base/list.h"
#include "proto/base/log.h"
#include "proto/base/time.h"

/* What workers failed at is tried again, no more often: a hang may have been the machine's. */
#define RETRY_NS (60 * NS_PER_SECOND)
/* Answers that say nothing of the process but of the file, or cost a deadline: so many and no more. */
#define OPEN_TRIES 2

struct acquired {
	struct list link; /* acquisition.files */
	struct acquisition *acquisition;
	struct object *object; /* a reference */
	struct abi_file_key key;
	struct table table;
	bool is_improving; /* the symbolizer looks for its debug file, since the table is partial */
	bool is_improved; /* it has done so, once and for all */
	unsigned n_refused; /* times that it could not be opened */
};

struct acquisition {
	struct acquisition_config config;
	struct object_table *objects;
	struct tables *tables;
	struct acquired *vdso;
	struct list files;
	size_t n_files, n_opening, n_improving;
	struct watch *watch;
	bool is_open; /* whoever asked for it has it */
	uint64_t n_dropped; /* tables, for want of room */
	uint64_t dropped_ns; /* when files were last dropped, */
	uint64_t n_bad_before, n_unserved_before; /* the symbolizer's counts then, */
	uint64_t n_failed_before; /* and the tables' */
};

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

static void acquired_free(struct acquired *acquired)
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

static bool is_droppable(const struct acquired *acquired)
{
	const struct table *table = &acquired->table;

	return acquired != acquired->acquisition->vdso && table->state == TABLE_READY &&
		!table->former && table->index < ABI_TABLE_NO_PROGRAM;
}

/* Of one user's files, or of all: the quarter that was loaded first. How many that were. */
static size_t tables_drop_oldest(struct acquisition *acquisition, const uid_t *uid, size_t n)
{
	size_t n_dropped = 0, n_max = n / 4 + 1;

	list_for_each (&acquisition->files, link) {
		struct acquired *acquired = container_of(link, struct acquired, link);

		if (n_dropped == n_max)
			break;
		if (!is_droppable(acquired) || (uid && acquired->object->stat.st_uid != *uid))
			continue;
		capture_set_table(acquisition->config.capture, &acquired->key, 0);
		tables_drop(acquisition->tables, &acquired->table);
		n_dropped++;
	}
	return n_dropped;
}

/*
 * Room for tables is short: a user with more than a share gives way, else all do. What is still in
 * use is asked for by the next sample, and comes back out of the cache, so it is then among the
 * youngest.
 */
static bool on_full(void *userdata)
{
	CLEANUP(table_shares_done) struct table_shares shares = {};
	struct acquisition *acquisition = userdata;
	const struct table_share *greedy;
	size_t n = 0, n_dropped;

	list_for_each (&acquisition->files, link) {
		const struct acquired *acquired = container_of(link, struct acquired, link);

		if (!is_droppable(acquired))
			continue;
		table_shares_add(&shares, acquired->object->stat.st_uid, acquired->table.n_rows);
		n++;
	}
	greedy = table_shares_find_greedy(&shares);
	n_dropped = greedy ? tables_drop_oldest(acquisition, &greedy->uid, greedy->n_tables)
			   : tables_drop_oldest(acquisition, NULL, n);
	acquisition->n_dropped += n_dropped;
	return n_dropped;
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

	if (acquisition->n_files >= LIMIT_OBJECTS)
		return NULL;
	memcpy(name, event->need.name, ABI_FILE_NAME_SIZE);
	name[ABI_FILE_NAME_SIZE] = '\0';
	object = object_new(OBJECT_FILE, name);
	if (!object || object_table_add(acquisition->objects, event->need.file, object) < 0)
		return NULL;
	object->pid = event->pid;
	object->process_start_ns = event->start_ns;
	return acquired_new(acquisition, object, &event->need.key);
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

static int vdso_add(struct acquisition *acquisition)
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
		.on_full = on_full,
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
		r = vdso_add(acquisition);
	if (r < 0) {
		acquisition_free(acquisition);
		return r;
	}
	acquisition->is_open = true;
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
	acquisition->n_improving = 0;
	object_table_clear(acquisition->objects);
}

struct acquisition *acquisition_free(struct acquisition *acquisition)
{
	if (!acquisition)
		return NULL;
	watch_free(acquisition->watch);
	acquisition->tables = tables_free(acquisition->tables);
	if (acquisition->objects)
		files_drop(acquisition);
	object_table_free(acquisition->objects);
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
	return acquisition->n_opening || tables_n_compiling(acquisition->tables);
}

static bool may_retry(const struct acquisition *acquisition,
	const struct symbolizer_statistics *symbols, const struct tables_statistics *tables)
{
	/* Workers that cannot be started cost no time. */
	if (symbols->n_unserved != acquisition->n_unserved_before)
		return true;
	if (tables->n_failed == acquisition->n_failed_before &&
		symbols->n_bad_objects == acquisition->n_bad_before)
		return false;
	return !acquisition->dropped_ns ||
		time_now_ns(CLOCK_MONOTONIC) - acquisition->dropped_ns > RETRY_NS;
}

void acquisition_rest(struct acquisition *acquisition)
{
	struct symbolizer_statistics symbols;
	struct tables_statistics tables;

	watch_clear(acquisition->watch);
	symbolizer_statistics(acquisition->config.symbolizer, &symbols);
	tables_statistics(acquisition->tables, &tables);
	if (is_at_work(acquisition) ||
		(acquisition->n_files <= LIMIT_OBJECTS_RESTING && !holds_deleted(acquisition) &&
			!may_retry(acquisition, &symbols, &tables)))
		return;
	capture_forget_files(acquisition->config.capture);
	files_drop(acquisition);
	acquisition->n_failed_before = tables.n_failed;
	acquisition->n_bad_before = symbols.n_bad_objects;
	acquisition->n_unserved_before = symbols.n_unserved;
	acquisition->dropped_ns = time_now_ns(CLOCK_MONOTONIC);
	if (vdso_add(acquisition) < 0)
		log_warning("the vdso stays without names: out of memory");
}

void acquisition_statistics(
	const struct acquisition *acquisition, struct acquisition_statistics *ret_statistics)
{
	ret_statistics->n_objects = object_table_size(acquisition->objects);
	tables_statistics(acquisition->tables, &ret_statistics->tables);
	ret_statistics->n_tables_dropped = acquisition->n_dropped;
}
