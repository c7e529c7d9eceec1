// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of commands, and what perfctl says without one. */

#include "cli/commands.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/message.h"
#include "proto/base/cleanup.h"

static const struct command *const commands[] = {
	&command_record,
	&command_hotspots,
	&command_flame,
	&command_diff,
	&command_report,
	&command_baseline,
	&command_convert,
	&command_query,
	&command_list,
	&command_stop,
	&command_status,
	&command_metrics,
	&command_doctor,
};

static void print_help(FILE *stream)
{
	fprintf(stream,
		"Usage: perfctl COMMAND [OPTION…]\n\n"
		"Profiles the processes of this host: where does their time go?\n\nCommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(stream, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(stream, "  %-10s %s\n", "help", "Help on perfctl or on one command");
	fprintf(stream, "  %-10s %s\n", "version", "The version of perfctl");
	fprintf(stream,
		"\nEach command explains itself: perfctl COMMAND --help\n\n"
		"Example:\n  perfctl record -p 4242 -d 10 -o profile.svg\n");
}

static int print_version(void)
{
	printf("perfctl %s\n", PERFCTL_VERSION);
	return EXIT_DONE;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

static int say_unknown(const char *name)
{
	message_error("there is no command '%s'; 'perfctl help' lists them", name);
	return EXIT_USAGE;
}

static int run_help(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_help(stdout);
		return EXIT_DONE;
	}
	command = find_command(argv[1]);
	if (!command)
		return say_unknown(argv[1]);
	options_print_help(command);
	return EXIT_DONE;
}

/* Files opened later must not land on 0, 1 or 2. */
static void hold_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* Output that was buffered and could not be written is a failure too. */
static int finish(int exit_code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return exit_code;
	message_error("cannot write standard output: %m");
	return exit_code == EXIT_DONE ? EXIT_FAILED : exit_code;
}

static int run(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	argc--;
	argv++;
	if (strcmp(argv[0], "help") == 0 || strcmp(argv[0], "--help") == 0 ||
		strcmp(argv[0], "-h") == 0)
		return run_help(argc, argv);
	if (strcmp(argv[0], "version") == 0 || strcmp(argv[0], "--version") == 0 ||
		strcmp(argv[0], "-V") == 0)
		return print_version();
	command = find_command(argv[0]);
	if (!command)
		return say_unknown(argv[0]);
	return command->run(command, argc, argv);
}

int commands_run(int argc, char **argv)
{
	hold_standard_streams();
	return finish(run(argc, argv));
}
