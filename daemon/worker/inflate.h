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

/* A compressed section's bytes, its Elf64_Chdr or Elf32_Chdr first (ELF gABI, "Section
 * Compression"; zlib and zstd). *ret_data is the caller's to free. 0, INFLATE_BAD, or -ENOMEM. */
int inflate_section(struct elf_bytes packed, bool is_32bit, uint8_t **ret_data, size_t *ret_size);

/* The older form that sections named .zdebug_… have: "ZLIB", the size in 8 bytes, most significant
 * first, a zlib stream. The same. */
int inflate_zdebug(struct elf_bytes packed, uint8_t **ret_data, size_t *ret_size);

/* An xz stream, as .gnu_debugdata is; of unknown size. The same. */
int inflate_xz(struct elf_bytes packed, uint8_t **ret_data, size_t *ret_size);
