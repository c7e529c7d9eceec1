/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Text to values and back: strict parsers (the whole text or nothing) and plain formatters. */

#include "proto/base/text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"

int text_parse_u64(const char *text, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(value, 10u, &value) ||
			__builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return -ERANGE;
	}
	*ret_value = value;
	return 0;
}

int text_parse_u32(const char *text, uint32_t *ret_value)
{
	uint64_t value;
	int r = text_parse_u64(text, &value);

	if (r < 0)
		return r;
	if (value > UINT32_MAX)
		return -ERANGE;
	*ret_value = (uint32_t)value;
	return 0;
}

int text_parse_double(const char *text, double *ret_value)
{
	char *end;
	double value;

	if (!isdigit((unsigned char)*text) && *text != '.' && *text != '-')
		return -EINVAL;
	errno = 0;
	value = strtod(text, &end);
	if (end == text || *end)
		return -EINVAL;
	if (errno == ERANGE || !isfinite(value))
		return -ERANGE;
	*ret_value = value;
	return 0;
}

static int unit_parse(const char **text, double *ret_ns)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {
		{"ms", 1e6}, {"us", 1e3}, {"d", 86400e9}, {"h", 3600e9}, {"m", 60e9}, {"s", 1e9}};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (text_starts_with(*text, units[i].name)) {
			*text += strlen(units[i].name);
			*ret_ns = units[i].ns;
			return 0;
		}
	return -EINVAL;
}

int text_parse_duration(const char *text, uint64_t *ret_ns)
{
	double total = 0, unit = 1e9;
	bool is_bare = false;

	if (!*text)
		return -EINVAL;
	while (*text) {
		char *end;
		double value;

		if (is_bare || (!isdigit((unsigned char)*text) && *text != '.'))
			return -EINVAL;
		value = strtod(text, &end);
		if (end == text)
			return -EINVAL;
		text = end;
		if (!*text)
			is_bare = true;
		else if (unit_parse(&text, &unit) < 0)
			return -EINVAL;
		total += value * (is_bare ? 1e9 : unit);
	}
	if (!isfinite(total) || total > 1e18)
		return -ERANGE;
	*ret_ns = (uint64_t)(total + 0.5);
	return 0;
}

char *text_format_duration(uint64_t ns, char *text, size_t size)
{
	double seconds = (double)ns / 1e9;

	if (seconds < 1)
		snprintf(text, size, "%.0f ms", seconds * 1e3);
	else if (seconds < 60)
		snprintf(text, size, "%.1f s", seconds);
	else if (seconds < 3600)
		snprintf(text, size, "%d min %d s", (int)seconds / 60, (int)seconds % 60);
	else
		snprintf(text, size, "%d h %d min", (int)(seconds / 3600),
			(int)fmod(seconds / 60, 60));
	return text;
}

char *text_format_bytes(uint64_t bytes, char *text, size_t size)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024 && unit + 1 < ARRAY_SIZE(units)) {
		value /= 1024;
		unit++;
	}
	snprintf(text, size, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return text;
}

void text_format_hex(const void *bytes, size_t n, char *text)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < n; i++) {
		text[2 * i] = "0123456789abcdef"[p[i] >> 4];
		text[2 * i + 1] = "0123456789abcdef"[p[i] & 15];
	}
	text[2 * n] = '\0';
}

static int digit_parse(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -EINVAL;
}

int text_parse_hex(const char *text, void *bytes, size_t size)
{
	unsigned char *p = bytes;
	size_t n = strlen(text);

	if (n % 2 || n / 2 > size)
		return -EINVAL;
	for (size_t i = 0; i < n / 2; i++) {
		int high = digit_parse(text[2 * i]), low = digit_parse(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		p[i] = (unsigned char)(high << 4 | low);
	}
	return (int)(n / 2);
}

const char *text_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool text_starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

bool text_ends_with(const char *text, const char *suffix)
{
	size_t n = strlen(text), n_suffix = strlen(suffix);

	return n >= n_suffix && !memcmp(text + n - n_suffix, suffix, n_suffix);
}

int text_read_file(
	int directory_fd, const char *path, size_t max_bytes, char **ret_text, size_t *ret_size)
{
	CLEANUP(buffer_done) struct buffer buffer = {};
	CLEANUP(closep) int fd = openat(directory_fd, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (;;) {
		char *end = buffer_reserve(&buffer, 4096);
		ssize_t n;

		if (!end)
			return -ENOMEM;
		n = read(fd, end, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		buffer.size += (size_t)n;
		if (buffer.size > max_bytes)
			return -EFBIG;
	}
	*ret_text = buffer_take(&buffer, ret_size);
	return *ret_text ? 0 : -ENOMEM;
}
