/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The symbolizer's side of an object: its files, its names, and the one worker call or open that is
 * under way for it. It hangs on object->symbols and goes with the object; while something is under
 * way it holds a reference on the object.
 */

#include "daemon/base/loop.h"
#include "daemon/symbolize/fetcher.h"
#include "daemon/symbolize/name-table.h"
#include "daemon/symbolize/object-files.h"
#include "daemon/symbolize/workers.h"
#include "proto/base/list.h"

struct named_object;

/* What an object wants next. */
enum need {
	NEED_NOTHING,
	NEED_OPEN, /* of a candidate */
	NEED_NAMES, /* a quick call of a worker: probe or names */
	NEED_LINES, /* a call that may take long */
};

/* What all named objects share; the symbolizer's. */
struct naming_context {
	struct opener *opener;
	struct workers *workers;
	struct fetcher *fetcher;
	struct debug_places places;
	struct list objects; /* all named objects */
	uint64_t n_bad;
	name_done_callback *on_done;
	name_again_callback *on_again;
	void (*on_ready)(void *userdata); /* some object may want something else now */
	void (*on_files)(void *userdata, struct object *object);
	void *userdata;
};

struct named_object {
	struct list link; /* naming_context.objects */
	struct naming_context *context; /* NULL: the symbolizer is gone */
	struct object *object;
	uint64_t cookie;
	struct name_table table;
	struct object_files files;
	struct worker_call call;
	bool is_busy; /* holds a reference on the object */
	bool is_call_for_lines; /* which kind the call under way is */
	bool are_files_wanted; /* even if no name is: on_files will tell */
	bool is_bad, are_lines_bad;
	const char *bad_reason;
	unsigned n_failures; /* in a row, of calls; a suspect waits behind all others */
	struct missing_file missing; /* the last one that was to be fetched */
	unsigned n_fetches; /* that brought something */
	uint64_t fetch_after_ns; /* not before */
	bool is_fetching; /* nothing waits for that */
	bool is_search_due; /* it has been fetched; */
	bool is_searching; /* it is looked for */
	uint64_t searched_ns; /* when all that there is was looked for last; 0: not yet */
	unsigned
		n_refreshed; /* 1 + files that were there before it is looked for again; 0: it is not */
};

/* Made when it is first asked for; NULL without memory. */
struct named_object *named_object_of(struct naming_context *context, struct object *object);
/* That of an object which was asked about before, or NULL. */
struct named_object *named_object_find(const struct object *object);

enum need named_object_need(const struct named_object *named);
/* Is there so much of it that a call for its lines may take a second? */
bool named_object_is_large(const struct named_object *named);

/* Begins what it needs. 0 (something is under way), WORKERS_SOON, WORKERS_BUSY, WORKERS_BROKEN, or a negative
 * errno. */
int named_object_run(struct named_object *named);

/* Looks for debug files again, if that was last done before then, and there may be more. */
void named_object_refresh(struct named_object *named, uint64_t before_ns);

/* The object is gone, or of no use: all that is wanted of it, now and later, has this reason. */
void named_object_set_bad(struct named_object *named, const char *reason);

/* Answers all that waits for a worker with this reason, for now. */
void named_object_give_up(struct named_object *named, const char *reason);

/* The symbolizer goes; the answers stay. */
void named_object_detach(struct named_object *named);
