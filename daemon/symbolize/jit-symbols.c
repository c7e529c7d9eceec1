/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Who is read when. A process whose code is being sampled has a round every ROUND_NS, fewer while it
 * has no files. A wait is for a round of every process that began after it.
 *
 * A number is a process's, from 1, in the lower half, and a slice of time in the upper, which is 0
 * where no address near by was ever used again.
 */

#include "daemon/symbolize/jit-symbols.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/limits.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

#define ROUND_NS (400 * NS_PER_MS)
#define ROUND_MAX_NS (4 * NS_PER_SECOND)
#define SLICE_NS (10 * NS_PER_MS)
#define JOB_TIMEOUT_NS (5 * NS_PER_SECOND)

/* What the rounds know of a process. */
struct planned {
	struct jit_process *process; /* NULL: the place is free */
	bool is_wanted; /* sampled since the last round began */
	bool is_sampled; /* sampled since the last wait */
	uint64_t sampled_ns; /* when it was sampled last */
	bool is_running;
	uint64_t next_ns, interval_ns;
	uint64_t needed, running, done; /* waits: the last one for it, ... that its round is for */
};

struct wait {
	struct list link; /* jit_symbols.waits */
	struct jit_symbols *symbols;
	uint64_t turn;
	loop_callback *callback;
	void *userdata;
	struct loop_source *timer;
};

struct jit_symbols {
	struct loop *loop;
	struct jit_context context;
	struct planned planned[LIMIT_JIT_PROCESSES];
	size_t n, last; /* last: the one that was asked for last */
	uint64_t turn;
	struct list waits;
	struct loop_source *timer;
};

static struct wait *wait_free(struct wait *wait)
{
	list_remove(&wait->link);
	loop_source_free(wait->timer);
	free(wait);
	return NULL;
}

static void tell_waits(struct jit_symbols *symbols)
{
	list_for_each (&symbols->waits, link) {
		struct wait *wait = container_of(link, struct wait, link);
		bool is_done = true;

		for (size_t i = 0; i < symbols->n; i++) {
			const struct planned *p = &symbols->planned[i];

			/* One that nobody sampled since is needed for an earlier wait, at most. */
			if (p->process &&
				p->done < (p->needed < wait->turn ? p->needed : wait->turn))
				is_done = false;
		}
		if (is_done)
			loop_source_set_time(wait->timer, time_now_ns(CLOCK_MONOTONIC));
	}
}

/* Sets the timer to the first round that is due. */
static void plan(struct jit_symbols *symbols)
{
	uint64_t first_ns = UINT64_MAX / 2;

	for (size_t i = 0; i < symbols->n; i++) {
		const struct planned *p = &symbols->planned[i];

		if (!p->process)
			continue;
		if (!p->is_running && p->needed > p->done)
			first_ns = 0;
		else if (!p->is_running && p->is_wanted && p->next_ns < first_ns)
			first_ns = p->next_ns;
	}
	loop_source_set_time(symbols->timer, first_ns);
}

static int on_timer(void *userdata)
{
	struct jit_symbols *symbols = userdata;
	uint64_t now_ns = time_now_ns(CLOCK_MONOTONIC);

	for (size_t i = 0; i < symbols->n; i++) {
		struct planned *p = &symbols->planned[i];

		if (!p->process || p->is_running ||
			(p->needed <= p->done && (!p->is_wanted || p->next_ns > now_ns)))
			continue;
		p->is_running = true;
		p->is_wanted = false;
		p->running = symbols->turn;
		jit_process_begin(p->process);
	}
	plan(symbols);
	return 0;
}

static bool has_file(const struct jit_process *process)
{
	return process->map.fd >= 0 || process->dump.fd >= 0;
}

