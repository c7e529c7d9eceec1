/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct command;

/* Options without a letter have ids from here on. */
#define OPTION_ID_FIRST 256
#define OPTION_ID_HELP 1023

struct option_spec {
	int id; /* its letter, or a number from OPTION_ID_FIRST on */
	const char *name; /* without "--" */
	const char *argument; /* what it takes, as help shows it; NULL: nothing */
	const char *help; /* NULL: not shown */
};

/* Called for each option in order; an error has been said already. 0 or -EINVAL. */
typedef int option_function(void *userdata, const struct option_spec *spec, const char *value);

enum options_result { OPTIONS_HELP = 1 };

struct option_arguments {
	char **items; /* points into argv */
	int n;
	bool is_command; /* they stood behind "--" */
};

/*
 * Parses argv[1..] of a command. 0; OPTIONS_HELP when --help was asked for and printed; -EINVAL
 * when the line is wrong, also in how many arguments there are, which has been said on standard error.
 */
int options_parse(const struct command *command, int argc, char **argv, option_function *on_option,
	void *userdata, struct option_arguments *ret_arguments);

/* What a command ends with for which options_parse() did not return 0. */
int options_exit_code(int r);

/* Prints what --help shows, to standard output. */
void options_print_help(const struct command *command);

/* Says "perfctl NAME: …; see 'perfctl NAME --help'". Returns -EINVAL. */
int options_error(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Values of options; each says what is wrong with it. 0 or -EINVAL. */
int option_parse_frequency(const struct option_spec *spec, const char *value, double *ret_hz);
int option_parse_duration(const struct option_spec *spec, const char *value, uint64_t *ret_ns);
int option_parse_count(const struct option_spec *spec, const char *value, uint32_t *ret_n);
int option_parse_boolean(const struct option_spec *spec, const char *value, bool *ret_is);
/* "10%" or "10" is 0.1. */
int option_parse_percent(const struct option_spec *spec, const char *value, double *ret_part);
/* One of n words; gives its index. */
int option_parse_word(const struct option_spec *spec, const char *value, const char *const *words,
	size_t n, size_t *ret_index);
