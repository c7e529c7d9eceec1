/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is wanted of which object, and who waits for what. Each wanted offset has a turn, counted up; a wait is for all offsets with an earlier turn that are
 * still open, so that it needs a number only, which answers count down.
 */

#include "daemon/symbolize/symbolizer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/symbolize/named-object.h"
#include "daemon/symbolize/serving.h"
#include "proto/base/cleanup.h"
#include "proto/base/list.h"
#include "proto/base/time.h"

#define JOB_TIMEOUT_NS (10 * NS_PER_SECOND)
#define N_WORKERS 3

struct wait {
	struct list link; /* symbolizer.waits */
	uint64_t turn; /* waits for what was wanted before */
	uint64_t n_open;
	loop_callback *callback;
	void *userdata;
	struct loop_source *timer;
	struct symbolizer *symbolizer;
};

struct symbolizer {
	struct loop *loop;
	struct naming_context context;
	struct serving serving;
	const char **directories; /* with their texts behind */
	struct list waits;
	uint64_t aged_turn; /* the one of the last symbolizer_age() */
	uint64_t refresh_before_ns; /* what was searched for before then is searched for again */
	uint64_t turn, n_open, n_wanted, n_named;
	void (*on_files)(void *userdata, struct object *object);
	void *userdata;
};

static struct wait *wait_free(struct wait *wait)
{
	list_remove(&wait->link);
	loop_source_free(wait->timer);
	free(wait);
	return NULL;
}

static void on_done(void *userdata, const struct name_entry *entry)
{
	struct symbolizer *symbolizer = userdata;

	symbolizer->n_open--;
	if (entry->symbol && !entry->symbol->unnamed)
		symbolizer->n_named++;
	list_for_each (&symbolizer->waits, link) {
		struct wait *wait = container_of(link, struct wait, link);

		if (entry->turn < wait->turn && !--wait->n_open)
			loop_source_set_time(wait->timer, time_now_ns(CLOCK_MONOTONIC));
	}
}

static uint64_t on_again(void *userdata, const struct name_entry *entry)
{
	struct symbolizer *symbolizer = userdata;

	symbolizer->n_open++;
	if (entry->symbol && !entry->symbol->unnamed)
		symbolizer->n_named--;
	return symbolizer->turn++;
}

static void on_files(void *userdata, struct object *object)
{
	struct symbolizer *symbolizer = userdata;

	if (symbolizer->on_files)
		symbolizer->on_files(symbolizer->userdata, object);
}

static int on_idle(void *userdata)
{
	struct symbolizer *symbolizer = userdata;

	return serving_run(&symbolizer->serving);
}

static void schedule(void *userdata)
{
	struct symbolizer *symbolizer = userdata;

	serving_schedule(&symbolizer->serving);
}

/* Copies of the directories' names behind an array of pointers to them. */
static const char **copy_directories(const char *const *directories)
{
	static const char *const usual[] = {"/usr/lib/debug", NULL};
	const char *const *from = directories ? directories : usual;
	size_t n = 0, size = 0;
	const char **copy;
	char *text;

	for (; from[n]; n++)
		size += strlen(from[n]) + 1;
	copy = malloc((n + 1) * sizeof(*copy) + size);
	if (!copy)
		return NULL;
	text = (char *)(copy + n + 1);
	for (size_t i = 0; i < n; i++) {
		copy[i] = strcpy(text, from[i]);
		text += strlen(text) + 1;
	}
	copy[n] = NULL;
	return copy;
}

int symbolizer_set_debug_directories(struct symbolizer *symbolizer, const char *const *directories)
{
	const char **copy = copy_directories(directories);

	if (!copy)
		return -ENOMEM;
	free(symbolizer->directories);
	symbolizer->directories = copy;
	/* Searches under way count on in the new ones, which end where they end. */
	symbolizer->context.places.directories = copy;
	return 0;
}

int symbolizer_set_fetcher(struct symbolizer *symbolizer, const struct fetcher_config *config)
{
	int r = fetcher_configure(symbolizer->context.fetcher, config);

	symbolizer->context.places.fetched = fetcher_directory(symbolizer->context.fetcher);
	return r;
}

int symbolizer_new(struct loop *loop, struct opener *opener, const struct symbolizer_config *config,
	struct symbolizer **ret_symbolizer)
{
	struct symbolizer *symbolizer = calloc(1, sizeof(*symbolizer));
	struct workers_config workers = {
		.path = config->worker_path,
		.n_max = config->n_workers ? config->n_workers : N_WORKERS,
		.job_timeout_ns = config->job_timeout_ns ? config->job_timeout_ns : JOB_TIMEOUT_NS,
		.on_idle = on_idle,
		.userdata = symbolizer,
	};
	int r = -ENOMEM;

