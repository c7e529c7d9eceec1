/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Whatever a peer or a target can make grow has its limit here. */

/*
 * Of what has three limits, _PER_UID holds for who is no admin; and the last quarter of all is for
 * admins, and for users who have no more than _LITTLE of it: see shares.h.
 */
#define LIMIT_RECORDINGS 32 /* under way at once */
#define LIMIT_RECORDINGS_PER_UID 8
#define LIMIT_RECORDINGS_LITTLE 2
#define LIMIT_PROFILES 64 /* finished ones kept for fetching; the oldest goes */
#define LIMIT_PROFILES_PER_UID 16
#define LIMIT_NAMED 256 /* targets of one kind in one request */
#define LIMIT_CGROUPS 16384 /* control groups looked at to find one */
#define LIMIT_DESCENDANTS 8192 /* processes that were there before a recording */
#define LIMIT_OBSERVERS 8 /* clients that wait for the same recording */
#define LIMIT_FREQUENCY_HZ 10000
/* Sums of what recordings under way ask for; those of admins do not count. */
#define LIMIT_FREQUENCIES_HZ 40000
#define LIMIT_FREQUENCIES_PER_UID_HZ 10000
#define LIMIT_FREQUENCIES_LITTLE_HZ 1000
/* Of the memory for profiles, which the configuration says: parts of 32. */
#define LIMIT_MEMORY_PER_UID_PARTS 12
#define LIMIT_MEMORY_LITTLE_PARTS 1
#define LIMIT_MEMORY_STEP_BYTES (1u << 20) /* is asked for at a time */
#define LIMIT_DURATION_SECONDS (7 * 24 * 3600)
#define LIMIT_OBJECTS 8192 /* files of targets held at once */
#define LIMIT_OBJECTS_RESTING 512 /* the same while nothing is recorded */
#define LIMIT_COMPILES_PER_UID 512 /* unwind tables that wait for a worker; root's do not count */
#define LIMIT_TABLE_SHARES 4 /* one is what a user may keep where room for tables is short */
#define LIMIT_TABLE_CACHE_BYTES (UINT64_C(256) << 20) /* on disk */
#define LIMIT_TABLE_CACHE_FILES 8192
#define LIMIT_MIRRORS 1024 /* processes whose mappings are mirrored, where they have to be */
#define LIMIT_PROFILE_FRAMES (1 << 18) /* in one recording's profile: distinct ones of each */
#define LIMIT_PROFILE_STACKS (1 << 22)
#define LIMIT_PROFILE_SAMPLES (1 << 23)
#define LIMIT_PROFILE_THREADS (1 << 20)
#define LIMIT_CONNECTIONS 256
#define LIMIT_CONNECTIONS_PER_UID 32
#define LIMIT_CONNECTIONS_LITTLE 8
#define LIMIT_LOG_LINES_PER_UID 30 /* in a minute, that a user brings about */
/* Messages of more than a piece that wait at connections: to be complete, or to be read. */
#define LIMIT_MESSAGES_BYTES (64u << 20)
#define LIMIT_MESSAGES_PER_UID_BYTES (24u << 20)
#define LIMIT_MESSAGES_LITTLE_BYTES (4u << 20)
#define LIMIT_EXPORTS 16 /* profiles being fetched at once */
#define LIMIT_EXPORTS_PER_UID 4
#define LIMIT_EXPORTS_LITTLE 1
#define LIMIT_FOLDED_BYTES (32u << 20) /* text of one */
#define LIMIT_FOLDED_NODES (1u << 21) /* of its call tree, at most so many */
#define LIMIT_HOTSPOTS 5000 /* in one ranking */
#define LIMIT_EXAMINATIONS 4 /* under way at once, of all users */
#define LIMIT_EXAMINED_OBJECTS 512
#define LIMIT_KERNEL_FUNCTIONS (1u << 16) /* whose names are remembered */
#define LIMIT_JIT_PROCESSES 256 /* whose code made at run time is named */
#define LIMIT_JIT_FILE_BYTES (UINT64_C(256) << 20) /* of a perf-PID.map or jit-PID.dump */
#define LIMIT_JIT_CODES (1u << 18) /* named pieces of code, of one process */
#define LIMIT_JIT_CODES_ALL (1u << 21) /* of all together */
#define LIMIT_JIT_LINES (1u << 20) /* source lines of one process's code */
#define LIMIT_JIT_NAME_BYTES (32u << 20) /* names of one process's code */
#define LIMIT_FETCHES_WAITING 1024 /* debug files that are to be fetched */
#define LIMIT_FETCHES_PER_UID 64 /* in an hour, for files of a user; root's do not count */
#define LIMIT_FETCH_CACHE_BYTES (UINT64_C(4) << 30) /* on disk */
#define LIMIT_STORE_WAITING_BYTES                                                                  \
	(UINT64_C(32) << 20) /* windows that the store has not taken yet */
#define LIMIT_WINDOW_STACKS                                                                        \
	(1 << 18) /* of a window of continuous profiles, in place of the above */
#define LIMIT_WINDOW_STACKS_PRESSED (1 << 14) /* the same while memory is short */
#define LIMIT_QUERIES 4 /* of the store, under way at once, of all users */
#define LIMIT_QUERIES_PER_UID 2
