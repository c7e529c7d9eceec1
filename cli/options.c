// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Command lines by table: getopt_long(3) finds the options, and this file says what is wrong with
 * them in perfctl's words: the option as it was typed, the cause, and the mend. The same table
 * makes the help, so neither can say what the other does not.
 */

#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/render/text-fit.h"
#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define OPTIONS_MAX 48
#define HELP_COLUMN 30
#define FREQUENCY_MAX_HZ 100000

int options_error(const struct command *command, const char *format, ...)
{
	CLEANUP(freep) char *text = NULL;
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (n < 0)
		text = NULL;
	message_error("%s; see 'perfctl %s --help'", text ? text : "wrong option", command->name);
	return -EINVAL;
}

/* Levenshtein's distance of short words, for "did you mean". */
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[32], n = strlen(b);

	if (n >= ARRAY_SIZE(row) || strlen(a) >= ARRAY_SIZE(row))
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[n];
}

static const char *nearest_name(const struct command *command, const char *word)
{
	const char *best_name = NULL;
	size_t best = 3;

	for (size_t i = 0; i < command->n_options; i++) {
		size_t distance = edit_distance(word, command->options[i].name);

		if (distance < best) {
			best = distance;
			best_name = command->options[i].name;
		}
	}
	return best_name;
}

static int say_unknown(const struct command *command, const char *typed)
{
	const char *name = NULL;
	char word[64];

	if (optopt && !text_starts_with(typed, "--"))
		return options_error(command, "'%s' has no option '-%c'", command->name, optopt);
	if (optopt)
		return options_error(command, "option '%s' takes no value", typed);
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(typed, "="), typed);
	if (text_starts_with(word, "--"))
		name = nearest_name(command, word + 2);
	if (name)
		return options_error(command, "'%s' has no option '%s'; did you mean '--%s'?",
			command->name, word, name);
	return options_error(command, "'%s' has no option '%s'", command->name, word);
}

static const struct option_spec *find_spec(const struct command *command, int id)
{
	for (size_t i = 0; i < command->n_options; i++) {
		if (command->options[i].id == id)
			return &command->options[i];
	}
	return NULL;
}

static void make_tables(
	const struct command *command, struct option *long_options, struct buffer *letters)
{
	/* '+': stop at the first argument that is no option; ':': tell a missing value apart. */
	buffer_append_text(letters, "+:h");
	for (size_t i = 0; i < command->n_options; i++) {
		const struct option_spec *spec = &command->options[i];

		long_options[i] = (struct option){
			.name = spec->name,
			.has_arg = spec->argument ? required_argument : no_argument,
			.val = spec->id,
		};
		if (spec->id >= OPTION_ID_FIRST)
			continue;
		buffer_append_char(letters, (char)spec->id);
		if (spec->argument)
			buffer_append_char(letters, ':');
	}
	long_options[command->n_options] = (struct option){
		.name = "help", .has_arg = no_argument, .val = OPTION_ID_HELP};
}

/* One round of getopt: options up to the next argument. */
static int parse_options(const struct command *command, int argc, char **argv,
	option_function *on_option, void *userdata)
{
	struct option long_options[OPTIONS_MAX + 2] = {0};
	CLEANUP(buffer_done) struct buffer letters = {0};
	int r, id;

	make_tables(command, long_options, &letters);
	r = buffer_error(&letters);
	if (r < 0)
		return r;
	for (;;) {
		int at = optind ? optind : 1;
		const struct option_spec *spec;

		opterr = 0;
		id = getopt_long(argc, argv, letters.data, long_options, NULL);
		if (id == -1)
			return 0;
		if (id == OPTION_ID_HELP || id == 'h') {
			options_print_help(command);
			return OPTIONS_HELP;
		}
		if (id == '?')
			return say_unknown(command, argv[at]);
		spec = find_spec(command, id == ':' ? optopt : id);
		if (id == ':')
			return options_error(command, "option '%s' needs a value (%s)", argv[at],
				spec->argument);
		r = on_option(userdata, spec, optarg);
		if (r != 0)
			return r;
	}
}

