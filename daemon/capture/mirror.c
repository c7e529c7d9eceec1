/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Slots, each with the address space of one process; the kernel side finds the slot by the number of
 * the address space. Who has mapped something is read again a moment later, so that a program that
 * loads its libraries is not read once for each. Invariant: `spaces` names slot i for an address space
 * only if slots[i].space is that one, so that whoever reads the kernel's map of them late finds a
 * slot that says whose it is.
 */

#include "daemon/capture/mirror.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/abi.h"
#include "bpf/perfd.skel.h"
#include "daemon/base/limits.h"
#include "daemon/capture/maps.h"
#include "daemon/capture/records.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"

#define SETTLE_NS (200 * NS_PER_US)

struct slot {
	uint64_t space; /* 0: free */
	uint32_t pid;
	bool is_changed; /* to be read again */
};

struct mirror {
	struct loop *loop;
	struct perfd_bpf *bpf;
	struct abi_mirror *mirrors; /* the kernel's, by slot */
	struct abi_mirror read; /* what is being read */
	struct slot slots[LIMIT_MIRRORS];
	size_t next; /* the slot that is given up where none is free */
	struct records *records;
	struct loop_source *timer;
};

static struct slot *find_pid(struct mirror *mirror, uint32_t pid)
{
	for (size_t i = 0; i < LIMIT_MIRRORS; i++)
		if (mirror->slots[i].space && mirror->slots[i].pid == pid)
			return &mirror->slots[i];
	return NULL;
}

static struct slot *find_space(struct mirror *mirror, uint64_t space)
{
	for (size_t i = 0; i < LIMIT_MIRRORS; i++)
		if (mirror->slots[i].space == space)
			return &mirror->slots[i];
	return NULL;
}

