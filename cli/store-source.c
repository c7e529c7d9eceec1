// SPDX-License-Identifier: GPL-2.0-or-later
/* A span of the continuous store as a SOURCE. */

#include "cli/store-source.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/message.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"
#include "proto/profile/source.h"

#define MS_PER_DAY (UINT64_C(24) * 3600 * 1000)

static bool date_parse(const char *text, struct tm *tm)
{
	static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M",
		"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"};

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct tm parsed = {.tm_isdst = -1};
		const char *end = strptime(text, formats[i], &parsed);

		if (end && !*end) {
			*tm = parsed;
			return true;
		}
	}
	return false;
}

static bool clock_parse(const char *text, uint64_t now_ms, struct tm *tm)
{
	static const char *const formats[] = {"%H:%M:%S", "%H:%M"};
	time_t now = (time_t)(now_ms / 1000);

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct tm parsed;
		const char *end;

		localtime_r(&now, &parsed);
		parsed.tm_sec = 0;
		parsed.tm_isdst = -1;
		end = strptime(text, formats[i], &parsed);
		if (end && !*end) {
			*tm = parsed;
			return true;
		}
	}
	return false;
}

int store_time_parse(const char *text, uint64_t now_ms, uint64_t *ret_ms)
{
	uint64_t ns, ms;
	bool is_date;
	struct tm tm;
	time_t t;

	if (!strcmp(text, "now")) {
		*ret_ms = now_ms;
		return 0;
	}
	if (text_parse_duration(text, &ns) == 0) {
		if (ns / NS_PER_MS > now_ms)
			return -EINVAL;
		*ret_ms = now_ms - ns / NS_PER_MS;
		return 0;
	}
	is_date = date_parse(text, &tm);
	if (!is_date && !clock_parse(text, now_ms, &tm))
		return -EINVAL;
	t = mktime(&tm);
	if (t < 0)
		return -EINVAL;
	ms = (uint64_t)t * 1000;
	*ret_ms = !is_date && ms > now_ms && ms >= MS_PER_DAY ? ms - MS_PER_DAY : ms;
	return 0;
}

static int moment_parse(const char *text, uint64_t now_ms, uint64_t *ret_ms)
{
	if (store_time_parse(text, now_ms, ret_ms) == 0)
		return 0;
	message_error("'%s' is no time; give 1h (ago), 14:05, 2026-11-21T14:05 or now", text);
	return -EINVAL;
}

static int label_parse(char *label, struct store_source *source)
{
	char *value = strchr(label, '=');
	const struct {
		const char *name;
		const char **text;
	} texts[] = {{"comm", &source->comm}, {"unit", &source->unit},
		{"container", &source->container}, {"event", &source->event}};

	if (value)
		*value++ = '\0';
	for (size_t i = 0; value && i < ARRAY_SIZE(texts); i++)
		if (!strcmp(label, texts[i].name)) {
			*texts[i].text = value;
			return 0;
		}
	if (value && !strcmp(label, "pid") && text_parse_u32(value, &source->pid) == 0)
		return 0;
	message_error("'%s%s%s' is none of unit=, comm=, pid=, container=, event=", label,
		value ? "=" : "", value ? value : "");
	return -EINVAL;
}

int store_source_parse(char *text, uint64_t now_ms, struct store_source *ret_source)
{
	struct store_source source = {.until_ms = now_ms};
	char *rest = text, *span = strsep(&rest, ","), *until = strstr(span, ".."), *label;
	int r;

	if (until) {
		*until = '\0';
		until += 2;
	}
	r = moment_parse(span, now_ms, &source.since_ms);
	if (!r && until)
		r = moment_parse(until, now_ms, &source.until_ms);
	while (!r && (label = strsep(&rest, ",")))
		r = label_parse(label, &source);
	if (!r)
		*ret_source = source;
	return r;
}

static json_t *parameters_make(const struct store_source *source)
{
	json_t *parameters = json_pack("{s:I, s:I, s:s*, s:s*, s:s*, s:s*}", "sinceMs",
		(json_int_t)source->since_ms, "untilMs", (json_int_t)source->until_ms, "comm",
		source->comm, "unit", source->unit, "container", source->container, "event",
		source->event);

	if (parameters && source->pid)
		json_object_set_new(parameters, "pid", json_integer(source->pid));
	if (parameters && source->n_parts)
		json_object_set_new(parameters, "parts", json_integer(source->n_parts));
	return parameters;
}

int store_source_load(const struct store_source *source, struct profile **ret_profile)
{
	struct connection_options options = {.socket = source->socket};
	CLEANUP(client_freep) struct client *client = NULL;
	CLEANUP(buffer_done) struct buffer bytes = {0};
	struct client_error error = {0};
	struct profile_error malformed = {0};
	int r;

	if (source->since_ms >= source->until_ms) {
		message_error("the store cannot be asked: the span of time is empty");
		return EXIT_USAGE;
	}
	r = connection_open_client(&client, &options);
	if (r)
		return r;
	r = client_get_pieces(
		client, "org.perfctl.profiler.Query", parameters_make(source), &bytes, &error);
	if (r < 0) {
		message_error("cannot ask the store: %s", error.text);
		return error.exit_code ? (int)error.exit_code : EXIT_FAILED;
	}
	r = source_decode(bytes.data, bytes.size, ret_profile, &malformed);
	if (r) {
		message_error("cannot read what the store gave: %s",
			r > 0 ? malformed.text : strerror(-r));
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}
