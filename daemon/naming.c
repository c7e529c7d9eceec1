/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Frames get their names in place: each waits in the profile with its file offset, and leaves with
 * its ELF address, its lines, and its mapping's true build-id. A frame without a name is called
 * after its module and the entry of its function, so that a function's frames stay together.
 */

#include "daemon/naming.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "proto/base/text.h"
#include "proto/base/time.h"

#define NAMING_BUDGET_NS (2 * NS_PER_SECOND)

#define LINES_MAX 256

static int text_set(struct profile *profile, const char *text, uint32_t *ret_id)
{
	return text ? profile_add_string(profile, text, ret_id) : 0;
}

int naming_begin(struct profile *profile, const struct naming_request *request)
{
	struct profile_conditions *c = &profile->conditions;
	struct utsname host;
	int r;

	uname(&host);
	c->start_realtime_ns = time_now_ns(CLOCK_REALTIME);
	c->frequency_asked = request->frequency_hz;
	c->n_cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	r = text_set(profile, request->title, &c->target);
	if (!r)
		r = text_set(profile, request->event, &c->event);
	if (!r)
		r = text_set(profile, request->event_asked, &c->event_asked);
	if (!r)
		r = text_set(profile, request->call_graph, &c->call_graph);
	if (!r)
		r = text_set(profile, host.nodename, &c->host);
	if (!r)
		r = text_set(profile, host.release, &c->kernel);
	if (!r)
		r = text_set(profile, host.machine, &c->machine);
	if (!r)
		r = text_set(profile, PERFCTL_VERSION, &c->version);
	return r;
}

/* "/usr/bin/redis-server (deleted)" -> "redis-server"; "[vdso]" -> "vdso" */
static void module_name(const struct object *object, char *name, size_t size)
{
	static const char deleted[] = " (deleted)";
	const char *base = text_base_name(object->path);
	size_t n = strlen(base);

	if (text_ends_with(base, deleted))
		n -= sizeof(deleted) - 1;
	if (object->kind == OBJECT_VDSO && n > 2) {
		base++;
		n -= 2;
	}
	snprintf(name, size, "%.*s", (int)n, base);
}

static int unnamed_lines(struct profile *profile, const struct object *object, uint64_t address,
	struct profile_line *ret_line)
{
	struct profile_function function = {};
	char module[200], name[256];
	int r;

	module_name(object, module, sizeof(module));
	snprintf(name, sizeof(name), "[%s+0x%" PRIx64 "]", module, address);
	r = profile_add_string(profile, name, &function.name);
	if (!r)
		r = profile_add_function(profile, &function, &ret_line->function);
	return r;
}

static int symbol_line(
	struct profile *profile, const struct symbol_line *from, struct profile_line *ret_line)
{
	struct profile_function function = {.start_line = from->start_line};
	int r = profile_add_string(profile, from->name, &function.name);

	if (!r)
		r = text_set(profile, from->system_name, &function.system_name);
	if (!r)
		r = text_set(profile, from->file, &function.file);
	if (!r)
		r = profile_add_function(profile, &function, &ret_line->function);
	ret_line->line = from->line;
	return r;
}

static int mapping_set(struct profile *profile, uint32_t mapping, const struct object *object)
{
	char hex[2 * BUILD_ID_MAX + 1];
	int r = profile_add_string(profile, object->path, &profile->mappings[mapping].path);

	text_format_hex(object->build_id, object->build_id_size, hex);
	if (!r)
		r = profile_add_string(profile, hex, &profile->mappings[mapping].build_id);
	return r;
}

static int frame_set(
	struct profile *profile, const struct attributed_frame *frame, const struct symbol *symbol)
{
	struct profile_line lines[LINES_MAX] = {};
	const char *unnamed = symbol ? symbol->unnamed : "gave-up";
	uint64_t address = symbol ? symbol->address : frame->file_offset;
	uint32_t reason = 0;
	size_t n = 0;
	int r = 0;

	if (unnamed)
		r = profile_add_string(profile, unnamed, &reason);
	if (!r && unnamed && (!symbol || !symbol->n_lines))
		r = unnamed_lines(profile, frame->object,
			symbol && symbol->entry ? symbol->entry : address, &lines[n++]);
	else
		for (; !r && n < symbol->n_lines && n < LINES_MAX; n++)
			r = symbol_line(profile, &symbol->lines[n], &lines[n]);
	if (!r)
		r = mapping_set(profile, profile->frames[frame->frame].mapping, frame->object);
	if (!r)
		r = profile_name_frame(profile, frame->frame, lines, n, reason);
	if (!r)
		profile->frames[frame->frame].address = address;
	return r;
}

/* The least that a frame can be called: one name for all of a module. */
static int module_frame_set(struct profile *profile, const struct attributed_frame *frame)
{
	struct profile_function function = {};
	struct profile_line line = {};
	char module[200], name[256];
	uint32_t reason;
	int r = profile_add_string(profile, "memory-limit", &reason);

	module_name(frame->object, module, sizeof(module));
	snprintf(name, sizeof(name), "[%s]", module);
	if (!r)
		r = profile_add_string(profile, name, &function.name);
	if (!r)
		r = profile_add_function(profile, &function, &line.function);
	if (!r)
		r = mapping_set(profile, profile->frames[frame->frame].mapping, frame->object);
	return r ? r : profile_name_frame(profile, frame->frame, &line, 1, reason);
}

/* Code that was made at run time: "[jit]" where its maker tells of some, "[anon]" where it tells of
 * nothing. */
