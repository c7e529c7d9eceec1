/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Unpacking what compilers and distributions pack. Sizes are claims of a hostile file: what is
 * beyond the limits, or unfolds to something else than was claimed, is not unpacked.
 */

#include <stddef.h>
#include <stdint.h>

#include "daemon/worker/elf-file.h"

#define INFLATE_BYTES_MAX (UINT64_C(1) << 30)

#define INFLATE_BAD 1 /* damaged, beyond the limits, or packed in a way not known here */

/* What a header says about the bytes behind it. */
struct inflate_source {
	uint32_t type; /* ELFCOMPRESS_… */
	uint64_t size; /* when it is unpacked; within the limits */
	struct elf_bytes packed;
	bool is_mapped; /* where it is, of a file; said by who knows */
};

/* A compressed section's bytes, its Elf64_Chdr or Elf32_Chdr first (ELF gABI, "Section Compression";
 * zlib and zstd). 0 or INFLATE_BAD. */
int inflate_read_section(struct elf_bytes bytes, bool is_32bit, struct inflate_source *ret_source);
/* The older form that sections named .zdebug_… have: "ZLIB", the size in 8 bytes, most significant
 * first, a zlib stream. The same. */
int inflate_read_zdebug(struct elf_bytes bytes, struct inflate_source *ret_source);

/* *ret_data has source->size bytes and is the caller's to free. 0, INFLATE_BAD, or -ENOMEM. */
int inflate_all(const struct inflate_source *source, uint8_t **ret_data);

/* The same bit by bit, of a source of type ELFCOMPRESS_ZLIB, to where the caller says. */
struct inflating;
int inflating_new(
	const struct inflate_source *source, uint8_t *data, struct inflating **ret_inflating);
struct inflating *inflating_free(struct inflating *inflating);
#define INFLATE_MORE 2 /* there is more to come */
/* *ret_n: how much is there, in any case. 0: all; INFLATE_MORE; INFLATE_BAD: no more will come. */
int inflating_step(struct inflating *inflating, size_t *ret_n);

/* An xz stream, as .gnu_debugdata is; of unknown size. *ret_data is the caller's to free. 0,
 * INFLATE_BAD, or -ENOMEM. */
int inflate_xz(struct elf_bytes packed, uint8_t **ret_data, size_t *ret_size);
