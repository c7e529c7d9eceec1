// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Outputs are opened before the recording begins and committed after the last byte is written.
 * The native file is what the daemon sent, byte for byte; everything else is made from it. If one
 * output fails the others are still written, and the command fails.
 */

#include "cli/results.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/render/facts.h"
#include "cli/render/table.h"
#include "cli/terminal.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"
#include "proto/base/utf8.h"
#include "proto/profile/pprof.h"
#include "proto/profile/profile-json.h"

#define TABLE_ROWS 10
#define NAME_BYTES_MAX 64
#define IDLE_NS_MAX (5 * NS_PER_MS)

static int add_output(struct results *results, const char *path)
{
	if (results->n == RESULTS_MAX) {
		message_error("option '--output': more than %d outputs", RESULTS_MAX);
		return -EINVAL;
	}
	results->items[results->n++] = (struct result){
		.path = path, .output = {.directory_fd = -1, .fd = -1}};
	return 0;
}

int results_set(struct results *results, const struct option_spec *spec, const char *value)
{
	switch (spec->id) {
	case 'o':
		return add_output(results, value);
	case OPTION_RESULT_STDOUT:
		return add_output(results, "-");
	case 'f':
		results->format = value;
		return 0;
	case 'q':
		results->is_quiet = true;
		message_set_quiet();
		return 0;
	case OPTION_RESULT_JSON:
		results->has_json = true;
		return 0;
	default:
		return RESULTS_FOREIGN;
	}
}

bool results_are_asked(const struct results *results)
{
	return results->n > 0;
}

static int find_format(
	const struct results *results, const struct command *command, struct result *result)
{
	CLEANUP(freep) char *suffixes = renderer_list_suffixes();
	bool is_stdout = strcmp(result->path, "-") == 0;

	/* A name that tells its format keeps it beside an output that does not. */
	result->renderer = is_stdout ? NULL : renderer_find(result->path);
	if (results->format && (!result->renderer || results->n == 1)) {
		result->renderer = renderer_find_format(results->format);
		if (!result->renderer)
			return options_error(command, "there is no format '%s'; there are %s",
				results->format, suffixes);
	}
	if (!result->renderer && is_stdout)
		result->renderer = renderer_find_format("folded");
	if (result->renderer && result->renderer->is_binary && is_stdout && isatty(STDOUT_FILENO))
		return options_error(command, "standard output is a terminal, and '%s' is no text",
			result->renderer->suffix);
	if (result->renderer)
		return 0;
	return options_error(command, "the suffix of '%s' names no format; there are %s",
		result->path, suffixes);
}

int results_check(struct results *results, const struct command *command)
{
	unsigned n_stdout = results->has_json;

	for (size_t i = 0; i < results->n; i++) {
		int r = find_format(results, command, &results->items[i]);

		if (r < 0)
			return r;
		n_stdout += strcmp(results->items[i].path, "-") == 0;
		for (size_t j = 0; j < i; j++) {
			if (strcmp(results->items[i].path, results->items[j].path) == 0)
				return options_error(command, "'%s' is named twice as output",
					results->items[i].path);
		}
	}
	if (n_stdout > 1)
		return options_error(command, "'--json' and '-o -' both want standard output");
	if (!results->n && results->format && !renderer_find_format(results->format))
		return options_error(command, "there is no format '%s'", results->format);
	return 0;
}

/* A program may call itself anything; a file name holds no '/', blank or control character. */
static void clean_name(char *name)
{
	utf8_sanitize(name, strlen(name));
	for (char *p = name; *p; p++) {
		if (*p == '/' || *p == ' ' || *p == '?')
			*p = '_';
	}
	if (*name == '.' || *name == '-')
		*name = '_';
}

static int add_default(struct results *results, const char *name, uint32_t pid)
{
	const struct renderer *renderer = renderer_find_format(
		results->format ? results->format : "pprof");
	char clean[NAME_BYTES_MAX], stamp[32], number[16] = "";
	time_t now = time(NULL);
	struct tm tm;

	snprintf(clean, sizeof(clean), "%s", *name ? name : "profile");
	clean_name(clean);
	if (!localtime_r(&now, &tm))
		return -EINVAL;
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	if (pid)
		snprintf(number, sizeof(number), "-%u", pid);
	if (asprintf(&results->default_path, "%s%s-%s%s", clean, number, stamp, renderer->suffix) <
		0)
		results->default_path = NULL;
	if (!results->default_path)
		return -ENOMEM;
	results->items[0] = (struct result){
		.path = results->default_path,
		.renderer = renderer,
		.output = {.directory_fd = -1, .fd = -1},
	};
	results->n = 1;
	return 0;
}

