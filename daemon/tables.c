/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is not in the cache waits until it is its owner's turn (table-owners.c). Until a table is there
 * the kernel side ends walks in that file with "no-table": a missing frame is better than a wrong one.
 */

#include "daemon/tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/allowance.h"
#include "daemon/base/audit.h"
#include "daemon/base/limits.h"
#include "daemon/table-owners.h"
#include "daemon/unwind/table-cache.h"
#include "daemon/unwind/upload.h"
#include "daemon/unwind/validate.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/time.h"

#define N_WORKERS 3
#define COMPILE_TIMEOUT_NS (10 * NS_PER_SECOND)
#define COMPILE_TRIES 2
/* Where no worker can be started, what waits for one is tried again after this. */
#define BROKEN_RETRY_NS NS_PER_SECOND

struct tables {
	struct tables_config config;
	struct workers *workers;
	struct upload *upload;
	struct table_cache *cache; /* NULL: none */
	struct table_owners owners;
	uint64_t last_cookie;
	struct loop_source *wait_timer; /* for a worker that can be started, or for the allowance */
	struct allowance allowance;
	struct tables_statistics statistics; /* what is counted here */
};

static void index_remove(struct tables *tables, uint32_t index)
{
	if (index && index < ABI_TABLE_NO_PROGRAM)
		upload_remove(tables->upload, index);
}

static void done(struct table *table, enum table_state state)
{
	struct tables *tables = table->tables;
	uint32_t former = table->former;

	table->former = 0;
	if (state == TABLE_FAILED && former) {
		table->index = former;
		former = 0;
		state = TABLE_READY;
	}
	table->state = state;
	tables->config.on_table(tables->config.userdata, table);
	index_remove(tables, former);
}

static void queue(struct table *table)
{
	struct tables *tables = table->tables;

	if (table_owners_add(&tables->owners, table) < 0) {
		tables->statistics.n_refused++;
		done(table, TABLE_FAILED);
	}
}

/* Into the kernel's maps; no rows: the file describes no frames, the kernel side goes by frame
 * pointers. */
static int load(struct table *table, const struct table_content *content)
{
	struct tables *tables = table->tables;
	int r = 0;

	table->is_partial = content->is_partial;
	table->n_rows = content->n;
	if (!content->n)
		table->index = ABI_TABLE_NONE;
	else
		do
			r = upload_add(tables->upload, content->rows, content->n, &table->index);
		while (r == -ENOSPC && tables->config.on_full(tables->config.userdata));
	if (r == -ENOSPC) {
		tables->statistics.n_refused++;
		audit_line(table->object->stat.st_uid, LOG_LEVEL_WARNING,
			"no room for the unwind table of %s; its stacks end there",
			table->object->path);
	}
	return r;
}

/* False: what is compiled from these files is not kept. */
static bool has_key(const struct table *table, struct table_key *ret_key)
{
	if (!table->tables->cache || !table->has_identity ||
		(table->debug_fd >= 0 && !table->debug_identity.inode))
		return false;
	*ret_key = (struct table_key){.object = table->identity};
	if (table->debug_fd >= 0)
		ret_key->debug = table->debug_identity;
	return true;
}

static bool load_cached(struct table *table)
{
	struct tables *tables = table->tables;
	struct table_key key;
	CLEANUP(freep) void *memory = NULL;
	struct table_content content;

	return has_key(table, &key) && !table_cache_find(tables->cache, &key, &content, &memory) &&
		!load(table, &content);
}

static uint64_t table_trust(const struct table *table)
{
	if (table->debug_fd >= 0)
		return table->debug_trust;
	/* The kernel made it, whatever the file in memory is that it was copied to. */
	if (table->object->kind == OBJECT_VDSO)
		return WORKERS_TRUST_ROOT;
	return workers_trust(&table->object->stat);
}

/* A file that was changed while it was compiled has another identity by now, or will have. */
static void keep(struct table *table, const struct table_content *content)
{
	struct tables *tables = table->tables;
	struct table_key key;
	int r;

	if (!has_key(table, &key))
		return;
	if (table->object->kind == OBJECT_FILE &&
		!file_identity_holds(&key.object, table->object->fd))
		return;
	if (table->debug_fd >= 0 && !file_identity_holds(&key.debug, table->debug_fd))
		return;
	r = table_cache_add(tables->cache, &key, content, table_trust(table) == WORKERS_TRUST_ROOT);
	if (r == 0)
		return;
	log_warning("cannot keep unwind tables in %s: %s; going on without it",
		tables->config.cache_directory, strerror(-r));
	tables->cache = table_cache_close(tables->cache);
}

