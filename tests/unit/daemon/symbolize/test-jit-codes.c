/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Files of run-times, read by the worker's job and kept by the daemon: which name has an address at
 * which time. */

#include "daemon/symbolize/jit-codes.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/base/limits.h"
#include "daemon/worker/job-jit.h"
#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

struct fixture {
	int fd;
	struct job_jit_request request;
	struct jit_codes codes;
};

static void fixture_open(struct fixture *f, bool is_dump)
{
	*f = (struct fixture){.fd = memfd_create("jit", MFD_CLOEXEC),
		.request = {.is_dump = is_dump, .deadline_ns = UINT64_MAX}};
	ck_assert_int_ge(f->fd, 0);
}

static void fixture_close(struct fixture *f)
{
	closep(&f->fd);
	jit_codes_done(&f->codes);
}

static void append(struct fixture *f, const void *bytes, size_t n)
{
	ck_assert_int_eq(write(f->fd, bytes, n), (int)n);
}

/* Reads what is new, which was written since then; the outcome of adding it. */
static int look(struct fixture *f, uint64_t since_ns)
{
	int r = 0;

	for (bool is_more = true; is_more;) {
		CLEANUP(buffer_done) struct buffer body = {};
		struct worker_reply reply = {};
		struct jit_reply parsed;

		ck_assert_int_eq(job_jit(dup(f->fd), &f->request, &reply, &body), 0);
		ck_assert_int_eq(jit_reply_parse(&reply, body.data, &parsed), 0);
		r |= jit_codes_add(&f->codes, &parsed, since_ns);
		f->request.position = parsed.head.position;
		f->request.check = parsed.head.check;
		is_more = parsed.head.flags & WORKER_JIT_MORE;
	}
	return r;
}

static const char *name_at(const struct fixture *f, uint64_t address, uint64_t time_ns)
{
	const struct jit_code *code = jit_codes_find(&f->codes, address, time_ns);

	return code ? jit_codes_text(&f->codes, code->name) : "none";
}

static void map(struct fixture *f, const char *text)
{
	append(f, text, strlen(text));
}