	if (!symbolizer)
		return -ENOMEM;
	symbolizer->loop = loop;
	list_init(&symbolizer->waits);
	list_init(&symbolizer->context.objects);
	symbolizer->directories = copy_directories(config->debug_directories);
	if (symbolizer->directories)
		r = workers_new(loop, &workers, &symbolizer->context.workers);
	if (!r)
		r = fetcher_new(loop, &config->fetcher, &symbolizer->context.fetcher);
	if (!r)
		r = serving_init(&symbolizer->serving,
			&(struct serving_config){
				loop, &symbolizer->context, workers.n_max, config->gather_ns});
	if (r < 0) {
		symbolizer_free(symbolizer);
		return r;
	}
	symbolizer->context.opener = opener;
	symbolizer->context.places.directories = symbolizer->directories;
	symbolizer->context.places.fetched = fetcher_directory(symbolizer->context.fetcher);
	symbolizer->context.on_done = on_done;
	symbolizer->context.on_again = on_again;
	symbolizer->context.on_ready = schedule;
	symbolizer->context.on_files = on_files;
	symbolizer->on_files = config->on_files;
	symbolizer->userdata = config->userdata;
	symbolizer->context.userdata = symbolizer;
	*ret_symbolizer = symbolizer;
	return 0;
}

struct symbolizer *symbolizer_free(struct symbolizer *symbolizer)
{
	if (!symbolizer)
		return NULL;
	workers_free(symbolizer->context.workers);
	symbolizer->context.fetcher = fetcher_free(symbolizer->context.fetcher);
	while (!list_is_empty(&symbolizer->context.objects)) {
		struct named_object *named = container_of(
			symbolizer->context.objects.next, struct named_object, link);

		if (named->is_busy)
			opener_cancel(symbolizer->context.opener, named);
		named_object_detach(named);
	}
	list_for_each (&symbolizer->waits, link)
		wait_free(container_of(link, struct wait, link));
	serving_done(&symbolizer->serving);
	free(symbolizer->directories);
	free(symbolizer);
	return NULL;
}

/* Why there is no file to be asked. */
static const char *gone_reason(const struct object *object)
{
	switch (-object->open_error) {
	case EOPNOTSUPP:
		return "file-in-user-space";
	case EACCES:
	case EPERM:
		return "file-not-permitted";
	case ETIMEDOUT:
		return "file-too-slow";
	case EINVAL:
		return "file-irregular";
	case EFBIG:
		return "file-too-large";
	default:
		return "file-gone";
	}
}

void symbolizer_refresh(struct symbolizer *symbolizer, uint64_t age_ns)
{
	uint64_t now_ns = time_now_ns(CLOCK_MONOTONIC);

	if (now_ns > age_ns && symbolizer->refresh_before_ns < now_ns - age_ns)
		symbolizer->refresh_before_ns = now_ns - age_ns;
}

int symbolizer_want(struct symbolizer *symbolizer, struct object *object, uint64_t file_offset)
{
	struct named_object *named = named_object_of(&symbolizer->context, object);
	struct name_entry *entry;
	int r;

	if (!named)
		return -ENOMEM;
	named_object_refresh(named, symbolizer->refresh_before_ns);
	entry = name_table_find(&named->table, file_offset);
	if (entry) {
		entry->last = symbolizer->turn;
		return 0;
	}
	r = name_table_add(&named->table, file_offset, symbolizer->turn++);
	if (r < 0)
		return r;
	symbolizer->n_wanted++;
	symbolizer->n_open++;
	if (object->state == OBJECT_GONE)
		named_object_set_bad(named, gone_reason(object));
	else if (named->is_bad)
		named_object_give_up(named, named->bad_reason);
	else if (object->state == OBJECT_OPEN && !named->is_busy) {
		/* Its files may be gone later, and somebody may wait already. */
		if (!symbolizer->serving.gather_ns || named_object_need(named) == NEED_OPEN ||
			!list_is_empty(&symbolizer->waits))
			schedule(symbolizer);
		else
			serving_schedule_later(&symbolizer->serving);
	}
	return 0;
}

void symbolizer_want_files(struct symbolizer *symbolizer, struct object *object)
{
	struct named_object *named = named_object_of(&symbolizer->context, object);

	if (!named || named->is_bad || named->files.stage >= FILES_READY) {
		on_files(symbolizer, object);
		return;
	}
	named->are_files_wanted = true;
	schedule(symbolizer);
}

bool symbolizer_debug_file(const struct object *object, struct symbolizer_debug_file *ret_file)
{
	const struct named_object *named = named_object_find(object);

	if (!named || named->files.fds[WORKER_FILE_DEBUG] < 0)
		return false;
	*ret_file = (struct symbolizer_debug_file){
		.fd = named->files.fds[WORKER_FILE_DEBUG],
		.trust = named->files.trust,
		.identity = named->files.debug_identity,
	};
	return true;
}

