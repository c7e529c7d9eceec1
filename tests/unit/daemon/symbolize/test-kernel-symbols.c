/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Kernel addresses to names, from the text of a kallsyms file. */

#include "daemon/symbolize/kernel-symbols.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/time.h"
#include "tests/lib/check-main.h"

static const char text[] = "ffffffff81000000 T _text\n"
			   "ffffffff81000000 t local_alias\n"
			   "ffffffff81000100 D some_data\n"
			   "ffffffff81000200 t second\n"
			   "nonsense\n"
			   "ffffffffc0002000 t bpf_prog_ab_x\t[bpf]\n"
			   "ffffffffc0001000 t in_module\t[ext4]\n";

static void has_name(uint64_t address, const char *name, const char *module)
{
	struct kernel_symbols *symbols;
	const char *found_module = "", *found;

	ck_assert_int_eq(kernel_symbols_parse(text, &symbols), 0);
	found = kernel_symbols_find(symbols, address, &found_module);
	if (name) {
		ck_assert_ptr_nonnull(found);
		ck_assert_str_eq(found, name);
		ck_assert_str_eq(found_module, module);
	} else {
		ck_assert_ptr_null(found);
	}
	kernel_symbols_free(symbols);
}

START_TEST(function_reaches_to_the_next_and_data_is_none)
{
	has_name(0xffffffff81000000, "_text", "");
	has_name(0xffffffff810001ff, "_text", "");
	has_name(0xffffffff81000200, "second", "");
}
END_TEST

START_TEST(modules_and_bpf_programs_are_told_in_any_order)
{
	has_name(0xffffffffc0001010, "in_module", "ext4");
	has_name(0xffffffffc0002001, "bpf_prog_ab_x", "bpf");
}
END_TEST

START_TEST(addresses_before_and_far_behind_have_no_name)
{
	has_name(0xffffffff80ffffff, NULL, NULL);
	has_name(0xffffffffc1002000, NULL, NULL);
	/* Behind a BPF program may be another one. */
	has_name(0xffffffffc0012000, NULL, NULL);
}
END_TEST

/* As a kernel has them: two programs, a filter that kallsyms does not have, a trampoline. */
static const char programs_text[] = "ffffffff81000000 T _text\n"
				    "ffffffffc0001000 t in_module\t[ext4]\n"
				    "ffffffffc0002000 t bpf_prog_ab_x\t[bpf]\n"
				    "ffffffffc0002100 t bpf_prog_cd_y\t[bpf]\n"
				    "ffffffffc0002900 t bpf_prog_ef_gone\t[bpf]\n"
				    "ffffffffc0003000 t bpf_trampoline_7\t[bpf]\n";

static int programs_read(void *userdata, uint64_t (**ret_bounds)[2], size_t *ret_n)
{
	static const uint64_t bounds[][2] = {{0xffffffffc0002100, 0xffffffffc0002180},
		{0xffffffffc0002000, 0xffffffffc0002040}, {0xffffffffc0002a00, 0xffffffffc0002a10}};
	unsigned *n_calls = userdata;

	++*n_calls;
	*ret_bounds = malloc(sizeof(bounds));
	memcpy(*ret_bounds, bounds, sizeof(bounds));
	*ret_n = 3;
	return 0;
}

START_TEST(a_bpf_program_ends_where_it_ends)
{
	static const struct {
		uint64_t address;
		const char *name;
	} cases[] = {
		{0xffffffffc0001010, "in_module"},
		{0xffffffffc0002000, "bpf_prog_ab_x"},
		{0xffffffffc000203f, "bpf_prog_ab_x"},
		{0xffffffffc0002040, NULL},
		{0xffffffffc00020ff, NULL},
		{0xffffffffc000217f, "bpf_prog_cd_y"},
		{0xffffffffc0002180, NULL},
		/* Nobody tells where it ended. */
		{0xffffffffc0002901, NULL},
		/* It came after kallsyms was read. */
		{0xffffffffc0002a01, NULL},
		{0xffffffffc0003fff, "bpf_trampoline_7"},
		{0xffffffffc0004000, NULL},
	};
	struct kernel_symbols *symbols;
	const char *module, *found;
	unsigned n_calls = 0;

	ck_assert_int_eq(kernel_symbols_parse(programs_text, &symbols), 0);
	kernel_symbols_set_programs(symbols, programs_read, &n_calls);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		found = kernel_symbols_find(symbols, cases[i].address, &module);
		if (!cases[i].name)
			ck_assert_msg(!found, "%s at %zu", found, i);
		else
			ck_assert_msg(found && !strcmp(found, cases[i].name), "%zu", i);
	}
	ck_assert_uint_eq(n_calls, 1);
	kernel_symbols_free(symbols);
}
END_TEST

START_TEST(hidden_addresses_are_refused)
{
	struct kernel_symbols *symbols;

	ck_assert_int_eq(
		kernel_symbols_parse("0000000000000000 T a\n0000000000000000 T b\n", &symbols),
		-EPERM);
}
END_TEST

static void text_write(const char *path, const char *names)
{
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	fprintf(file,
		"ffffffff81000000 T kernel_%s\nffffffff81000200 t last_%s\n"
		"ffffffffc0001000 t module_%s\t[ext4]\n",
		names, names, names);
	ck_assert_int_eq(fclose(file), 0);
}

static void is_now(struct kernel_symbols *symbols, uint64_t address, const char *name)
{
	const char *module, *found = kernel_symbols_find(symbols, address, &module);

	ck_assert_ptr_nonnull(found);
	ck_assert_str_eq(found, name);
}

START_TEST(only_what_may_have_changed_is_read_again)
{
	char path[] = "/tmp/test-kernel-symbols-XXXXXX";
	int fd = mkstemp(path);
	struct kernel_symbols *symbols;
	uint64_t read_ns;

	ck_assert_int_ge(fd, 0);
	close(fd);
	text_write(path, "before");
	ck_assert_int_eq(kernel_symbols_new(path, &symbols), 0);
	is_now(symbols, 0xffffffff81000010, "kernel_before");
	read_ns = time_now_ns(CLOCK_MONOTONIC);
	text_write(path, "after");
	/* More often than once a second nothing is read again. */
	while (time_now_ns(CLOCK_MONOTONIC) - read_ns <= NS_PER_SECOND)
		usleep(10000);
	kernel_symbols_refresh(symbols, 0);
	is_now(symbols, 0xffffffff81000010, "kernel_before");
	is_now(symbols, 0xffffffffc0001010, "module_after");
	is_now(symbols, 0xffffffff81000010, "kernel_after");
	kernel_symbols_free(symbols);
	unlink(path);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		function_reaches_to_the_next_and_data_is_none,
		modules_and_bpf_programs_are_told_in_any_order,
		a_bpf_program_ends_where_it_ends,
		addresses_before_and_far_behind_have_no_name,
		hidden_addresses_are_refused,
		only_what_may_have_changed_is_read_again,
	};

	return check_main("symbolize/kernel-symbols", tests, ARRAY_SIZE(tests));
}
