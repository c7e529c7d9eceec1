/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The kernel border: loads the BPF object, runs the sampling clock, says whom to sample, and hands
 * samples and events on. All recordings share one set of perf events; each has a slot of its own.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/loop.h"
#include "daemon/capture/sample.h"

struct capture;

struct capture_handlers {
	void (*on_sample)(void *userdata, const struct sample *sample);
	/* A hint, which may be wrong: the next sample is of these, with this place and leaf. */
	void (*on_soon)(void *userdata, uint64_t recordings, uint32_t place, uint64_t leaf);
	void (*on_event)(void *userdata, const struct abi_event *event);
	void (*on_look)(void *userdata); /* for what nobody tells: each 2 s, or more often */
};

/*
 * What a recording aims at, by kind. Of one kind any that was added will do; all kinds that were
 * announced must hold; without any it aims at everything.
 */
enum capture_kind {
	CAPTURE_BY_NAME = 1, /* processes, threads, names of processes: _target, _thread, _comm */
	CAPTURE_BY_UID = 2,
	CAPTURE_BY_CGROUP = 4,
};

struct capture_request {
	double frequency_hz;
	unsigned kinds; /* enum capture_kind, or'ed */
	bool with_children, with_kernel;
	bool with_callers; /* whole user stacks, not just the leaf */
	bool with_programs; /* tell of new ones, so that their files are there before their samples */
	bool with_tables; /* unwind by tables where there are any; else by frame pointers alone */
	bool is_cpu_clock; /* do not look for a hardware counter */
};

/* How the kernel side tells which file an address is in: see bpf/mapping.bpf.h. */
enum capture_mappings {
	CAPTURE_MAPPINGS_AUTO, /* by the kernel's tree if it passes the self-test, else by the mirror */
	CAPTURE_MAPPINGS_KERNEL,
	CAPTURE_MAPPINGS_MIRROR,
};

/* Why the kernel side does not work here: a sentence with the mend. */
struct capture_problem {
	char text[256];
};

/* Loads and attaches everything but the sampling clock. 0, or a negative errno with *ret_problem filled
 * in. The loop is borrowed. */
int capture_new(struct loop *loop, const struct capture_handlers *handlers, void *userdata,
	enum capture_mappings mappings, struct capture_problem *ret_problem,
	struct capture **ret_capture);
struct capture *capture_free(struct capture *capture);

/* The frames that a user stack may have: 1 to ABI_USER_FRAMES_MAX, at first ..._DEFAULT. */
void capture_set_max_frames(struct capture *capture, uint32_t n);

/* Takes a slot; no tick comes yet. 0, -EBUSY (no slot free), or another negative errno. */
int capture_take(
	struct capture *capture, const struct capture_request *request, unsigned *ret_slot);
/* Ticks come from now on, for the slot's targets. 0, or a negative errno of perf_event_open. */
int capture_start(struct capture *capture, unsigned slot);
/* Another rate, for samples drawn from now on. 0 or a negative errno. */
int capture_set_frequency(struct capture *capture, unsigned slot, double frequency_hz);
/* Switches the slot off and delivers what is still in the ring. Counters stay until _release. */
void capture_stop(struct capture *capture, unsigned slot);
void capture_release(struct capture *capture, unsigned slot);

/* Adds a process to a slot. start_ns 0: whoever has the pid. With on_exec it counts from its next
 * exec on. Asks for all files that it has mapped. 0 or a negative errno (-ENOSPC: table full). */
int capture_add_target(
	struct capture *capture, unsigned slot, uint32_t pid, uint64_t start_ns, bool on_exec);
/* Takes it out of a slot again: one that had ended before it was added is never told of. */
void capture_remove_target(struct capture *capture, unsigned slot, uint32_t pid);

/* A thread, until it ends, which is told. The processes that it starts are targets of the slot. */
int capture_add_thread(struct capture *capture, unsigned slot, uint32_t tid);
void capture_remove_thread(struct capture *capture, unsigned slot, uint32_t tid);
/* Processes of this name (cut to 15 bytes, as comm is), and what they start from now on. */
int capture_add_comm(struct capture *capture, unsigned slot, const char *comm);
/* Processes of this real user. */
int capture_add_uid(struct capture *capture, unsigned slot, uint32_t uid);

/* A control group of the unified hierarchy, with all that lie below it. */
struct capture_cgroup {
	uint64_t id;
	unsigned depth; /* below the root, which has 0 */
	const char *path; /* below the root, "/a/b": it is followed when it comes again; or NULL */
	bool is_left_out; /* what is in it is no target, whatever else it may be */
};

/* 0, -E2BIG (it lies too deep, or its path is too long), or another negative errno. */
int capture_add_cgroup(struct capture *capture, unsigned slot, const struct capture_cgroup *cgroup);

/* A target has mapped code that no sample may have fallen on yet: asks for all of its files; or for
 * those of every process. */
void capture_ask_files(struct capture *capture, uint32_t pid);
void capture_ask_all_files(struct capture *capture);

/* Sums over CPUs. */
void capture_counters(struct capture *capture, unsigned slot, struct abi_counters *ret_counters);

/* What of a slot's targets the kernel side still has, named by number or by control group. */
struct capture_aimed {
	uint32_t *pids; /* to be freed by who asked */
	size_t n_pids, n_threads, n_groups;
};
int capture_find_aimed(struct capture *capture, unsigned slot, struct capture_aimed *ret_aimed);
/* Events that found the ring full, ever. */
uint64_t capture_events_lost(struct capture *capture);

/* Delivers all that lies in both rings now. */
void capture_drain(struct capture *capture);

/*
 * Is this open file the one that the kernel meant with the key? Asked of the kernel side itself, since
 * stat() tells other devices and inodes on stacked file systems. Meanwhile a process may have executed
 * another program at the same addresses; a change of the file's attributes is none of its identity.
 */
bool capture_is_file(struct capture *capture, int fd, const struct abi_file_key *key);
/* The daemon has this file, or has given up on it: the kernel asks no more. */
void capture_answer_file(struct capture *capture, const struct abi_file_key *key);
/* Where the unwinder finds the rows of this file: an index of `tables`, or ABI_TABLE_NONE, or
 * _NO_PROGRAM; 0: nowhere, and the kernel asks for the file again when it meets it. */
void capture_set_table(struct capture *capture, const struct abi_file_key *key, uint32_t table);
void capture_set_vdso_table(struct capture *capture, uint32_t table);
/* The maps that tables are put into; the fds stay capture's. */
struct capture_unwind_maps {
	int shards_fd, tables_fd;
};
void capture_unwind_maps(const struct capture *capture, struct capture_unwind_maps *ret_maps);
/* Forgets one file, or all: they are asked for again when they are met. */
void capture_forget_file(struct capture *capture, const struct abi_file_key *key);
void capture_forget_files(struct capture *capture);

/* Are mappings found by the mirror? */
bool capture_is_mirroring(const struct capture *capture);
/* "cycles" or "cpu-clock": what is (or would be) sampled. */
const char *capture_event(const struct capture *capture);
