/* SPDX-License-Identifier: GPL-2.0-or-later */

/* File ids and their objects, whose they are, and the vdso's image. */

#include "daemon/target/object-table.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define N_MANY 5000

START_TEST(object_is_found_by_its_id_and_by_no_other)
{
	struct object_table *table = object_table_new();
	struct object *object = object_new(OBJECT_FILE, "/lib/a.so");

	ck_assert_ptr_null(object_table_find(table, 2));
	ck_assert_int_eq(object_table_add(table, 2, object), 0);
	ck_assert_ptr_eq(object_table_find(table, 2), object);
	ck_assert_ptr_null(object_table_find(table, 0));
	ck_assert_ptr_null(object_table_find(table, 1));
	ck_assert_ptr_null(object_table_find(table, 3));
	ck_assert_ptr_null(object_table_find(table, UINT32_MAX));
	object_unref(object);
	object_table_free(table);
}
END_TEST

START_TEST(id_has_one_object_and_a_second_one_takes_no_reference)
{
	struct object_table *table = object_table_new();
	struct object *first = object_new(OBJECT_FILE, "/lib/a.so");
	struct object *second = object_new(OBJECT_FILE, "/lib/b.so");

	ck_assert_int_eq(object_table_add(table, 7, first), 0);
	ck_assert_uint_eq(first->n_refs, 2);
	ck_assert_int_eq(object_table_add(table, 7, second), -EEXIST);
	ck_assert_uint_eq(second->n_refs, 1);
	ck_assert_uint_eq(object_table_size(table), 1);
	ck_assert_ptr_eq(object_table_find(table, 7), first);
	object_unref(first);
	object_unref(second);
	object_table_free(table);
}
END_TEST

START_TEST(many_objects_keep_their_ids)
{
	struct object_table *table = object_table_new();

	for (uint32_t i = 0; i < N_MANY; i++) {
		CLEANUP(object_unrefp) struct object *object = object_new(OBJECT_FILE, "x");

		object->pid = i;
		ck_assert_int_eq(object_table_add(table, i * 64 + 2, object), 0);
	}
	ck_assert_uint_eq(object_table_size(table), N_MANY);
	for (uint32_t i = 0; i < N_MANY; i++) {
		const struct object *object = object_table_find(table, i * 64 + 2);

		ck_assert_ptr_nonnull(object);
		ck_assert_uint_eq(object->pid, i);
		ck_assert_ptr_null(object_table_find(table, i * 64 + 3));
	}
	object_table_free(table);
}
END_TEST

START_TEST(removed_objects_leave_the_others_where_they_are)
{
	struct object_table *table = object_table_new();

	for (uint32_t i = 0; i < N_MANY; i++) {
		CLEANUP(object_unrefp) struct object *object = object_new(OBJECT_FILE, "x");

		object->pid = i;
		ck_assert_int_eq(object_table_add(table, i * 64 + 2, object), 0);
	}
	for (uint32_t i = 0; i < N_MANY; i += 3)
		object_table_remove(table, i * 64 + 2);
	object_table_remove(table, 1);
	for (uint32_t i = 0; i < N_MANY; i++) {
		const struct object *object = object_table_find(table, i * 64 + 2);

		ck_assert(i % 3 ? object && object->pid == i : !object);
	}
	ck_assert_uint_eq(object_table_size(table), N_MANY - (N_MANY + 2) / 3);
	for (uint32_t i = 0; i < N_MANY; i++)
		object_table_remove(table, i * 64 + 2);
	ck_assert_uint_eq(object_table_size(table), 0);
	object_table_free(table);
}
END_TEST