int results_open(struct results *results, const char *name, uint32_t pid)
{
	int r;

	/* Whoever reads standard output may go away; the files are to be written, or removed. */
	signal(SIGPIPE, SIG_IGN);
	if (!results->n) {
		r = add_default(results, name, pid);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < results->n; i++) {
		r = output_open(&results->items[i].output, results->items[i].path);
		if (r < 0)
			return r;
	}
	return 0;
}

static int write_result(
	struct result *result, const struct profile *profile, const struct buffer *bytes)
{
	CLEANUP(buffer_done) struct buffer text = {0};
	struct render_options options = {0};
	int r;

	if (result->renderer->render != render_pprof) {
		r = result->renderer->render(profile, &options, &text);
		if (r < 0) {
			message_error("cannot write '%s': %s", result->path,
				r == -E2BIG ? "the profile is too large for this format"
					    : strerror(-r));
			return r;
		}
		bytes = &text;
	}
	r = output_write(&result->output, bytes->data, bytes->size);
	if (r == 0)
		r = output_commit(&result->output);
	if (r == 0 && !result->output.is_stdout)
		message_note("Wrote %s", result->path);
	return r;
}

/* Nothing was taken: either it did nothing, or it did it between two ticks. */
static void show_idleness(const struct profile *profile)
{
	uint64_t scheduler_ns = profile->conditions.scheduler_ns;

	if (profile->ledger.taken)
		return;
	if (scheduler_ns < IDLE_NS_MAX)
		message_note("The target used no CPU: it waited all the while");
	else
		message_note("The target used %.2f s of CPU, between two samples; try a higher "
			     "-F, or record for longer",
			(double)scheduler_ns / 1e9);
}

/* On standard error: title, conditions, ledger. */
static void show_facts(const struct profile *profile)
{
	CLEANUP(buffer_done) struct buffer facts = {0}, warning = {0};
	char *line, *end;

	facts_append_title(profile, NULL, &facts);
	facts_append_warning(profile, &warning);
	if (warning.size)
		buffer_printf(&facts, " — %s", warning.data);
	buffer_append_char(&facts, '\n');
	facts_append_conditions(profile, &facts);
	facts_append_ledger(profile, &facts);
	if (buffer_error(&facts) < 0)
		return;
	for (line = facts.data; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		message_note("%s", line);
	}
	show_idleness(profile);
}

static int show_json(const struct results *results, const struct profile *profile)
{
	CLEANUP(ranking_freep) struct ranking *ranking = NULL;
	CLEANUP(freep) char *text = NULL;
	int r;

	r = ranking_new(profile, NULL, &ranking);
	if (r == 0)
		r = profile_json_encode_summary(profile, ranking,
			ranking->n_rows < TABLE_ROWS ? ranking->n_rows : TABLE_ROWS,
			results->n ? results->items[0].path : NULL, &text);
	if (r < 0)
		return r;
	return output_write_file("-", text, strlen(text));
}

static int show_table(const struct profile *profile)
{
	struct table_options options = {
		.limit = TABLE_ROWS,
		.width = (unsigned)terminal_width(STDOUT_FILENO),
		.has_colour = terminal_has_colour(STDOUT_FILENO),
	};
	CLEANUP(buffer_done) struct buffer out = {0};
	int r;

	if (!profile->ledger.kept)
		return 0;
	r = table_append_hotspots(profile, &options, &out);
	if (r < 0)
		return r;
	return output_write_file("-", out.data, out.size);
}

int results_write(struct results *results, const struct buffer *bytes)
{
	CLEANUP(profile_unrefp) struct profile *profile = NULL;
	struct profile_error error = {0};
	int r, failure = 0;

	r = pprof_decode(bytes->data, bytes->size, &profile, &error);
	if (r != 0) {
		message_error("the daemon sent no profile that can be read: %s",
			r < 0 ? strerror(-r) : error.text);
		return EXIT_FAILED;
	}
	show_facts(profile);
	for (size_t i = 0; i < results->n; i++) {
		r = write_result(&results->items[i], profile, bytes);
		if (r < 0)
			failure = r;
	}
	r = 0;
	if (results->has_json)
		r = show_json(results, profile);
	else if (results->default_path && !results->is_quiet)
		r = show_table(profile);
	return r < 0 || failure < 0 ? EXIT_FAILED : 0;
}

void results_done(struct results *results)
{
	/* Each goes back to the signal mask that it found. */
	for (size_t i = results->n; i; i--)
		output_done(&results->items[i - 1].output);
	free(results->default_path);
	*results = (struct results){0};
}
