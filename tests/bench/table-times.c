/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * How long the unwind table of a file takes to compile: the best of five, its rows and bytes.
 *
 * usage: table-times NAME   (as find_file() takes it)
 */

#include <stdio.h>

#include "daemon/worker/unwind-table.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"
#include "tests/worker/find-file.h"

#define ROUNDS 5

int main(int argc, char **argv)
{
	uint64_t best_ns = UINT64_MAX;
	size_t n = 0;

	for (int i = 0; i < ROUNDS; i++) {
		CLEANUP(elf_file_closep) struct elf_file *file = NULL;
		CLEANUP(unwind_table_done) struct unwind_table table = {0};
		int fd = argc == 2 ? find_file(argv[1]) : -1;
		uint64_t start_ns = time_now_ns(CLOCK_MONOTONIC), ns;

		if (fd < 0 || elf_file_open(fd, &file) < 0 ||
			unwind_table_compile(file, NULL, &table) != 0)
			return 1;
		ns = time_now_ns(CLOCK_MONOTONIC) - start_ns;
		best_ns = ns < best_ns ? ns : best_ns;
		n = table.n;
	}
	printf("%s: %.1f ms, %zu rows, %zu KiB\n", argv[1], (double)best_ns / 1e6, n,
		n * sizeof(struct abi_row) / 1024);
	return 0;
}
