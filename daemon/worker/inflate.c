/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The doors to ISA-L, which is three times as fast as zlib here, libzstd and liblzma. A section is
 * unpacked whole, at once or step by step, into a buffer of the claimed size. Debug information shrinks to a tenth,
 * at best to a thirtieth; a claim far beyond that is a bomb, unless it is small.
 */

#include "daemon/worker/inflate.h"

#include <elf.h>
#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "proto/base/cleanup.h"

#define RATIO_MAX 100
#define SMALL_BYTES (UINT64_C(16) << 20)
#define XZ_BYTES_MAX (UINT64_C(64) << 20)
#define XZ_MEMORY_MAX (UINT64_C(128) << 20)
/* Unpacked at a time: its checksum is taken while it is still in the processor's cache. */
#define STEP_BYTES (UINT32_C(1) << 18)
#define RELEASED_BYTES_MIN (1 << 20)

#ifndef ELFCOMPRESS_ZSTD
#define ELFCOMPRESS_ZSTD 2
#endif

static bool is_plausible(uint64_t packed, uint64_t size)
{
	return size && size <= INFLATE_BYTES_MAX &&
		(size <= SMALL_BYTES || size / RATIO_MAX <= packed);
}

struct inflating {
	struct inflate_state state;
	struct elf_bytes packed; /* from the stream under way on */
	const uint8_t *released; /* what of a mapped file is before; NULL: it is none */
	uint8_t *data;
	size_t size;
};

static void begin_stream(struct inflating *inflating)
{
	struct inflate_state *state = &inflating->state;
	uint8_t *out = state->next_out;

	isal_inflate_init(state);
	state->crc_flag = ISAL_ZLIB;
	state->next_in = (uint8_t *)inflating->packed.data;
	state->next_out = out;
}

int inflating_new(
	const struct inflate_source *source, uint8_t *data, struct inflating **ret_inflating)
{
	struct inflating *inflating = malloc(sizeof(*inflating));

	if (!inflating)
		return -ENOMEM;
	inflating->packed = source->packed;
	inflating->data = inflating->state.next_out = data;
	inflating->size = source->size;
	inflating->released = source->is_mapped ? source->packed.data : NULL;
	begin_stream(inflating);
	*ret_inflating = inflating;
	return 0;
}

struct inflating *inflating_free(struct inflating *inflating)
{
	free(inflating);
	return NULL;
}

static void inflating_freep(struct inflating **inflating)
{
	inflating_free(*inflating);
}

/* What was read of a large section is not read again. */
static void release(struct inflating *inflating)
{
	const uint8_t *at = inflating->state.next_in;

	if (!inflating->released || at - inflating->released < RELEASED_BYTES_MIN)
		return;
	elf_bytes_release((struct elf_bytes){
		.data = inflating->released, .size = (size_t)(at - inflating->released)});
	inflating->released = at;
}

/* Several streams one after the other are allowed, as linkers write them. */
static int end_stream(struct inflating *inflating)
{
	struct inflate_state *state = &inflating->state;

	if (state->next_out == inflating->data + inflating->size)
		return 0;
	/* It has read ahead, but not of this stream. */
	state->next_in -= state->read_in_length / 8;
	inflating->packed.size -= (size_t)(state->next_in - inflating->packed.data);
	inflating->packed.data = state->next_in;
	begin_stream(inflating);
	return INFLATE_MORE;
}

int inflating_step(struct inflating *inflating, size_t *ret_n)
{
	struct inflate_state *state = &inflating->state;
	const uint8_t *in = state->next_in, *out = state->next_out;
	size_t n_in = inflating->packed.size - (size_t)(in - inflating->packed.data);
	size_t n_out = inflating->size - (size_t)(out - inflating->data);
	bool is_good;

	state->avail_in = n_in < UINT32_MAX ? (uint32_t)n_in : UINT32_MAX;
	state->avail_out = n_out < STEP_BYTES ? (uint32_t)n_out : STEP_BYTES;
	is_good = isal_inflate(state) == ISAL_DECOMP_OK;
	*ret_n = (size_t)(state->next_out - inflating->data);
	release(inflating);
	if (is_good && state->block_state == ISAL_BLOCK_FINISH)
		return end_stream(inflating);
	/* Where nothing moves it is damaged, and would go on like this for ever. */
	return is_good && (state->next_in != in || state->next_out != out) ? INFLATE_MORE
									   : INFLATE_BAD;
}

