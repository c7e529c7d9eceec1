/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Lines are cut by blanks from the place that cannot be mistaken: a heading around its time, a frame
 * from both ends. No line is taken to end in a NUL. */

#include "proto/profile/perf-script-lines.h"

#include <ctype.h>
#include <string.h>

#include "proto/base/text.h"
#include "proto/base/time.h"
#include "proto/profile/perf-script.h"

/* The kernel's half of the address space on the 64-bit machines that Linux runs on. */
#define KERNEL_FROM UINT64_C(0xffff000000000000)
#define NUMBER_SIZE_MAX 20

static bool is_blank(char c)
{
	return isspace((unsigned char)c);
}

/* Takes the first word off; false if there is none. */
static bool word_take(struct perf_script_text *text, struct perf_script_text *ret_word)
{
	size_t at = 0, end;

	while (at < text->size && is_blank(text->at[at]))
		at++;
	for (end = at; end < text->size && !is_blank(text->at[end]);)
		end++;
	*ret_word = (struct perf_script_text){text->at + at, end - at};
	*text = (struct perf_script_text){text->at + end, text->size - end};
	return end > at;
}

/* Takes the last word off; false if there is none. */
static bool word_take_last(struct perf_script_text *text, struct perf_script_text *ret_word)
{
	size_t at, end = text->size;

	while (end && is_blank(text->at[end - 1]))
		end--;
	for (at = end; at && !is_blank(text->at[at - 1]);)
		at--;
	*ret_word = (struct perf_script_text){text->at + at, end - at};
	text->size = at;
	return end > at;
}

/* The whole text as a decimal number. */
static bool number_parse(struct perf_script_text text, uint64_t *ret_value)
{
	char number[NUMBER_SIZE_MAX + 1];

	if (!text.size || text.size > NUMBER_SIZE_MAX)
		return false;
	memcpy(number, text.at, text.size);
	number[text.size] = '\0';
	return !text_parse_u64(number, ret_value);
}

/* "1234.567890:", with any number of decimals up to nine. */
static bool time_parse(struct perf_script_text word, uint64_t *ret_ns)
{
	struct perf_script_text fraction;
	const char *point = memchr(word.at, '.', word.size);
	uint64_t seconds, ns;

	if (!point || word.at[word.size - 1] != ':')
		return false;
	fraction = (struct perf_script_text){point + 1, word.size - 2 - (size_t)(point - word.at)};
	if (!number_parse((struct perf_script_text){word.at, (size_t)(point - word.at)}, &seconds))
		return false;
	if (fraction.size > 9 || !number_parse(fraction, &ns) || seconds > UINT32_MAX * UINT64_C(2))
		return false;
	for (size_t i = fraction.size; i < 9; i++)
		ns *= 10;
	*ret_ns = seconds * NS_PER_SECOND + ns;
	return true;
}

/* "4242" is a tid, "4242/4243" pid and tid. */
static bool ids_parse(struct perf_script_text word, struct perf_script_heading *heading)
{
	const char *slash = memchr(word.at, '/', word.size);
	struct perf_script_text tid = word;
	uint64_t value;

	if (slash) {
		if (!number_parse((struct perf_script_text){word.at, (size_t)(slash - word.at)},
			    &value) ||
			value > UINT32_MAX)
			return false;
		heading->pid = (uint32_t)value;
		tid = (struct perf_script_text){
			slash + 1, word.size - 1 - (size_t)(slash - word.at)};
	}
	if (!number_parse(tid, &value) || value > UINT32_MAX)
		return false;
	heading->tid = (uint32_t)value;
	return true;
}

/* "comm tid [cpu]", all that stands before the time. */
static bool owner_parse(struct perf_script_text before, struct perf_script_heading *heading)
{
	struct perf_script_text word;

	if (!word_take_last(&before, &word))
		return false;
	if (word.at[0] == '[' && word.at[word.size - 1] == ']' && !word_take_last(&before, &word))
		return false;
	if (!ids_parse(word, heading))
		return false;
	while (before.size && is_blank(before.at[before.size - 1]))
		before.size--;
	while (before.size && is_blank(before.at[0]))
		before = (struct perf_script_text){before.at + 1, before.size - 1};
	heading->comm = before;
	return before.size;
}

/* "period event: rest", all that stands behind the time. */
static bool event_parse(struct perf_script_text behind, struct perf_script_heading *heading)
{
	struct perf_script_text word;

	if (!word_take(&behind, &word))
		return false;
	if (number_parse(word, &heading->period) && !word_take(&behind, &word))
		return false;
	while (word.size && word.at[word.size - 1] == ':')
		word.size--;
	heading->event = word;
	heading->rest = behind;
	return word.size;
}

