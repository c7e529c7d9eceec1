/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * How long the unwind table of a file takes to compile: the best of five; its rows, also by the kind
 * of their CFA, and bytes.
 *
 * usage: table-times NAME   (as find_file() takes it)
 */

#include <stdio.h>
#include <string.h>

#include "daemon/worker/unwind-table.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"
#include "tests/worker/find-file.h"

#define ROUNDS 5

int main(int argc, char **argv)
{
	static const char *const kinds[] = {"gap", "rsp", "rbp", "plt", "signal", "*rbp", "*rsp+8",
		"*rbp+8", "end", "unsupported", "register", "clone", "context"};
	size_t n_kinds[ABI_CFA_COUNT], n = 0;
	uint64_t best_ns = UINT64_MAX;

	_Static_assert(ARRAY_SIZE(kinds) == ABI_CFA_COUNT, "kinds");

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
		memcpy(n_kinds, table.n_kinds, sizeof(n_kinds));
	}
	printf("%s: %.1f ms, %zu rows, %zu KiB;", argv[1], (double)best_ns / 1e6, n,
		n * sizeof(struct abi_row) / 1024);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (n_kinds[i])
			printf(" %s %zu", kinds[i], n_kinds[i]);
	printf("\n");
	return 0;
}
