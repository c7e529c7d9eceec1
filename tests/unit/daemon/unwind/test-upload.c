/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Unwind tables in real BPF maps: an address in a table's range finds its row where the chunk says,
 * across shards, and what does not fit leaves nothing behind.
 */

#include "daemon/unwind/upload.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define SKIPPED 77
#define PC_STEP 16

static int shards_fd = -1, tables_fd = -1;
static struct upload *upload;

static int shard_map_create(void)
{
	struct bpf_map_create_opts options = {
		.sz = sizeof(options),
		.map_flags = BPF_F_MMAPABLE,
	};

	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "test_shard", sizeof(uint32_t),
		sizeof(struct abi_shard), 1, &options);
}

/* The two maps as the BPF object has them. 0 or a negative errno. */
static int maps_create(void)
{
	CLEANUP(closep) int inner_fd = shard_map_create();
	struct bpf_map_create_opts options = {
		.sz = sizeof(options),
		.inner_map_fd = (uint32_t)inner_fd,
	};

	if (inner_fd < 0)
		return -errno;
	shards_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "test_shards", sizeof(uint32_t),
		sizeof(uint32_t), ABI_SHARDS_MAX, &options);
	if (shards_fd < 0)
		return -errno;
	tables_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "test_tables", sizeof(uint32_t),
		sizeof(struct abi_table), ABI_TABLES_MAX, NULL);
	return tables_fd < 0 ? -errno : 0;
}

static void maps_open(void)
{
	ck_assert_int_eq(maps_create(), 0);
	ck_assert_int_eq(upload_new(shards_fd, tables_fd, &upload), 0);
}

static void maps_close(void)
{
	upload = upload_free(upload);
	closep(&shards_fd);
	closep(&tables_fd);
}

/* Rows at first, first + PC_STEP, ...; each tells its table by its offset. */
static struct abi_row *rows_new(size_t n, uint32_t first, int16_t mark)
{
	struct abi_row *rows = calloc(n, sizeof(*rows));

	ck_assert_ptr_nonnull(rows);
	for (size_t i = 0; i < n; i++)
		rows[i] = (struct abi_row){
			.pc = first + (uint32_t)i * PC_STEP,
			.cfa_offset = mark,
		};
	return rows;
}

static int add(size_t n, uint32_t first, int16_t mark, uint32_t *ret_index)
{
	CLEANUP(freep) struct abi_row *rows = rows_new(n, first, mark);

	return upload_add(upload, rows, n, ret_index);
}

static struct upload_statistics statistics(void)
{
	struct upload_statistics now;

	upload_statistics(upload, &now);
	return now;
}

static void table_read(uint32_t index, struct abi_table *ret_table)
{
	ck_assert_int_eq(bpf_map_lookup_elem(tables_fd, &index, ret_table), 0);
}

