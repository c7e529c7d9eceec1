/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The maps of the BPF object, as capture reads and writes them. Errors are negative errnos. */

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi.h"

struct capture_aimed;
struct capture_cost;
struct perfd_bpf;

/* The target filter: a process enters a slot; a slot's bit leaves every entry. */
int maps_add_target(
	struct perfd_bpf *bpf, unsigned slot, uint32_t pid, uint64_t start_ns, bool on_exec);
/*
 * A descriptor of the iterator over the mappings of a process (0: of all): whoever reads it to its end
 * has asked for all files, and gets a struct abi_mapped each where there is a mirror. Or an errno.
 */
int maps_open_mappings(struct perfd_bpf *bpf, uint32_t pid);
/* Asks for all files that a process (0: any) has mapped executable: each is an event, unless it is
 * known. */
int maps_ask_files(struct perfd_bpf *bpf, uint32_t pid);
void maps_remove_target(struct perfd_bpf *bpf, unsigned slot, uint32_t pid);
void maps_drop_targets(struct perfd_bpf *bpf, unsigned slot);

/* Counters of a slot: sums over CPUs. */
int maps_clear_counters(struct perfd_bpf *bpf, uint32_t slot);
void maps_read_counters(struct perfd_bpf *bpf, unsigned slot, struct abi_counters *ret_counters);
/* See the functions of these names in capture.h. */
int maps_read_usage(struct perfd_bpf *bpf, unsigned slot, uint64_t *ret_ns);
int maps_find_aimed(struct perfd_bpf *bpf, unsigned slot, struct capture_aimed *ret_aimed);
uint64_t maps_read_events_lost(struct perfd_bpf *bpf);
void maps_read_cost(struct perfd_bpf *bpf, struct capture_cost *ret_cost);
/* What all maps have allocated, the shards of unwind tables left out. */
uint64_t maps_read_bytes(struct perfd_bpf *bpf);

/* The files that the kernel has seen: see the functions of these names in capture.h. */
void maps_answer_file(struct perfd_bpf *bpf, const struct abi_file_key *key);
void maps_set_table(struct perfd_bpf *bpf, const struct abi_file_key *key, uint32_t table);
void maps_forget_file(struct perfd_bpf *bpf, const struct abi_file_key *key);
void maps_forget_files(struct perfd_bpf *bpf);