/* Copies the rows out of the reply, then validates the copy. -EBADMSG: nonsense. */
static int take(struct table *table, const struct worker_reply *reply, const void *body)
{
	CLEANUP(freep) struct abi_row *rows = NULL;
	struct table_content content = {.n = reply->body_size / sizeof(*rows)};
	int r;

	if (!content.n != (reply->status == WORKER_STATUS_NO_TABLE) ||
		reply->body_size % sizeof(*rows))
		return -EBADMSG;
	rows = malloc(reply->body_size + 1);
	if (!rows)
		return -ENOMEM;
	memcpy(rows, body, reply->body_size);
	if (rows_validate(rows, content.n, (uint64_t)table->object->stat.st_size) < 0)
		return -EBADMSG;
	content.rows = rows;
	content.is_partial = !content.n || reply->flags & WORKER_FLAG_PARTIAL;
	r = load(table, &content);
	if (!r)
		keep(table, &content);
	return r;
}

static void run_next(struct tables *tables);

static void failed(struct table *table, bool is_to_blame)
{
	if (++table->n_failures < COMPILE_TRIES && !is_to_blame) {
		queue(table);
		return;
	}
	table->tables->statistics.n_failed++;
	audit_line(table->object->stat.st_uid, LOG_LEVEL_WARNING,
		"no unwind table for %s: the worker gave up; its stacks end there",
		table->object->path);
	done(table, TABLE_FAILED);
}

static int on_reply(struct worker_call *call, const struct worker_reply *reply, const void *body)
{
	struct table *table = container_of(call, struct table, call);
	struct tables *tables = table->tables;
	int r = 0;

	table_owners_end(&tables->owners, table);
	if (!reply) {
		failed(table, call->is_to_blame);
	} else if (reply->status == WORKER_STATUS_OK || reply->status == WORKER_STATUS_NO_TABLE) {
		tables->statistics.n_compiled++;
		r = take(table, reply, body);
		done(table, r < 0 ? TABLE_FAILED : TABLE_READY);
	} else if (reply->status == WORKER_STATUS_BAD_ELF) {
		/* No program, though code: a memfd of a JIT. */
		table->index = ABI_TABLE_NO_PROGRAM;
		done(table, TABLE_READY);
	} else {
		tables->statistics.n_refused++;
		done(table, TABLE_FAILED);
	}
	run_next(tables);
	return r == -EBADMSG ? r : 0;
}

static void on_aside(struct worker_call *call)
{
	struct table *table = container_of(call, struct table, call);

	table_owners_step_aside(&table->tables->owners, table);
}

/* False: no worker is free. */
static bool run_one(struct tables *tables, struct table *table)
{
	int r;

	table->call = (struct worker_call){
		.job = WORKER_JOB_TABLE,
		.cookie = ++tables->last_cookie,
		.trust = table_trust(table),
		.is_alone = table->n_failures > 0,
		.fds = WORKER_ONLY_OBJECT(table->object->fd),
		.on_reply = on_reply,
		.on_aside = on_aside,
	};
	table->call.fds[WORKER_FILE_DEBUG] = table->debug_fd;
	r = workers_run(tables->workers, &table->call);
	if (r > 0) {
		table_owners_put_back(&tables->owners, table);
		if (r == WORKERS_BROKEN)
			loop_source_set_time(
				tables->wait_timer, time_now_ns(CLOCK_MONOTONIC) + BROKEN_RETRY_NS);
		return false;
	}
	if (r < 0) {
		table_owners_end(&tables->owners, table);
		tables->statistics.n_failed++;
		done(table, TABLE_FAILED);
	}
	return true;
}

/* Else the timer will tell. */
static bool is_allowed(struct tables *tables)
{
	uint64_t now_ns = time_now_ns(CLOCK_MONOTONIC);
	uint64_t wait_ns = allowance_wait_ns(
		&tables->allowance, now_ns, workers_cpu_ns(tables->workers));

	if (wait_ns)
		loop_source_set_time(tables->wait_timer, now_ns + wait_ns);
	return !wait_ns;
}

