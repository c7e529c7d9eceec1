/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Kernel addresses to names, by a kernel that is told here. */

#include "daemon/symbolize/kernel-symbols.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/limits.h"
#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

struct kernel {
	const char *text;
	unsigned n_asked;
};

static int tell(void *userdata, uint64_t address, char *text, size_t size)
{
	struct kernel *kernel = userdata;

	kernel->n_asked++;
	if (!kernel->text)
		return -EPERM;
	snprintf(text, size, "%s", kernel->text);
	return 0;
}

static struct kernel_symbols *symbols_of(struct kernel *kernel)
{
	struct kernel_symbols *symbols;

	ck_assert_int_eq(kernel_symbols_new(tell, kernel, &symbols), 0);
	return symbols;
}

/* NULL: it is to have no name. */
static void is_called(struct kernel_symbols *symbols, uint64_t address, const char *name)
{
	const char *module = NULL, *found = kernel_symbols_find(symbols, address, &module);

	if (name)
		ck_assert_msg(found && !strcmp(found, name), "%s at %" PRIx64, found, address);
	else
		ck_assert_msg(!found && !strcmp(module, "no-symbols"), "%s", found);
}

START_TEST(what_the_kernel_says_is_taken_apart)
{
	static const struct {
		const char *text, *name, *module;
	} cases[] = {
		{"do_syscall_64+0x10/0x90", "do_syscall_64", ""},
		{"_stext+0x10/0x11", "_stext", ""},
		{"finish_task_switch.isra.0+0x10/0x2f0", "finish_task_switch.isra.0", ""},
		{"foo.constprop.0+0x10/0x20 [ext4]", "foo.constprop.0", "ext4"},
		{"bpf_prog_24f86092fd2ec8c6_on_usage+0x10/0x9a8 [bpf]",
			"bpf_prog_24f86092fd2ec8c6_on_usage", "bpf"},
		{"_RNvCs1+a+0x10/0x20", "_RNvCs1+a", ""},
		/* Where it has none, and what it would never say. */
		{"0xffffffff81000010", NULL, NULL},
		{"", NULL, NULL},
		{"name", NULL, NULL},
		{"name+0x10", NULL, NULL},
		{"name+0x10/", NULL, NULL},
		{"name+0x10/0x20z", NULL, NULL},
		{"name+0x10/0x10", NULL, NULL},
		{"name+0x10/0xffffffffffffffff", NULL, NULL},
		{"name+0xffffffffffffff10/0xffffffffffffffff", NULL, NULL},
		{"+0x10/0x20", NULL, NULL},
		{" [ext4]", NULL, NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct kernel kernel = {.text = cases[i].text};
		struct kernel_symbols *symbols = symbols_of(&kernel);
		const char *module = "";

		is_called(symbols, 0xffffffff81000010, cases[i].name);
		if (cases[i].name) {
			kernel_symbols_find(symbols, 0xffffffff81000010, &module);
			ck_assert_str_eq(module, cases[i].module);
		}
		kernel_symbols_free(symbols);
	}
}
END_TEST

START_TEST(a_kernel_that_tells_nothing_has_no_names)
{
	struct kernel kernel = {};
	struct kernel_symbols *symbols = symbols_of(&kernel);

	is_called(symbols, 0xffffffff81000010, NULL);
	kernel_symbols_free(symbols);
}
END_TEST

START_TEST(a_function_is_asked_for_once)
{
	struct kernel kernel = {.text = "middle+0x10/0x20"};
	struct kernel_symbols *symbols = symbols_of(&kernel);

	is_called(symbols, 0xffffffff81000010, "middle");
	kernel.text = "before+0x0/0x10";
	is_called(symbols, 0xffffffff80fffff0, "before");
	kernel.text = "behind+0x0/0x10";
	is_called(symbols, 0xffffffff81000020, "behind");
	ck_assert_uint_eq(kernel.n_asked, 3);
	kernel.text = NULL;
	is_called(symbols, 0xffffffff80fffff0, "before");
	is_called(symbols, 0xffffffff80ffffff, "before");
	is_called(symbols, 0xffffffff81000000, "middle");
	is_called(symbols, 0xffffffff8100001f, "middle");
	is_called(symbols, 0xffffffff8100002f, "behind");
	ck_assert_uint_eq(kernel.n_asked, 3);
	is_called(symbols, 0xffffffff81000030, NULL);
	is_called(symbols, 0xffffffff80ffffef, NULL);
	ck_assert_uint_eq(kernel.n_asked, 5);
	kernel_symbols_free(symbols);
}
END_TEST

START_TEST(what_may_have_changed_is_asked_for_again)
{
	struct kernel kernel = {.text = "proper+0x10/0x20"};
	struct kernel_symbols *symbols = symbols_of(&kernel);

	is_called(symbols, 0xffffffff81000010, "proper");
	kernel.text = "old+0x10/0x20 [ext4]";
	is_called(symbols, 0xffffffffc0000010, "old");
	kernel.text = "new+0x0/0x40 [xfs]";
	is_called(symbols, 0xffffffffc0000010, "old");
	kernel_symbols_refresh(symbols);
	is_called(symbols, 0xffffffff81000010, "proper");
	is_called(symbols, 0xffffffffc0000010, "new");
	kernel_symbols_free(symbols);
}
END_TEST

START_TEST(a_function_takes_the_place_of_those_that_it_overlaps)
{
	struct kernel kernel = {.text = "a+0x0/0x10 [x]"};
	struct kernel_symbols *symbols = symbols_of(&kernel);

	is_called(symbols, 0xffffffffc0000010, "a");
	is_called(symbols, 0xffffffffc0000030, "a");
	is_called(symbols, 0xffffffffc0000050, "a");
	kernel.text = "large+0x8/0x28 [y]";
	is_called(symbols, 0xffffffffc0000020, "large");
	kernel.text = NULL;
	is_called(symbols, 0xffffffffc0000018, "large");
	is_called(symbols, 0xffffffffc000003f, "large");
	is_called(symbols, 0xffffffffc0000010, NULL);
	is_called(symbols, 0xffffffffc0000050, "a");
	kernel_symbols_free(symbols);
}
END_TEST

START_TEST(no_more_are_kept_than_the_limit)
{
	struct kernel kernel = {.text = "each+0x0/0x1 [bpf]"};
	struct kernel_symbols *symbols = symbols_of(&kernel);

	for (uint64_t i = 0; i <= LIMIT_KERNEL_FUNCTIONS; i++)
		is_called(symbols, 0xffffffffc0000000 + i, "each");
	kernel.text = NULL;
	is_called(symbols, 0xffffffffc0000000 + LIMIT_KERNEL_FUNCTIONS, "each");
	is_called(symbols, 0xffffffffc0000000, NULL);
	kernel_symbols_free(symbols);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		what_the_kernel_says_is_taken_apart,
		a_kernel_that_tells_nothing_has_no_names,
		a_function_is_asked_for_once,
		what_may_have_changed_is_asked_for_again,
		a_function_takes_the_place_of_those_that_it_overlaps,
		no_more_are_kept_than_the_limit,
	};

	return check_main("symbolize/kernel-symbols", tests, ARRAY_SIZE(tests));
}
