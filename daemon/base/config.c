/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The keys are a table (config.def); a key that is not in it is an error, since a setting that does
 * nothing misleads. Later files and lines replace what earlier ones said, but lists, which grow until
 * an empty value begins them anew. The first error ends it all: nothing is half configured.
 */

#include "daemon/base/config.h"

#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"

#define GROUP_NAME_MAX 32
#define BLANKS " \t"

struct reader {
	struct config *config;
	char text[384]; /* the first error; empty: none */
	int error;
};

struct unit {
	const char *name; /* NULL ends a table */
	uint64_t factor;
};

static void say(struct reader *reader, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct reader *reader, const char *format, ...)
{
	va_list arguments;

	if (reader->error)
		return;
	va_start(arguments, format);
	vsnprintf(reader->text, sizeof(reader->text), format, arguments);
	va_end(arguments);
	reader->error = -EINVAL;
}

static void text_set(struct reader *reader, char **field, const char *value)
{
	char *copy = strdup(value);

	if (!copy) {
		reader->error = -ENOMEM;
		return;
	}
	free(*field);
	*field = copy;
}

static void config_parse_name(struct reader *reader, char **field, const char *value)
{
	if (strlen(value) > GROUP_NAME_MAX || strpbrk(value, BLANKS ":,/"))
		say(reader, "'%s' is not a name", value);
	else
		text_set(reader, field, value);
}

static void config_parse_frames(struct reader *reader, uint32_t *field, const char *value)
{
	uint32_t n;

	if (text_parse_u32(value, &n) < 0 || n < 1 || n > CONFIG_MAX_FRAMES)
		say(reader, "'%s' is not a number from 1 to %d", value, CONFIG_MAX_FRAMES);
	else
		*field = n;
}

static void config_parse_boolean(struct reader *reader, bool *field, const char *value)
{
	if (!strcmp(value, "yes"))
		*field = true;
	else if (!strcmp(value, "no"))
		*field = false;
	else
		say(reader, "'%s' is neither 'yes' nor 'no'", value);
}

static void config_parse_frequency(struct reader *reader, double *field, const char *value)
{
	double hz;

	if (text_parse_double(value, &hz) < 0 || hz < 1 || hz > CONFIG_FREQUENCY_MAX)
		say(reader, "'%s' is not a number from 1 to %d", value, CONFIG_FREQUENCY_MAX);
	else
		*field = hz;
}

/* Kept as a share; 0: whatever suits the host. */
static void config_parse_percent(struct reader *reader, double *field, const char *value)
{
	double percent;

	if (!strcmp(value, "auto"))
		*field = 0;
	else if (text_parse_double(value, &percent) < 0 || percent < 0.01 || percent > 10000)
		say(reader, "'%s' is neither 'auto' nor a number of percent, at least 0.01", value);
	else
		*field = percent / 100;
}

/* A number with a letter behind it. False: it is none, or too large. */
static bool unit_parse(const char *value, const struct unit *units, uint64_t *ret_n)
{
	char digits[24];
	size_t n = strspn(value, "0123456789");
	uint64_t number;

	if (n >= sizeof(digits))
		return false;
	memcpy(digits, value, n);
	digits[n] = '\0';
	if (text_parse_u64(digits, &number) < 0)
		return false;
	for (const struct unit *unit = units; unit->name; unit++)
		if (!strcmp(value + n, unit->name))
			return !__builtin_mul_overflow(number, unit->factor, ret_n);
	return false;
}

static void config_parse_window(struct reader *reader, uint64_t *field, const char *value)
{
	uint64_t ns;

	if (text_parse_duration(value, &ns) < 0 || ns < NS_PER_SECOND || ns > 60 * NS_PER_SECOND)
		say(reader, "'%s' is not a time from 1s to 60s", value);
	else
		*field = ns;
}

static void config_parse_age(struct reader *reader, uint64_t *field, const char *value)
{
	static const struct unit units[] = {{"m", 60 * NS_PER_SECOND}, {"h", 3600 * NS_PER_SECOND},
		{"d", 24 * 3600 * NS_PER_SECOND}, {}};
	uint64_t ns;

	if (!unit_parse(value, units, &ns) || ns < 60 * NS_PER_SECOND)
		say(reader, "'%s' is not a time as 90m, 12h or 30d", value);
	else
		*field = ns;
}

