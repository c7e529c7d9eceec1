/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Each kind has a map from what is named to the slots that name it, and each slot its bit in the
 * words of abi_filter that say which maps are asked. `on` is set last when a
 * slot opens, and cleared first when it closes, so that at no time it takes in more than it aims at.
 */

#include "daemon/capture/filter.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpf/perfd.skel.h"
#include "daemon/capture/capture.h"
#include "daemon/capture/maps.h"
#include "proto/base/cleanup.h"

#define KEY_BYTES_MAX ABI_CGROUP_PATH_SIZE

/* Adds the bits of `more` to what is there. */
static int aim_merge(struct bpf_map *map, const void *key, const struct abi_aim *more)
{
	struct abi_aim aim = {};
	size_t size = bpf_map__key_size(map);

	bpf_map__lookup_elem(map, key, size, &aim, sizeof(aim), 0);
	aim.recordings |= more->recordings;
	aim.left_out |= more->left_out;
	return bpf_map__update_elem(map, key, size, &aim, sizeof(aim), BPF_ANY) < 0 ? -ENOSPC : 0;
}

static int aim_add(struct bpf_map *map, const void *key, unsigned slot)
{
	return aim_merge(map, key, &(struct abi_aim){.recordings = UINT64_C(1) << slot});
}

static void aim_remove(struct bpf_map *map, const void *key, unsigned slot)
{
	uint64_t bit = UINT64_C(1) << slot;
	struct abi_aim aim;
	size_t size = bpf_map__key_size(map);

	if (bpf_map__lookup_elem(map, key, size, &aim, sizeof(aim), 0) < 0 ||
		!((aim.recordings | aim.left_out) & bit))
		return;
	aim.recordings &= ~bit;
	aim.left_out &= ~bit;
	if (aim.recordings | aim.left_out)
		bpf_map__update_elem(map, key, size, &aim, sizeof(aim), BPF_EXIST);
	else
		bpf_map__delete_elem(map, key, size, 0);
}

static void aims_drop(struct bpf_map *map, unsigned slot)
{
	size_t size = bpf_map__key_size(map);
	uint8_t key[KEY_BYTES_MAX], next[KEY_BYTES_MAX];
	bool is_last = bpf_map__get_next_key(map, NULL, next, size) < 0;

	while (!is_last) {
		memcpy(key, next, size);
		is_last = bpf_map__get_next_key(map, key, next, size) < 0;
		aim_remove(map, key, slot);
	}
}

size_t filter_count(struct bpf_map *map, unsigned slot)
{
	size_t size = bpf_map__key_size(map), n = 0;
	uint8_t key[KEY_BYTES_MAX];
	struct abi_aim aim;

	for (int r = bpf_map__get_next_key(map, NULL, key, size); !r;
		r = bpf_map__get_next_key(map, key, key, size))
		n += bpf_map__lookup_elem(map, key, size, &aim, sizeof(aim), 0) == 0 &&
			(aim.recordings >> slot & 1);
	return n;
}

void filter_open(struct perfd_bpf *bpf, unsigned slot, unsigned kinds)
{
	volatile struct abi_filter *filter = &bpf->bss->filter;
	uint64_t bit = UINT64_C(1) << slot;

	if (kinds & CAPTURE_BY_NAME)
		filter->by_name |= bit;
	if (kinds & CAPTURE_BY_UID)
		filter->by_uid |= bit;
	if (kinds & CAPTURE_BY_CGROUP)
		filter->by_cgroup |= bit;
	__sync_synchronize();
	filter->on |= bit;
}

void filter_close(struct perfd_bpf *bpf, unsigned slot)
{
	volatile struct abi_filter *filter = &bpf->bss->filter;
	struct bpf_map *const maps[] = {bpf->maps.threads, bpf->maps.comms, bpf->maps.uids,
		bpf->maps.cgroups, bpf->maps.cgroup_paths};
	uint64_t bit = UINT64_C(1) << slot;

	if (!(filter->on & bit))
		return;
	filter->on &= ~bit;
	__sync_synchronize();
	filter->by_name &= ~bit;
	filter->by_tid &= ~bit;
	filter->by_comm &= ~bit;
	filter->by_uid &= ~bit;
	filter->by_cgroup &= ~bit;
	filter->but_cgroups &= ~bit;
	if (!(filter->by_cgroup | filter->but_cgroups))
		filter->depths = 0;
	maps_drop_targets(bpf, slot);
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		aims_drop(maps[i], slot);
}

int filter_add_thread(struct perfd_bpf *bpf, unsigned slot, uint32_t tid)
{
	bpf->bss->filter.by_tid |= UINT64_C(1) << slot;
	return aim_add(bpf->maps.threads, &tid, slot);
}

void filter_remove_thread(struct perfd_bpf *bpf, unsigned slot, uint32_t tid)
{
	aim_remove(bpf->maps.threads, &tid, slot);
}

int filter_add_comm(struct perfd_bpf *bpf, unsigned slot, const char *comm)
{
	char key[ABI_COMM_SIZE] = {};

	snprintf(key, sizeof(key), "%s", comm);
	bpf->bss->filter.by_comm |= UINT64_C(1) << slot;
	return aim_add(bpf->maps.comms, key, slot);
}

int filter_add_uid(struct perfd_bpf *bpf, unsigned slot, uint32_t uid)
{
	return aim_add(bpf->maps.uids, &uid, slot);
}

int filter_add_cgroup(struct perfd_bpf *bpf, unsigned slot, const struct capture_cgroup *cgroup)
{
	uint64_t bit = UINT64_C(1) << slot;
	const struct abi_aim aim = {
		.recordings = cgroup->is_left_out ? 0 : bit,
		.left_out = cgroup->is_left_out ? bit : 0,
	};
	struct abi_cgroup_path path = {};
	int r;

	if (cgroup->depth >= ABI_CGROUP_DEPTHS)
		return -E2BIG;
	bpf->bss->filter.depths |= UINT32_C(1) << cgroup->depth;
	/* The path first: one that comes again from now on is in, whichever of the two it is. */
	if (cgroup->path) {
		if (strlen(cgroup->path) >= sizeof(path.text))
			return -E2BIG;
		memcpy(path.text, cgroup->path, strlen(cgroup->path));
		r = aim_merge(bpf->maps.cgroup_paths, &path, &aim);
		if (r < 0)
			return r;
	}
	r = aim_merge(bpf->maps.cgroups, &cgroup->id, &aim);
	if (!r && cgroup->is_left_out)
		bpf->bss->filter.but_cgroups |= bit;
	return r;
}
