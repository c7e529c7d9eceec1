/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A dense array of (file id, object) with a hash index; the kernel never gives an id out twice. */

#include "daemon/target/object-table.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/hash.h"

#define VDSO_SIZE_MAX (64 * 1024)

struct entry {
	uint32_t file;
	struct object *object;
};

struct object_table {
	struct entry *entries; /* id in the hash: index + 1 */
	size_t n, n_allocated;
	struct hash hash;
};

struct object_table *object_table_new(void)
{
	return calloc(1, sizeof(struct object_table));
}

void object_table_clear(struct object_table *table)
{
	for (size_t i = 0; i < table->n; i++)
		object_unref(table->entries[i].object);
	table->n = 0;
	hash_done(&table->hash);
}

struct object_table *object_table_free(struct object_table *table)
{
	if (!table)
		return NULL;
	object_table_clear(table);
	free(table->entries);
	free(table);
	return NULL;
}

static bool is_file(const void *entries, uint32_t id, const void *key)
{
	return ((const struct entry *)entries)[id - 1].file == *(const uint32_t *)key;
}

static uint32_t find(const struct object_table *table, uint32_t file)
{
	return hash_find(
		&table->hash, hash_bytes(&file, sizeof(file)), is_file, table->entries, &file);
}

int object_table_add(struct object_table *table, uint32_t file, struct object *object)
{
	int r;

	if (find(table, file))
		return -EEXIST;
	r = array_reserve(&table->entries, &table->n_allocated, table->n + 1, sizeof(struct entry));
	if (r < 0)
		return r;
	r = hash_add(&table->hash, hash_bytes(&file, sizeof(file)), (uint32_t)table->n + 1);
	if (r < 0)
		return r;
	table->entries[table->n++] = (struct entry){file, object_ref(object)};
	return 0;
}

/* The last entry moves into the gap. There is room for its new place in the hash. */
void object_table_remove(struct object_table *table, uint32_t file)
{
	uint32_t id = find(table, file), last = (uint32_t)table->n;
	struct entry moved;
	uint32_t value;

	if (!id)
		return;
	moved = table->entries[last - 1];
	value = hash_bytes(&moved.file, sizeof(moved.file));
	hash_remove(&table->hash, hash_bytes(&file, sizeof(file)), id);
	object_unref(table->entries[id - 1].object);
	table->n--;
	if (id == last)
		return;
	hash_remove(&table->hash, value, last);
	table->entries[id - 1] = moved;
	hash_add(&table->hash, value, id);
}

struct object *object_table_find(const struct object_table *table, uint32_t file)
{
	uint32_t id = find(table, file);

	return id ? table->entries[id - 1].object : NULL;
}

size_t object_table_size(const struct object_table *table)
{
	return table->n;
}

/* The size of the image in memory: up to the end of its section headers, which come last. */
static size_t vdso_size(const Elf64_Ehdr *header)
{
	size_t size = header->e_shoff + (size_t)header->e_shnum * header->e_shentsize;

	return size > sizeof(*header) && size <= VDSO_SIZE_MAX ? size : 0;
}

struct object *object_new_vdso(void)
{
	const void *image = (const void *)getauxval(AT_SYSINFO_EHDR);
	size_t size = image ? vdso_size(image) : 0;
	CLEANUP(object_unrefp) struct object *object = NULL;

	if (!size)
		return NULL;
	object = object_new(OBJECT_VDSO, "[vdso]");
	if (!object)
		return NULL;
	object->fd = memfd_create("vdso", MFD_CLOEXEC);
	if (object->fd < 0 || write(object->fd, image, size) != (ssize_t)size ||
		fstat(object->fd, &object->stat) < 0)
		return NULL;
	object->state = OBJECT_OPEN;
	return TAKE(object);
}