static void on_round(struct jit_process *process)
{
	struct jit_symbols *symbols = process->owner;

	for (size_t i = 0; i < symbols->n; i++) {
		struct planned *p = &symbols->planned[i];

		if (p->process != process)
			continue;
		p->is_running = false;
		p->done = p->running;
		p->interval_ns = has_file(process) ? ROUND_NS : p->interval_ns * 2;
		if (p->interval_ns > ROUND_MAX_NS)
			p->interval_ns = ROUND_MAX_NS;
		p->next_ns = process->round_ns + p->interval_ns;
	}
	tell_waits(symbols);
	plan(symbols);
}

static int on_workers_idle(void *userdata)
{
	struct jit_symbols *symbols = userdata;

	for (size_t i = 0; i < symbols->n; i++)
		if (symbols->planned[i].process)
			jit_process_resume(symbols->planned[i].process);
	return 0;
}

int jit_symbols_new(struct loop *loop, struct opener *opener, const char *worker_path,
	struct jit_symbols **ret_symbols)
{
	struct jit_symbols *symbols = calloc(1, sizeof(*symbols));
	struct workers_config workers = {
		.path = worker_path,
		.n_max = 1,
		.job_timeout_ns = JOB_TIMEOUT_NS,
		.on_idle = on_workers_idle,
		.userdata = symbols,
	};
	int r;

	if (!symbols)
		return -ENOMEM;
	symbols->loop = loop;
	symbols->context.opener = opener;
	symbols->context.on_round = on_round;
	list_init(&symbols->waits);
	list_init(&symbols->context.dropped);
	r = workers_new(loop, &workers, &symbols->context.workers);
	if (!r)
		r = loop_add_timer(loop, UINT64_MAX / 2, on_timer, symbols, &symbols->timer);
	if (r < 0) {
		jit_symbols_free(symbols);
		return r;
	}
	*ret_symbols = symbols;
	return 0;
}

struct jit_symbols *jit_symbols_free(struct jit_symbols *symbols)
{
	if (!symbols)
		return NULL;
	jit_symbols_rest(symbols);
	/* No callback of theirs comes any more. */
	symbols->context.workers = workers_free(symbols->context.workers);
	list_for_each (&symbols->context.dropped, link) {
		struct jit_process *process = container_of(link, struct jit_process, link);

		process->is_asked = false;
		jit_process_free(process);
	}
	list_for_each (&symbols->waits, link)
		wait_free(container_of(link, struct wait, link));
	loop_source_free(symbols->timer);
	free(symbols);
	return NULL;
}

static bool is_same(const struct jit_process_id *a, const struct jit_process_id *b)
{
	return a->pid == b->pid && a->start_ns == b->start_ns && a->uid == b->uid;
}

/* The place of a process, new if need be; false: there is no more room. */
static bool place_find(
	struct jit_symbols *symbols, const struct jit_process_id *id, size_t *ret_place)
{
	struct jit_process *process;
	size_t place = 0;

	for (size_t step = 0; step < symbols->n; step++) {
		size_t i = (symbols->last + step) % symbols->n;

		if (symbols->planned[i].process && is_same(&symbols->planned[i].process->id, id)) {
			symbols->last = *ret_place = i;
			return true;
		}
	}
	while (place < symbols->n && symbols->planned[place].process)
		place++;
	if (place == LIMIT_JIT_PROCESSES)
		return false;
	process = jit_process_new(&symbols->context, id);
	if (!process)
		return false;
	process->owner = symbols;
	symbols->planned[place] = (struct planned){
		.process = process, .interval_ns = ROUND_NS / 2, .done = symbols->turn};
	symbols->n += place == symbols->n;
	*ret_place = place;
	return true;
}

uint64_t jit_symbols_want(struct jit_symbols *symbols, const struct jit_process_id *id,
	uint64_t address, uint64_t time_ns)
{
	struct planned *p;
	uint64_t slice = 0;
	size_t place;

	if (!place_find(symbols, id, &place))
		return 0;
	p = &symbols->planned[place];
	p->is_sampled = true;
	p->sampled_ns = time_ns;
	if (!p->is_wanted) {
		p->is_wanted = true;
		plan(symbols);
	}
	if (jit_codes_is_reused(&p->process->codes, address))
		slice = (uint32_t)(time_ns / SLICE_NS) | UINT64_C(1);
	return slice << 32 | (place + 1);
}

