/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A table goes FREE -> used -> leaving -> FREE, its index and its rows together. Leaving ones are
 * given to others only after the kernel has said that no program which could have seen them runs any
 * more: it waits for that when an element of a map of maps is replaced (kernel/bpf/syscall.c,
 * maybe_wait_bpf_programs), so that is what we do, with an element that stays what it was. Shards are
 * kept for ever. Index 0 of the tables means "none yet" and is never given out.
 */

#include "daemon/unwind/upload.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/unwind/shards.h"
#include "proto/base/cleanup.h"
#include "proto/base/hash.h"

enum entry_state { ENTRY_FREE, ENTRY_USED, ENTRY_LEAVING };

struct entry {
	enum entry_state state;
	uint32_t n_refs;
	uint32_t hash; /* of the rows */
	uint64_t n_rows;
	struct abi_table table;
};

struct upload {
	int shards_fd, tables_fd;
	int first_shard_fd; /* -1 until there is one */
	struct abi_shard *shards[ABI_SHARDS_MAX];
	uint32_t n_shards; /* that exist */
	struct shard_room room;
	struct entry entries[ABI_TABLES_MAX];
	uint32_t n_entries; /* ever used, with entry 0 */
	uint32_t n_leaving;
	uint64_t n_rows_leaving;
	struct hash by_rows; /* of used entries: their indices */
	uint32_t generation; /* of the table that was written last: they are counted for ever */
	struct upload_statistics statistics;
};

struct rows {
	const struct abi_row *rows;
	size_t n;
};

int upload_new(int shards_fd, int tables_fd, struct upload **ret_upload)
{
	struct upload *upload = calloc(1, sizeof(*upload));

	if (!upload)
		return -ENOMEM;
	upload->shards_fd = shards_fd;
	upload->tables_fd = tables_fd;
	upload->first_shard_fd = -1;
	upload->n_entries = 1;
	*ret_upload = upload;
	return 0;
}

struct upload *upload_free(struct upload *upload)
{
	if (!upload)
		return NULL;
	for (uint32_t i = 0; i < upload->n_shards; i++)
		munmap(upload->shards[i], sizeof(struct abi_shard));
	closep(&upload->first_shard_fd);
	shard_room_done(&upload->room);
	hash_done(&upload->by_rows);
	free(upload);
	return NULL;
}

static int shard_create(struct upload *upload)
{
	struct bpf_map_create_opts options;
	CLEANUP(closep) int fd = -1;
	uint32_t index = upload->n_shards;
	void *memory;

	if (index == ABI_SHARDS_MAX)
		return -ENOSPC;
	memset(&options, 0, sizeof(options));
	options.sz = sizeof(options);
	options.map_flags = BPF_F_MMAPABLE;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "unwind_shard", sizeof(uint32_t),
		sizeof(struct abi_shard), 1, &options);
	if (fd < 0)
		return -errno;
	memory = mmap(NULL, sizeof(struct abi_shard), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	/* No helper needs it, and page tables of tens of megabytes make each fork dear. */
	madvise(memory, sizeof(struct abi_shard), MADV_DONTFORK);
	/* The kernel's map and our mapping hold it from here on; the fd may go. */
	if (bpf_map_update_elem(upload->shards_fd, &index, &fd, BPF_ANY) < 0) {
		munmap(memory, sizeof(struct abi_shard));
		return -errno;
	}
	upload->shards[upload->n_shards++] = memory;
	if (!index)
		upload->first_shard_fd = take_fd(&fd);
	return shard_room_give(
		&upload->room, (struct shard_extent){.shard = index, .n = ABI_SHARD_ROWS});
}

/* Tables that were leaving have left. */
static int leaving_wait(struct upload *upload)
{
	uint32_t index = 0;

	if (upload->first_shard_fd < 0)
		return -ENOSPC;
	if (bpf_map_update_elem(upload->shards_fd, &index, &upload->first_shard_fd, BPF_ANY) < 0)
		return -errno;
	for (uint32_t i = 1; i < upload->n_entries; i++) {
		struct entry *entry = &upload->entries[i];

		if (entry->state != ENTRY_LEAVING)
			continue;
		for (uint32_t c = 0; c < entry->table.n_chunks; c++) {
			const struct abi_chunk *chunk = &entry->table.chunks[c];

			shard_room_give(&upload->room,
				(struct shard_extent){chunk->shard, chunk->first, chunk->n});
		}
		*entry = (struct entry){};
	}
	upload->n_leaving = 0;
	upload->n_rows_leaving = 0;
	return 0;
}

static int index_take(struct upload *upload, uint32_t *ret_index)
{
	if (upload->n_entries < ABI_TABLES_MAX) {
		*ret_index = upload->n_entries++;
		return 0;
	}
	if (upload->n_leaving) {
		int r = leaving_wait(upload);

		if (r < 0)
			return r;
	}
	for (uint32_t i = 1; i < upload->n_entries; i++)
		if (upload->entries[i].state == ENTRY_FREE) {
			*ret_index = i;
			return 0;
		}
	return -ENOSPC;
}

