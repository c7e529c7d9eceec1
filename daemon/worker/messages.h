/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What passes between perfd and perfd-elf-worker, over a SOCK_STREAM pair. Both ends run on one
 * machine from one build: native byte order, fixed layout. A request carries descriptors (one for
 * each bit of `files`, in order of the bits) with its first byte; one request is under way at a
 * time. A worker's first word is an empty reply with id 0: its sandbox stands; requests count from 1.
 * The worker is not trusted: perfd copies a reply, then validates its copy.
 */

#include <assert.h>
#include <stdint.h>

#define WORKER_SOCKET_FD 3 /* in the worker; 0, 1 and 2 are /dev/null once the sandbox stands */
#define WORKER_MAGIC 0x77666c65u

#define WORKER_OFFSETS_MAX 1024
#define WORKER_REPLY_BYTES_MAX (17u << 20) /* the largest table, and some */
#define WORKER_STRING_BYTES_MAX 4096 /* with its NUL; longer names are cut */
#define WORKER_CHAIN_MAX 64 /* lines of one address */
#define WORKER_BUILD_ID_MAX 64
#define WORKER_PATH_MAX 1024

enum worker_job {
	WORKER_JOB_PROBE = 1, /* what is in this file? -> struct worker_probe */
	WORKER_JOB_NAMES = 2, /* offsets -> symbols from symbol tables and .eh_frame: fast */
	WORKER_JOB_LINES = 3, /* the same with files, lines and inlined calls from DWARF */
	/* the unwind table, of OBJECT and DEBUG -> struct abi_row[n_symbols] (bpf/unwind-row.h) */
	WORKER_JOB_TABLE = 4,
	WORKER_JOB_JIT_MAP =
		5, /* perf-PID.map -> code that was made at run time (jit-messages.h) */
	WORKER_JOB_JITDUMP = 6, /* jit-PID.dump -> the same */
};

enum worker_file {
	WORKER_FILE_OBJECT,
	WORKER_FILE_DEBUG,
	WORKER_FILE_ALTERNATE, /* dwz: what .gnu_debugaltlink names */
	WORKER_FILE_PACKAGE, /* split DWARF of all units: .dwp */
	WORKER_FILE_SPLIT, /* that of one unit: .dwo, as asked for with WANTS_SPLIT */
	N_WORKER_FILES,
};

enum worker_status {
	WORKER_STATUS_OK,
	WORKER_STATUS_BAD_ELF, /* not an ELF file, or one whose headers make no sense */
	WORKER_STATUS_FAILED, /* no memory */
	WORKER_STATUS_NO_TABLE, /* the file describes no frames */
	WORKER_STATUS_TOO_LARGE, /* beyond what a table may be */
	WORKER_STATUS_WANTS_SPLIT, /* nothing is answered before struct worker_want is had */
	N_WORKER_STATUSES,
};

enum worker_unnamed {
	WORKER_NAMED,
	WORKER_UNNAMED_NO_SYMBOLS, /* no symbol covers the address */
	WORKER_UNNAMED_OUTSIDE, /* the offset is in no executable segment */
	/* There are lines, but something that was inlined has no name: the dwz file is missing; or else */
	WORKER_UNNAMED_ALTERNATE,
	WORKER_UNNAMED_INLINED,
	N_WORKER_UNNAMED,
};

#define WORKER_FLAG_CRC 1u /* request PROBE: give the file's CRC-32 (reads all of it) */
#define WORKER_FLAG_SPLIT 2u /* request LINES: `split` was looked for; no SPLIT file: in vain */
#define WORKER_FLAG_RETIRING 1u /* reply: this worker takes no further request */
#define WORKER_FLAG_PARTIAL 2u /* reply to TABLE: much of the code has no row */

struct worker_request {
	uint32_t magic;
	uint32_t id;
	uint32_t job; /* enum worker_job */
	uint32_t files; /* bits 1 << enum worker_file */
	uint64_t object; /* a cookie: equal for all requests about one object with these files */
	uint32_t flags;
	uint32_t n_offsets; /* 0 for PROBE */
	uint64_t split; /* with WORKER_FLAG_SPLIT: the id of the unit */
	/* then uint64_t offsets[n_offsets] */
};

/* Followed by struct worker_probe for PROBE; else by symbols, lines, strings. */
struct worker_reply {
	uint32_t magic;
	uint32_t id;
	uint32_t status; /* enum worker_status; only OK and WANTS_SPLIT have a body */
	uint32_t flags;
	uint32_t n_symbols; /* answers to the first n_symbols offsets asked for; at least one */
	uint32_t n_lines;
	uint32_t strings_size; /* strings are NUL-terminated; string 0 is "" and means none */
	uint32_t body_size; /* of all that follows */
};

struct worker_symbol {
	uint64_t address; /* ELF virtual address; the file offset where OUTSIDE */
	uint64_t entry; /* of the function, 0: unknown */
	uint32_t first_line;
	uint16_t n_lines; /* 0 if and only if NO_SYMBOLS or OUTSIDE */
	uint16_t unnamed; /* enum worker_unnamed */
};

/* Innermost first: all but the last of a symbol's lines were inlined. Strings are offsets. */
struct worker_line {
	uint32_t name; /* demangled; never 0 */
	uint32_t system_name; /* 0: the same */
	uint32_t file; /* 0: unknown */
	uint32_t line, start_line;
};

/* The .dwo file that the next address needs. */
struct worker_want {
	uint64_t id;
	char path[WORKER_PATH_MAX]; /* absolute, NUL-terminated; "" if there is none to look for */
};

#define WORKER_HAS_SYMTAB 1u
#define WORKER_HAS_DYNSYM 2u
#define WORKER_HAS_DWARF 4u
#define WORKER_IS_32BIT 8u
#define WORKER_HAS_UNWIND 16u /* .eh_frame or .debug_frame */
#define WORKER_MAY_BE_SPLIT 32u /* a .dwp file is worth looking for */
static_assert((WORKER_HAS_SYMTAB | WORKER_HAS_DYNSYM | WORKER_HAS_DWARF | WORKER_IS_32BIT |
		      WORKER_HAS_UNWIND | WORKER_MAY_BE_SPLIT) == 63,
	"a bit each");

struct worker_probe {
	uint32_t kinds; /* WORKER_HAS_… */
	uint32_t crc; /* of the whole file if asked for */
	uint32_t build_id_size;
	uint32_t alternate_id_size;
	uint32_t debug_link_crc;
	uint32_t reserved;
	uint8_t build_id[WORKER_BUILD_ID_MAX];
	uint8_t alternate_id[WORKER_BUILD_ID_MAX];
	char debug_link[256]; /* NUL-terminated, "" if none */
	char alternate[256];
};

static_assert(sizeof(struct worker_request) == 40, "no padding");
static_assert(sizeof(struct worker_reply) == 32, "no padding");
static_assert(sizeof(struct worker_symbol) == 24, "no padding");
static_assert(sizeof(struct worker_line) == 20, "no padding");
static_assert(sizeof(struct worker_want) == 1032, "no padding");
static_assert(sizeof(struct worker_probe) == 664, "no padding");