/* A shard's rows as the kernel has them. */
static const struct abi_shard *shard_map(uint32_t index)
{
	CLEANUP(closep) int fd = -1;
	uint32_t id;
	const void *memory;

	ck_assert_int_eq(bpf_map_lookup_elem(shards_fd, &index, &id), 0);
	fd = bpf_map_get_fd_by_id(id);
	ck_assert_int_ge(fd, 0);
	memory = mmap(NULL, sizeof(struct abi_shard), PROT_READ, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(memory, MAP_FAILED);
	return memory;
}

/* Every row of a table is where its chunk says, and the chunks answer for all addresses. */
static void table_has(uint32_t index, size_t n, uint32_t first, int16_t mark)
{
	struct abi_table table;
	size_t n_seen = 0;

	table_read(index, &table);
	ck_assert_uint_le(table.n_chunks, ABI_TABLE_CHUNKS_MAX);
	for (uint32_t i = 0; i < table.n_chunks; i++) {
		const struct abi_chunk *chunk = &table.chunks[i];
		const struct abi_shard *shard = shard_map(chunk->shard);

		ck_assert_uint_le(chunk->first + chunk->n, ABI_SHARD_ROWS);
		ck_assert_uint_eq(chunk->first_pc, first + n_seen * PC_STEP);
		for (uint32_t j = 0; j < chunk->n; j++, n_seen++) {
			const struct abi_row *row = &shard->rows[chunk->first + j];

			if (row->pc != first + n_seen * PC_STEP || row->cfa_offset != mark)
				ck_abort_msg(
					"row %zu: pc %x mark %d", n_seen, row->pc, row->cfa_offset);
		}
		ck_assert_uint_eq(chunk->end_pc,
			i + 1 < table.n_chunks ? first + n_seen * PC_STEP : UINT32_MAX);
		munmap((void *)shard, sizeof(*shard));
	}
	ck_assert_uint_eq(n_seen, n);
}

START_TEST(tables_share_a_shard_and_index_0_is_nobodys)
{
	uint32_t first, second;

	maps_open();
	ck_assert_uint_eq(statistics().bytes, 0);
	ck_assert_int_eq(add(1, 0x40, 1, &first), 0);
	ck_assert_int_eq(add(100, 0x1000, 2, &second), 0);
	ck_assert_uint_ne(first, 0);
	ck_assert_uint_ne(second, 0);
	ck_assert_uint_ne(first, second);
	table_has(first, 1, 0x40, 1);
	table_has(second, 100, 0x1000, 2);
	ck_assert_uint_eq(statistics().n_rows, 101);
	ck_assert_uint_eq(statistics().bytes, sizeof(struct abi_shard));
	maps_close();
}
END_TEST

static uint32_t generation_of(uint32_t index)
{
	struct abi_table table;

	table_read(index, &table);
	return table.generation;
}

/* The kernel side remembers rows by it. */
START_TEST(no_two_tables_ever_have_the_same_generation)
{
	uint32_t index, first, second;

	maps_open();
	ck_assert_int_eq(add(ABI_SHARD_ROWS, 0, 1, &index), 0);
	first = generation_of(index);
	ck_assert_int_eq(add(1, 0, 2, &index), 0);
	second = generation_of(index);
	ck_assert_uint_ne(first, 0);
	ck_assert_uint_ne(second, 0);
	ck_assert_uint_ne(second, first);
	upload_remove(upload, index);
	ck_assert_uint_eq(generation_of(index), 0);
	ck_assert_int_eq(add(1, 0, 3, &index), 0);
	ck_assert_uint_ne(generation_of(index), 0);
	ck_assert_uint_ne(generation_of(index), first);
	ck_assert_uint_ne(generation_of(index), second);
	maps_close();
}
END_TEST

START_TEST(table_is_cut_where_a_shard_ends)
{
	struct abi_table table;
	uint32_t before, large, after;

	maps_open();
	ck_assert_int_eq(add(1000, 0, 1, &before), 0);
	ck_assert_int_eq(add(2 * ABI_SHARD_ROWS + 500, 0x80, 2, &large), 0);
	ck_assert_int_eq(add(10, 0, 3, &after), 0);
	table_read(large, &table);
	ck_assert_uint_eq(table.n_chunks, 3);
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_uint_le(table.chunks[i].n, ABI_SHARD_ROWS);
	table_has(before, 1000, 0, 1);
	table_has(large, 2 * ABI_SHARD_ROWS + 500, 0x80, 2);
	table_has(after, 10, 0, 3);
	ck_assert_uint_eq(statistics().bytes, 3 * sizeof(struct abi_shard));
	maps_close();
}
END_TEST

START_TEST(table_that_fills_a_shard_exactly_is_one_piece)
{
	struct abi_table table;
	uint32_t full, next;

	maps_open();
	ck_assert_int_eq(add(ABI_SHARD_ROWS, 0, 1, &full), 0);
	ck_assert_uint_eq(statistics().bytes, sizeof(struct abi_shard));
	ck_assert_int_eq(add(1, 0, 2, &next), 0);
	table_read(full, &table);
	ck_assert_uint_eq(table.n_chunks, 1);
	ck_assert_uint_eq(table.chunks[0].end_pc, UINT32_MAX);
	table_has(full, ABI_SHARD_ROWS, 0, 1);
	table_has(next, 1, 0, 2);
	maps_close();
}
END_TEST

START_TEST(largest_table_fits_beside_others)
{
	uint32_t index, next;

	maps_open();
	ck_assert_int_eq(add(5, 0, 1, &next), 0);
	ck_assert_int_eq(add(ABI_TABLE_CHUNKS_MAX * ABI_SHARD_ROWS, 0, 2, &index), 0);
	table_has(next, 5, 0, 1);
	table_has(index, ABI_TABLE_CHUNKS_MAX * ABI_SHARD_ROWS, 0, 2);
	maps_close();
}
END_TEST

START_TEST(table_that_has_no_room_leaves_nothing)
{
	uint32_t index = 99, next, n_large = 0;
	uint64_t n_rows;
	int r = 0;

	maps_open();
	ck_assert_int_eq(add(5, 0, 1, &next), 0);
	while (!r) {
		n_rows = statistics().n_rows;
		r = add(4 * ABI_SHARD_ROWS, 0, (int16_t)++n_large, &index);
	}
	ck_assert_int_eq(r, -ENOSPC);
	ck_assert_uint_eq(n_large, ABI_SHARDS_MAX / 4);
	ck_assert_uint_eq(statistics().n_rows, n_rows);
	ck_assert_int_eq(add(7, 0x100, 30, &index), 0);
	table_has(next, 5, 0, 1);
	table_has(index, 7, 0x100, 30);
	maps_close();
}
END_TEST

START_TEST(tables_run_out_before_their_map_does)
{
	uint32_t index, last = 0;
	int r = 0;

	maps_open();
	for (uint32_t i = 0; !r; i++) {
		r = add(1, i, 1, &index);
		if (!r)
			last = index;
	}
	ck_assert_int_eq(r, -ENOSPC);
	ck_assert_uint_eq(last, ABI_TABLES_MAX - 1);
	ck_assert_uint_eq(statistics().n_rows, ABI_TABLES_MAX - 1);
	table_has(last, 1, last - 1, 1);
	upload_remove(upload, 77);
	ck_assert_int_eq(add(3, 0x50, 2, &index), 0);
	ck_assert_uint_eq(index, 77);
	table_has(77, 3, 0x50, 2);
	maps_close();
}
END_TEST

START_TEST(kernel_that_refuses_leaves_nothing)
{
	uint32_t index = 99;

	maps_open();
	upload_free(upload);
	ck_assert_int_eq(upload_new(-1, tables_fd, &upload), 0);
	ck_assert_int_lt(add(5, 0, 1, &index), 0);
	ck_assert_uint_eq(statistics().bytes, 0);
	upload_free(upload);
	ck_assert_int_eq(upload_new(shards_fd, -1, &upload), 0);
	ck_assert_int_lt(add(5, 0, 1, &index), 0);
	ck_assert_uint_eq(statistics().n_rows, 0);
	ck_assert_uint_eq(index, 99);
	maps_close();
}
END_TEST

START_TEST(equal_tables_are_one_until_the_last_has_gone)
{
	struct abi_table table;
	uint32_t first, second, other;

	maps_open();
	ck_assert_int_eq(add(50, 0x40, 1, &first), 0);
	ck_assert_int_eq(add(50, 0x40, 1, &second), 0);
	ck_assert_int_eq(add(50, 0x40, 2, &other), 0);
	ck_assert_uint_eq(second, first);
	ck_assert_uint_ne(other, first);
	ck_assert_uint_eq(statistics().n_tables, 2);
	ck_assert_uint_eq(statistics().n_shared, 1);
	ck_assert_uint_eq(statistics().n_rows, 100);
	upload_remove(upload, first);
	table_has(first, 50, 0x40, 1);
	upload_remove(upload, first);
	table_read(first, &table);
	ck_assert_uint_eq(table.n_chunks, 0);
	ck_assert_uint_eq(statistics().n_tables, 1);
	table_has(other, 50, 0x40, 2);
	maps_close();
}
END_TEST

/* Rows that were given back stay as they are until they are needed and the kernel has been asked. */
START_TEST(room_that_was_given_back_is_used_again_before_new_is_taken)
{
	const struct abi_shard *shard;
	struct abi_table table;
	uint32_t first, second, again;

	maps_open();
	ck_assert_int_eq(add(ABI_SHARD_ROWS - 10, 0, 1, &first), 0);
	table_read(first, &table);
	upload_remove(upload, first);
	ck_assert_int_eq(add(10, 0, 2, &second), 0);
	shard = shard_map(0);
	ck_assert_int_eq(shard->rows[table.chunks[0].first].cfa_offset, 1);
	munmap((void *)shard, sizeof(*shard));
	for (int16_t round = 3; round < 20; round++) {
		ck_assert_int_eq(add(ABI_SHARD_ROWS - 20, 0x20, round, &again), 0);
		table_has(again, ABI_SHARD_ROWS - 20, 0x20, round);
		upload_remove(upload, again);
	}
	ck_assert_uint_eq(statistics().bytes, sizeof(struct abi_shard));
	table_has(second, 10, 0, 2);
	maps_close();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		tables_share_a_shard_and_index_0_is_nobodys,
		no_two_tables_ever_have_the_same_generation,
		table_is_cut_where_a_shard_ends,
		table_that_fills_a_shard_exactly_is_one_piece,
		largest_table_fits_beside_others,
		table_that_has_no_room_leaves_nothing,
		tables_run_out_before_their_map_does,
		kernel_that_refuses_leaves_nothing,
		equal_tables_are_one_until_the_last_has_gone,
		room_that_was_given_back_is_used_again_before_new_is_taken,
	};
	int r = maps_create();

	closep(&shards_fd);
	closep(&tables_fd);
	if (r < 0) {
		printf("SKIP: no BPF maps here: %s\n", strerror(-r));
		return SKIPPED;
	}
	return check_main("unwind/upload", tests, ARRAY_SIZE(tests));
}