START_TEST(cleared_table_lets_go_and_takes_the_same_ids_again)
{
	struct object_table *table = object_table_new();
	struct object *object = object_new(OBJECT_FILE, "/lib/a.so");

	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(object_table_add(table, 2, object), 0);
		ck_assert_uint_eq(object->n_refs, 2);
		object_table_clear(table);
		ck_assert_uint_eq(object->n_refs, 1);
		ck_assert_uint_eq(object_table_size(table), 0);
		ck_assert_ptr_null(object_table_find(table, 2));
	}
	object_unref(object);
	object_table_free(table);
	ck_assert_ptr_null(object_table_free(NULL));
}
END_TEST

START_TEST(last_reference_closes_the_descriptor)
{
	struct object *object = object_new(OBJECT_FILE, "/dev/null");
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	object->fd = fd;
	ck_assert_ptr_eq(object_ref(object), object);
	ck_assert_ptr_null(object_unref(object));
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	ck_assert_ptr_null(object_unref(object));
	ck_assert_int_lt(fcntl(fd, F_GETFD), 0);
	ck_assert_ptr_null(object_unref(NULL));
}
END_TEST

START_TEST(better_path_replaces_the_first)
{
	CLEANUP(object_unrefp) struct object *object = object_new(OBJECT_FILE, "a.so");

	ck_assert_int_eq(object_set_path(object, "/lib/a.so (deleted)"), 0);
	ck_assert_str_eq(object->path, "/lib/a.so (deleted)");
}
END_TEST

/* Where a section's name stands in the image, or NULL. */
static const char *section_name(const char *image, size_t size, unsigned index)
{
	const Elf64_Ehdr *header = (const void *)image;
	const Elf64_Shdr *sections = (const void *)(image + header->e_shoff);
	size_t at = sections[header->e_shstrndx].sh_offset + sections[index].sh_name;

	return at < size ? image + at : NULL;
}

START_TEST(vdso_is_an_open_object_with_the_image_as_it_is_mapped)
{
	CLEANUP(object_unrefp) struct object *object = object_new_vdso();
	const char *image = (const char *)getauxval(AT_SYSINFO_EHDR);
	CLEANUP(freep) char *copy = NULL;
	const Elf64_Ehdr *header;
	unsigned n_named = 0;
	size_t size;

	if (!image) {
		ck_assert_ptr_null(object);
		return;
	}
	ck_assert_ptr_nonnull(object);
	ck_assert_int_eq(object->kind, OBJECT_VDSO);
	ck_assert_int_eq(object->state, OBJECT_OPEN);
	ck_assert_str_eq(object->path, "[vdso]");
	ck_assert_int_eq(fcntl(object->fd, F_GETFD), FD_CLOEXEC);
	size = (size_t)object->stat.st_size;
	ck_assert_uint_gt(size, sizeof(*header));
	copy = malloc(size);
	ck_assert_int_eq(pread(object->fd, copy, size, 0), (ssize_t)size);
	ck_assert_int_eq(memcmp(copy, image, size), 0);
	header = (const void *)copy;
	ck_assert_int_eq(memcmp(header->e_ident, ELFMAG, SELFMAG), 0);
	ck_assert_uint_le(header->e_shoff + header->e_shnum * sizeof(Elf64_Shdr), size);
	for (unsigned i = 0; i < header->e_shnum; i++) {
		const char *name = section_name(copy, size, i);

		ck_assert_ptr_nonnull(name);
		n_named += !strcmp(name, ".dynsym") || !strcmp(name, ".eh_frame") ||
			!strcmp(name, ".text");
	}
	ck_assert_uint_eq(n_named, 3);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		object_is_found_by_its_id_and_by_no_other,
		id_has_one_object_and_a_second_one_takes_no_reference,
		many_objects_keep_their_ids,
		removed_objects_leave_the_others_where_they_are,
		cleared_table_lets_go_and_takes_the_same_ids_again,
		last_reference_closes_the_descriptor,
		better_path_replaces_the_first,
		vdso_is_an_open_object_with_the_image_as_it_is_mapped,
	};

	return check_main("target/object-table", tests, ARRAY_SIZE(tests));
}
