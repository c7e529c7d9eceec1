/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is believed of a worker's reply: a good one, and each way to spoil it. */

#include "daemon/symbolize/worker-reply.h"

#include <errno.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define STRINGS "\0work\0a\033b.c\0_Z4work"

struct body {
	struct worker_symbol symbols[2];
	struct worker_line lines[2];
	char strings[sizeof(STRINGS)];
} __attribute__((packed));

static struct worker_reply reply;
static struct body body;

static void make(void)
{
	reply = (struct worker_reply){.magic = WORKER_MAGIC,
		.n_symbols = 2,
		.n_lines = 2,
		.strings_size = sizeof(STRINGS),
		.body_size = sizeof(body)};
	body = (struct body){
		.symbols = {{.address = 0x10, .entry = 8, .n_lines = 2},
			{.address = 0x20, .first_line = 2, .unnamed = WORKER_UNNAMED_OUTSIDE}},
		.lines = {{.name = 1, .file = 6, .line = 3}, {.name = 1, .system_name = 12}},
		.strings = STRINGS,
	};
}

static int check(void)
{
	CLEANUP(freep) void *copy = malloc(sizeof(body));
	CLEANUP(freep) struct symbol_block *block = NULL;

	memcpy(copy, &body, sizeof(body));
	return worker_reply_symbols(&reply, copy, 2, &block);
}

START_TEST(good_reply_becomes_symbols)
{
	CLEANUP(freep) struct symbol_block *block = NULL;

	make();
	ck_assert_int_eq(worker_reply_symbols(&reply, &body, 2, &block), 0);
	ck_assert_uint_eq(block->n, 2);
	ck_assert_uint_eq(block->symbols[0].n_lines, 2);
	ck_assert_str_eq(block->symbols[0].lines[0].name, "work");
	ck_assert_str_eq(block->symbols[0].lines[0].file, "a?b.c");
	ck_assert_ptr_null(block->symbols[0].lines[0].system_name);
	ck_assert_str_eq(block->symbols[0].lines[1].system_name, "_Z4work");
	ck_assert_str_eq(block->symbols[1].unnamed, "outside-segments");
}
END_TEST

#define SPOILED(change)                                                                            \
	do {                                                                                       \
		make();                                                                            \
		ck_assert_int_eq(check(), 0);                                                      \
		change;                                                                            \
		ck_assert_msg(check() == -EPROTO, "accepted: %s", #change);                        \
	} while (0)

START_TEST(sizes_that_do_not_add_up_are_refused)
{
	SPOILED(reply.n_symbols = 3);
	SPOILED(reply.n_symbols = 0);
	SPOILED(reply.n_symbols = UINT32_MAX);
	SPOILED(reply.n_lines = UINT32_MAX);
	SPOILED(reply.strings_size = 0);
	SPOILED(reply.strings_size++);
	SPOILED(reply.body_size--);
	SPOILED(reply.status = WORKER_STATUS_FAILED);
}
END_TEST

START_TEST(references_outside_their_table_are_refused)
{
	SPOILED(body.lines[0].name = sizeof(STRINGS));
	SPOILED(body.lines[0].name = 0);
	SPOILED(body.lines[0].name = 2);
	SPOILED(body.lines[0].file = UINT32_MAX);
	SPOILED(body.lines[1].system_name = UINT32_MAX);
	SPOILED(body.symbols[0].first_line = 1);
	SPOILED(body.symbols[0].n_lines = 3);
	SPOILED(body.symbols[0].n_lines = UINT16_MAX);
	SPOILED(body.symbols[0].n_lines = 1);
}
END_TEST

START_TEST(contradictions_are_refused)
{
	SPOILED(body.symbols[0].unnamed = WORKER_UNNAMED_OUTSIDE);
	SPOILED(body.symbols[1].unnamed = WORKER_NAMED);
	SPOILED(body.symbols[1].unnamed = N_WORKER_UNNAMED);
	SPOILED(body.symbols[1].unnamed = WORKER_UNNAMED_ALTERNATE);
	SPOILED(body.symbols[1].unnamed = WORKER_UNNAMED_INLINED);
	SPOILED(body.lines[0].line = UINT32_MAX);
	SPOILED(body.strings[0] = 'x');
	SPOILED(body.strings[sizeof(STRINGS) - 1] = 'x');
}
END_TEST

START_TEST(probed_names_never_have_a_directory)
{
	struct worker_reply header = {.body_size = sizeof(struct worker_probe)};
	struct worker_probe probe = {.debug_link = "../x", .alternate = "../../.dwz/y"}, out;

	ck_assert_int_eq(worker_reply_probe(&header, &probe, &out), 0);
	ck_assert_str_eq(out.debug_link, "");
	ck_assert_str_eq(out.alternate, "y");
	strcpy(probe.alternate, "a/..");
	ck_assert_int_eq(worker_reply_probe(&header, &probe, &out), 0);
	ck_assert_str_eq(out.alternate, "");
	probe.build_id_size = WORKER_BUILD_ID_MAX + 1;
	ck_assert_int_eq(worker_reply_probe(&header, &probe, &out), -EPROTO);
	probe.build_id_size = 0;
	memset(probe.debug_link, 'x', sizeof(probe.debug_link));
	ck_assert_int_eq(worker_reply_probe(&header, &probe, &out), -EPROTO);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		good_reply_becomes_symbols,
		sizes_that_do_not_add_up_are_refused,
		references_outside_their_table_are_refused,
		contradictions_are_refused,
		probed_names_never_have_a_directory,
	};

	return check_main("symbolize/worker-reply", tests, ARRAY_SIZE(tests));
}