static int address_frame_set(
	struct profile *profile, const struct attributed_frame *frame, const struct jit_name *name)
{
	const char *module = name->has_map || name->name ? "[jit]" : "[anon]";
	struct profile_function function = {};
	struct profile_line line = {.line = name->line};
	struct profile_mapping mapping = {};
	uint32_t mapping_id, reason;
	int r = text_set(profile, name->unnamed ? name->unnamed : "", &reason);

	if (!r)
		r = profile_add_string(profile, module, &mapping.path);
	if (!r)
		r = profile_add_mapping(profile, &mapping, &mapping_id);
	if (!r)
		r = profile_add_string(profile, name->name ? name->name : module, &function.name);
	if (!r)
		r = text_set(profile, name->file, &function.file);
	if (!r)
		r = profile_add_function(profile, &function, &line.function);
	if (!r)
		r = profile_name_frame(profile, frame->frame, &line, 1, reason);
	if (r < 0)
		return r;
	profile->frames[frame->frame].mapping = mapping_id;
	if (name->is_interpreted)
		profile->frames[frame->frame].kind = PROFILE_FRAME_INTERPRETER;
	return 0;
}

/* Objects that nobody could open are gone, now that nobody will ask again in time. */
static void objects_give_up(
	struct symbolizer *symbolizer, const struct attributed_frame *frames, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct object *object = frames[i].object;

		if (!object || object->state != OBJECT_OPENING || object->is_requested)
			continue;
		object->state = OBJECT_GONE;
		symbolizer_on_object(symbolizer, object);
	}
}

static int on_source(void *userdata)
{
	struct naming_wait *wait = userdata;

	return --wait->n ? 0 : wait->on_named(wait->userdata);
}

void naming_wait(struct naming_wait *wait, const struct attributed_frame *frames, size_t n)
{
	const struct naming_sources *sources = &wait->sources;
	uint64_t deadline_ns = time_now_ns(CLOCK_MONOTONIC) + NAMING_BUDGET_NS;

	objects_give_up(sources->symbolizer, frames, n);
	wait->n = 1;
	if (!symbolizer_wait(sources->symbolizer, deadline_ns, on_source, wait))
		wait->n++;
	if (!jit_symbols_wait(sources->jit_symbols, deadline_ns, on_source, wait))
		wait->n++;
	on_source(wait);
}

void naming_cancel(struct naming_wait *wait)
{
	if (!wait->n)
		return;
	symbolizer_cancel_wait(wait->sources.symbolizer, wait);
	jit_symbols_cancel_wait(wait->sources.jit_symbols, wait);
	wait->n = 0;
}

static bool is_waiting(const struct profile *profile, const struct attributed_frame *frame)
{
	return !profile->frames[frame->frame].n_lines;
}

int naming_apply_known(struct attribution *attribution, const struct naming_sources *sources)
{
	struct profile *profile = attribution_profile(attribution);
	size_t n;
	const struct attributed_frame *frames = attribution_frames(attribution, &n);
	int r = 0;

	for (size_t i = 0; i < n && !r && attribution_may_grow(attribution, n - i); i++) {
		const struct attributed_frame *frame = &frames[i];
		const struct symbol *symbol;

		if (!frame->object || !is_waiting(profile, frame))
			continue;
		symbol = symbolizer_find(sources->symbolizer, frame->object, frame->file_offset);
		/* The mapping's build-id may be known though no name is. */
		r = symbol ? frame_set(profile, frame, symbol)
			   : mapping_set(
				     profile, profile->frames[frame->frame].mapping, frame->object);
	}
	return r;
}

int naming_apply(struct attribution *attribution, const struct naming_sources *sources)
{
	struct profile *profile = attribution_profile(attribution);
	size_t n;
	const struct attributed_frame *frames = attribution_frames(attribution, &n);
	int r = 0;

	for (size_t i = 0; i < n && !r; i++) {
		const struct attributed_frame *frame = &frames[i];
		struct jit_name name = {.unnamed = "memory-limit"};
		bool is_short = !attribution_may_grow(attribution, n - i);

		if (!is_waiting(profile, frame))
			continue;
		if (is_short && frame->object) {
			r = module_frame_set(profile, frame);
		} else if (frame->object) {
			r = frame_set(profile, frame,
				symbolizer_find(
					sources->symbolizer, frame->object, frame->file_offset));
		} else if (frame->is_address) {
			if (!is_short)
				jit_symbols_find(sources->jit_symbols, frame->number,
					profile->frames[frame->frame].address, frame->time_ns,
					&name);
			r = address_frame_set(profile, frame, &name);
		}
	}
	return r;
}

int naming_measure(struct profile *profile, const struct naming_result *result)
{
	struct profile_conditions *c = &profile->conditions;
	int r = 0;

	profile->ledger.taken = result->n_taken;
	profile->ledger.missed = result->n_missed;
	if (result->n_lost_full)
		r = profile_count_lost(profile, "ring-full", result->n_lost_full);
	if (!r && result->n_lost_between)
		r = profile_count_lost(profile, "undelivered", result->n_lost_between);
	if (r < 0)
		return r;
	c->duration_ns = result->duration_ns;
	c->scheduler_ns = result->scheduler_ns;
	if (result->scheduler_ns)
		c->frequency_reached = (double)result->n_taken * 1e9 / (double)result->scheduler_ns;
	return 0;
}

int naming_end(struct profile *profile)
{
	int r = profile_count_samples(profile);

	if (!r)
		profile_seal(profile);
	return r;
}
