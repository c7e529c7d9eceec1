/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The doors to ISA-L, which is three times as fast as zlib here, libzstd and liblzma. A section is
 * unpacked whole and at once, into a buffer of the claimed size. Debug information shrinks to a tenth,
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

#ifndef ELFCOMPRESS_ZSTD
#define ELFCOMPRESS_ZSTD 2
#endif

static bool is_plausible(uint64_t packed, uint64_t size)
{
	return size && size <= INFLATE_BYTES_MAX &&
		(size <= SMALL_BYTES || size / RATIO_MAX <= packed);
}

/* The stream that begins at *packed, into all of `data` or a part of it; moves both on. */
static int inflate_stream(
	struct inflate_state *state, struct elf_bytes *packed, uint8_t **data, size_t *left)
{
	isal_inflate_init(state);
	state->crc_flag = ISAL_ZLIB;
	state->next_in = (uint8_t *)packed->data;
	state->next_out = *data;
	while (state->block_state != ISAL_BLOCK_FINISH) {
		size_t n_in = packed->size - (size_t)(state->next_in - packed->data);
		size_t n_out = *left - (size_t)(state->next_out - *data);
		const uint8_t *in = state->next_in, *out = state->next_out;

		state->avail_in = n_in < UINT32_MAX ? (uint32_t)n_in : UINT32_MAX;
		state->avail_out = n_out < STEP_BYTES ? (uint32_t)n_out : STEP_BYTES;
		if (isal_inflate(state) != ISAL_DECOMP_OK)
			return INFLATE_BAD;
		/* Damaged: it would go on like this for ever. */
		if (state->next_in == in && state->next_out == out &&
			state->block_state != ISAL_BLOCK_FINISH)
			return INFLATE_BAD;
	}
	/* Read ahead, but not of this stream. */
	state->next_in -= state->read_in_length / 8;
	packed->size -= (size_t)(state->next_in - packed->data);
	packed->data = state->next_in;
	*left -= (size_t)(state->next_out - *data);
	*data = state->next_out;
	return 0;
}

/* Several streams one after the other are allowed, as linkers write them. */
static int inflate_zlib(struct elf_bytes packed, uint8_t *data, size_t size)
{
	CLEANUP(freep) struct inflate_state *state = malloc(sizeof(*state));
	int r = 0;

	if (!state)
		return -ENOMEM;
	while (size && !r)
		r = inflate_stream(state, &packed, &data, &size);
	return r;
}

static int inflate_zstd(struct elf_bytes packed, uint8_t *data, size_t size)
{
	size_t n = ZSTD_decompress(data, size, packed.data, packed.size);

	return !ZSTD_isError(n) && n == size ? 0 : INFLATE_BAD;
}

static int inflate_as(uint32_t type, struct elf_bytes packed, uint64_t size, uint8_t **ret_data)
{
	CLEANUP(freep) uint8_t *data = NULL;
	int r;

	if (!is_plausible(packed.size, size))
		return INFLATE_BAD;
	data = malloc(size);
	if (!data)
		return -ENOMEM;
	switch (type) {
	case ELFCOMPRESS_ZLIB:
		r = inflate_zlib(packed, data, size);
		break;
	case ELFCOMPRESS_ZSTD:
		r = inflate_zstd(packed, data, size);
		break;
	default:
		return INFLATE_BAD;
	}
	if (!r)
		*ret_data = TAKE(data);
	return r;
}

int inflate_section(struct elf_bytes packed, bool is_32bit, uint8_t **ret_data, size_t *ret_size)
{
	size_t header_size = is_32bit ? sizeof(Elf32_Chdr) : sizeof(Elf64_Chdr);
	Elf64_Chdr header = {};
	int r;

	if (packed.size < header_size)
		return INFLATE_BAD;
	if (is_32bit) {
		Elf32_Chdr narrow;

		memcpy(&narrow, packed.data, sizeof(narrow));
		header.ch_type = narrow.ch_type;
		header.ch_size = narrow.ch_size;
	} else {
		memcpy(&header, packed.data, sizeof(header));
	}
	packed.data += header_size;
	packed.size -= header_size;
	r = inflate_as(header.ch_type, packed, header.ch_size, ret_data);
	if (!r)
		*ret_size = header.ch_size;
	return r;
}

int inflate_zdebug(struct elf_bytes packed, uint8_t **ret_data, size_t *ret_size)
{
	static const char magic[] = "ZLIB";
	uint64_t size;
	int r;

	if (packed.size < 12 || memcmp(packed.data, magic, 4))
		return INFLATE_BAD;
	memcpy(&size, packed.data + 4, sizeof(size));
	size = __builtin_bswap64(size);
	packed.data += 12;
	packed.size -= 12;
	r = inflate_as(ELFCOMPRESS_ZLIB, packed, size, ret_data);
	if (!r)
		*ret_size = size;
	return r;
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