START_TEST(lines_of_a_map_are_names_of_ranges)
{
	static const struct {
		uint64_t address;
		const char *name;
	} rows[] = {
		{0xfff, "none"},
		{0x1000, "one"},
		{0x101f, "one"},
		{0x1020, "none"},
		{0x2000, "two words"},
		{0x3008, "a?b"},
		{0x4000, "none"},
		{0x5000, "none"},
		{0x6000, "with carriage return"},
		{0x7000, "none"},
	};
	struct fixture f;

	fixture_open(&f, false);
	map(&f,
		"1000 20 one\n0x2000 0x10 two words\n3000 10 a\033b\n4000 0 empty\n"
		"5000 zz bad\nfffffffffffffff0 20 wraps\n\n6000 8 with carriage return\r\n"
		"7000 10 no newline");
	ck_assert_int_eq(look(&f, 0), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ck_assert_str_eq(name_at(&f, rows[i].address, 1), rows[i].name);
	map(&f, " yet\n");
	ck_assert_int_eq(look(&f, 0), 0);
	ck_assert_str_eq(name_at(&f, 0x7000, 1), "no newline yet");
	fixture_close(&f);
}
END_TEST

START_TEST(an_address_is_called_after_what_was_there_at_the_time)
{
	struct fixture f;

	fixture_open(&f, false);
	map(&f, "1000 20 before\n");
	look(&f, 0);
	ck_assert(!jit_codes_is_reused(&f.codes, 0x1000));
	map(&f, "1010 20 after\n");
	look(&f, 100);
	ck_assert(jit_codes_is_reused(&f.codes, 0x1000));
	ck_assert(!jit_codes_is_reused(&f.codes, 0x2000));
	ck_assert_str_eq(name_at(&f, 0x1010, 99), "before");
	ck_assert_str_eq(name_at(&f, 0x1010, 100), "after");
	ck_assert_str_eq(name_at(&f, 0x1000, 100), "before");
	/* What is told late was there before: better than no name. */
	ck_assert_str_eq(name_at(&f, 0x1020, 5), "after");
	fixture_close(&f);
}
END_TEST

START_TEST(a_map_written_anew_is_read_from_its_beginning)
{
	struct fixture f;
	size_t n;

	fixture_open(&f, false);
	map(&f, "1000 20 one\n2000 20 two\n");
	look(&f, 0);
	n = f.codes.n;
	ck_assert_int_eq(ftruncate(f.fd, 0), 0);
	ck_assert_int_eq(lseek(f.fd, 0, SEEK_SET), 0);
	map(&f, "1000 20 one\n1800 20 between\n2000 20 two\n");
	look(&f, 100);
	ck_assert_str_eq(name_at(&f, 0x1800, 200), "between");
	ck_assert_str_eq(name_at(&f, 0x2000, 200), "two");
	/* What it says again is no other code. */
	ck_assert_uint_eq(f.codes.n, n + 1);
	ck_assert(!jit_codes_is_reused(&f.codes, 0x1000));
	fixture_close(&f);
}
END_TEST

START_TEST(long_code_below_short_code_is_found)
{
	struct fixture f;

	fixture_open(&f, false);
	map(&f, "1000 1000 long\n1100 10 short\n1200 10 shorter\n");
	look(&f, 0);
	ck_assert_str_eq(name_at(&f, 0x1105, 1), "short");
	ck_assert_str_eq(name_at(&f, 0x1180, 1), "long");
	ck_assert_str_eq(name_at(&f, 0x1fff, 1), "long");
	ck_assert_str_eq(name_at(&f, 0x2000, 1), "none");
	fixture_close(&f);
}
END_TEST

START_TEST(a_map_without_end_ends_at_a_limit)
{
	struct fixture f;
	char line[64];

	fixture_open(&f, false);
	for (unsigned i = 0; i < LIMIT_JIT_CODES + 1000; i++) {
		int n = snprintf(line, sizeof(line), "%x 8 f%u\n", 0x1000 + 8 * i, i);

		append(&f, line, (size_t)n);
	}
	ck_assert_int_eq(look(&f, 0), JIT_CODES_FULL);
	ck_assert_uint_eq(f.codes.n, LIMIT_JIT_CODES);
	ck_assert_str_eq(name_at(&f, 0x1000 + 8 * 1000, 1), "f1000");
	fixture_close(&f);
}
END_TEST

struct record {
	uint32_t id, size;
	uint64_t timestamp;
};

static void dump_header(struct fixture *f, uint64_t flags)
{
	struct {
		uint32_t magic, version, size, machine, padding, pid;
		uint64_t timestamp, flags;
	} header = {0x4a695444, 1, sizeof(header), 62, 0, 1, 1, flags};

	append(f, &header, sizeof(header));
}

static void dump_load(struct fixture *f, uint64_t time_ns, uint64_t address, const char *name)
{
	struct {
		struct record record;
		uint32_t pid, tid;
		uint64_t vma, address, size, index;
	} load = {{0, (uint32_t)(sizeof(load) + strlen(name) + 1), time_ns}, 1, 1, address, address,
		0x20, 1};

	append(f, &load, sizeof(load));
	append(f, name, strlen(name) + 1);
}

static void dump_line(struct fixture *f, uint64_t address, uint32_t line, const char *file)
{
	struct {
		struct record record;
		uint64_t address, n, at;
		uint32_t line, discriminator;
	} info = {{2, (uint32_t)(sizeof(info) + strlen(file) + 1), 1}, address, 1, address + 8,
		line, 0};

	append(f, &info, sizeof(info));
	append(f, file, strlen(file) + 1);
}

START_TEST(a_jitdump_tells_times_and_lines)
{
	const struct jit_code *code;
	const struct jit_code_line *line;
	struct fixture f;

	fixture_open(&f, true);
	dump_header(&f, 0);
	dump_load(&f, 100, 0x1000, "first");
	dump_line(&f, 0x1000, 7, "b.js");
	/* Half of a pair: the second half comes later. */
	look(&f, 0);
	ck_assert_uint_eq(f.codes.n, 1);
	dump_load(&f, 200, 0x1000, "second");
	look(&f, 0);
	ck_assert_str_eq(name_at(&f, 0x1010, 150), "first");
	ck_assert_str_eq(name_at(&f, 0x1010, 250), "second");
	code = jit_codes_find(&f.codes, 0x1010, 250);
	line = jit_codes_line(&f.codes, code, 0x1010);
	ck_assert_ptr_nonnull(line);
	ck_assert_uint_eq(line->line, 7);
	ck_assert_str_eq(jit_codes_text(&f.codes, line->file), "b.js");
	ck_assert_ptr_null(jit_codes_line(&f.codes, code, 0x1004));
	fixture_close(&f);
}
END_TEST

START_TEST(code_that_was_moved_keeps_its_name)
{
	struct fixture f;
	struct {
		struct record record;
		uint32_t pid, tid;
		uint64_t vma, from, to, size, index;
	} move = {{1, sizeof(move), 200}, 1, 1, 0x3000, 0x1000, 0x3000, 0x20, 1};

	fixture_open(&f, true);
	dump_header(&f, 0);
	dump_load(&f, 100, 0x1000, "first");
	append(&f, &move, sizeof(move));
	look(&f, 0);
	ck_assert_str_eq(name_at(&f, 0x3010, 250), "first");
	fixture_close(&f);
}
END_TEST

START_TEST(times_of_another_clock_are_not_believed)
{
	struct fixture f;

	fixture_open(&f, true);
	dump_header(&f, 1);
	dump_load(&f, 1, 0x1000, "first");
	look(&f, 50);
	dump_load(&f, 2, 0x1000, "second");
	look(&f, 100);
	ck_assert_str_eq(name_at(&f, 0x1010, 99), "first");
	ck_assert_str_eq(name_at(&f, 0x1010, 100), "second");
	fixture_close(&f);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		lines_of_a_map_are_names_of_ranges,
		an_address_is_called_after_what_was_there_at_the_time,
		a_map_written_anew_is_read_from_its_beginning,
		long_code_below_short_code_is_found,
		a_map_without_end_ends_at_a_limit,
		a_jitdump_tells_times_and_lines,
		code_that_was_moved_keeps_its_name,
		times_of_another_clock_are_not_believed,
	};

	return check_main("symbolize/jit-codes", tests, ARRAY_SIZE(tests));
}
