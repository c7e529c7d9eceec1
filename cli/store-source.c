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

/* What a clock shows, as the rest of the day that `tm` has already. */
static bool clock_parse(const char *text, struct tm *tm)
{
	static const char *const formats[] = {"%H:%M:%S", "%H:%M"};

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct tm parsed = *tm;
		const char *end;

		parsed.tm_sec = 0;
		end = strptime(text, formats[i], &parsed);
		if (end && !*end) {
			*tm = parsed;
			return true;
		}
	}
	return false;
}

/* "2026-11-21", "2026-11-21T14:05", "… 14:05:30", in the user's zone; with a Z behind the time in UTC. */
static bool date_parse(const char *text, time_t *ret_time)
{
	static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M",
		"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"};

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct tm parsed = {.tm_isdst = -1};
		const char *end = strptime(text, formats[i], &parsed);
		bool is_utc = end && !strcmp(end, "Z") && strchr(formats[i], 'H');

		if (end && (!*end || is_utc)) {
			*ret_time = is_utc ? timegm(&parsed) : mktime(&parsed);
			return true;
		}
	}
	return false;
}

/* "yesterday" or "today", from its beginning or with a time behind it. */
static bool day_parse(const char *text, time_t now, time_t *ret_time)
{
	static const struct {
		const char *name;
		int days;
	} names[] = {{"today", 0}, {"yesterday", -1}};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct tm day;

		if (!text_starts_with(text, names[i].name))
			continue;
		localtime_r(&now, &day);
		day.tm_mday += names[i].days;
		day.tm_hour = day.tm_min = day.tm_sec = 0;
		day.tm_isdst = -1;
		text += strlen(names[i].name);
		if (*text && (*text != ' ' || !clock_parse(text + 1, &day)))
			return false;
		*ret_time = mktime(&day);
		return true;
	}
	return false;
}

/* The last time that it was that. */
static bool time_of_day_parse(const char *text, time_t now, time_t *ret_time)
{
	struct tm day;

	localtime_r(&now, &day);
	day.tm_isdst = -1;
	if (!clock_parse(text, &day))
		return false;
	*ret_time = mktime(&day);
	if (*ret_time > now) {
		day.tm_mday--;
		day.tm_isdst = -1;
		*ret_time = mktime(&day);
	}
	return true;
}

/* "1h", "-1h", "1h ago": so long before now. */
static bool age_parse(const char *text, uint64_t *ret_ms)
{
	static const char ago[] = " ago";
	char duration[64];
	size_t n;
	uint64_t ns;

	text += *text == '-';
	n = strlen(text);
	if (text_ends_with(text, ago))
		n -= sizeof(ago) - 1;
	if (n >= sizeof(duration))
		return false;
	memcpy(duration, text, n);
	duration[n] = '\0';
	if (text_parse_duration(duration, &ns) < 0)
		return false;
	*ret_ms = ns / NS_PER_MS;
	return true;
}

int store_time_parse(const char *text, uint64_t now_ms, uint64_t *ret_ms)
{
	time_t now = (time_t)(now_ms / 1000), moment;
	uint64_t age_ms;

	if (!strcmp(text, "now")) {
		*ret_ms = now_ms;
		return 0;
	}
	if (age_parse(text, &age_ms)) {
		if (age_ms > now_ms)
			return -EINVAL;
		*ret_ms = now_ms - age_ms;
		return 0;
	}
	if (!date_parse(text, &moment) && !day_parse(text, now, &moment) &&
		!time_of_day_parse(text, now, &moment))
		return -EINVAL;
	if (moment < 0)
		return -EINVAL;
	*ret_ms = (uint64_t)moment * 1000;
	return 0;
}

static int moment_parse(const char *text, uint64_t now_ms, uint64_t *ret_ms)
{
	if (store_time_parse(text, now_ms, ret_ms) == 0)
		return 0;
	message_error("'%s' is no time; give " STORE_TIME_FORMS, text);
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
