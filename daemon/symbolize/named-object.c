/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One thing at a time for each object: probe it, find its debug files, then batches of offsets,
 * names before lines. If a call fails by the file's doing, the object's own file is bad, or, when it was
 * over lines, its DWARF is; if nobody can say why, it is tried once more, by a new worker. A candidate
 * for a debug file has one try.
 *
 * Debug files may be installed at any time: who begins to record has them looked for again.
 *
 * When all is found that there is, what is missing may be fetched from elsewhere. Meanwhile names are
 * given with what there is; when it has come, and is what it should be, all is asked again.
 */

#include "daemon/symbolize/named-object.h"

#include <errno.h>
#include <string.h>

#include "daemon/symbolize/worker-reply.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"

#define FAILURES_MAX 2
#define LARGE_BYTES (UINT64_C(32) << 20)
#define FETCHES_MAX 2 /* the debug file, and the dwz file that it shares */
#define FETCH_RETRY_NS (900 * NS_PER_SECOND)

static const char worker_failed[] = "worker-failed";

static void on_free(void *symbols)
{
	struct named_object *named = symbols;

	named->are_files_wanted = false;
	if (named->context) {
		fetcher_cancel(named->context->fetcher, named);
		named_object_give_up(named, "gave-up");
		named->context->on_ready(named->context->userdata);
	}
	list_remove(&named->link);
	name_table_done(&named->table);
	object_files_done(&named->files);
	free(named);
}

/* Of an object with the files that it has. */
static uint64_t new_cookie(void)
{
	static uint64_t last;

	return ++last;
}

struct named_object *named_object_of(struct naming_context *context, struct object *object)
{
	struct named_object *named = object->symbols;

	if (named)
		return named;
	named = calloc(1, sizeof(*named));
	if (!named)
		return NULL;
	named->context = context;
	named->object = object;
	named->cookie = new_cookie();
	named->table.on_done = context->on_done;
	named->table.on_again = context->on_again;
	named->table.userdata = context->userdata;
	object_files_init(&named->files);
	list_add_tail(&context->objects, &named->link);
	object->symbols = named;
	object->on_free = on_free;
	return named;
}

struct named_object *named_object_find(const struct object *object)
{
	return object->symbols;
}

void named_object_detach(struct named_object *named)
{
	struct object *object = named->object;

	named->context = NULL;
	list_remove(&named->link);
	if (named->is_busy) {
		named->is_busy = false;
		object_unref(object);
	}
}

enum need named_object_need(const struct named_object *named)
{
	const struct name_table *table = &named->table;

	if (named->is_busy || named->is_bad || named->object->state != OBJECT_OPEN)
		return NEED_NOTHING;
	if (!table->names.n && !table->lines.n && !named->are_files_wanted &&
		!named->is_searching && !named->n_refreshed)
		return NEED_NOTHING;
	switch (named->files.stage) {
	case FILES_PROBE_OBJECT:
	case FILES_PROBE_DEBUG:
	case FILES_PROBE_ALTERNATE:
		return NEED_NAMES;
	case FILES_OPEN_ROOT:
	case FILES_OPEN_DEBUG:
	case FILES_OPEN_ALTERNATE:
	case FILES_OPEN_PACKAGE:
	case FILES_OPEN_SPLIT:
		return NEED_OPEN;
	default:
		return table->names.n ? NEED_NAMES : NEED_LINES;
	}
}

bool named_object_is_large(const struct named_object *named)
{
	return (uint64_t)named->object->stat.st_size + named->files.bytes >= LARGE_BYTES;
}

static void set_busy(struct named_object *named)
{
	named->is_busy = true;
	object_ref(named->object);
}

/* What can be found is found, or nothing will be. */
static void tell_files(struct named_object *named)
{
	if (!named->are_files_wanted)
		return;
	named->are_files_wanted = false;
	named->context->on_files(named->context->userdata, named->object);
}

static struct fetch_wanted wanted_of(const struct named_object *named)
{
	return (struct fetch_wanted){
		named->missing.build_id, named->missing.build_id_size, named->object->stat.st_uid};
}

static void search_if_due(struct named_object *named)
{
	if (!named->is_search_due || named->is_busy || named->files.stage != FILES_READY)
		return;
	named->is_search_due = false;
	named->is_searching = true;
	object_files_search_again(&named->files, named->missing.file);
}

static void on_fetched(void *userdata, bool is_there)
{
	struct named_object *named = userdata;

	named->is_fetching = false;
	named->is_search_due = is_there;
	named->n_fetches += is_there;
	named->fetch_after_ns = time_now_ns(CLOCK_MONOTONIC) + (is_there ? 0 : FETCH_RETRY_NS);
	search_if_due(named);
	named->context->on_ready(named->context->userdata);
}

