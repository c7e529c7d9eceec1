/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Reading folded stacks. The stack is all before the last blank, so names keep theirs. The first name
 * is the comm; "[truncated:REASON]" behind it is no frame; a name with the mark of an inlined function
 * is a line of the frame before it.
 */

#include "proto/profile/folded.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"

#define MARK_SIZE 4 /* "_[k]" */

/* While a file is read. */
struct reader {
	struct profile *profile;
	struct profile_error *error;
	size_t n_lines;
	struct profile_line *lines; /* of the frame at hand, outermost first */
	size_t n_frame_lines, n_lines_allocated;
	struct profile_frame frame;
	uint32_t stack;
	size_t depth;
};

static void reader_done(struct reader *reader)
{
	profile_unref(reader->profile);
	free(reader->lines);
}

/* Takes the text up to the next ';' (or the end). False: nothing is left. */
static bool name_next(const char **at, const char *end, const char **ret_name, size_t *ret_size)
{
	const char *semicolon;

	if (*at > end)
		return false;
	semicolon = memchr(*at, ';', (size_t)(end - *at));
	*ret_name = *at;
	*ret_size = (size_t)((semicolon ? semicolon : end) - *at);
	*at += *ret_size + 1;
	return true;
}

/* Takes the mark off a name and gives its letter, or 0. */
static char mark_take(const char *name, size_t *size)
{
	const char *mark = name + *size - MARK_SIZE;

	if (*size <= MARK_SIZE || mark[0] != '_' || mark[1] != '[' || mark[3] != ']' ||
		!strchr("kij", mark[2]))
		return 0;
	*size -= MARK_SIZE;
	return mark[2];
}

/* Puts the frame at hand on the stack. */
static int frame_flush(struct reader *reader)
{
	struct profile_line *lines = reader->lines;
	size_t n = reader->n_frame_lines;
	uint32_t frame;
	int r;

	if (!n)
		return 0;
	/* They came outermost first; a frame has them innermost first. */
	for (size_t i = 0; i < n / 2; i++) {
		struct profile_line line = lines[i];

		lines[i] = lines[n - 1 - i];
		lines[n - 1 - i] = line;
	}
	r = profile_add_frame(reader->profile, &reader->frame, lines, n, &frame);
	if (r < 0)
		return r;
	reader->n_frame_lines = 0;
	return profile_add_stack(reader->profile, reader->stack, frame, &reader->stack);
}

static int name_add(struct reader *reader, const char *name, size_t size)
{
	struct profile_function function = {};
	struct profile_line line = {};
	char mark = mark_take(name, &size);
	int r;

	if (++reader->depth > FOLDED_DEPTH_MAX)
		return profile_malformed(reader->error, "line %zu has more than %d names",
			reader->n_lines, FOLDED_DEPTH_MAX);
	if (mark != 'i' || reader->frame.kind != PROFILE_FRAME_USER) {
		r = frame_flush(reader);
		if (r < 0)
			return r;
		reader->frame.kind = mark == 'k' ? PROFILE_FRAME_KERNEL
			: mark == 'j'            ? PROFILE_FRAME_JIT
						 : PROFILE_FRAME_USER;
	}
	r = profile_add_string_n(reader->profile, name, size, &function.name);
	if (r < 0)
		return r;
	r = profile_add_function(reader->profile, &function, &line.function);
	if (r < 0)
		return r;
	r = array_reserve(&reader->lines, &reader->n_lines_allocated, reader->n_frame_lines + 1,
		sizeof(line));
	if (r < 0)
		return r;
	reader->lines[reader->n_frame_lines++] = line;
	return 0;
}

/* The comm as a thread of a process of which nothing else is known. */
static int comm_add(struct profile *profile, const char *name, size_t size, uint32_t *ret_thread)
{
	struct profile_process process = {.uid = PROFILE_UID_UNKNOWN};
	struct profile_thread thread = {};
	int r;

	if (size == strlen("[unknown]") && !memcmp(name, "[unknown]", size))
		size = 0;
	r = profile_add_string_n(profile, name, size, &process.comm);
	if (r < 0)
		return r;
	r = profile_add_process(profile, &process, &thread.process);
	return r < 0 ? r : profile_add_thread(profile, &thread, ret_thread);
}

/* Is the name "[truncated:REASON]"? Then it is the sample's stop. */
static int stop_parse(struct profile *profile, const char *name, size_t size,
	struct profile_sample *sample, bool *ret_is_stop)
{
	static const char start[] = "[truncated:";
	const size_t n_start = sizeof(start) - 1;

