/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The process's mappings are copied by the opener, each file among them is opened as for a recording,
 * and handed to the symbolizer with one address wanted: on its way to that it finds out what there
 * is. All of it ends at a deadline; what is not known by then is said to be that.
 */

#include "daemon/examination.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/limits.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

#define BUDGET_NS (3 * NS_PER_SECOND)
#define MAPS_BYTES_MAX (16u << 20)

struct item {
	struct examination *examination;
	struct object *object;
	uint64_t start, end, file_offset;
	bool is_asked;
};

struct examination {
	struct examination_config config;
	struct item items[LIMIT_EXAMINED_OBJECTS];
	size_t n, n_opening;
	bool has_code; /* in no file */
	bool is_asked; /* the opener, for the mappings */
	uint64_t code, deadline_ns; /* code: jit_symbols' number */
	unsigned n_waits;
};

static void report_object(const struct object *object, struct examined_object *ret_examined)
{
	struct symbol_sources sources;

	symbolizer_sources(object, &sources);
	snprintf(ret_examined->path, sizeof(ret_examined->path), "%s", object->path);
	ret_examined->why = sources.why;
	ret_examined->has_symtab = sources.has_symtab;
	ret_examined->has_dynsym = sources.has_dynsym;
	ret_examined->has_dwarf = sources.has_dwarf;
	ret_examined->has_debug_file = sources.has_debug_file;
	ret_examined->lacks_dwz_file = sources.lacks_dwz_file;
	ret_examined->has_table = sources.has_unwind;
}

static void finish(struct examination *examination)
{
	const struct examination_config *config = &examination->config;
	static struct examined_object objects[LIMIT_EXAMINED_OBJECTS];
	struct examined_process process = {.objects = objects, .n = examination->n};
	struct jit_name name;

	memset(objects, 0, sizeof(objects));
	for (size_t i = 0; i < examination->n; i++)
		report_object(examination->items[i].object, &objects[i]);
	process.has_code = examination->has_code;
	if (examination->has_code) {
		jit_symbols_find(config->jit_symbols, examination->code, 0, 0, &name);
		process.is_code_told = name.has_map;
		process.why = name.has_map ? NULL : name.unnamed;
	}
	config->observer->on_examined(config->observer, &process);
	config->on_end(config->userdata, examination);
}

static int on_waited(void *userdata)
{
	struct examination *examination = userdata;

	if (!--examination->n_waits)
		finish(examination);
	return 0;
}

/* All is open that can be: what is left is to find out. */
static void await(struct examination *examination)
{
	const struct examination_config *config = &examination->config;

	examination->n_waits = 1;
	if (!symbolizer_wait(config->symbolizer, examination->deadline_ns, on_waited, examination))
		examination->n_waits++;
	if (examination->has_code &&
		!jit_symbols_wait(
			config->jit_symbols, examination->deadline_ns, on_waited, examination))
		examination->n_waits++;
	on_waited(examination);
}

static void on_opened(void *userdata, struct opener_reply *reply)
{
	struct item *item = userdata;
	struct examination *examination = item->examination;
	struct object *object = item->object;

	item->is_asked = false;
	object->open_error = reply->error;
	object->state = reply->error ? OBJECT_GONE : OBJECT_OPEN;
	if (!reply->error) {
		object->fd = take_fd(&reply->fd);
		object->stat = reply->stat;
		object->is_by_path = reply->is_by_path;
	}
	symbolizer_want(examination->config.symbolizer, object, item->file_offset);
	if (!--examination->n_opening)
		await(examination);
}

static bool has_path(const struct examination *examination, const char *path)
{
	for (size_t i = 0; i < examination->n; i++)
		if (!strcmp(examination->items[i].object->path, path))
			return true;
	return false;
}

static void file_add(struct examination *examination, const struct item *found, const char *path)
{
	struct item *item = &examination->items[examination->n];
	struct opener_request request = {
		.how = OPENER_MAPPING,
		.pid = examination->config.process.pid,
		.process_start_ns = examination->config.process.start_ns,
		.start = found->start,
		.end = found->end,
	};

	if (examination->n == LIMIT_EXAMINED_OBJECTS || has_path(examination, path))
		return;
	*item = *found;
	item->examination = examination;
	item->object = object_new(OBJECT_FILE, path);
	if (!item->object)
		return;
	item->object->pid = request.pid;
	item->object->process_start_ns = request.process_start_ns;
	examination->n++;
	if (opener_submit(examination->config.opener, &request, on_opened, item) < 0) {
		item->object->state = OBJECT_GONE;
		return;
	}
	item->is_asked = true;
	examination->n_opening++;
}

/* A line of /proc/PID/maps (proc_pid_maps(5)). */
static void line_take(struct examination *examination, const char *line)
{
	struct item found = {};
	char executable;
	int path_at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*c%*c%c%*c %" SCNx64 " %*s %*u %n", &found.start,
		    &found.end, &executable, &found.file_offset, &path_at) < 4 ||
		executable != 'x' || !path_at)
		return;
	if (line[path_at] == '/' && !text_starts_with(line + path_at, "/memfd:"))
		file_add(examination, &found, line + path_at);
	else if (line[path_at] != '[' || text_starts_with(line + path_at, "[anon"))
		examination->has_code = true;
}

static void on_maps(void *userdata, struct opener_reply *reply)
{
	struct examination *examination = userdata;
	const struct examination_config *config = &examination->config;
	CLEANUP(freep) char *text = NULL;
	char path[32], *rest = NULL;

	examination->is_asked = false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", reply->fd);
	/* The opener's own copy: reading it waits for nobody. */
	if (!reply->error && !text_read_file(AT_FDCWD, path, MAPS_BYTES_MAX, &text, NULL))
		for (char *line = strtok_r(text, "\n", &rest); line;
			line = strtok_r(NULL, "\n", &rest))
			line_take(examination, line);
	if (examination->has_code)
		examination->code = jit_symbols_want(
			config->jit_symbols, &config->process, 0, time_now_ns(CLOCK_MONOTONIC));
	if (!examination->n_opening)
		await(examination);
}

int examination_new(const struct examination_config *config, struct examination **ret_examination)
{
	struct examination *examination = calloc(1, sizeof(*examination));
	struct opener_request request = {
		.how = OPENER_MAPS,
		.pid = config->process.pid,
		.process_start_ns = config->process.start_ns,
	};
	int r;

	if (!examination)
		return -ENOMEM;
	examination->config = *config;
	examination->deadline_ns = time_now_ns(CLOCK_MONOTONIC) + BUDGET_NS;
	r = opener_submit(config->opener, &request, on_maps, examination);
	if (r < 0) {
		examination_free(examination);
		return r;
	}
	examination->is_asked = true;
	*ret_examination = examination;
	return 0;
}

struct examination *examination_free(struct examination *examination)
{
	const struct examination_config *config;

	if (!examination)
		return NULL;
	config = &examination->config;
	opener_cancel(config->opener, examination);
	symbolizer_cancel_wait(config->symbolizer, examination);
	jit_symbols_cancel_wait(config->jit_symbols, examination);
	for (size_t i = 0; i < examination->n; i++) {
		opener_cancel(config->opener, &examination->items[i]);
		object_unref(examination->items[i].object);
	}
	free(examination);
	return NULL;
}

bool examination_is_for(
	const struct examination *examination, const struct examination_observer *observer)
{
	return examination->config.observer == observer;
}