static int inflate_zlib(const struct inflate_source *source, uint8_t *data)
{
	CLEANUP(inflating_freep) struct inflating *inflating = NULL;
	int r = inflating_new(source, data, &inflating);
	size_t n;

	if (r < 0)
		return r;
	do
		r = inflating_step(inflating, &n);
	while (r == INFLATE_MORE);
	return r;
}

static int inflate_zstd(const struct inflate_source *source, uint8_t *data)
{
	size_t n = ZSTD_decompress(data, source->size, source->packed.data, source->packed.size);

	return !ZSTD_isError(n) && n == source->size ? 0 : INFLATE_BAD;
}

int inflate_all(const struct inflate_source *source, uint8_t **ret_data)
{
	CLEANUP(freep) uint8_t *data = malloc(source->size);
	int r = INFLATE_BAD;

	if (!data)
		return -ENOMEM;
	if (source->type == ELFCOMPRESS_ZLIB)
		r = inflate_zlib(source, data);
	else if (source->type == ELFCOMPRESS_ZSTD)
		r = inflate_zstd(source, data);
	if (!r)
		*ret_data = TAKE(data);
	return r;
}

/* Bytes behind a header of some size. */
static int take_source(struct elf_bytes bytes, size_t header_size, struct inflate_source *source)
{
	source->packed.data = bytes.data + header_size;
	source->packed.size = bytes.size - header_size;
	return is_plausible(source->packed.size, source->size) ? 0 : INFLATE_BAD;
}

int inflate_read_section(struct elf_bytes bytes, bool is_32bit, struct inflate_source *ret_source)
{
	size_t header_size = is_32bit ? sizeof(Elf32_Chdr) : sizeof(Elf64_Chdr);

	if (bytes.size < header_size)
		return INFLATE_BAD;
	if (is_32bit) {
		Elf32_Chdr header;

		memcpy(&header, bytes.data, sizeof(header));
		*ret_source = (struct inflate_source){
			.type = header.ch_type, .size = header.ch_size};
	} else {
		Elf64_Chdr header;

		memcpy(&header, bytes.data, sizeof(header));
		*ret_source = (struct inflate_source){
			.type = header.ch_type, .size = header.ch_size};
	}
	return take_source(bytes, header_size, ret_source);
}

int inflate_read_zdebug(struct elf_bytes bytes, struct inflate_source *ret_source)
{
	static const char magic[] = "ZLIB";
	uint64_t size;

	if (bytes.size < 12 || memcmp(bytes.data, magic, 4))
		return INFLATE_BAD;
	memcpy(&size, bytes.data + 4, sizeof(size));
	*ret_source = (struct inflate_source){
		.type = ELFCOMPRESS_ZLIB, .size = __builtin_bswap64(size)};
	return take_source(bytes, 12, ret_source);
}

/* Grows the output as it goes. */
static int run_xz(lzma_stream *stream, uint8_t **data, size_t *size)
{
	lzma_ret r = LZMA_OK;

	for (size_t room = 1 << 20; r == LZMA_OK; room *= 2) {
		uint8_t *grown = room <= XZ_BYTES_MAX ? realloc(*data, room) : NULL;

		if (!grown)
			return room <= XZ_BYTES_MAX ? -ENOMEM : INFLATE_BAD;
		*data = grown;
		stream->next_out = grown + *size;
		stream->avail_out = room - *size;
		while (r == LZMA_OK && stream->avail_out)
			r = lzma_code(stream, LZMA_FINISH);
		*size = (size_t)(stream->next_out - grown);
	}
	if (r == LZMA_MEM_ERROR)
		return -ENOMEM;
	return r == LZMA_STREAM_END && *size ? 0 : INFLATE_BAD;
}

int inflate_xz(struct elf_bytes packed, uint8_t **ret_data, size_t *ret_size)
{
	CLEANUP(freep) uint8_t *data = NULL;
	lzma_stream stream = LZMA_STREAM_INIT;
	size_t size = 0;
	int r;

	if (lzma_stream_decoder(&stream, XZ_MEMORY_MAX, 0) != LZMA_OK)
		return -ENOMEM;
	stream.next_in = packed.data;
	stream.avail_in = packed.size;
	r = run_xz(&stream, &data, &size);
	lzma_end(&stream);
	if (r)
		return r;
	*ret_data = TAKE(data);
	*ret_size = size;
	return 0;
}
