/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Plain reads and writes of the object's maps. What user space changes in a target's entry races
 * with forks in the kernel only in that a child may get a bit a moment late.
 */

#include "daemon/capture/maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/abi.h"
#include "bpf/perfd.skel.h"
#include "daemon/capture/capture-cost.h"
#include "daemon/capture/capture.h"
#include "daemon/capture/filter.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

int maps_clear_counters(struct perfd_bpf *bpf, uint32_t index)
{
	size_t n_cpus = (size_t)libbpf_num_possible_cpus();
	CLEANUP(freep) struct abi_counters *zeros = calloc(n_cpus, sizeof(*zeros));

	if (!zeros)
		return -ENOMEM;
	return bpf_map__update_elem(
		bpf->maps.counters, &index, sizeof(index), zeros, n_cpus * sizeof(*zeros), BPF_ANY);
}

/* Takes the slot's bit out of a target's entry; one without any bit leaves the filter. */
void maps_remove_target(struct perfd_bpf *bpf, unsigned slot, uint32_t pid)
{
	struct bpf_map *map = bpf->maps.targets;
	uint64_t bit = UINT64_C(1) << slot;
	struct abi_target target;

	if (bpf_map__lookup_elem(map, &pid, sizeof(pid), &target, sizeof(target), 0) < 0 ||
		!((target.recordings | target.on_exec) & bit))
		return;
	target.recordings &= ~bit;
	target.on_exec &= ~bit;
	if (target.recordings | target.on_exec)
		bpf_map__update_elem(map, &pid, sizeof(pid), &target, sizeof(target), BPF_EXIST);
	else
		bpf_map__delete_elem(map, &pid, sizeof(pid), 0);
}

void maps_drop_targets(struct perfd_bpf *bpf, unsigned slot)
{
	struct bpf_map *map = bpf->maps.targets;
	uint32_t key, next;
	bool is_last = bpf_map__get_next_key(map, NULL, &next, sizeof(next)) < 0;

	while (!is_last) {
		key = next;
		is_last = bpf_map__get_next_key(map, &key, &next, sizeof(next)) < 0;
		maps_remove_target(bpf, slot, key);
	}
}

static int iterator_open(struct bpf_program *program, const struct bpf_iter_attach_opts *options)
{
	struct bpf_link *link = bpf_program__attach_iter(program, options);
	int fd;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0)
		fd = -errno;
	bpf_link__destroy(link);
	return fd;
}

int maps_open_mappings(struct perfd_bpf *bpf, uint32_t pid)
{
	union bpf_iter_link_info info = {.task.tid = pid};
	struct bpf_iter_attach_opts options;

	/* Field by field: libbpf refuses options whose padding is not zero. */
	memset(&options, 0, sizeof(options));
	options.sz = sizeof(options);
	options.link_info = &info;
	options.link_info_len = sizeof(info);
	return iterator_open(bpf->progs.on_mapping, &options);
}

static int iterator_read(int fd)
{
	char unused[4096];
	ssize_t n;

	if (fd < 0)
		return fd;
	while ((n = read(fd, unused, sizeof(unused))) > 0)
		;
	return n < 0 ? -errno : 0;
}

int maps_ask_files(struct perfd_bpf *bpf, uint32_t pid)
{
	CLEANUP(closep) int fd = maps_open_mappings(bpf, pid);

	return iterator_read(fd);
}

int maps_add_target(
	struct perfd_bpf *bpf, unsigned slot, uint32_t pid, uint64_t start_ns, bool on_exec)
{
	struct abi_target target = {};
	uint64_t bit = UINT64_C(1) << slot;

	bpf_map__lookup_elem(bpf->maps.targets, &pid, sizeof(pid), &target, sizeof(target), 0);
	if (on_exec)
		target.on_exec |= bit;
	else
		target.recordings |= bit;
	target.start_ns = start_ns;
	return bpf_map__update_elem(
		bpf->maps.targets, &pid, sizeof(pid), &target, sizeof(target), BPF_ANY);
}

