// SPDX-License-Identifier: GPL-2.0-or-later
/* Command lines: what is understood, what is refused, and where arguments go. */

#include "cli/options.h"

#include <errno.h>
#include <string.h>

#include "cli/commands.h"
#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

enum { OPTION_LONG = OPTION_ID_FIRST, OPTION_VALUE };

static const struct option_spec specs[] = {
	{'p', "pid", "PID", "a process"},
	{'q', "quiet", NULL, "less"},
	{OPTION_LONG, "long", NULL, "no letter"},
	{OPTION_VALUE, "value", "V", "no letter, a value"},
	{'x', "hidden", NULL, NULL},
};

static const struct command command = {
	.name = "test",
	.n_arguments = ARGUMENTS_ITS_OWN,
	.usage = "[OPTION…]",
	.summary = "Test",
	.example = "perfctl test",
	.options = specs,
	.n_options = ARRAY_SIZE(specs),
};

struct seen {
	char text[256];
	int r;
};

static int on_option(void *userdata, const struct option_spec *spec, const char *value)
{
	struct seen *seen = userdata;
	size_t n = strlen(seen->text);

	snprintf(seen->text + n, sizeof(seen->text) - n, "%s%s%s ", spec->name, value ? "=" : "",
		value ? value : "");
	return seen->r;
}

/* The words of a line; what was seen, then "|", then the arguments. */
static int parse(const char *line, struct seen *seen)
{
	static char copy[256];
	char *argv[32] = {"test"}, *rest = copy, *word;
	struct option_arguments arguments = {0};
	int argc = 1, r;

	snprintf(copy, sizeof(copy), "%s", line);
	while ((word = strsep(&rest, " ")))
		argv[argc++] = word;
	r = options_parse(&command, argc, argv, on_option, seen, &arguments);
	if (r == 0) {
		strcat(seen->text, arguments.is_command ? "|| " : "| ");
		for (int i = 0; i < arguments.n; i++) {
			strcat(seen->text, arguments.items[i]);
			strcat(seen->text, " ");
		}
	}
	return r;
}

START_TEST(options_and_arguments_are_told_apart)
{
	static const struct {
		const char *line, *seen;
	} cases[] = {
		{"-p 1", "pid=1 | "},
		{"-p1 -q", "pid=1 quiet | "},
		{"-qp 7", "quiet pid=7 | "},
		{"--pid=3 --long", "pid=3 long | "},
		{"--value -5", "value=-5 | "},
		{"a -q b --value=c d", "quiet value=c | a b d "},
		{"- -q", "quiet | - "},
		{"-q -- a -q", "quiet || a -q "},
		{"a -- -q b", "| a -q b "},
		{"-- ls -l -- x", "|| ls -l -- x "},
		{"--qui", "quiet | "},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct seen seen = {0};

		ck_assert_int_eq(parse(cases[i].line, &seen), 0);
		ck_assert_str_eq(seen.text, cases[i].seen);
	}
}
END_TEST

START_TEST(a_wrong_line_is_refused)
{
	static const char *const lines[] = {
		"--nothing",
		"-z",
		"-p",
		"--pid",
		"--quiet=yes",
		"--long=1",
		"-qz",
		"--value",
		"--hidde-n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct seen seen = {0};

		ck_assert_int_eq(parse(lines[i], &seen), -EINVAL);
	}
}
END_TEST

START_TEST(a_command_has_as_many_arguments_as_it_takes)
{
	static const struct {
		int n_arguments, argc, r;
	} cases[] = {{0, 1, 0}, {0, 2, -EINVAL}, {1, 1, -EINVAL}, {1, 3, 0}, {1, 4, -EINVAL}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct command taking = command;
		struct option_arguments arguments = {0};
		struct seen seen = {0};
		char *argv[] = {"test", "a", "-q", "b"};

		taking.n_arguments = cases[i].n_arguments;
		ck_assert_int_eq(
			options_parse(&taking, cases[i].argc, argv, on_option, &seen, &arguments),
			cases[i].r);
		ck_assert_int_eq(arguments.n, cases[i].r ? 0 : cases[i].n_arguments);
	}
	ck_assert_int_eq(options_exit_code(-EINVAL), EXIT_USAGE);
	ck_assert_int_eq(options_exit_code(OPTIONS_HELP), EXIT_DONE);
}
END_TEST

START_TEST(a_refused_value_ends_the_line)
{
	struct seen seen = {.r = -EINVAL};

	ck_assert_int_eq(parse("-p 1 -q", &seen), -EINVAL);
	ck_assert_str_eq(seen.text, "pid=1 ");
}
END_TEST

START_TEST(help_wins_over_what_follows)
{
	struct seen seen = {0};

	ck_assert_int_eq(parse("-q --help --nothing", &seen), OPTIONS_HELP);
	ck_assert_int_eq(parse("-h", &seen), OPTIONS_HELP);
}
END_TEST

START_TEST(values_are_read_strictly)
{
	static const char *const wrong_frequencies[] = {"0", "-1", "x", "99x", "", "1e9", "nan"};
	static const char *const wrong_durations[] = {"0", "-1", "1 m", "s", ""};
	static const char *const words[] = {"one", "two"};
	double hz = 0;
	uint64_t ns = 0;
	uint32_t n = 0;
	size_t index = 9;
	bool is = false;

	for (size_t i = 0; i < ARRAY_SIZE(wrong_frequencies); i++)
		ck_assert_int_eq(
			option_parse_frequency(&specs[0], wrong_frequencies[i], &hz), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(wrong_durations); i++)
		ck_assert_int_eq(
			option_parse_duration(&specs[0], wrong_durations[i], &ns), -EINVAL);
	ck_assert_int_eq(option_parse_frequency(&specs[0], "99.5", &hz), 0);
	ck_assert_double_eq(hz, 99.5);
	ck_assert_int_eq(option_parse_duration(&specs[0], "1m30s", &ns), 0);
	ck_assert_uint_eq(ns, 90000000000u);
	ck_assert_int_eq(option_parse_count(&specs[0], "0", &n), -EINVAL);
	ck_assert_int_eq(option_parse_count(&specs[0], "12", &n), 0);
	ck_assert_uint_eq(n, 12);
	ck_assert_int_eq(option_parse_boolean(&specs[0], "true", &is), -EINVAL);
	ck_assert_int_eq(option_parse_boolean(&specs[0], "yes", &is), 0);
	ck_assert(is);
	ck_assert_int_eq(option_parse_word(&specs[0], "three", words, 2, &index), -EINVAL);
	ck_assert_int_eq(option_parse_word(&specs[0], "two", words, 2, &index), 0);
	ck_assert_uint_eq(index, 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		options_and_arguments_are_told_apart,
		a_wrong_line_is_refused,
		a_command_has_as_many_arguments_as_it_takes,
		a_refused_value_ends_the_line,
		help_wins_over_what_follows,
		values_are_read_strictly,
	};

	return check_main("cli/options", tests, ARRAY_SIZE(tests));
}
