/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Shards are filled one after another and kept when they are forgotten, since creating one waits
 * for the kernel's readers. Index 0 of the tables means "none yet" and is never given out.
 */

#include "daemon/unwind/upload.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/base/cleanup.h"

struct upload {
	int shards_fd, tables_fd;
	struct abi_shard *shards[ABI_SHARDS_MAX];
	uint32_t n_shards; /* that exist */
	uint32_t shard; /* that is being filled */
	uint32_t used; /* rows of it */
	uint32_t n_tables;
	uint32_t generation; /* of the table that was written last: they are counted for ever */
	uint64_t n_rows;
};

int upload_new(int shards_fd, int tables_fd, struct upload **ret_upload)
{
	struct upload *upload = calloc(1, sizeof(*upload));

	if (!upload)
		return -ENOMEM;
	upload->shards_fd = shards_fd;
	upload->tables_fd = tables_fd;
	*ret_upload = upload;
	return 0;
}

struct upload *upload_free(struct upload *upload)
{
	if (!upload)
		return NULL;
	for (uint32_t i = 0; i < upload->n_shards; i++)
		munmap(upload->shards[i], sizeof(struct abi_shard));
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
	/* The kernel's map and our mapping hold it from here on; the fd may go. */
	if (bpf_map_update_elem(upload->shards_fd, &index, &fd, BPF_ANY) < 0) {
		munmap(memory, sizeof(struct abi_shard));
		return -errno;
	}
	upload->shards[upload->n_shards++] = memory;
	return 0;
}

/* Copies as many rows as the current shard holds; goes on to the next one where it is full. */
static int chunk_add(
	struct upload *upload, const struct abi_row *rows, size_t n, struct abi_chunk *ret_chunk)
{
	uint32_t room;
	int r;

	if (upload->used == ABI_SHARD_ROWS) {
		upload->shard++;
		upload->used = 0;
	}
	if (upload->shard == upload->n_shards) {
		r = shard_create(upload);
		if (r < 0)
			return r;
	}
	room = ABI_SHARD_ROWS - upload->used;
	*ret_chunk = (struct abi_chunk){
		.first_pc = rows[0].pc,
		.end_pc = n > room ? rows[room].pc : UINT32_MAX,
		.shard = upload->shard,
		.first = upload->used,
		.n = n > room ? room : (uint32_t)n,
	};
	memcpy(&upload->shards[upload->shard]->rows[upload->used], rows,
		ret_chunk->n * sizeof(*rows));
	upload->used += ret_chunk->n;
	return 0;
}

int upload_add(struct upload *upload, const struct abi_row *rows, size_t n, uint32_t *ret_index)
{
	uint32_t shard = upload->shard, used = upload->used, index = upload->n_tables + 1;
	struct abi_table table = {.generation = upload->generation + 1};
	int r = index < ABI_TABLES_MAX ? 0 : -ENOSPC;

	for (size_t done = 0; done < n && !r;) {
		if (table.n_chunks == ABI_TABLE_CHUNKS_MAX) {
			r = -ENOSPC;
			break;
		}
		r = chunk_add(upload, rows + done, n - done, &table.chunks[table.n_chunks]);
		if (!r)
			done += table.chunks[table.n_chunks++].n;
	}
	if (!r && bpf_map_update_elem(upload->tables_fd, &index, &table, BPF_ANY) < 0)
		r = -errno;
	if (r < 0) {
		upload->shard = shard;
		upload->used = used;
		return r;
	}
	upload->n_tables = index;
	upload->generation = table.generation;
	upload->n_rows += n;
	*ret_index = index;
	return 0;
}

void upload_reset(struct upload *upload)
{
	upload->shard = 0;
	upload->used = 0;
	upload->n_tables = 0;
	upload->n_rows = 0;
}

uint64_t upload_bytes(const struct upload *upload)
{
	return upload->n_shards * sizeof(struct abi_shard);
}

uint64_t upload_rows(const struct upload *upload)
{
	return upload->n_rows;
}