void maps_read_counters(struct perfd_bpf *bpf, unsigned slot, struct abi_counters *ret_counters)
{
	size_t n_cpus = (size_t)libbpf_num_possible_cpus();
	CLEANUP(freep) struct abi_counters *each = calloc(n_cpus, sizeof(*each));
	uint32_t index = slot;

	*ret_counters = (struct abi_counters){};
	if (!each ||
		bpf_map__lookup_elem(bpf->maps.counters, &index, sizeof(index), each,
			n_cpus * sizeof(*each), 0) < 0)
		return;
	for (size_t i = 0; i < n_cpus; i++) {
		ret_counters->taken += each[i].taken;
		ret_counters->delivered += each[i].delivered;
		ret_counters->lost_full += each[i].lost_full;
		ret_counters->missed += each[i].missed;
		ret_counters->ended_ns += each[i].ended_ns;
	}
}

int maps_read_usage(struct perfd_bpf *bpf, unsigned slot, uint64_t *ret_ns)
{
	volatile struct abi_usage *usage = &bpf->bss->usage;
	CLEANUP(closep) int fd = iterator_open(bpf->progs.on_usage, NULL);
	struct abi_counters counters;
	int r;

	/* Whoever ends in between is left out rather than counted twice. */
	maps_read_counters(bpf, slot, &counters);
	usage->slot = slot;
	usage->alive_ns = 0;
	r = iterator_read(fd);
	if (!r)
		*ret_ns = counters.ended_ns + usage->alive_ns;
	return r;
}

/* The slot's processes in the filter by pid. */
static int pids_find(struct perfd_bpf *bpf, unsigned slot, struct capture_aimed *aimed)
{
	struct bpf_map *map = bpf->maps.targets;
	struct abi_target target;
	size_t n_allocated = 0;
	uint32_t pid = 0;
	int r = bpf_map__get_next_key(map, NULL, &pid, sizeof(pid)), full = 0;

	for (; r == 0 && !full; r = bpf_map__get_next_key(map, &pid, &pid, sizeof(pid))) {
		if (bpf_map__lookup_elem(map, &pid, sizeof(pid), &target, sizeof(target), 0) < 0 ||
			!((target.recordings | target.on_exec) >> slot & 1))
			continue;
		full = array_reserve(
			&aimed->pids, &n_allocated, aimed->n_pids + 1, sizeof(*aimed->pids));
		if (!full)
			aimed->pids[aimed->n_pids++] = pid;
	}
	return full;
}

int maps_find_aimed(struct perfd_bpf *bpf, unsigned slot, struct capture_aimed *ret_aimed)
{
	struct capture_aimed aimed = {
		.n_threads = filter_count(bpf->maps.threads, slot),
		.n_groups = filter_count(bpf->maps.cgroups, slot),
	};
	int r = pids_find(bpf, slot, &aimed);

	if (r < 0) {
		free(aimed.pids);
		return r;
	}
	*ret_aimed = aimed;
	return 0;
}

uint64_t maps_read_events_lost(struct perfd_bpf *bpf)
{
	size_t n_cpus = (size_t)libbpf_num_possible_cpus();
	CLEANUP(freep) struct abi_cpu *each = calloc(n_cpus, sizeof(*each));
	uint64_t n = 0;
	uint32_t zero = 0;

	if (!each ||
		bpf_map__lookup_elem(
			bpf->maps.cpus, &zero, sizeof(zero), each, n_cpus * sizeof(*each), 0) < 0)
		return 0;
	for (size_t i = 0; i < n_cpus; i++)
		n += each[i].events_lost;
	return n;
}

/* The kernel side remembers what it has read: it is told that something is new. */
static void file_write(
	struct perfd_bpf *bpf, const struct abi_file_key *key, const struct abi_file *file)
{
	bpf_map__update_elem(bpf->maps.files, key, sizeof(*key), file, sizeof(*file), BPF_EXIST);
	bpf->bss->files_epoch++;
}

