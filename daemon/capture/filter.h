/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The kernel side's filter, by all that a recording can aim at besides pids. Errors are negative
 * errnos; -ENOSPC: a table is full. */

#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"

struct bpf_map;
struct perfd_bpf;
struct capture_cgroup;

/* A slot begins to aim. `kinds`: enum capture_kind, those that must hold; 0: everything is meant. */
void filter_open(struct perfd_bpf *bpf, unsigned slot, unsigned kinds);
/* It aims at nothing any more; may be called again. */
void filter_close(struct perfd_bpf *bpf, unsigned slot);

/* How many entries of a map of struct abi_aim carry the slot's bit. */
size_t filter_count(struct bpf_map *map, unsigned slot);

int filter_add_thread(struct perfd_bpf *bpf, unsigned slot, uint32_t tid);
void filter_remove_thread(struct perfd_bpf *bpf, unsigned slot, uint32_t tid);
int filter_add_comm(struct perfd_bpf *bpf, unsigned slot, const char *comm);
int filter_add_uid(struct perfd_bpf *bpf, unsigned slot, uint32_t uid);
int filter_add_cgroup(struct perfd_bpf *bpf, unsigned slot, const struct capture_cgroup *cgroup);