bool perf_script_heading_parse(
	struct perf_script_text line, struct perf_script_heading *ret_heading)
{
	struct perf_script_text behind = line, word;

	while (word_take(&behind, &word)) {
		struct perf_script_heading heading = {};
		struct perf_script_text before = {line.at, (size_t)(word.at - line.at)};

		if (!time_parse(word, &heading.time_ns) || !owner_parse(before, &heading) ||
			!event_parse(behind, &heading))
			continue;
		*ret_heading = heading;
		return true;
	}
	return false;
}

static bool address_parse(struct perf_script_text word, uint64_t *ret_address)
{
	uint64_t address = 0;

	if (!word.size || word.size > 16)
		return false;
	for (size_t i = 0; i < word.size; i++) {
		char c = word.at[i];

		if (!isxdigit((unsigned char)c))
			return false;
		address = address << 4 | (uint64_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	*ret_address = address;
	return true;
}

static bool text_is(struct perf_script_text text, const char *wanted)
{
	return text.size == strlen(wanted) && !memcmp(text.at, wanted, text.size);
}

static bool text_begins(struct perf_script_text text, const char *wanted)
{
	return text.size >= strlen(wanted) && !memcmp(text.at, wanted, strlen(wanted));
}

/* Where the '(' stands that the last character closes; text->size if none. */
static size_t bracket_find(const struct perf_script_text *text)
{
	size_t depth = 0;

	for (size_t at = text->size; at-- > 0;) {
		if (text->at[at] == ')')
			depth++;
		else if (text->at[at] == '(' && !--depth)
			return at;
	}
	return text->size;
}

/* Takes "(module)" off the end. A module may have blanks and brackets of its own, as in
 * "(/bin/x (deleted))"; where they do not pair, it begins at the last '(' behind a blank. */
static bool module_take(struct perf_script_text *text, struct perf_script_text *ret_module)
{
	size_t end = text->size, at;

	if (!end || text->at[end - 1] != ')')
		return false;
	at = bracket_find(text);
	if (at == end || !at || !is_blank(text->at[at - 1]))
		for (at = end - 1; at && !(text->at[at] == '(' && is_blank(text->at[at - 1]));)
			at--;
	if (!at)
		return false;
	*ret_module = (struct perf_script_text){text->at + at + 1, end - at - 2};
	text->size = at;
	return true;
}

/* Takes "+0x1f" off the end, if it is there. */
static void offset_drop(struct perf_script_text *text)
{
	size_t at = text->size;

	while (at && isxdigit((unsigned char)text->at[at - 1]))
		at--;
	if (at < text->size && at > 3 && !memcmp(text->at + at - 3, "+0x", 3))
		text->size = at - 3;
}

bool perf_script_frame_parse(struct perf_script_text line, struct perf_script_frame *ret_frame)
{
	struct perf_script_frame frame = {};
	struct perf_script_text word;
	uint64_t address;

	while (line.size && is_blank(line.at[line.size - 1]))
		line.size--;
	if (!word_take(&line, &word) || !address_parse(word, &address) ||
		!module_take(&line, &frame.module))
		return false;
	while (line.size && is_blank(line.at[line.size - 1]))
		line.size--;
	while (line.size && is_blank(line.at[0]))
		line = (struct perf_script_text){line.at + 1, line.size - 1};
	frame.symbol = line;
	offset_drop(&frame.symbol);
	offset_drop(&frame.module);
	frame.is_inlined = text_is(frame.module, "inlined");
	frame.is_kernel = address >= KERNEL_FROM || text_begins(frame.module, "[kernel") ||
		text_begins(frame.module, "[guest.kernel");
	frame.is_unnamed = !frame.symbol.size || text_is(frame.symbol, "[unknown]");
	if (text_is(frame.module, "[unknown]"))
		frame.module.size = 0;
	if (frame.is_unnamed)
		frame.symbol = frame.is_kernel ? (struct perf_script_text){"[kernel]", 8}
					       : (struct perf_script_text){"[unknown]", 9};
	*ret_frame = frame;
	return true;
}

bool perf_script_is_likely(const char *text, size_t n)
{
	const char *end = text + n;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		struct perf_script_text line = {text, (size_t)((newline ? newline : end) - text)};
		struct perf_script_heading heading;
		struct perf_script_text rest = line, word;

		if (word_take(&rest, &word) && word.at[0] != '#')
			return perf_script_heading_parse(line, &heading);
		text = line.at + line.size + (newline != NULL);
	}
	return false;
}
