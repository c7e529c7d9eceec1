// SPDX-License-Identifier: GPL-2.0-or-later
/* What is said of a process, from a daemon's reply; and which package a file is from. */

#include "cli/doctor-process.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/debian-package.h"
#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

static void write_list(const char *directory, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

START_TEST(a_path_has_the_package_that_lists_it)
{
	static const struct {
		const char *path, *package;
	} rows[] = {
		{"/usr/bin/redis-server", "redis-server"},
		{"/usr/lib/x86_64-linux-gnu/libc.so.6", "libc6"},
		{"/lib/x86_64-linux-gnu/libc.so.6", "libc6"},
		{"/usr/bin/redis", NULL},
		{"/usr/bin/redis-server-other", NULL},
		{"usr/bin/redis-server", NULL},
		{"/usr/bin/last", "last"},
	};
	char directory[] = "/tmp/test-doctor-XXXXXX", name[64], command[128];

	ck_assert_ptr_nonnull(mkdtemp(directory));
	write_list(directory, "redis-server.list",
		"/.\n/usr/bin/redis-server-other-thing\n/usr/bin/redis-server\n/etc\n");
	write_list(directory, "libc6:amd64.list", "/.\n/lib/x86_64-linux-gnu/libc.so.6\n");
	write_list(directory, "last.list", "/.\n/usr/bin/last");
	write_list(directory, "last.md5sums", "/usr/bin/redis\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool found = debian_package_find(directory, rows[i].path, name, sizeof(name));

		ck_assert_int_eq(found, rows[i].package != NULL);
		if (found)
			ck_assert_str_eq(name, rows[i].package);
	}
	ck_assert(!debian_package_find("/nonexistent", "/usr/bin/last", name, sizeof(name)));
	snprintf(command, sizeof(command), "rm -r %s", directory);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(the_c_library_has_a_debug_package_of_another_name)
{
	char name[64];

	debian_debug_package("libc6", name, sizeof(name));
	ck_assert_str_eq(name, "libc6-dbg");
	debian_debug_package("redis-server", name, sizeof(name));
	ck_assert_str_eq(name, "redis-server-dbgsym");
}
END_TEST

START_TEST(runtimes_are_known_by_their_modules)
{
	ck_assert_ptr_nonnull(strstr(doctor_runtime("libjvm.so", true, false), "jcmd"));
	ck_assert_ptr_nonnull(strstr(doctor_runtime("node", true, false), "--perf-basic-prof"));
	ck_assert_ptr_null(doctor_runtime("node", true, true));
	ck_assert_ptr_null(doctor_runtime("node", false, false));
	ck_assert_ptr_nonnull(strstr(doctor_runtime("python3.11", false, false), "3.12"));
	ck_assert_ptr_nonnull(
		strstr(doctor_runtime("libpython3.13.so.1.0", false, false), "-X perf"));
	ck_assert_ptr_null(doctor_runtime("libpython3.12.so.1.0", true, true));
	ck_assert_ptr_null(doctor_runtime("redis-server", true, false));
}
END_TEST

START_TEST(a_reply_becomes_lines)
{
	json_t *reply = json_pack(
		"{s:[{s:s, s:b, s:b}, {s:s, s:b, s:b}, {s:s, s:s}, {s:s, s:b}], s:b, s:b, s:s}",
		"objects", "path", "/opt/a\033b", "dwarf", 1, "unwindTable", 1, "path",
		"/opt/plain", "dynsym", 1, "unwindTable", 1, "path", "/opt/lost", "why",
		"file-gone", "path", "/opt/bare", "dwarf", 1, "code", 1, "codeTold", 0, "why",
		"jit-map-foreign");
	CLEANUP(freep) struct doctor_line *lines = NULL;
	size_t n;

	lines = doctor_process_lines(reply, false, &n);
	json_decref(reply);
	ck_assert_uint_eq(n, 5);
	ck_assert_str_eq(lines[0].what, "/opt/a?b");
	ck_assert_int_eq(lines[0].finding.state, DOCTOR_OK);
	ck_assert_ptr_null(lines[0].finding.mend);
	ck_assert_int_eq(lines[1].finding.state, DOCTOR_NOTE);
	ck_assert_ptr_nonnull(lines[1].finding.mend);
	ck_assert_ptr_nonnull(strstr(lines[1].finding.mend, "build it with -g"));
	ck_assert_ptr_nonnull(strstr(lines[2].finding.found, "the file is gone"));
	ck_assert_ptr_nonnull(strstr(lines[2].finding.mend, "start the process anew"));
	/* It has all names, and no way to whoever called it. */
	ck_assert_int_eq(lines[3].finding.state, DOCTOR_NOTE);
	ck_assert_ptr_nonnull(strstr(lines[3].finding.found, "needs frame pointers"));
	ck_assert_ptr_nonnull(strstr(lines[3].finding.mend, "-fasynchronous-unwind-tables"));
	ck_assert_ptr_nonnull(strstr(lines[4].finding.found, "jit-map-foreign"));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_path_has_the_package_that_lists_it,
		the_c_library_has_a_debug_package_of_another_name,
		runtimes_are_known_by_their_modules,
		a_reply_becomes_lines,
	};

	return check_main("cli/doctor-process", tests, ARRAY_SIZE(tests));
}
