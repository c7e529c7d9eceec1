/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The reader that we did not write: `go tool pprof` must read what we write, and rank it to the
 * sample as we do. Exit 77 where there is no go.
 */

#include "proto/profile/pprof.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/profile/rank.h"
#include "tests/lib/check-main.h"
#include "tests/unit/proto/profile/fixture.h"

static void pclosep(FILE **file)
{
	if (*file)
		pclose(*file);
}

static void file_write(const struct profile *profile, const char *path)
{
	CLEANUP(buffer_done) struct buffer out = {};
	CLEANUP(fclosep) FILE *file = fopen(path, "we");

	ck_assert_int_eq(pprof_encode(profile, &out), 0);
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(out.data, 1, out.size, file), out.size);
}

static const struct rank_row *row_find(
	const struct profile *profile, const struct ranking *ranking, const char *name)
{
	for (size_t i = 0; i < ranking->n_rows; i++)
		if (!strcmp(ranking_name(profile, &ranking->rows[i]), name))
			return &ranking->rows[i];
	return NULL;
}

/* Compares "flat flat% sum% cum cum%  name" with our row; 1 if the line is a row at all. */
static int line_compare(
	const struct profile *profile, const struct ranking *ranking, const char *line)
{
	long long self, total;
	char name[256];
	const struct rank_row *row;

	if (sscanf(line, " %lld %*f%% %*f%% %lld %*f%% %255[^\n]", &self, &total, name) != 3)
		return 0;
	/* pprof marks what it takes for inlined. */
	if (strlen(name) > 9 && !strcmp(name + strlen(name) - 9, " (inline)"))
		name[strlen(name) - 9] = '\0';
	row = row_find(profile, ranking, name);
	ck_assert_msg(row != NULL, "'%s' is not in our ranking", name);
	ck_assert_msg(row->self == self && row->total == total,
		"%s: self %lld total %lld, ours %lld %lld", name, self, total, (long long)row->self,
		(long long)row->total);
	return 1;
}

/* Holds our ranking of the profile against go's of the file. */
static void compare_file(const struct profile *profile, const char *path, const char *value_type)
{
	CLEANUP(ranking_freep) struct ranking *ranking = NULL;
	CLEANUP(pclosep) FILE *top = NULL;
	char command[1024], line[1024];
	size_t n_rows = 0;

	ck_assert_int_eq(ranking_new(profile, NULL, &ranking), 0);
	snprintf(command, sizeof(command),
		"go tool pprof -symbolize=none -sample_index=%s -nodefraction=0 "
		"-nodecount=100000 -top '%s'",
		value_type, path);
	top = popen(command, "re");
	ck_assert_ptr_nonnull(top);
	while (fgets(line, sizeof(line), top))
		n_rows += (size_t)line_compare(profile, ranking, line);
	ck_assert_uint_eq(n_rows, ranking->n_rows);
}

static void compare(const struct profile *profile)
{
	char path[] = "/tmp/perfctl-test-pprof-XXXXXX";
	CLEANUP(closep) int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	file_write(profile, path);
	compare_file(profile, path, "samples");
	unlink(path);
}

START_TEST(go_ranks_as_we_do_with_recursion_and_inlined_functions)
{
	for (unsigned seed = 1; seed <= 3; seed++) {
		CLEANUP(profile_unrefp) struct profile *profile = fixture_random(seed, 1500);

		compare(profile);
	}
}
END_TEST

START_TEST(go_does_not_merge_modules_or_lose_kernel_frames)
{
	CLEANUP(profile_unrefp) struct profile *profile = fixture_new();
	uint32_t a = fixture_thread(profile, "a", 1, 1), b = fixture_thread(profile, "b", 2, 2);

	fixture_add(profile, a, "main@/bin/a;f@/lib/x;k:sys_read@[kernel.kallsyms]", NULL, 5);
	fixture_add(profile, a, "main@/bin/a;f@/lib/x;k:sys_write@[kernel.kallsyms]", "depth", 3);
	fixture_add(profile, b, "main@/bin/b;f@/lib/y;?:[y+0x10]@/lib/y", NULL, 2);
	fixture_add(profile, b, "main@/bin/b;f@/lib/y;j:jitted", NULL, 1);
	fixture_add(profile, b, "no module;main@/bin/b;no module", NULL, 4);
	fixture_seal(profile);
	compare(profile);
}
END_TEST

START_TEST(what_go_wrote_we_rank_as_go_does)
{
	static const struct {
		const char *name, *value_type;
		int n_value_types;
	} cases[] = {{"go-cpu.pb.gz", "samples", 2}, {"go-heap.pb.gz", "alloc_objects", 4},
		{"go-cpu.pb", "samples", 2}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(profile_unrefp) struct profile *profile = NULL;
		CLEANUP(freep) char *path = NULL, *bytes = NULL;
		struct profile_error error = {};
		size_t n = 0;

		ck_assert_int_ge(
			asprintf(&path, "%s/%s", getenv("PERFCTL_PPROF_CORPUS"), cases[i].name), 0);
		ck_assert_int_eq(text_read_file(AT_FDCWD, path, 1 << 20, &bytes, &n), 0);
		ck_assert_msg(!pprof_decode(bytes, n, &profile, &error), "%s", error.text);
		ck_assert_int_eq((int)profile->n_value_types, cases[i].n_value_types);
		compare_file(profile, path, cases[i].value_type);
		/* And what we then write, go still ranks so. */
		if (!strcmp(cases[i].value_type, "samples"))
			compare(profile);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		go_ranks_as_we_do_with_recursion_and_inlined_functions,
		go_does_not_merge_modules_or_lose_kernel_frames,
		what_go_wrote_we_rank_as_go_does,
	};

	if (system("go version >/dev/null 2>&1")) {
		puts("skipped: there is no go");
		return 77;
	}
	return check_main("pprof-go", tests, ARRAY_SIZE(tests));
}
