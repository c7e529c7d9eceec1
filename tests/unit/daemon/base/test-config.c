/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "daemon/base/config.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "tests/lib/check-main.h"

struct place {
	char directory[64], file[96];
};

static void place_init(struct place *place)
{
	char command[128];

	snprintf(place->directory, sizeof(place->directory), "/tmp/test-config-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(place->directory));
	snprintf(place->file, sizeof(place->file), "%s/perfd.conf", place->directory);
	snprintf(command, sizeof(command), "%s.d", place->file);
	ck_assert_int_eq(mkdir(command, 0700), 0);
}

static void place_done(struct place *place)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", place->directory);
	ck_assert_int_eq(system(command), 0);
}

/* Writes the file, or with a name one of those beside it. */
static void put(const struct place *place, const char *name, const char *text)
{
	CLEANUP(fclosep) FILE *file = NULL;
	char path[192];

	snprintf(path, sizeof(path), name ? "%s.d/%s" : "%s", place->file, name);
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
}

static struct config *load(const struct place *place)
{
	struct config_problem problem = {""};
	struct config *config = NULL;
	int r = config_load(place->file, &problem, &config);

	ck_assert_msg(r == 0, "%d: %s", r, problem.text);
	return config;
}

/* What a file with this text says. */
static struct config *load_text(const char *text)
{
	CLEANUP(place_done) struct place place;

	place_init(&place);
	put(&place, NULL, text);
	return load(&place);
}

/* The configuration is refused with this sentence, behind the path of its file. */
static void check_refused(const char *text, const char *wanted)
{
	CLEANUP(place_done) struct place place;
	CLEANUP(config_freep) struct config *config = NULL;
	struct config_problem problem = {""};

	place_init(&place);
	put(&place, NULL, text);
	ck_assert_int_eq(config_load(place.file, &problem, &config), -EINVAL);
	ck_assert(text_starts_with(problem.text, place.file));
	ck_assert_str_eq(problem.text + strlen(place.file), wanted);
}

START_TEST(an_empty_file_leaves_the_defaults)
{
	CLEANUP(config_freep) struct config *config = load_text("");

	ck_assert_str_eq(config->admin_group, "perfd-admin");
	ck_assert_uint_eq(config->max_frames, 127);
	ck_assert_str_eq(config->debug_directories[0], "/usr/lib/debug");
	ck_assert_ptr_null(config->debug_directories[1]);
}
END_TEST

START_TEST(what_is_set_is_set)
{
	CLEANUP(config_freep)
	struct config *config = load_text(
		"# who\n[access]\nadmin-group = wheel ; them\n[limits]\nmax-frames=1024\n"
		"[symbols]\ndebug-directories =\ndebug-directories = /a  /b\n"
		"debuginfod-urls = https://a.example http://b.example:8002/x\n"
		"debuginfod-max-size = 300M\n");

	ck_assert_str_eq(config->debuginfod_urls[0], "https://a.example");
	ck_assert_str_eq(config->debuginfod_urls[1], "http://b.example:8002/x");
	ck_assert_ptr_null(config->debuginfod_urls[2]);
	ck_assert_uint_eq(config->debuginfod_max_bytes, 300 << 20);
	ck_assert_str_eq(config->admin_group, "wheel");
	ck_assert_uint_eq(config->max_frames, 1024);
	ck_assert_str_eq(config->debug_directories[0], "/a");
	ck_assert_str_eq(config->debug_directories[1], "/b");
	ck_assert_ptr_null(config->debug_directories[2]);
}
END_TEST

START_TEST(an_empty_value_empties_a_list)
{
	CLEANUP(config_freep) struct config *config = load_text("[symbols]\ndebug-directories =\n");

	ck_assert_ptr_nonnull(config->debug_directories);
	ck_assert_ptr_null(config->debug_directories[0]);
}
END_TEST

