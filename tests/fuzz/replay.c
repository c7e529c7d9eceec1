/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Replays each file of a corpus directory through a fuzz target: the fuzzer's finds as a plain test.
 * An empty or missing corpus fails, for it would test nothing. */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "tests/fuzz/fuzz.h"

#define FILE_BYTES_MAX (16 * 1024 * 1024)

static void closedirp(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

static int file_replay(const char *directory, const char *name)
{
	CLEANUP(freep) char *path = NULL, *bytes = NULL, *exact = NULL;
	size_t n = 0;

	if (asprintf(&path, "%s/%s", directory, name) < 0 ||
		text_read_file(AT_FDCWD, path, FILE_BYTES_MAX, &bytes, &n) < 0) {
		fprintf(stderr, "cannot read %s/%s\n", directory, name);
		return -1;
	}
	/* Of the exact size, so that a sanitizer sees a read past the end. */
	exact = malloc(n ? n : 1);
	if (!exact)
		return -1;
	for (size_t i = 0; i < n; i++)
		exact[i] = bytes[i];
	return LLVMFuzzerTestOneInput((const uint8_t *)exact, n);
}

int main(int argc, char **argv)
{
	CLEANUP(closedirp) DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;
	size_t n_files = 0;

	if (!directory) {
		fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
		return EXIT_FAILURE;
	}
	for (struct dirent *entry; (entry = readdir(directory));) {
		if (entry->d_name[0] == '.')
			continue;
		if (file_replay(argv[1], entry->d_name) < 0)
			return EXIT_FAILURE;
		n_files++;
	}
	printf("%zu files\n", n_files);
	return n_files ? EXIT_SUCCESS : EXIT_FAILURE;
}
