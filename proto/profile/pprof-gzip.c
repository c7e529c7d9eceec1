/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The one door to zlib: gzip files in memory. What is inflated is bounded before it is stored. */

#include "proto/profile/pprof-gzip.h"

#include <errno.h>
#include <limits.h>
#include <zlib.h>

#include "proto/base/cleanup.h"

/* 15: the largest window; 16 and 32 ask zlib for gzip's frame (zlib.h, deflateInit2, inflateInit2). */
#define WINDOW_GZIP (15 + 16)
#define MEMORY_LEVEL 9
/* Of a 5 s recording level 6 makes a file 23 % smaller in three and a half times the time. */
#define LEVEL 1
#define STEP_BYTES (256 * 1024)

static void deflate_done(z_stream *stream)
{
	deflateEnd(stream);
}

static void inflate_done(z_stream *stream)
{
	inflateEnd(stream);
}

bool pprof_is_gzip(const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	return n >= 2 && p[0] == 0x1f && p[1] == 0x8b;
}

/* Hands zlib as much of what is left as its counter holds. */
static void input_refill(z_stream *stream, size_t *n_left)
{
	size_t n = *n_left < UINT_MAX ? *n_left : UINT_MAX;

	if (stream->avail_in)
		return;
	stream->avail_in = (uInt)n;
	*n_left -= n;
}

int pprof_deflate(const void *bytes, size_t n, struct buffer *out)
{
	CLEANUP(deflate_done) z_stream stream = {};
	int status;

	if (deflateInit2(&stream, LEVEL, Z_DEFLATED, WINDOW_GZIP, MEMORY_LEVEL,
		    Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	stream.next_in = (z_const Bytef *)bytes;
	do {
		char *at = buffer_reserve(out, STEP_BYTES);

		if (!at)
			return -ENOMEM;
		input_refill(&stream, &n);
		stream.next_out = (Bytef *)at;
		stream.avail_out = STEP_BYTES;
		status = deflate(&stream, n ? Z_NO_FLUSH : Z_FINISH);
		out->size += STEP_BYTES - stream.avail_out;
	} while (status == Z_OK || status == Z_BUF_ERROR);
	buffer_append(out, NULL, 0);
	return status == Z_STREAM_END ? buffer_error(out) : -ENOMEM;
}

/* One step of inflating into `out`; *ret_status is zlib's. */
static int step_inflate(z_stream *stream, struct buffer *out, int *ret_status)
{
	char *at = buffer_reserve(out, STEP_BYTES);

	if (!at)
		return -ENOMEM;
	stream->next_out = (Bytef *)at;
	stream->avail_out = STEP_BYTES;
	*ret_status = inflate(stream, Z_NO_FLUSH);
	out->size += STEP_BYTES - stream->avail_out;
	return *ret_status == Z_MEM_ERROR ? -ENOMEM : 0;
}

/* Inflates one member; what is behind it stays in the stream. */
static int member_inflate(z_stream *stream, size_t *n_left, size_t max_size, struct buffer *out,
	struct profile_error *error)
{
	int status = Z_OK;

	while (status != Z_STREAM_END) {
		int r;

		input_refill(stream, n_left);
		r = step_inflate(stream, out, &status);
		if (r < 0)
			return r;
		if (out->size > max_size)
			return profile_malformed(
				error, "inflates to more than %zu MiB", max_size / (1024 * 1024));
		if (status == Z_BUF_ERROR ||
			(status == Z_OK && !stream->avail_in && !*n_left && stream->avail_out))
			return profile_malformed(
				error, "ends in the middle of its gzip data (cut short?)");
		if (status != Z_OK && status != Z_STREAM_END)
			return profile_malformed(error, "its gzip data is damaged (%s)",
				stream->msg ? stream->msg : "no cause given");
	}
	return 0;
}

int pprof_inflate(const void *bytes, size_t n, size_t max_bytes, struct buffer *out,
	struct profile_error *error)
{
	CLEANUP(inflate_done) z_stream stream = {};
	size_t max_size = out->size + max_bytes;

	if (inflateInit2(&stream, WINDOW_GZIP) != Z_OK)
		return -ENOMEM;
	stream.next_in = (z_const Bytef *)bytes;
	do {
		int r = member_inflate(&stream, &n, max_size, out, error);

		if (r)
			return r;
		input_refill(&stream, &n);
		if (stream.avail_in && !pprof_is_gzip(stream.next_in, stream.avail_in))
			return profile_malformed(error, "has foreign bytes behind its gzip data");
		if (stream.avail_in && inflateReset(&stream) != Z_OK)
			return -ENOMEM;
	} while (stream.avail_in);
	buffer_append(out, NULL, 0);
	return buffer_error(out);
}