static void config_parse_size(struct reader *reader, uint64_t *field, const char *value)
{
	static const struct unit units[] = {
		{"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", UINT64_C(1) << 40}, {}};
	uint64_t bytes;

	if (!unit_parse(value, units, &bytes) || bytes < 1 << 20)
		say(reader, "'%s' is not a size as 500M or 2G, of at least 1M", value);
	else
		*field = bytes;
}

/* Below this there would be no shares to speak of. */
static void config_parse_memory(struct reader *reader, uint64_t *field, const char *value)
{
	uint64_t bytes = 0;

	config_parse_size(reader, &bytes, value);
	if (bytes && bytes < CONFIG_MEMORY_MIN)
		say(reader, "'%s' is too little: it takes 32M", value);
	else if (bytes)
		*field = bytes;
}

static void config_parse_path(struct reader *reader, char **field, const char *value)
{
	if (*value != '/' || value[strlen(value) - 1] == '/')
		say(reader, "'%s' is not the absolute path of a file", value);
	else
		text_set(reader, field, value);
}

static void list_free(char **list)
{
	for (char **item = list; item && *item; item++)
		free(*item);
	free(list);
}

static size_t list_length(char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

static int list_append(char ***list, const char *word)
{
	size_t n = list_length(*list);
	char **grown = reallocarray(*list, n + 2, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	*list = grown;
	grown[n + 1] = NULL;
	grown[n] = strdup(word);
	return grown[n] ? 0 : -ENOMEM;
}

/* What is wrong with a word of a list: words that go behind it, or NULL. */
typedef const char *word_check(const char *word);

static const char *directory_check(const char *word)
{
	return *word == '/' ? NULL : "is not an absolute path";
}

/* As on the command line: what begins with a slash is a path, all else a unit. */
static const char *group_check(const char *word)
{
	size_t n = strlen(word);

	if (*word == '/')
		return n > 1 && word[n - 1] != '/' && !strstr(word, "/.") && !strstr(word, "//")
			? NULL
			: "is not the path of a control group";
	return strchr(word, '/') ? "is neither a unit nor begins with '/'" : NULL;
}

static void list_parse(struct reader *reader, char ***field, const char *value, word_check *check)
{
	CLEANUP(freep) char *words = strdup(value);
	char *rest = NULL;

	if (!words) {
		reader->error = -ENOMEM;
		return;
	}
	if (!*value) {
		list_free(*field);
		*field = calloc(1, sizeof(**field));
	}
	if (!*field && !*value)
		reader->error = -ENOMEM;
	for (char *word = strtok_r(words, BLANKS, &rest); word && !reader->error;
		word = strtok_r(NULL, BLANKS, &rest)) {
		const char *wrong = check(word);

		if (wrong)
			say(reader, "'%s' %s", word, wrong);
		else if (list_length(*field) == CONFIG_LIST_MAX)
			say(reader, "there are more than %d of them", CONFIG_LIST_MAX);
		else
			reader->error = list_append(field, word);
	}
}

static void config_parse_directories(struct reader *reader, char ***field, const char *value)
{
	list_parse(reader, field, value, directory_check);
}

static void config_parse_groups(struct reader *reader, char ***field, const char *value)
{
	list_parse(reader, field, value, group_check);
}

static const char *url_check(const char *word)
{
	return text_starts_with(word, "https://") || text_starts_with(word, "http://")
		? NULL
		: "is not an address with https:// or http://";
}

static void config_parse_urls(struct reader *reader, char ***field, const char *value)
{
	list_parse(reader, field, value, url_check);
}

static void config_parse_event(struct reader *reader, char **field, const char *value)
{
	if (strcmp(value, "cpu") && strcmp(value, "cpu-clock"))
		say(reader, "'%s' is no event that this version keeps: there are cpu and cpu-clock",
			value);
	else
		text_set(reader, field, value);
}

static bool is_section(const char *name)
{
#define KEY(section, key, field, parse, initial)                                                   \
	if (!strcmp(name, section))                                                                \
		return true;
#include "daemon/base/config.def"
#undef KEY
	return false;
}

/* inih's handler: 0 is an error of this line. */
static int on_key(void *userdata, const char *section, const char *key, const char *value)
{
	struct reader *reader = userdata;
	struct config *config = reader->config;

	if (reader->error)
		return 0;
#define KEY(in_section, its_key, field, parse, initial)                                            \
	if (!strcmp(section, in_section) && !strcmp(key, its_key)) {                               \
		config_parse_##parse(reader, &config->field, value);                               \
		return !reader->error;                                                             \
	}
#include "daemon/base/config.def"
#undef KEY
	if (!*section)
		say(reader, "'%s' stands before any [section]", key);
	else if (is_section(section))
		say(reader, "there is no key '%s' in section [%s]", key, section);
	else
		say(reader, "there is no section [%s]", section);
	return 0;
}

static int read_file(struct reader *reader, const char *path, struct config_problem *ret_problem)
{
	CLEANUP(fclosep) FILE *file = fopen(path, "re");
	int line;

	if (!file) {
		int r = -errno;

		snprintf(ret_problem->text, sizeof(ret_problem->text), "cannot read %s: %s", path,
			strerror(-r));
		return r;
	}
	line = ini_parse_file(file, on_key, reader);
	if (line > 0)
		say(reader, "neither a [section] nor KEY = VALUE");
	if (line < 0 || reader->error == -ENOMEM)
		return -ENOMEM;
	if (reader->error)
		snprintf(ret_problem->text, sizeof(ret_problem->text), "%s:%d: %s", path, line,
			reader->text);
	return reader->error;
}

static int is_conf(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && text_ends_with(entry->d_name, ".conf");
}

static void entries_free(struct dirent **entries, int n)
{
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
}

static int read_directory(
	struct reader *reader, const char *path, struct config_problem *ret_problem)
{
	char directory[PATH_MAX], file[PATH_MAX];
	struct dirent **entries = NULL;
	int n, r = 0;

	snprintf(directory, sizeof(directory), "%s.d", path);
	n = scandir(directory, &entries, is_conf, alphasort);
	for (int i = 0; i < n && !r; i++) {
		if (snprintf(file, sizeof(file), "%s/%s", directory, entries[i]->d_name) <
			(int)sizeof(file))
			r = read_file(reader, file, ret_problem);
	}
	if (n >= 0)
		entries_free(entries, n);
	return r;
}

static int set_defaults(struct reader *reader)
{
	struct config *config = reader->config;

#define KEY(section, key, field, parse, initial)                                                   \
	config_parse_##parse(reader, &config->field, initial);
#include "daemon/base/config.def"
#undef KEY
	return reader->error;
}

int config_load(const char *path, struct config_problem *ret_problem, struct config **ret_config)
{
	CLEANUP(config_freep) struct config *config = calloc(1, sizeof(*config));
	struct reader reader = {.config = config};
	const char *file = path ? path : CONFIG_PATH;
	int r;

	if (!config)
		return -ENOMEM;
	r = set_defaults(&reader);
	if (!r)
		r = read_file(&reader, file, ret_problem);
	if (r == -ENOENT && !path)
		r = 0;
	if (!r)
		r = read_directory(&reader, file, ret_problem);
	if (r)
		return r;
	*ret_config = TAKE(config);
	return 0;
}

struct config *config_free(struct config *config)
{
	if (!config)
		return NULL;
	free(config->admin_group);
	free(config->store_path);
	free(config->continuous_event);
	list_free(config->continuous_targets);
	list_free(config->continuous_exclude);
	list_free(config->debug_directories);
	list_free(config->debuginfod_urls);
	free(config);
	return NULL;
}

void config_freep(struct config **config)
{
	config_free(*config);
}

size_t config_n_keys(void)
{
	size_t n = 0;

#define KEY(section, key, field, parse, initial) n++;
#include "daemon/base/config.def"
#undef KEY
	return n;
}