START_TEST(files_beside_it_come_after_it_by_name)
{
	CLEANUP(place_done) struct place place;
	CLEANUP(config_freep) struct config *config = NULL;

	place_init(&place);
	put(&place, NULL, "[limits]\nmax-frames = 1\n[access]\nadmin-group = a\n");
	put(&place, "20-second.conf", "[limits]\nmax-frames = 3\n");
	put(&place, "10-first.conf", "[limits]\nmax-frames = 2\n");
	put(&place, "30-not-ours", "[limits]\nmax-frames = 4\n");
	config = load(&place);
	ck_assert_uint_eq(config->max_frames, 3);
	ck_assert_str_eq(config->admin_group, "a");
}
END_TEST

START_TEST(what_is_wrong_is_said_with_its_line)
{
	check_refused("[limits]\nmax-frames = 2000\n", ":2: '2000' is not a number from 1 to 1024");
	check_refused("[limits]\n\nmax-frame = 2\n",
		":3: there is no key 'max-frame' in section [limits]");
	check_refused("[limit]\nmax-frames = 2\n", ":2: there is no section [limit]");
	check_refused("max-frames = 2\n", ":1: 'max-frames' stands before any [section]");
	check_refused("[limits]\nmax-frames\n", ":2: neither a [section] nor KEY = VALUE");
	check_refused(
		"[symbols]\ndebug-directories = here\n", ":2: 'here' is not an absolute path");
	check_refused("[symbols]\ndebuginfod-urls = file:///etc\n",
		":2: 'file:///etc' is not an address with https:// or http://");
	check_refused("[access]\nadmin-group = a b\n", ":2: 'a b' is not a name");
}
END_TEST

START_TEST(what_never_ends_is_configured)
{
	CLEANUP(config_freep)
	struct config *config = load_text(
		"[continuous]\nenabled = yes\nfrequency = 49.5\nwindow = 1m\n"
		"[store]\npath = /a/b\nmax-size = 500M\nmax-age = 12h\n");

	ck_assert(config->continuous_enabled);
	ck_assert_double_eq(config->continuous_frequency, 49.5);
	ck_assert_uint_eq(config->continuous_window_ns, 60000000000);
	ck_assert_str_eq(config->store_path, "/a/b");
	ck_assert_uint_eq(config->store_max_bytes, 500u << 20);
	ck_assert_uint_eq(config->store_max_age_ns, UINT64_C(12) * 3600 * 1000000000);
}
END_TEST

START_TEST(values_that_are_none_are_refused)
{
	static const char *const lines[] = {
		"[continuous]\nenabled = 1\n",
		"[continuous]\nfrequency = 0\n",
		"[continuous]\nfrequency = 1000\n",
		"[continuous]\nwindow = 61s\n",
		"[continuous]\nwindow = 0.5s\n",
		"[store]\npath = b\n",
		"[store]\npath = /b/\n",
		"[store]\nmax-size = 2\n",
		"[store]\nmax-size = 1K\n",
		"[store]\nmax-size = 99999999999999999999T\n",
		"[store]\nmax-size = 99999999999T\n",
		"[store]\nmax-age = 30\n",
		"[store]\nmax-age = d\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		CLEANUP(place_done) struct place place;
		struct config_problem problem = {""};
		struct config *config = NULL;

		place_init(&place);
		put(&place, NULL, lines[i]);
		ck_assert_msg(
			config_load(place.file, &problem, &config) == -EINVAL, "%s", lines[i]);
		ck_assert_ptr_nonnull(strstr(problem.text, "perfd.conf:2: '"));
	}
}
END_TEST

START_TEST(a_file_that_was_asked_for_must_be_there)
{
	CLEANUP(config_freep) struct config *config = NULL;
	struct config_problem problem = {""};

	ck_assert_int_eq(config_load("/nonexistent/perfd.conf", &problem, &config), -ENOENT);
	ck_assert_str_eq(
		problem.text, "cannot read /nonexistent/perfd.conf: No such file or directory");
}
END_TEST

/* The file that is installed, with its comments taken off the keys: all of them, and the defaults; but
 * for the one that is set. */