	*ret_is_stop = size > n_start && !memcmp(name, start, n_start) && name[size - 1] == ']';
	if (!*ret_is_stop)
		return 0;
	sample->stop_class = PROFILE_STOP_TRUNCATED;
	return profile_add_string_n(profile, name + n_start, size - n_start - 1, &sample->stop);
}

static int stack_decode(struct reader *reader, const char *at, const char *end, int64_t value)
{
	struct profile *profile = reader->profile;
	struct profile_sample sample = {};
	bool is_first = true;
	const char *name = at;
	size_t size = 0;
	int r;

	reader->stack = 0;
	reader->depth = 0;
	reader->frame = (struct profile_frame){};
	name_next(&at, end, &name, &size);
	r = comm_add(profile, name, size, &sample.thread);
	while (!r && name_next(&at, end, &name, &size)) {
		bool is_stop = false;

		if (is_first) {
			r = stop_parse(profile, name, size, &sample, &is_stop);
			is_first = false;
		}
		if (!r && !is_stop)
			r = name_add(reader, name, size);
	}
	if (r)
		return r;
	r = frame_flush(reader);
	if (r < 0)
		return r;
	sample.stack = reader->stack;
	return profile_add_sample(profile, &sample, &value);
}

/* Decimal digits, and a fraction that is rounded: no sign, no exponent. */
static bool value_parse(const char *digits, size_t n, uint64_t *ret_value)
{
	uint64_t value = 0;
	bool is_too_large = false;
	size_t i, n_digits = 0;

	for (i = 0; i < n && digits[i] >= '0' && digits[i] <= '9'; i++, n_digits++)
		is_too_large |= __builtin_mul_overflow(value, 10u, &value) ||
			__builtin_add_overflow(value, (uint64_t)(digits[i] - '0'), &value);
	if (i < n && digits[i] == '.') {
		i++;
		value += i < n && digits[i] >= '5' && digits[i] <= '9';
		for (; i < n && digits[i] >= '0' && digits[i] <= '9'; i++)
			n_digits++;
	}
	*ret_value = is_too_large ? UINT64_MAX : value;
	return n_digits && i == n;
}

bool folded_line_split(const char *line, size_t n, size_t *ret_stack_size, uint64_t *ret_value)
{
	uint64_t value;
	size_t at;

	while (n && (line[n - 1] == '\r' || line[n - 1] == ' ' || line[n - 1] == '\t'))
		n--;
	at = n;
	while (at && line[at - 1] != ' ' && line[at - 1] != '\t')
		at--;
	if (!at || !value_parse(line + at, n - at, &value))
		return false;
	*ret_stack_size = at - 1;
	*ret_value = value;
	return true;
}

static bool is_blank(const char *line, size_t n)
{
	while (n && (line[n - 1] == ' ' || line[n - 1] == '\t' || line[n - 1] == '\r'))
		n--;
	return !n;
}

static int line_decode(struct reader *reader, const char *line, size_t n)
{
	size_t stack_size;
	uint64_t value;

	reader->n_lines++;
	if (n > FOLDED_LINE_BYTES_MAX)
		return profile_malformed(reader->error, "line %zu is longer than %d bytes",
			reader->n_lines, FOLDED_LINE_BYTES_MAX);
	if (!folded_line_split(line, n, &stack_size, &value)) {
		if (is_blank(line, n) || line[0] == '#')
			return 0;
		return profile_malformed(reader->error,
			"is no folded stacks: line %zu does not end in a number", reader->n_lines);
	}
	if (value > INT64_MAX)
		return profile_malformed(
			reader->error, "line %zu: the number is too large", reader->n_lines);
	return value > 0 ? stack_decode(reader, line, line + stack_size, (int64_t)value) : 0;
}

int folded_decode(
	const void *bytes, size_t n, struct profile **ret_profile, struct profile_error *error)
{
	CLEANUP(reader_done) struct reader reader = {.error = error, .profile = profile_new()};
	const char *at = bytes, *end = at + n;
	int r;

	if (!reader.profile)
		return -ENOMEM;
	r = profile_add_value_type(reader.profile, "samples", "count");
	if (r < 0)
		return r;
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t size = (size_t)((newline ? newline : end) - at);

		r = line_decode(&reader, at, size);
		if (r)
			return r;
		at += size + (newline != NULL);
	}
	if (!reader.profile->n_samples)
		return profile_malformed(error, "holds no stacks");
	r = profile_count_samples(reader.profile);
	if (r < 0)
		return r;
	profile_balance(reader.profile);
	profile_seal(reader.profile);
	*ret_profile = TAKE(reader.profile);
	return 0;
}
