/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What acquisition lets go of: tables when their room is full; when nothing is recorded the files
 * that are in somebody's way, and all where they are too many or workers failed at some; while
 * sampling never ends, what nobody needs, soonest where somebody may want to unmount it.
 */

#include <errno.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "daemon/acquisition-state.h"
#include "daemon/base/limits.h"
#include "daemon/unwind/table-shares.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/time.h"

/* What workers failed at is tried again, no more often: a hang may have been the machine's. */
#define RETRY_NS (60 * NS_PER_SECOND)

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
bool acquisition_on_full(void *userdata)
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

void acquisition_drop_files(struct acquisition *acquisition)
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

/* Files of an overlay have devices of the layers that they are from. */
static bool is_of_root(int fd, const struct stat *file)
{
	struct statfs root_system, system;
	struct stat root;

	if (stat("/", &root) == 0 && root.st_dev == file->st_dev)
		return true;
	return statfs("/", &root_system) == 0 && fstatfs(fd, &system) == 0 &&
		root_system.f_type == OVERLAYFS_SUPER_MAGIC &&
		system.f_type == OVERLAYFS_SUPER_MAGIC &&
		!memcmp(&root_system.f_fsid, &system.f_fsid, sizeof(system.f_fsid));
}

/*
 * What an open file keeps from others: the space of a deleted one is not given back, and a file system
 * with one cannot be unmounted. From the root's nobody wants to part. What could not be opened is to
 * be tried again.
 */
static bool holds_back(const struct object *object)
{
	struct stat now;

	if (object->kind != OBJECT_FILE)
		return false;
	return object->state != OBJECT_OPEN || fstat(object->fd, &now) < 0 || !now.st_nlink ||
		!is_of_root(object->fd, &now);
}

/* What the opener or a worker is at, or what waits for them, stays. */
static bool is_at_rest(const struct acquired *acquired)
{
	enum table_state state = acquired->table.state;

	return acquired->object->kind == OBJECT_FILE && !acquired->object->is_requested &&
		!acquired->is_improving && state != TABLE_WAITING && state != TABLE_COMPILING;
}

static void file_forget(struct acquired *acquired)
{
	struct acquisition *acquisition = acquired->acquisition;

	/* The kernel first: it must not have a table's index that is somebody else's. */
	capture_forget_file(acquisition->config.capture, &acquired->key);
	object_table_remove(acquisition->objects, acquired->file);
	acquired_free(acquired);
}

/* Workers keep open what they were asked of lately. */
static void workers_let_go(struct acquisition *acquisition)
{
	tables_trim(acquisition->tables);
	symbolizer_trim(acquisition->config.symbolizer);
}

/* Nothing is recorded: what stays is for the next recording, and is in nobody's way. */
static void files_let_go(struct acquisition *acquisition)
{
	bool is_any = false;

	list_for_each (&acquisition->files, link) {
		struct acquired *acquired = container_of(link, struct acquired, link);

		if (!is_at_rest(acquired) || !holds_back(acquired->object))
			continue;
		file_forget(acquired);
		is_any = true;
	}
	if (is_any)
		workers_let_go(acquisition);
}

/* Of a file system that somebody may want to unmount. A file stays where it is. */
static bool is_elsewhere(struct acquired *acquired)
{
	const struct object *object = acquired->object;
	struct stat now;

	if (object->kind != OBJECT_FILE || object->state != OBJECT_OPEN)
		return false;
	if (acquired->where == WHERE_UNKNOWN)
		acquired->where = fstat(object->fd, &now) < 0 || !is_of_root(object->fd, &now)
			? WHERE_ELSEWHERE
			: WHERE_ROOT;
	return acquired->where == WHERE_ELSEWHERE;
}

/* The process that it was first met in. While that lives, its file system is in use anyway. */
static bool has_ended(const struct object *object)
{
	return kill((pid_t)object->pid, 0) < 0 && errno == ESRCH;
}

void acquisition_part(struct acquisition *acquisition, uint64_t idle_ns)
{
	uint64_t now_ns = time_now_ns(CLOCK_MONOTONIC);
	bool is_any = false;

	list_for_each (&acquisition->files, link) {
		struct acquired *acquired = container_of(link, struct acquired, link);

		if (now_ns - acquired->object->used_ns < idle_ns || !is_at_rest(acquired) ||
			!is_elsewhere(acquired) || !has_ended(acquired->object))
			continue;
		file_forget(acquired);
		is_any = true;
	}
	if (is_any)
		workers_let_go(acquisition);
}

void acquisition_rest(struct acquisition *acquisition)
{
	struct symbolizer_statistics symbols;
	struct tables_statistics tables;

	watch_clear(acquisition->watch);
	symbolizer_statistics(acquisition->config.symbolizer, &symbols);
	tables_statistics(acquisition->tables, &tables);
	files_let_go(acquisition);
	if (is_at_work(acquisition) ||
		(acquisition->n_files <= LIMIT_OBJECTS_RESTING &&
			!may_retry(acquisition, &symbols, &tables)))
		return;
	capture_forget_files(acquisition->config.capture);
	acquisition_drop_files(acquisition);
	acquisition->n_failed_before = tables.n_failed;
	acquisition->n_bad_before = symbols.n_bad_objects;
	acquisition->n_unserved_before = symbols.n_unserved;
	acquisition->dropped_ns = time_now_ns(CLOCK_MONOTONIC);
	if (acquisition_add_vdso(acquisition) < 0)
		log_warning("the vdso stays without names: out of memory");
}

static bool is_deleted(const struct object *object)
{
	struct stat now;

	return object->state == OBJECT_OPEN && (fstat(object->fd, &now) < 0 || !now.st_nlink);
}

size_t acquisition_age(struct acquisition *acquisition, uint64_t age_ns)
{
	uint64_t now_ns = time_now_ns(CLOCK_MONOTONIC);
	size_t n = 0;

	list_for_each (&acquisition->files, link) {
		struct acquired *acquired = container_of(link, struct acquired, link);
		uint64_t idle_ns = now_ns - acquired->object->used_ns;

		if (idle_ns < age_ns / 10 || !is_at_rest(acquired) ||
			(idle_ns < age_ns && !is_deleted(acquired->object)))
			continue;
		file_forget(acquired);
		n++;
	}
	return n;
}