static void fetch_missing(struct named_object *named)
{
	struct fetch_wanted wanted;

	if (named->is_fetching || named->is_search_due || named->n_fetches == FETCHES_MAX ||
		!named->table.n || named->is_bad ||
		!object_files_missing(&named->files, named->object, &named->missing) ||
		time_now_ns(CLOCK_MONOTONIC) < named->fetch_after_ns)
		return;
	wanted = wanted_of(named);
	named->is_fetching = !fetcher_want(named->context->fetcher, &wanted, on_fetched, named);
}

static unsigned count_files(const struct named_object *named)
{
	unsigned n = 0;

	for (int i = 0; i < N_WORKER_FILES; i++)
		n += i != WORKER_FILE_SPLIT && named->files.fds[i] >= 0;
	return n;
}

/* All is asked again, of what there is now. */
static void begin_anew(struct named_object *named)
{
	named->cookie = new_cookie();
	named->are_lines_bad = false;
	name_table_again(&named->table);
}

/* Every file that can be had here is found. */
static void take_files(struct named_object *named)
{
	struct fetch_wanted wanted = wanted_of(named);

	tell_files(named);
	if (!named->searched_ns || named->n_refreshed)
		named->searched_ns = time_now_ns(CLOCK_MONOTONIC);
	if (named->n_refreshed && count_files(named) >= named->n_refreshed)
		begin_anew(named);
	named->n_refreshed = 0;
	if (named->is_searching && named->files.fds[named->missing.file] >= 0) {
		begin_anew(named);
	} else if (named->is_searching) {
		fetcher_reject(named->context->fetcher, &wanted);
		named->n_fetches = FETCHES_MAX;
	}
	named->is_searching = false;
	fetch_missing(named);
}

void named_object_refresh(struct named_object *named, uint64_t before_ns)
{
	if (named->is_busy || named->is_bad || named->is_searching || named->n_refreshed ||
		named->object->state != OBJECT_OPEN || !named->searched_ns ||
		named->searched_ns >= before_ns ||
		!object_files_refresh(&named->files, named->object))
		return;
	named->n_refreshed = 1 + count_files(named);
	named->context->on_ready(named->context->userdata);
}

/* The last thing that a callback does: the object may go with it. */
static void set_idle(struct named_object *named)
{
	struct naming_context *context = named->context;

	if (named->files.stage == FILES_READY)
		take_files(named);
	named->is_busy = false;
	search_if_due(named);
	object_unref(named->object);
	context->on_ready(context->userdata);
}

void named_object_give_up(struct named_object *named, const char *reason)
{
	tell_files(named);
	name_table_give_up(&named->table, &named->table.names, reason);
	name_table_give_up(&named->table, &named->table.lines, reason);
}

void named_object_set_bad(struct named_object *named, const char *reason)
{
	named->is_bad = true;
	named->bad_reason = reason;
	named_object_give_up(named, reason);
}

static void on_opened(void *userdata, struct opener_reply *reply)
{
	struct named_object *named = userdata;

	object_files_on_opened(&named->files, named->object, reply);
	set_idle(named);
}

static int open_candidate(struct named_object *named)
{
	struct naming_context *context = named->context;
	const struct debug_candidate *candidate = &named->files.candidate;
	struct opener_request request;
	int r;

	do {
		if (!object_files_next(&named->files, named->object, &context->places)) {
			if (named->files.stage == FILES_READY)
				take_files(named);
			context->on_ready(context->userdata);
			return 0;
		}
	} while (!candidate->path[0] ||
		(candidate->how == OPENER_IN_ROOT && named->files.root_fd < 0));
	request = (struct opener_request){
		.how = candidate->how,
		.pid = named->object->pid,
		.process_start_ns = named->object->process_start_ns,
		.path = candidate->path,
		.root_fd = named->files.root_fd,
	};
	r = opener_submit(context->opener, &request, on_opened, named);
	if (r == 0)
		set_busy(named);
	else
		context->on_ready(context->userdata); /* the next candidate, then */
	return 0;
}

/* Of a call that has failed: was that the last try? */
static bool is_given_up(struct named_object *named, bool is_to_blame)
{
	if (++named->n_failures < FAILURES_MAX && !is_to_blame)
		return false;
	named->n_failures = 0;
	named->context->n_bad++;
	return true;
}

static void take_probe(struct named_object *named, const struct worker_probe *probe)
{
	struct object *object = named->object;

	if (named->files.stage == FILES_PROBE_OBJECT) {
		static_assert(WORKER_BUILD_ID_MAX == BUILD_ID_MAX, "copied whole");
		memcpy(object->build_id, probe->build_id, sizeof(object->build_id));
		object->build_id_size = probe->build_id_size;
		object->is_probed = true;
	}
	object_files_on_probe(&named->files, probe);
}

static int on_probe(struct worker_call *call, const struct worker_reply *reply, const void *body)
{
	struct named_object *named = call->userdata;
	struct worker_probe probe;
	int r = 0;

	if (reply && reply->status == WORKER_STATUS_OK)
		r = worker_reply_probe(reply, body, &probe);
	if (reply && reply->status == WORKER_STATUS_OK && !r) {
		named->n_failures = 0;
		take_probe(named, &probe);
	} else if (named->files.stage != FILES_PROBE_OBJECT) {
		object_files_on_probe(&named->files, NULL);
	} else if (reply && reply->status == WORKER_STATUS_BAD_ELF) {
		named_object_set_bad(named, "bad-elf");
	} else if (is_given_up(named, r < 0 || call->is_to_blame)) {
		named_object_set_bad(named, worker_failed);
	}
	set_idle(named);
	return r;
}