/* Hands on as many as the workers take. Those that found none to be started stay in the queue. */
static void run_next(struct tables *tables)
{
	struct table *table;
	bool is_free = true;

	while (is_free && tables->owners.n_waiting && is_allowed(tables)) {
		table = table_owners_take(&tables->owners);
		is_free = table && run_one(tables, table);
		if (!table)
			workers_press(tables->workers);
	}
}

static int on_workers_idle(void *userdata)
{
	run_next(userdata);
	return 0;
}

void tables_want(struct tables *tables, struct table *table)
{
	table->tables = tables;
	table->n_failures = 0;
	table->former = table->state == TABLE_READY ? table->index : 0;
	table->index = 0;
	if (load_cached(table)) {
		tables->statistics.n_cache_hits++;
		done(table, TABLE_READY);
		return;
	}
	queue(table);
	run_next(tables);
}

void tables_drop(struct tables *tables, struct table *table)
{
	if (table->state == TABLE_WAITING) {
		table_owners_remove(&tables->owners, table);
	}
	index_remove(tables, table->index);
	index_remove(tables, table->former);
	table->state = TABLE_IDLE;
	table->index = 0;
	table->former = 0;
}

static void cache_open(struct tables *tables)
{
	static const struct table_cache_limits limits = {
		.bytes = LIMIT_TABLE_CACHE_BYTES, .n_files = LIMIT_TABLE_CACHE_FILES};
	const char *path = tables->config.cache_directory;
	int r = path ? table_cache_open(path, &limits, &tables->cache) : 0;

	if (r == -EPERM)
		log_info("no cache of unwind tables: %s is not this user's alone; going on "
			 "without it",
			path);
	else if (r < 0)
		log_info("no cache of unwind tables: %s: %s; going on without it", path,
			strerror(-r));
}

int tables_new(const struct tables_config *config, struct tables **ret_tables)
{
	struct tables *tables = calloc(1, sizeof(*tables));
	struct workers_config workers = {
		.path = config->worker_path,
		.n_max = N_WORKERS,
		.job_timeout_ns = COMPILE_TIMEOUT_NS,
		.on_idle = on_workers_idle,
		.userdata = tables,
	};
	int r;

	if (!tables)
		return -ENOMEM;
	tables->config = *config;
	table_owners_init(&tables->owners, N_WORKERS - 1);
	r = upload_new(config->shards_fd, config->tables_fd, &tables->upload);
	if (!r)
		r = workers_new(config->loop, &workers, &tables->workers);
	if (!r)
		r = loop_add_timer(
			config->loop, UINT64_MAX / 2, on_workers_idle, tables, &tables->wait_timer);
	if (r < 0) {
		tables_free(tables);
		return r;
	}
	cache_open(tables);
	*ret_tables = tables;
	return 0;
}

struct tables *tables_free(struct tables *tables)
{
	if (!tables)
		return NULL;
	loop_source_free(tables->wait_timer);
	workers_free(tables->workers);
	table_owners_done(&tables->owners);
	table_cache_close(tables->cache);
	upload_free(tables->upload);
	free(tables);
	return NULL;
}

void tables_set_share(struct tables *tables, double share)
{
	allowance_set(&tables->allowance, share);
	run_next(tables);
}

void tables_trim(struct tables *tables)
{
	workers_trim(tables->workers);
}

uint64_t tables_cpu_ns(const struct tables *tables)
{
	return workers_cpu_ns(tables->workers);
}

size_t tables_n_wanted(const struct tables *tables)
{
	return tables->owners.n_waiting + tables->owners.n_compiling;
}

size_t tables_n_compiling(const struct tables *tables)
{
	return tables->owners.n_compiling;
}

void tables_statistics(const struct tables *tables, struct tables_statistics *ret_statistics)
{
	struct upload_statistics upload;
	struct table_cache_statistics cache = {};

	upload_statistics(tables->upload, &upload);
	if (tables->cache)
		table_cache_statistics(tables->cache, &cache);
	*ret_statistics = tables->statistics;
	ret_statistics->n_tables = upload.n_tables;
	ret_statistics->n_rows = upload.n_rows;
	ret_statistics->bytes = upload.bytes;
	ret_statistics->n_shared = upload.n_shared;
	ret_statistics->n_cache_bad = cache.n_bad;
	ret_statistics->cache_bytes = cache.bytes;
}