START_TEST(the_file_that_is_installed_has_every_key_with_its_default)
{
	CLEANUP(config_freep) struct config *config = NULL, *initial = load_text("");
	CLEANUP(fclosep) FILE *file = fopen(INSTALLED_CONF, "re");
	char line[256], text[8192] = "";
	size_t n_keys = 0;

	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file)) {
		bool is_key = line[0] == '#' && line[1] >= 'a' && line[1] <= 'z';

		n_keys += is_key || !strcmp(line, "enabled = yes\n");
		/* A list would grow. */
		if (is_key && !strncmp(line, "#debug-directories", 18))
			strcat(text, "debug-directories =\n");
		strcat(text, line + is_key);
	}
	ck_assert_uint_eq(n_keys, config_n_keys());
	config = load_text(text);
	ck_assert_str_eq(config->admin_group, initial->admin_group);
	ck_assert_uint_eq(config->max_frames, initial->max_frames);
	ck_assert_str_eq(config->debug_directories[0], initial->debug_directories[0]);
	ck_assert_ptr_null(config->debug_directories[1]);
	ck_assert(!config->debuginfod_urls[0] && !initial->debuginfod_urls[0]);
	ck_assert_uint_eq(config->debuginfod_max_bytes, initial->debuginfod_max_bytes);
	ck_assert(config->continuous_enabled && !initial->continuous_enabled);
	ck_assert_double_eq(config->continuous_frequency, initial->continuous_frequency);
	ck_assert_uint_eq(config->continuous_window_ns, initial->continuous_window_ns);
	ck_assert_str_eq(config->store_path, initial->store_path);
	ck_assert_uint_eq(config->store_max_bytes, initial->store_max_bytes);
	ck_assert_uint_eq(config->store_max_age_ns, initial->store_max_age_ns);
}
END_TEST

START_TEST(targets_are_units_and_paths_of_groups)
{
	CLEANUP(place_done) struct place place;
	CLEANUP(config_freep) struct config *config = NULL;

	place_init(&place);
	put(&place, NULL,
		"[continuous]\nevents = cpu-clock\ntargets = nginx.service /a/b\n"
		"exclude = user.slice\n");
	put(&place, "1.conf", "[continuous]\ntargets = redis\n");
	config = load(&place);
	ck_assert_str_eq(config->continuous_event, "cpu-clock");
	ck_assert_str_eq(config->continuous_targets[0], "nginx.service");
	ck_assert_str_eq(config->continuous_targets[1], "/a/b");
	ck_assert_str_eq(config->continuous_targets[2], "redis");
	ck_assert_ptr_null(config->continuous_targets[3]);
	ck_assert_str_eq(config->continuous_exclude[0], "user.slice");
}
END_TEST

START_TEST(what_is_no_target_event_or_budget_is_refused)
{
	check_refused(
		"[continuous]\ntargets = a/b\n", ":2: 'a/b' is neither a unit nor begins with '/'");
	check_refused("[continuous]\nexclude = /\n", ":2: '/' is not the path of a control group");
	check_refused("[continuous]\nexclude = /a/../b\n",
		":2: '/a/../b' is not the path of a control group");
	check_refused("[continuous]\nevents = off-cpu\n",
		":2: 'off-cpu' is no event that this version keeps: there are cpu and cpu-clock");
	check_refused("[budget]\ncpu = 0\n",
		":2: '0' is neither 'auto' nor a number of percent, at least 0.01");
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		an_empty_file_leaves_the_defaults,
		targets_are_units_and_paths_of_groups,
		what_is_no_target_event_or_budget_is_refused,
		what_is_set_is_set,
		an_empty_value_empties_a_list,
		files_beside_it_come_after_it_by_name,
		what_is_wrong_is_said_with_its_line,
		what_never_ends_is_configured,
		values_that_are_none_are_refused,
		a_file_that_was_asked_for_must_be_there,
		the_file_that_is_installed_has_every_key_with_its_default,
	};

	return check_main("config", tests, ARRAY_SIZE(tests));
}