static int run_probe(struct named_object *named)
{
	struct object_files *files = &named->files;
	int r;

	if (files->stage == FILES_PROBE_OBJECT)
		files->trust = named->object->kind == OBJECT_VDSO
			? WORKERS_TRUST_ROOT
			: workers_trust(&named->object->stat);
	named->call = (struct worker_call){
		.job = WORKER_JOB_PROBE,
		.cookie = named->cookie,
		.trust = object_files_probe_trust(files),
		.is_alone = named->n_failures > 0,
		.fds = WORKER_ONLY_OBJECT(object_files_probe_fd(files, named->object)),
		.on_reply = on_probe,
		.userdata = named,
	};
	if (files->stage == FILES_PROBE_DEBUG && files->candidate.needs_crc)
		named->call.flags = WORKER_FLAG_CRC;
	r = workers_run(named->context->workers, &named->call);
	if (!r)
		set_busy(named);
	return r;
}

/* The worker died over these names or lines, or talked nonsense. */
static void take_failure(struct named_object *named, bool is_to_blame)
{
	if (!is_given_up(named, is_to_blame))
		return;
	if (!named->is_call_for_lines) {
		named_object_set_bad(named, worker_failed);
		return;
	}
	named->are_lines_bad = true;
	name_table_give_up(&named->table, &named->table.lines, worker_failed);
}

/* The lines of an address need a file: it is opened, and the call made again. */
static int take_want(struct named_object *named, const struct worker_reply *reply, const void *body)
{
	struct worker_want want;
	int r = named->is_call_for_lines ? worker_reply_want(reply, body, &want) : -EPROTO;

	if (r < 0 || !object_files_want_split(&named->files, &want)) {
		take_failure(named, true);
		return r < 0 ? r : -EPROTO;
	}
	return 0;
}

static int on_symbols(struct worker_call *call, const struct worker_reply *reply, const void *body)
{
	struct named_object *named = call->userdata;
	struct name_table *table = &named->table;
	struct name_queue *then = NULL;
	struct symbol_block *block;
	int r;

	if (reply && reply->status == WORKER_STATUS_WANTS_SPLIT) {
		r = take_want(named, reply, body);
		set_idle(named);
		return r;
	}
	r = reply ? worker_reply_symbols(reply, body, call->n_offsets, &block) : -EPIPE;

	if (r < 0) {
		/* A worker may say that it could not: that is no nonsense. */
		if (reply && reply->status != WORKER_STATUS_OK)
			r = 0;
		take_failure(named, reply ? r < 0 : call->is_to_blame);
		set_idle(named);
		return r;
	}
	named->n_failures = 0;
	named->files.n_splits = 0;
	if (!named->is_call_for_lines && !named->are_lines_bad &&
		object_files_have_lines(&named->files))
		then = &table->lines;
	name_table_answer(
		table, named->is_call_for_lines ? &table->lines : &table->names, block, then);
	set_idle(named);
	return 0;
}

static int run_symbols(struct named_object *named, bool with_lines)
{
	const struct name_queue *queue = with_lines ? &named->table.lines : &named->table.names;
	int r;

	named->is_call_for_lines = with_lines;
	named->call = (struct worker_call){
		.job = with_lines ? WORKER_JOB_LINES : WORKER_JOB_NAMES,
		.cookie = named->cookie,
		.trust = named->files.trust,
		.is_alone = named->n_failures > 0,
		.flags = with_lines && named->files.is_split_tried ? WORKER_FLAG_SPLIT : 0,
		.split = named->files.split,
		.offsets = queue->offsets,
		.n_offsets = queue->n < WORKER_OFFSETS_MAX ? queue->n : WORKER_OFFSETS_MAX,
		.on_reply = on_symbols,
		.userdata = named,
	};
	memcpy(named->call.fds, named->files.fds, sizeof(named->call.fds));
	named->call.fds[WORKER_FILE_OBJECT] = named->object->fd;
	if (!named->call.flags)
		named->call.fds[WORKER_FILE_SPLIT] = -1;
	r = workers_run(named->context->workers, &named->call);
	if (r)
		return r;
	if (named->call.flags)
		object_files_split_sent(&named->files);
	set_busy(named);
	return 0;
}

int named_object_run(struct named_object *named)
{
	switch (named_object_need(named)) {
	case NEED_OPEN:
		return open_candidate(named);
	case NEED_NAMES:
		return named->files.stage == FILES_READY ? run_symbols(named, false)
							 : run_probe(named);
	case NEED_LINES:
		return run_symbols(named, true);
	default:
		return 0;
	}
}
