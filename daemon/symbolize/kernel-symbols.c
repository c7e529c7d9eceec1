/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * /proc/kallsyms read at once: names stay where they were read, and a sorted array points at them.
 * The file has no sizes: a symbol reaches to the next one, but no further than a limit. Among BPF
 * programs lie filters that it does not have at all, those of seccomp too, and they run often: where BPF
 * programs end is asked of somebody who knows.
 * Reading it takes the kernel some 50 ms, so it is read when the first address is looked for, and
 * again only for what may have changed: functions of the kernel proper stay where they are until the
 * next boot, those of modules and BPF programs do not.
 */

#include "daemon/symbolize/kernel-symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

#define KALLSYMS_BYTES_MAX (256u << 20)
#define FUNCTION_BYTES_MAX (1u << 20)
/* BPF programs come and go: behind one may be another that is not known yet. */
#define BPF_BYTES_MAX (1u << 16)
/* What has a BPF symbol and is no program: a trampoline, a dispatcher. */
#define TRAMPOLINE_BYTES_MAX 4096
#define RELOAD_INTERVAL_NS NS_PER_SECOND
/* The same where addresses are met that no reading explains: doubled each time, up to that. */
#define MISS_INTERVAL_MAX_NS (600 * NS_PER_SECOND)

struct kernel_symbol {
	uint64_t address;
	uint32_t name, module; /* offsets into text; module 0: the kernel proper */
	bool is_global;
};

struct kernel_symbols {
	const char *path; /* NULL: what there is was given as text */
	char *text;
	struct kernel_symbol *items;
	size_t n, n_allocated;
	bool is_stale;
	int error; /* of the last reading */
	uint64_t loaded_ns;
	uint64_t
		miss_interval_ns; /* so long after it an unknown address is worth another reading */
	kernel_programs *read_programs; /* NULL: nobody knows */
	void *userdata;
	uint64_t (*programs)[2]; /* by their beginnings */
	size_t n_programs;
	uint64_t programs_ns; /* when they were asked for */
};