/* The kernel side looks at `sequence` before and after it reads. */
static void slot_write(struct mirror *mirror, struct slot *slot, const struct abi_mirror *from)
{
	struct abi_mirror *to = &mirror->mirrors[slot - mirror->slots];

	__atomic_store_n(&to->sequence, to->sequence + 1, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	to->space = from->space;
	to->n = from->n;
	memcpy(to->mappings, from->mappings, from->n * sizeof(from->mappings[0]));
	__atomic_store_n(&to->sequence, to->sequence + 1, __ATOMIC_SEQ_CST);
	mirror->bpf->bss->files_epoch++;
}

static void slot_drop(struct mirror *mirror, struct slot *slot)
{
	static const struct abi_mirror none;

	if (!slot || !slot->space)
		return;
	bpf_map__delete_elem(mirror->bpf->maps.spaces, &slot->space, sizeof(slot->space), 0);
	slot_write(mirror, slot, &none);
	*slot = (struct slot){};
}

/* The slot of the address space that was read: its own, a free one, or another's in turn. */
static struct slot *slot_take(struct mirror *mirror)
{
	struct slot *slot = find_space(mirror, mirror->read.space);

	if (!slot)
		slot = find_space(mirror, 0);
	if (!slot) {
		slot = &mirror->slots[mirror->next];
		mirror->next = (mirror->next + 1) % LIMIT_MIRRORS;
		slot_drop(mirror, slot);
	}
	return slot;
}

/*
 * All executable mappings of a process into mirror->read, in order; n is 0 if it has gone. Those beyond
 * what a slot holds are not found: walks end there.
 */
static void mappings_read(struct mirror *mirror, uint32_t pid)
{
	CLEANUP(closep) int fd = maps_open_mappings(mirror->bpf, pid);
	struct abi_mirror *into = &mirror->read;
	struct abi_mapped mapped;
	uint64_t end = 0;

	into->n = 0;
	into->space = 0;
	if (fd < 0)
		return;
	/* The kernel gives whole records: a shorter read is the end. */
	while (read(fd, &mapped, sizeof(mapped)) == sizeof(mapped)) {
		/* It has executed another program meanwhile, which will be told of; or, on Linux
		 * 6.1, the iterator begins anew where it has come to its end. */
		if (mapped.mapping.start < end || (into->n && into->space != mapped.space))
			return;
		end = mapped.mapping.end;
		into->space = mapped.space;
		if (into->n < ABI_MIRROR_MAPPINGS)
			into->mappings[into->n++] = mapped.mapping;
	}
}

void mirror_read(struct mirror *mirror, uint32_t pid)
{
	struct slot *before = find_pid(mirror, pid), *slot;
	struct abi_space space = {};

	mappings_read(mirror, pid);
	if (before && before->space != mirror->read.space)
		slot_drop(mirror, before);
	if (!mirror->read.space || !mirror->read.n)
		return;
	slot = slot_take(mirror);
	*slot = (struct slot){.space = mirror->read.space, .pid = pid};
	slot_write(mirror, slot, &mirror->read);
	space.slot = (uint32_t)(slot - mirror->slots);
	bpf_map__update_elem(mirror->bpf->maps.spaces, &slot->space, sizeof(slot->space), &space,
		sizeof(space), BPF_ANY);
}

static int on_settled(void *userdata)
{
	struct mirror *mirror = userdata;

	for (size_t i = 0; i < LIMIT_MIRRORS; i++) {
		struct slot *slot = &mirror->slots[i];

		if (!slot->is_changed)
			continue;
		slot->is_changed = false;
		mirror_read(mirror, slot->pid);
	}
	return 0;
}

static void drop_all(struct mirror *mirror)
{
	for (size_t i = 0; i < LIMIT_MIRRORS; i++)
		slot_drop(mirror, &mirror->slots[i]);
}

static void on_record(void *userdata, enum record_kind kind, uint32_t pid, uint32_t parent)
{
	struct mirror *mirror = userdata;
	struct slot *slot = find_pid(mirror, kind == RECORD_FORK ? parent : pid);

	/* Nobody knows who has changed: each is read when it is met again. */
	if (kind == RECORD_LOST)
		drop_all(mirror);
	if (!slot)
		return;
	if (kind == RECORD_EXIT) {
		slot_drop(mirror, slot);
	} else if (kind == RECORD_FORK) {
		mirror_read(mirror, pid);
	} else if (kind == RECORD_EXEC) {
		mirror_read(mirror, pid);
	} else if (!slot->is_changed) {
		slot->is_changed = true;
		loop_source_set_time(mirror->timer, time_now_ns(CLOCK_MONOTONIC) + SETTLE_NS);
	}
}

int mirror_watch(struct mirror *mirror)
{
	struct records *records;
	int r = records_new(mirror->loop, on_record, mirror, &records);

	if (r < 0)
		return r;
	records_free(mirror->records);
	mirror->records = records;
	return 0;
}

void mirror_rest(struct mirror *mirror)
{
	mirror->records = records_free(mirror->records);
	drop_all(mirror);
}

int mirror_new(struct loop *loop, struct perfd_bpf *bpf, struct mirror **ret_mirror)
{
	struct mirror *mirror = calloc(1, sizeof(*mirror));
	int r;

	if (!mirror)
		return -ENOMEM;
	mirror->loop = loop;
	mirror->bpf = bpf;
	mirror->mirrors = mmap(NULL, LIMIT_MIRRORS * sizeof(*mirror->mirrors),
		PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(bpf->maps.mirrors), 0);
	if (mirror->mirrors == MAP_FAILED) {
		r = -errno;
		free(mirror);
		return r;
	}
	r = loop_add_timer(loop, UINT64_MAX / 2, on_settled, mirror, &mirror->timer);
	if (r < 0) {
		mirror_free(mirror);
		return r;
	}
	*ret_mirror = mirror;
	return 0;
}

struct mirror *mirror_free(struct mirror *mirror)
{
	if (!mirror)
		return NULL;
	records_free(mirror->records);
	loop_source_free(mirror->timer);
	munmap(mirror->mirrors, LIMIT_MIRRORS * sizeof(*mirror->mirrors));
	free(mirror);
	return NULL;
}
