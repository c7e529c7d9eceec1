/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The doors to zlib, libzstd and liblzma. A section is unpacked whole and at once, into a buffer of
 * the claimed size. Debug information shrinks to a tenth, at best to a thirtieth; a claim far beyond
 * that is a bomb, unless it is small.
 */

#include "daemon/worker/inflate.h"

#include <elf.h>
#include <errno.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "proto/base/cleanup.h"

#define RATIO_MAX 100
#define SMALL_BYTES (UINT64_C(16) << 20)
#define XZ_BYTES_MAX (UINT64_C(64) << 20)
#define XZ_MEMORY_MAX (UINT64_C(128) << 20)
#define CHUNK_BYTES (UINT32_C(1) << 30)

#ifndef ELFCOMPRESS_ZSTD
#define ELFCOMPRESS_ZSTD 2
#endif

static bool is_plausible(uint64_t packed, uint64_t size)
{
	return size && size <= INFLATE_BYTES_MAX &&
		(size <= SMALL_BYTES || size / RATIO_MAX <= packed);
}

static int inflate_zlib(struct elf_bytes packed, uint8_t *data, size_t size)
{
	z_stream stream = {.next_in = (Bytef *)packed.data, .next_out = data};
	int r = inflateInit(&stream);

	if (r != Z_OK)
		return r == Z_MEM_ERROR ? -ENOMEM : INFLATE_BAD;
	while (r == Z_OK) {
		size_t in = packed.size - (size_t)(stream.next_in - packed.data);
		size_t out = size - (size_t)(stream.next_out - data);

		stream.avail_in = in < CHUNK_BYTES ? (uInt)in : CHUNK_BYTES;
		stream.avail_out = out < CHUNK_BYTES ? (uInt)out : CHUNK_BYTES;
		r = inflate(&stream, Z_NO_FLUSH);
		/* Several streams one after the other are allowed, as linkers write them. */
		if (r == Z_STREAM_END && stream.next_out != data + size)
			r = inflateReset(&stream);
	}
	inflateEnd(&stream);
	if (r == Z_MEM_ERROR)
		return -ENOMEM;
	return r == Z_STREAM_END && stream.next_out == data + size ? 0 : INFLATE_BAD;
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
