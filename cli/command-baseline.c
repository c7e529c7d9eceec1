// SPDX-License-Identifier: GPL-2.0-or-later
/* perfctl baseline: what later measurements are compared with. */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/baseline.h"
#include "cli/commands.h"
#include "cli/message.h"
#include "cli/narrow.h"
#include "cli/output.h"
#include "cli/report/report.h"
#include "cli/source.h"
#include "proto/base/array.h"
#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

enum { OPTION_DIRECTORY = OPTION_ID_FIRST };

static const struct option_spec options[] = {
	{OPTION_DIRECTORY, "directory", "PATH",
		"where they are (PERFCTL_BASELINES, else .perfctl/baselines)"},
	NARROW_OPTION_SPECS,
};

struct arguments {
	struct narrow_arguments narrow;
	const char *directory;
};

static int on_option(void *userdata, const struct option_spec *spec, const char *value)
{
	struct arguments *arguments = userdata;

	if (spec->id != OPTION_DIRECTORY)
		return narrow_set(&arguments->narrow, spec, value);
	arguments->directory = value;
	return 0;
}

static int save(const struct arguments *arguments, char **items)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	int r = narrow_load(&arguments->narrow, items[1], &profile);

	if (r != 0)
		return r;
	return baseline_save(arguments->directory, items[0], profile) < 0 ? EXIT_FAILED : EXIT_DONE;
}

/* A baseline that is named must be there: its profile's path, the caller's to free; or NULL, and why not
 * is said. */
static char *find(const struct arguments *arguments, const char *name)
{
	CLEANUP(freep) char *path = baseline_path(arguments->directory, name, ".pb.gz");

	if (path && access(path, F_OK) == 0)
		return TAKE(path);
	if (path)
		message_error("there is no baseline '%s' in '%s'; 'perfctl baseline list' shows "
			      "what there is",
			name, baseline_directory(arguments->directory));
	return NULL;
}

static int load(const struct arguments *arguments, const char *name, struct profile **ret_profile)
{
	CLEANUP(freep) char *path = find(arguments, name);

	return path ? narrow_load(&arguments->narrow, path, ret_profile) : EXIT_FAILED;
}

static int show(const struct arguments *arguments, char **items)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	CLEANUP(freep) char *path = baseline_path(arguments->directory, items[0], ".pb.gz");
	CLEANUP(buffer_done) struct buffer text = {0};
	struct report report = {.kind = REPORT_BASELINE, .source = path};
	int r = load(arguments, items[0], &profile);

	if (r != 0)
		return r;
	report.profile = profile;
	r = report_append_markdown(&report, &text, NULL);
	if (r < 0) {
		message_error("cannot show baseline '%s': %s", items[0], strerror(-r));
		return EXIT_FAILED;
	}
	return output_write_file("-", text.data, text.size) < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int remove_files(const struct arguments *arguments, char **items)
{
	static const char *const suffixes[] = {".pb.gz", ".md"};
	CLEANUP(freep) char *native = find(arguments, items[0]);

	if (!native)
		return EXIT_FAILED;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		CLEANUP(freep)
		char *path = baseline_path(arguments->directory, items[0], suffixes[i]);

		/* The words may never have been there. */
		if (path && (unlink(path) == 0 || (i && errno == ENOENT)))
			continue;
		message_error("cannot remove baseline '%s': %s", items[0], strerror(errno));
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

static int is_native(const struct dirent *entry)
{
	return text_ends_with(entry->d_name, ".pb.gz") && *entry->d_name != '.';
}

static void append_line(const char *name, const struct profile *profile, struct buffer *out)
{
	const struct profile_conditions *conditions = &profile->conditions;
	char text[32] = "";

	if (conditions->start_realtime_ns)
		time_format(conditions->start_realtime_ns, text, sizeof(text));
	buffer_printf(out, "%-24s  %-19s  %10llu samples  %s\n", name, text,
		(unsigned long long)profile->ledger.kept,
		profile_string(
			profile, conditions->command ? conditions->command : conditions->target));
}

static int list(const struct arguments *arguments, char **items)
{
	CLEANUP(buffer_done) struct buffer out = {0};
	struct dirent **entries = NULL;
	const char *directory = baseline_directory(arguments->directory);
	int n = scandir(directory, &entries, is_native, alphasort), failed = 0;

	if (n < 0 && errno != ENOENT) {
		message_error("cannot read '%s': %s", directory, strerror(errno));
		return EXIT_FAILED;
	}
	for (int i = 0; i < n; i++) {
		CLEANUP(profile_unrefp) struct profile *profile = NULL;
		char *name = entries[i]->d_name;

		name[strlen(name) - strlen(".pb.gz")] = '\0';
		if (load(arguments, name, &profile) == 0)
			append_line(name, profile, &out);
		else
			failed = 1;
		free(entries[i]);
	}
	free(entries);
	if (out.size && output_write_file("-", out.data, out.size) < 0)
		return EXIT_FAILED;
	if (!out.size && !failed)
		message_note("No baselines in '%s'", directory);
	return failed ? EXIT_FAILED : EXIT_DONE;
}

static const struct verb {
	const char *name, *wants;
	int n; /* arguments behind it */
	int (*run)(const struct arguments *arguments, char **items);
} verbs[] = {
	{"save", "NAME SOURCE", 2, save},
	{"list", "nothing more", 0, list},
	{"show", "NAME", 1, show},
	{"remove", "NAME", 1, remove_files},
};

static int run(const struct command *command, int argc, char **argv)
{
	struct arguments arguments = {0};
	struct option_arguments positional;
	int r;

	r = options_parse(command, argc, argv, on_option, &arguments, &positional);
	if (r != 0)
		return options_exit_code(r);
	for (size_t i = 0; positional.n && i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(positional.items[0], verbs[i].name) != 0)
			continue;
		if (positional.n != verbs[i].n + 1) {
			options_error(
				command, "baseline %s takes %s", verbs[i].name, verbs[i].wants);
			return EXIT_USAGE;
		}
		if (verbs[i].n && !baseline_name_is_valid(positional.items[1]))
			return EXIT_USAGE;
		return verbs[i].run(&arguments, positional.items + 1);
	}
	options_error(command, "baseline wants save, list, show or remove");
	return EXIT_USAGE;
}

const struct command command_baseline = {
	.name = "baseline",
	.n_arguments = ARGUMENTS_ITS_OWN,
	.usage = "[OPTION…] save NAME SOURCE | list | show NAME | remove NAME",
	.summary = "Named baselines that can be kept under version control",
	.details =
		"Each is a profile and a text beside it. Wherever a SOURCE is read, @NAME is one.",
	.example = "perfctl baseline save release-1.2 redis-server-4242.pb.gz",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.run = run,
};