void symbolizer_on_object(struct symbolizer *symbolizer, struct object *object)
{
	struct named_object *named = named_object_find(object);

	if (!named)
		return;
	if (object->state == OBJECT_GONE)
		named_object_set_bad(named, gone_reason(object));
	else
		schedule(symbolizer);
}

void symbolizer_age(struct symbolizer *symbolizer)
{
	list_for_each (&symbolizer->context.objects, link) {
		struct named_object *named = container_of(link, struct named_object, link);

		if (!named->table.names.n && !named->table.lines.n)
			name_table_age(&named->table, symbolizer->aged_turn);
	}
	symbolizer->aged_turn = symbolizer->turn;
}

const struct symbol *symbolizer_find(
	struct symbolizer *symbolizer, struct object *object, uint64_t file_offset)
{
	const struct named_object *named = named_object_find(object);
	const struct name_entry *entry = named ? name_table_find(&named->table, file_offset) : NULL;

	return entry ? entry->symbol : NULL;
}

void symbolizer_sources(const struct object *object, struct symbol_sources *ret_sources)
{
	const struct named_object *named = named_object_find(object);
	uint32_t own, debug;

	*ret_sources = (struct symbol_sources){.why = "gave-up"};
	if (named && named->is_bad)
		ret_sources->why = named->bad_reason;
	if (!named || named->is_bad || named->files.stage < FILES_READY)
		return;
	own = named->files.object.kinds;
	debug = named->files.fds[WORKER_FILE_DEBUG] >= 0 ? named->files.debug.kinds : 0;
	*ret_sources = (struct symbol_sources){
		.has_symtab = (own | debug) & WORKER_HAS_SYMTAB,
		.has_dynsym = own & WORKER_HAS_DYNSYM,
		.has_dwarf = (own | debug) & WORKER_HAS_DWARF,
		.has_debug_file = debug != 0,
		.lacks_dwz_file = object_files_lack_alternate(&named->files),
		.has_unwind = (own | debug) & WORKER_HAS_UNWIND,
	};
}

static int on_wait(void *userdata)
{
	struct wait *wait = userdata;
	loop_callback *callback = wait->callback;
	void *callback_userdata = wait->userdata;

	wait_free(wait);
	return callback(callback_userdata);
}

int symbolizer_wait(struct symbolizer *symbolizer, uint64_t deadline_ns, loop_callback *callback,
	void *userdata)
{
	struct wait *wait = calloc(1, sizeof(*wait));
	int r;

	if (!wait)
		return -ENOMEM;
	wait->symbolizer = symbolizer;
	wait->turn = symbolizer->turn;
	wait->n_open = symbolizer->n_open;
	wait->callback = callback;
	wait->userdata = userdata;
	r = loop_add_timer(
		symbolizer->loop, wait->n_open ? deadline_ns : 0, on_wait, wait, &wait->timer);
	if (r < 0) {
		free(wait);
		return r;
	}
	list_add_tail(&symbolizer->waits, &wait->link);
	serving_hurry(&symbolizer->serving);
	return 0;
}

void symbolizer_cancel_wait(struct symbolizer *symbolizer, void *userdata)
{
	list_for_each (&symbolizer->waits, link) {
		struct wait *wait = container_of(link, struct wait, link);

		if (wait->userdata == userdata)
			wait_free(wait);
	}
}

void symbolizer_set_share(struct symbolizer *symbolizer, double share)
{
	serving_set_share(&symbolizer->serving, share);
}

void symbolizer_trim(struct symbolizer *symbolizer)
{
	workers_trim(symbolizer->context.workers);
}

uint64_t symbolizer_cpu_ns(const struct symbolizer *symbolizer)
{
	return workers_cpu_ns(symbolizer->context.workers);
}

void symbolizer_statistics(
	const struct symbolizer *symbolizer, struct symbolizer_statistics *ret_statistics)
{
	struct workers_statistics workers;

	workers_statistics(symbolizer->context.workers, &workers);
	*ret_statistics = (struct symbolizer_statistics){
		.n_wanted = symbolizer->n_wanted,
		.n_named = symbolizer->n_named,
		.n_worker_restarts = workers.n_restarts,
		.n_timeouts = workers.n_timeouts,
		.n_bad_objects = symbolizer->context.n_bad,
		.n_unserved = symbolizer->serving.n_unserved,
		.n_workers = workers.n_workers,
	};
	fetcher_statistics(symbolizer->context.fetcher, &ret_statistics->fetcher);
}