/* Pieces for n rows. A wait for what is leaving costs no more than a new shard, and no memory. */
static int room_take(
	struct upload *upload, size_t n, struct shard_extent *ret_extents, size_t *ret_n_extents)
{
	for (;;) {
		int r;

		*ret_n_extents = shard_room_take(
			&upload->room, n, ret_extents, ABI_TABLE_CHUNKS_MAX);
		if (*ret_n_extents)
			return 0;
		if (upload->room.n_rows + upload->n_rows_leaving >= n && upload->n_leaving)
			r = leaving_wait(upload);
		else
			r = shard_create(upload);
		if (r < 0)
			return r;
	}
}

static void table_fill(struct upload *upload, const struct rows *rows,
	const struct shard_extent *extents, size_t n_extents, struct abi_table *ret_table)
{
	size_t done = 0;

	*ret_table = (struct abi_table){
		.n_chunks = (uint32_t)n_extents,
		.generation = ++upload->generation ? upload->generation : ++upload->generation,
	};
	for (size_t i = 0; i < n_extents; i++) {
		const struct shard_extent *extent = &extents[i];
		const struct abi_row *from = rows->rows + done;

		done += extent->n;
		ret_table->chunks[i] = (struct abi_chunk){
			.first_pc = from->pc,
			.end_pc = done < rows->n ? rows->rows[done].pc : UINT32_MAX,
			.shard = extent->shard,
			.first = extent->first,
			.n = extent->n,
		};
		memcpy(&upload->shards[extent->shard]->rows[extent->first], from,
			extent->n * sizeof(*from));
	}
}

static bool has_rows(const void *table, uint32_t id, const void *key)
{
	const struct upload *upload = table;
	const struct entry *entry = &upload->entries[id];
	const struct rows *rows = key;
	size_t done = 0;

	if (entry->n_rows != rows->n)
		return false;
	for (uint32_t i = 0; i < entry->table.n_chunks; i++) {
		const struct abi_chunk *chunk = &entry->table.chunks[i];

		if (memcmp(&upload->shards[chunk->shard]->rows[chunk->first], rows->rows + done,
			    chunk->n * sizeof(*rows->rows)) != 0)
			return false;
		done += chunk->n;
	}
	return true;
}

static int entry_add(struct upload *upload, const struct rows *rows, uint32_t hash, uint32_t *index)
{
	struct shard_extent extents[ABI_TABLE_CHUNKS_MAX];
	struct entry *entry;
	size_t n_extents;
	int r = room_take(upload, rows->n, extents, &n_extents);

	if (r < 0)
		return r;
	r = index_take(upload, index);
	if (!r)
		r = hash_add(&upload->by_rows, hash, *index);
	if (!r) {
		entry = &upload->entries[*index];
		*entry = (struct entry){ENTRY_USED, 1, hash, rows->n, {}};
		table_fill(upload, rows, extents, n_extents, &entry->table);
		if (!bpf_map_update_elem(upload->tables_fd, index, &entry->table, BPF_ANY))
			return 0;
		r = -errno;
		hash_remove(&upload->by_rows, hash, *index);
		*entry = (struct entry){};
	}
	while (n_extents)
		shard_room_give(&upload->room, extents[--n_extents]);
	return r;
}

int upload_add(struct upload *upload, const struct abi_row *rows, size_t n, uint32_t *ret_index)
{
	struct rows these = {rows, n};
	uint32_t hash = hash_bytes(rows, n * sizeof(*rows)), index;
	int r;

	index = hash_find(&upload->by_rows, hash, has_rows, upload, &these);
	if (index) {
		upload->entries[index].n_refs++;
		upload->statistics.n_shared++;
		*ret_index = index;
		return 0;
	}
	r = entry_add(upload, &these, hash, &index);
	if (r < 0)
		return r;
	upload->statistics.n_tables++;
	upload->statistics.n_rows += n;
	*ret_index = index;
	return 0;
}

void upload_remove(struct upload *upload, uint32_t index)
{
	static const struct abi_table none;
	struct entry *entry = &upload->entries[index];

	if (--entry->n_refs)
		return;
	/* Who looks it up from here on finds no row. */
	bpf_map_update_elem(upload->tables_fd, &index, &none, BPF_ANY);
	hash_remove(&upload->by_rows, entry->hash, index);
	entry->state = ENTRY_LEAVING;
	upload->n_leaving++;
	upload->n_rows_leaving += entry->n_rows;
	upload->statistics.n_tables--;
	upload->statistics.n_rows -= entry->n_rows;
}

void upload_statistics(const struct upload *upload, struct upload_statistics *ret_statistics)
{
	*ret_statistics = upload->statistics;
	ret_statistics->bytes = upload->n_shards * sizeof(struct abi_shard);
}