/* What V8 ("…:~name", where * and ^ are compiled), the JVM and Python's trampolines call the code that
 * runs functions which are not compiled. */
static bool is_interpreted(const char *name)
{
	return strstr(name, ":~") || !strcmp(name, "Interpreter") ||
		text_starts_with(name, "InterpretedFunction:") || text_starts_with(name, "py::");
}

void jit_symbols_find(struct jit_symbols *symbols, uint64_t number, uint64_t address,
	uint64_t time_ns, struct jit_name *ret_name)
{
	size_t place = (uint32_t)number;
	const struct jit_code_line *line;
	const struct jit_process *process;
	const struct jit_code *code;

	*ret_name = (struct jit_name){.unnamed = "too-many-processes"};
	if (!place || place > symbols->n || !symbols->planned[place - 1].process)
		return;
	process = symbols->planned[place - 1].process;
	ret_name->has_map = has_file(process);
	code = jit_codes_find(&process->codes, address, time_ns);
	if (!code) {
		ret_name->unnamed = jit_process_reason(process);
		return;
	}
	ret_name->unnamed = NULL;
	ret_name->name = jit_codes_text(&process->codes, code->name);
	ret_name->is_interpreted = is_interpreted(ret_name->name);
	line = jit_codes_line(&process->codes, code, address);
	if (!line)
		return;
	ret_name->line = line->line;
	ret_name->file = line->file ? jit_codes_text(&process->codes, line->file) : NULL;
}

static int on_wait(void *userdata)
{
	struct wait *wait = userdata;
	loop_callback *callback = wait->callback;
	void *callback_userdata = wait->userdata;

	wait_free(wait);
	return callback(callback_userdata);
}

int jit_symbols_wait(
	struct jit_symbols *symbols, uint64_t deadline_ns, loop_callback *callback, void *userdata)
{
	struct wait *wait = calloc(1, sizeof(*wait));
	int r;

	if (!wait)
		return -ENOMEM;
	wait->symbols = symbols;
	wait->turn = ++symbols->turn;
	wait->callback = callback;
	wait->userdata = userdata;
	r = loop_add_timer(
		symbols->loop, symbols->n ? deadline_ns : 0, on_wait, wait, &wait->timer);
	if (r < 0) {
		free(wait);
		return r;
	}
	list_add_tail(&symbols->waits, &wait->link);
	for (size_t i = 0; i < symbols->n; i++) {
		struct planned *p = &symbols->planned[i];

		if (p->is_sampled)
			p->needed = wait->turn;
		p->is_sampled = false;
	}
	tell_waits(symbols);
	plan(symbols);
	return 0;
}

void jit_symbols_cancel_wait(struct jit_symbols *symbols, void *userdata)
{
	list_for_each (&symbols->waits, link) {
		struct wait *wait = container_of(link, struct wait, link);

		if (wait->userdata == userdata)
			wait_free(wait);
	}
}

void jit_symbols_age(struct jit_symbols *symbols, uint64_t age_ns)
{
	uint64_t now_ns = time_now_ns(CLOCK_MONOTONIC);

	for (size_t i = 0; i < symbols->n; i++) {
		struct planned *p = &symbols->planned[i];

		if (!p->process || p->is_running || now_ns < p->sampled_ns + age_ns)
			continue;
		jit_process_free(p->process);
		*p = (struct planned){};
	}
	tell_waits(symbols);
}

uint64_t jit_symbols_cpu_ns(const struct jit_symbols *symbols)
{
	return workers_cpu_ns(symbols->context.workers);
}

void jit_symbols_rest(struct jit_symbols *symbols)
{
	for (size_t i = 0; i < symbols->n; i++)
		jit_process_free(symbols->planned[i].process);
	symbols->n = 0;
	symbols->last = 0;
	loop_source_set_time(symbols->timer, UINT64_MAX / 2);
}
