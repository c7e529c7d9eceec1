/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All of text as a decimal number. Returns 0, -EINVAL (no number, or anything after it) or -ERANGE. */
int text_parse_u64(const char *text, uint64_t *ret_value);
int text_parse_u32(const char *text, uint32_t *ret_value);

/* All of text as a decimal fraction, finite. Returns 0, -EINVAL or -ERANGE. */
int text_parse_double(const char *text, double *ret_value);

/* "5", "0.5", "1m30s", "250ms", "2h", "3d": a bare number is seconds. Returns 0, -EINVAL or -ERANGE. */
int text_parse_duration(const char *text, uint64_t *ret_ns);

/* "3.0 s", "1 min 30 s", "250 ms" into `text`, which is returned. */
char *text_format_duration(uint64_t ns, char *text, size_t size);

/* Binary units: "17.0 KiB". */
char *text_format_bytes(uint64_t bytes, char *text, size_t size);

/* Lower-case hexadecimal of n bytes; text has room for 2n + 1. */
void text_format_hex(const void *bytes, size_t n, char *text);

/* Returns the number of bytes, or -EINVAL (odd, foreign digit, more than `size` bytes). */
int text_parse_hex(const char *text, void *bytes, size_t size);

/* The part after the last '/', or all. */
const char *text_base_name(const char *path);

bool text_starts_with(const char *text, const char *prefix);
bool text_ends_with(const char *text, const char *suffix);

/* Reads a whole (small) file into malloc'ed NUL-terminated memory. -EFBIG above max_bytes. */
int text_read_file(
	int directory_fd, const char *path, size_t max_bytes, char **ret_text, size_t *ret_size);