int options_parse(const struct command *command, int argc, char **argv, option_function *on_option,
	void *userdata, struct option_arguments *ret_arguments)
{
	struct option_arguments arguments = {.items = argv + 1};
	int r;

	if (command->n_options > OPTIONS_MAX)
		return -EINVAL;
	optind = 0;
	for (;;) {
		r = parse_options(command, argc, argv, on_option, userdata);
		if (r != 0)
			return r;
		if (optind >= argc)
			break;
		if (strcmp(argv[optind - 1], "--") == 0) {
			/* All that follows is literal; what stood before stays in front. */
			if (arguments.n == 0) {
				arguments.is_command = true;
				arguments.items = argv + optind;
				arguments.n = argc - optind;
			} else {
				while (optind < argc)
					arguments.items[arguments.n++] = argv[optind++];
			}
			break;
		}
		/* An argument between options: those passed already make room for it in front. */
		arguments.items[arguments.n++] = argv[optind++];
	}
	if (command->n_arguments != ARGUMENTS_ITS_OWN && arguments.n != command->n_arguments)
		return options_error(command, "%s takes %s", command->name,
			command->takes ? command->takes : "no argument");
	*ret_arguments = arguments;
	return 0;
}

int options_exit_code(int r)
{
	return r == OPTIONS_HELP ? EXIT_DONE : EXIT_USAGE;
}

/* Columns, not bytes: a "…" takes three of these and one of those. */
static void print_option(const char *left, const char *help)
{
	size_t cells = text_fit_cells(left, strlen(left));

	if (cells >= HELP_COLUMN)
		printf("%s\n%*s%s\n", left, HELP_COLUMN, "", help);
	else
		printf("%s%*s%s\n", left, (int)(HELP_COLUMN - cells), "", help);
}

void options_print_help(const struct command *command)
{
	printf("Usage: perfctl %s %s\n\n%s\n", command->name, command->usage, command->summary);
	if (command->details)
		printf("\n%s\n", command->details);
	printf("\nOptions:\n");
	for (size_t i = 0; i < command->n_options; i++) {
		const struct option_spec *spec = &command->options[i];
		char left[96], letter[8] = "    ";

		if (!spec->help)
			continue;
		if (spec->id < OPTION_ID_FIRST)
			snprintf(letter, sizeof(letter), "-%c, ", spec->id);
		snprintf(left, sizeof(left), "  %s--%s%s%s", letter, spec->name,
			spec->argument ? " " : "", spec->argument ? spec->argument : "");
		print_option(left, spec->help);
	}
	print_option("  -h, --help", "this text");
	printf("\nExample:\n  %s\n", command->example);
}

static int say_value(const struct option_spec *spec, const char *value, const char *mend)
{
	message_error("option '--%s': '%s' is wrong; %s", spec->name, value, mend);
	return -EINVAL;
}

int option_parse_frequency(const struct option_spec *spec, const char *value, double *ret_hz)
{
	double hz;

	if (text_parse_double(value, &hz) < 0 || hz <= 0 || hz > FREQUENCY_MAX_HZ)
		return say_value(spec, value, "give samples per second, above 0 and up to 100000");
	*ret_hz = hz;
	return 0;
}

int option_parse_duration(const struct option_spec *spec, const char *value, uint64_t *ret_ns)
{
	uint64_t ns;

	if (text_parse_duration(value, &ns) < 0 || ns == 0)
		return say_value(spec, value, "give a time such as 10, 0.5, 250ms or 1m30s");
	*ret_ns = ns;
	return 0;
}

int option_parse_count(const struct option_spec *spec, const char *value, uint32_t *ret_n)
{
	uint32_t n;

	if (text_parse_u32(value, &n) < 0 || n == 0)
		return say_value(spec, value, "give a whole number above 0");
	*ret_n = n;
	return 0;
}

int option_parse_percent(const struct option_spec *spec, const char *value, double *ret_part)
{
	CLEANUP(freep) char *digits = strdup(value);
	double percent;

	if (!digits)
		return -ENOMEM;
	if (text_ends_with(digits, "%"))
		digits[strlen(digits) - 1] = '\0';
	if (text_parse_double(digits, &percent) < 0 || percent < 0)
		return say_value(spec, value, "give per cent, as 10%");
	*ret_part = percent / 100;
	return 0;
}

int option_parse_boolean(const struct option_spec *spec, const char *value, bool *ret_is)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return say_value(spec, value, "give yes or no");
	*ret_is = strcmp(value, "yes") == 0;
	return 0;
}

int option_parse_word(const struct option_spec *spec, const char *value, const char *const *words,
	size_t n, size_t *ret_index)
{
	CLEANUP(buffer_done) struct buffer mend = {0};

	for (size_t i = 0; i < n; i++) {
		if (strcmp(value, words[i]) == 0) {
			*ret_index = i;
			return 0;
		}
		buffer_printf(&mend, "%s%s", i == 0 ? "give one of " : ", ", words[i]);
	}
	return say_value(spec, value, buffer_error(&mend) == 0 ? mend.data : "give another word");
}