void maps_answer_file(struct perfd_bpf *bpf, const struct abi_file_key *key)
{
	struct bpf_map *map = bpf->maps.files;
	struct abi_file file;

	if (bpf_map__lookup_elem(map, key, sizeof(*key), &file, sizeof(file), 0) < 0)
		return;
	file.is_known = 1;
	file_write(bpf, key, &file);
}

void maps_set_table(struct perfd_bpf *bpf, const struct abi_file_key *key, uint32_t table)
{
	struct bpf_map *map = bpf->maps.files;
	struct abi_file file;

	if (bpf_map__lookup_elem(map, key, sizeof(*key), &file, sizeof(file), 0) < 0)
		return;
	file.table = table;
	if (!table) {
		file.is_known = 0;
		file.asked_ns = 0;
	}
	file_write(bpf, key, &file);
}

void maps_forget_file(struct perfd_bpf *bpf, const struct abi_file_key *key)
{
	bpf_map__delete_elem(bpf->maps.files, key, sizeof(*key), 0);
	bpf->bss->files_epoch++;
}

void maps_forget_files(struct perfd_bpf *bpf)
{
	struct bpf_map *map = bpf->maps.files;
	struct abi_file_key key;

	while (bpf_map__get_next_key(map, NULL, &key, sizeof(key)) == 0)
		if (bpf_map__delete_elem(map, &key, sizeof(key), 0) < 0)
			break;
	bpf->bss->files_epoch++;
}

static void runs_add(struct abi_runs *sum, const struct abi_runs *runs)
{
	sum->n += runs->n;
	sum->n_timed += runs->n_timed;
	sum->timed_ns += runs->timed_ns;
}

/* Mean of those that were timed. */
static double run_ns(const struct abi_runs *runs)
{
	return runs->n_timed ? (double)runs->timed_ns / (double)runs->n_timed : -1;
}

void maps_read_cost(struct perfd_bpf *bpf, struct capture_cost *ret_cost)
{
	size_t n_cpus = (size_t)libbpf_num_possible_cpus();
	CLEANUP(freep) struct abi_cpu *each = calloc(n_cpus, sizeof(*each));
	struct abi_runs ticks = {}, tasks = {};
	uint32_t zero = 0;

	*ret_cost = (struct capture_cost){.tick_ns = -1};
	if (!each ||
		bpf_map__lookup_elem(
			bpf->maps.cpus, &zero, sizeof(zero), each, n_cpus * sizeof(*each), 0) < 0)
		return;
	for (size_t i = 0; i < n_cpus; i++) {
		runs_add(&ticks, &each[i].ticks);
		runs_add(&tasks, &each[i].tasks);
	}
	ret_cost->tick_ns = run_ns(&ticks);
	if (ticks.n_timed)
		ret_cost->ticks_ns = (uint64_t)(run_ns(&ticks) * (double)ticks.n);
	if (tasks.n_timed)
		ret_cost->tasks_ns = (uint64_t)(run_ns(&tasks) * (double)tasks.n);
}

/* Documentation/bpf/maps.rst of the kernel: what a map has allocated stands in its fdinfo. */
static uint64_t map_bytes(int fd)
{
	CLEANUP(freep) char *text = NULL;
	char path[48];
	const char *line;
	unsigned long long bytes = 0;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (text_read_file(-1, path, 4096, &text, NULL) < 0)
		return 0;
	line = strstr(text, "\nmemlock:");
	if (line)
		sscanf(line, " memlock: %llu", &bytes);
	return bytes;
}

uint64_t maps_read_bytes(struct perfd_bpf *bpf)
{
	struct bpf_map *map;
	uint64_t bytes = 0;

	bpf_object__for_each_map(map, bpf->obj)
		bytes += bpf_map__fd(map) >= 0 ? map_bytes(bpf_map__fd(map)) : 0;
	return bytes;
}