/* Global before local, so that the first of equal addresses is the one to show. */
static int compare(const void *a, const void *b)
{
	const struct kernel_symbol *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (x->is_global != y->is_global)
		return x->is_global ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

/* "ffffffff81000000 T _text" or "ffffffffc0001000 t name\t[module]"; other lines are passed over. */
static int line_parse(struct kernel_symbols *symbols, char *line)
{
	struct kernel_symbol symbol = {};
	char *end, *name, *tab;
	int r;

	symbol.address = strtoull(line, &end, 16);
	if (end == line || end[0] != ' ' || !end[1] || end[2] != ' ' || !end[3])
		return 0;
	if (!strchr("tTwW", end[1]))
		return 0;
	symbol.is_global = end[1] == 'T';
	name = end + 3;
	tab = strchr(name, '\t');
	if (tab) {
		*tab = '\0';
		if (tab[1] == '[') {
			tab[1 + strcspn(tab + 1, "]")] = '\0';
			symbol.module = (uint32_t)(tab + 2 - symbols->text);
		}
	}
	symbol.name = (uint32_t)(name - symbols->text);
	r = array_reserve(&symbols->items, &symbols->n_allocated, symbols->n + 1, sizeof(symbol));
	if (r < 0)
		return r;
	symbols->items[symbols->n++] = symbol;
	return 0;
}

/* Takes the text, whatever comes of it. */
static int symbols_fill(struct kernel_symbols *symbols, char *text)
{
	bool has_address = false, is_sorted = true;
	char *line, *next;
	int r;

	free(symbols->text);
	symbols->text = text;
	symbols->n = 0;
	for (line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		r = line_parse(symbols, line);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < symbols->n; i++) {
		has_address |= symbols->items[i].address != 0;
		is_sorted &= !i || compare(&symbols->items[i - 1], &symbols->items[i]) <= 0;
	}
	if (symbols->n && !has_address)
		return -EPERM;
	if (!is_sorted)
		qsort(symbols->items, symbols->n, sizeof(*symbols->items), compare);
	return 0;
}

static int compare_programs(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return x[0] < y[0] ? -1 : x[0] > y[0];
}

/* Those that were known stay where nobody can tell. */
static void programs_load(struct kernel_symbols *symbols)
{
	uint64_t(*programs)[2];
	size_t n;

	symbols->programs_ns = time_now_ns(CLOCK_MONOTONIC);
	if (!symbols->read_programs || symbols->read_programs(symbols->userdata, &programs, &n) < 0)
		return;
	qsort(programs, n, sizeof(*programs), compare_programs);
	free(symbols->programs);
	symbols->programs = programs;
	symbols->n_programs = n;
}

/* The program that the address is in; NULL: none that is known. */
static const uint64_t *program_find(const struct kernel_symbols *symbols, uint64_t address)
{
	size_t low = 0, high = symbols->n_programs;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->programs[middle][0] <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && address < symbols->programs[low - 1][1] ? symbols->programs[low - 1] : NULL;
}

static int symbols_load(struct kernel_symbols *symbols)
{
	char *text;
	int r = text_read_file(AT_FDCWD, symbols->path, KALLSYMS_BYTES_MAX, &text, NULL);

	symbols->loaded_ns = time_now_ns(CLOCK_MONOTONIC);
	symbols->is_stale = false;
	if (!r)
		r = symbols_fill(symbols, text);
	programs_load(symbols);
	symbols->error = r;
	return r;
}

int kernel_symbols_new(const char *path, struct kernel_symbols **ret_symbols)
{
	struct kernel_symbols *symbols = calloc(1, sizeof(*symbols));

	if (!symbols)
		return -ENOMEM;
	symbols->path = path;
	symbols->miss_interval_ns = RELOAD_INTERVAL_NS;
	*ret_symbols = symbols;
	return 0;
}

int kernel_symbols_parse(const char *text, struct kernel_symbols **ret_symbols)
{
	struct kernel_symbols *symbols = calloc(1, sizeof(*symbols));
	char *copy = strdup(text);
	int r = symbols && copy ? symbols_fill(symbols, TAKE(copy)) : -ENOMEM;

	free(copy);
	if (r < 0) {
		kernel_symbols_free(symbols);
		return r;
	}
	*ret_symbols = symbols;
	return 0;
}

void kernel_symbols_set_programs(
	struct kernel_symbols *symbols, kernel_programs *programs, void *userdata)
{
	symbols->read_programs = programs;
	symbols->userdata = userdata;
	if (symbols->text)
		programs_load(symbols);
}

struct kernel_symbols *kernel_symbols_free(struct kernel_symbols *symbols)
{
	if (!symbols)
		return NULL;
	free(symbols->programs);
	free(symbols->text);
	free(symbols->items);
	free(symbols);
	return NULL;
}

static bool is_bpf(const struct kernel_symbols *symbols, const struct kernel_symbol *symbol)
{
	return symbol->module && !strcmp(symbols->text + symbol->module, "bpf");
}

/* The last symbol at or before the address, the first of those at its place; or NULL. */
static const struct kernel_symbol *find_before(
	const struct kernel_symbols *symbols, uint64_t address)
{
	size_t low = 0, high = symbols->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->items[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	for (low--; low && symbols->items[low - 1].address == symbols->items[low].address; low--)
		;
	return &symbols->items[low];
}

/* How far behind its beginning the address may lie. */
static bool reaches(
	const struct kernel_symbols *symbols, const struct kernel_symbol *symbol, uint64_t address)
{
	const uint64_t *program = program_find(symbols, address);

	if (!is_bpf(symbols, symbol))
		return !program && address - symbol->address < FUNCTION_BYTES_MAX;
	if (!symbols->n_programs)
		return address - symbol->address < BPF_BYTES_MAX;
	if (program)
		return program[0] <= symbol->address;
	/* One that has just gone may have had any length. */
	return !text_starts_with(symbols->text + symbol->name, "bpf_prog_") &&
		address - symbol->address < TRAMPOLINE_BYTES_MAX;
}

static const struct kernel_symbol *find(const struct kernel_symbols *symbols, uint64_t address)
{
	const struct kernel_symbol *symbol = find_before(symbols, address);

	return symbol && reaches(symbols, symbol, address) ? symbol : NULL;
}

/* Beside BPF programs, and in none: kallsyms will never have it. */
static bool is_filter(struct kernel_symbols *symbols, uint64_t address)
{
	const struct kernel_symbol *before = find_before(symbols, address);

	if (!symbols->n_programs || !before || !is_bpf(symbols, before) ||
		address - before->address >= FUNCTION_BYTES_MAX)
		return false;
	if (time_now_ns(CLOCK_MONOTONIC) - symbols->programs_ns > RELOAD_INTERVAL_NS)
		programs_load(symbols);
	return !program_find(symbols, address);
}

void kernel_symbols_refresh(struct kernel_symbols *symbols, uint64_t age_ns)
{
	symbols->is_stale |= time_now_ns(CLOCK_MONOTONIC) - symbols->loaded_ns >= age_ns;
	if (!age_ns)
		symbols->miss_interval_ns = RELOAD_INTERVAL_NS;
}

static bool is_load_due(const struct kernel_symbols *symbols)
{
	uint64_t interval_ns = symbols->is_stale ? RELOAD_INTERVAL_NS : symbols->miss_interval_ns;

	return symbols->path &&
		(!symbols->loaded_ns ||
			time_now_ns(CLOCK_MONOTONIC) - symbols->loaded_ns > interval_ns);
}

/* Where programs come and go all the time, so do misses. */
static void miss_count(struct kernel_symbols *symbols)
{
	uint64_t quiet_ns = time_now_ns(CLOCK_MONOTONIC) - symbols->loaded_ns;
	uint64_t next_ns = 2 * symbols->miss_interval_ns;

	if (quiet_ns > MISS_INTERVAL_MAX_NS)
		next_ns = RELOAD_INTERVAL_NS;
	symbols->miss_interval_ns = next_ns < MISS_INTERVAL_MAX_NS ? next_ns : MISS_INTERVAL_MAX_NS;
}

/* The last one may reach into what is no part of the kernel proper. */
static bool may_have_changed(
	const struct kernel_symbols *symbols, const struct kernel_symbol *symbol)
{
	return !symbol || symbol->module || symbol + 1 == symbols->items + symbols->n ||
		symbol[1].module;
}

const char *kernel_symbols_find(
	struct kernel_symbols *symbols, uint64_t address, const char **ret_module_or_reason)
{
	const struct kernel_symbol *symbol = find(symbols, address);

	if ((!symbol || (symbols->is_stale && may_have_changed(symbols, symbol))) &&
		is_load_due(symbols) && (symbol || !is_filter(symbols, address))) {
		if (!symbol && !symbols->is_stale)
			miss_count(symbols);
		symbols_load(symbols);
		symbol = find(symbols, address);
	}
	if (!symbol || symbols->error == -EPERM) {
		/* kernel.kptr_restrict, or no CAP_SYSLOG: all addresses read as zero. */
		*ret_module_or_reason = symbols->error ? "kallsyms-restricted" : "no-symbols";
		return NULL;
	}
	*ret_module_or_reason = symbol->module ? symbols->text + symbol->module : "";
	return symbols->text + symbol->name;
}
