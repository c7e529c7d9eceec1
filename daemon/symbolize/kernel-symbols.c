/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The functions that were asked for, each with all of its addresses: a recording meets a few hundred
 * functions of the kernel at many thousands of addresses. Those of the kernel proper stay where they
 * are until the next boot; those of modules and BPF programs do not, and nobody tells when they go.
 * Invariant: the functions are in order of their addresses, and no two overlap.
 */

#include "daemon/symbolize/kernel-symbols.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/limits.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

/* The kernel's KSYM_NAME_LEN, the numbers and a module's name. */
#define TEXT_SIZE 640

struct kernel_function {
	uint64_t start, end; /* of the first byte, and of the one behind the last */
	char *name;
	const char *module; /* in the same piece of memory */
};

struct kernel_symbols {
	kernel_tell *tell;
	void *userdata;
	struct kernel_function *items;
	size_t n, n_allocated;
};

int kernel_symbols_new(kernel_tell *tell, void *userdata, struct kernel_symbols **ret_symbols)
{
	struct kernel_symbols *symbols = calloc(1, sizeof(*symbols));

	if (!symbols)
		return -ENOMEM;
	symbols->tell = tell;
	symbols->userdata = userdata;
	*ret_symbols = symbols;
	return 0;
}

/* Keeps those of the kernel proper, if anything. */
static void forget(struct kernel_symbols *symbols, bool is_all)
{
	size_t n = 0;

	for (size_t i = 0; i < symbols->n; i++)
		if (is_all || *symbols->items[i].module)
			free(symbols->items[i].name);
		else
			symbols->items[n++] = symbols->items[i];
	symbols->n = n;
}

struct kernel_symbols *kernel_symbols_free(struct kernel_symbols *symbols)
{
	if (!symbols)
		return NULL;
	forget(symbols, true);
	free(symbols->items);
	free(symbols);
	return NULL;
}

void kernel_symbols_refresh(struct kernel_symbols *symbols)
{
	forget(symbols, false);
}

/* The first function that ends behind the address. */
static size_t find_place(const struct kernel_symbols *symbols, uint64_t address)
{
	size_t low = 0, high = symbols->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->items[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Takes the text apart, in place. False: it names no function that the address is in. */
static bool function_parse(char *text, uint64_t address, struct kernel_function *ret_function)
{
	char *module = strstr(text, " ["), *plus, *end;
	uint64_t offset, size;

	if (module) {
		*module = '\0';
		module += 2;
		module[strcspn(module, "]")] = '\0';
	}
	plus = strrchr(text, '+');
	if (!plus || plus == text)
		return false;
	*plus = '\0';
	offset = strtoull(plus + 1, &end, 16);
	if (*end != '/')
		return false;
	size = strtoull(end + 1, &end, 16);
	if (*end || offset >= size || offset > address || size > UINT64_MAX - (address - offset))
		return false;
	*ret_function = (struct kernel_function){
		.start = address - offset,
		.end = address - offset + size,
		.name = text,
		.module = module ? module : "",
	};
	return true;
}

/* In the place of those that it overlaps, which are no more. 0 or -ENOMEM. */
static int function_add(struct kernel_symbols *symbols, const struct kernel_function *function)
{
	size_t name_size = strlen(function->name) + 1, module_size = strlen(function->module) + 1;
	size_t first, last;
	char *name;

	if (symbols->n >= LIMIT_KERNEL_FUNCTIONS)
		forget(symbols, true);
	if (array_reserve(&symbols->items, &symbols->n_allocated, symbols->n + 1,
		    sizeof(*symbols->items)) < 0)
		return -ENOMEM;
	name = malloc(name_size + module_size);
	if (!name)
		return -ENOMEM;
	memcpy(name, function->name, name_size);
	memcpy(name + name_size, function->module, module_size);
	first = find_place(symbols, function->start);
	for (last = first; last < symbols->n && symbols->items[last].start < function->end; last++)
		free(symbols->items[last].name);
	memmove(&symbols->items[first + 1], &symbols->items[last],
		(symbols->n - last) * sizeof(*symbols->items));
	symbols->n += 1 - (last - first);
	symbols->items[first] = *function;
	symbols->items[first].name = name;
	symbols->items[first].module = name + name_size;
	return 0;
}

const char *kernel_symbols_find(
	struct kernel_symbols *symbols, uint64_t address, const char **ret_module_or_reason)
{
	size_t place = find_place(symbols, address);
	struct kernel_function function;
	char text[TEXT_SIZE];

	*ret_module_or_reason = "no-symbols";
	if (place == symbols->n || address < symbols->items[place].start) {
		if (symbols->tell(symbols->userdata, address, text, sizeof(text)) < 0 ||
			!function_parse(text, address, &function) ||
			function_add(symbols, &function) < 0)
			return NULL;
		place = find_place(symbols, address);
	}
	*ret_module_or_reason = symbols->items[place].module;
	return symbols->items[place].name;
}
