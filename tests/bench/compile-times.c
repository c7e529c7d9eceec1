/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * How long the unwind tables of files take: compiled, and out of the cache on disk. CPU time, the best
 * of five rounds over all of them; their rows and bytes; the most memory that it took.
 *
 * usage: compile-times NAME…   (as find_file() takes them)
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "daemon/unwind/table-cache.h"
#include "daemon/worker/unwind-table.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"
#include "tests/worker/find-file.h"

#define ROUNDS 5

struct round {
	uint64_t compile_ns, cache_ns;
	size_t n_tables, n_rows;
};

static uint64_t now(void)
{
	return time_now_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* As perfd takes them: read, checked, and copied to where the kernel would find them. */
static int cache_take(struct table_cache *cache, const struct table_key *key, size_t n)
{
	CLEANUP(freep) void *memory = NULL, *map = NULL;
	struct table_content content;

	if (table_cache_find(cache, key, &content, &memory) != 0 || content.n != n)
		return -1;
	map = malloc(n * sizeof(*content.rows));
	if (!map)
		return -1;
	memcpy(map, content.rows, n * sizeof(*content.rows));
	return 0;
}

/* Files that describe no frames count for nothing. */
static int file_measure(const char *name, struct table_cache *cache, struct round *round)
{
	CLEANUP(elf_file_closep) struct elf_file *file = NULL;
	CLEANUP(unwind_table_done) struct unwind_table table = {0};
	struct table_key key = {.object = {.inode = 1}};
	struct table_content content;
	int fd = find_file(name), r;
	uint64_t start_ns = now();

	if (fd < 0)
		return -1;
	r = elf_file_open(fd, &file);
	if (!r)
		r = unwind_table_compile(file, NULL, &table);
	if (r)
		return r < 0 ? r : 0;
	round->compile_ns += now() - start_ns;
	key.object.size = file->size;
	content = (struct table_content){.rows = table.rows, .n = table.n};
	if (table_cache_add(cache, &key, &content, true) < 0)
		return -1;
	start_ns = now();
	if (cache_take(cache, &key, table.n) < 0)
		return -1;
	round->cache_ns += now() - start_ns;
	round->n_tables++;
	round->n_rows += table.n;
	return 0;
}

static int measure(char **names, int n, struct table_cache *cache, struct round *ret_best)
{
	struct round best = {.compile_ns = UINT64_MAX, .cache_ns = UINT64_MAX};

	for (int i = 0; i < ROUNDS; i++) {
		struct round round = {};

		for (int j = 0; j < n; j++)
			if (file_measure(names[j], cache, &round) < 0)
				return -1;
		if (round.compile_ns > best.compile_ns)
			round.compile_ns = best.compile_ns;
		if (round.cache_ns > best.cache_ns)
			round.cache_ns = best.cache_ns;
		best = round;
	}
	*ret_best = best;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct table_cache_limits limits = {.bytes = 1 << 30, .n_files = 1000};
	char directory[] = "/tmp/perfctl-compile-times-XXXXXX", command[64];
	struct table_cache *cache = NULL;
	struct rusage usage;
	struct round best;
	int r = -1;

	if (argc < 2 || !mkdtemp(directory))
		return 1;
	if (table_cache_open(directory, &limits, &cache) == 0)
		r = measure(argv + 1, argc - 1, cache, &best);
	table_cache_close(cache);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	if (system(command) != 0 || r < 0 || !best.n_tables)
		return 1;
	getrusage(RUSAGE_SELF, &usage);
	printf("%s%s: %.1f ms, from the cache %.1f ms, %zu tables, %zu rows, %zu KiB; at most %ld MiB "
	       "of memory\n",
		argv[1], argc > 2 ? " and others" : "", (double)best.compile_ns / 1e6,
		(double)best.cache_ns / 1e6, best.n_tables, best.n_rows,
		best.n_rows * sizeof(struct abi_row) / 1024, usage.ru_maxrss / 1024);
	return 0;
}
