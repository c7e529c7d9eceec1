/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Of a kernel's types those that are asked for, with what lies in them. */

#include "daemon/capture/kernel-types.h"

#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

static void btf_freep(struct btf **btf)
{
	btf__free(*btf);
}

/* A file in memory; its path. */
static int file_of(const void *bytes, size_t n, char path[32])
{
	int fd = memfd_create("types", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

/*
 * struct inner { volatile word w; }; struct other { int x; };
 * struct outer { struct inner in[3]; struct other *other; enum e e; unsigned bits : 3; };
 */
static struct btf *kernel(void)
{
	struct btf *btf = btf__new_empty();
	int number = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	int word = btf__add_typedef(btf, "word", number);
	int held = btf__add_volatile(btf, word), inner, array, other, pointer, e;

	inner = btf__add_struct(btf, "inner", 4);
	btf__add_field(btf, "w", held, 0, 0);
	array = btf__add_array(btf, number, inner, 3);
	other = btf__add_struct(btf, "other", 4);
	btf__add_field(btf, "x", number, 0, 0);
	pointer = btf__add_ptr(btf, other);
	e = btf__add_enum(btf, "e", 4);
	btf__add_enum_value(btf, "E1", 1);
	btf__add_func_proto(btf, number);
	btf__add_func_param(btf, "p", pointer);
	btf__add_struct(btf, "outer", 32);
	btf__add_field(btf, "in", array, 0, 0);
	btf__add_field(btf, "other", pointer, 128, 0);
	btf__add_field(btf, "e", e, 192, 0);
	btf__add_field(btf, "bits", number, 224, 3);
	return btf;
}

static int extract(const struct btf *from, const char *name, struct btf **ret_btf)
{
	CLEANUP(btf_freep) struct btf *structs = btf__new_empty();
	CLEANUP(closep) int fd = -1, extracted = memfd_create("extracted", MFD_CLOEXEC);
	struct kernel_types_wanted wanted = {.structs = structs};
	const void *bytes;
	char path[32];
	uint32_t n;
	int r;

	btf__add_struct(structs, name, 8);
	bytes = btf__raw_data(from, &n);
	fd = file_of(bytes, n, path);
	r = kernel_types_extract(path, &wanted, extracted);
	if (r)
		return r;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", extracted);
	*ret_btf = btf__parse(path, NULL);
	ck_assert_ptr_nonnull(*ret_btf);
	return 0;
}

static bool has(const struct btf *btf, const char *name, uint32_t kind)
{
	return btf__find_by_name_kind(btf, name, kind) > 0;
}

START_TEST(a_struct_comes_with_what_lies_in_it)
{
	CLEANUP(btf_freep) struct btf *from = kernel(), *got = NULL;
	const struct btf_member *members;
	const struct btf_type *outer;

	ck_assert_int_eq(extract(from, "outer", &got), 0);
	ck_assert(has(got, "inner", BTF_KIND_STRUCT) && has(got, "word", BTF_KIND_TYPEDEF));
	ck_assert(has(got, "int", BTF_KIND_INT) && has(got, "e", BTF_KIND_ENUM));
	ck_assert(!has(got, "other", BTF_KIND_STRUCT));
	ck_assert_uint_eq(btf__type_cnt(got), 9);
	outer = btf__type_by_id(
		got, (uint32_t)btf__find_by_name_kind(got, "outer", BTF_KIND_STRUCT));
	ck_assert_uint_eq(btf_vlen(outer), 4);
	ck_assert_uint_eq(outer->size, 32);
	members = btf_members(outer);
	ck_assert_str_eq(btf__name_by_offset(got, members[3].name_off), "bits");
	ck_assert_uint_eq(btf_member_bit_offset(outer, 3), 224);
	ck_assert_uint_eq(btf_member_bitfield_size(outer, 3), 3);
	ck_assert_int_eq(btf__resolve_size(got, members[0].type), 12);
	ck_assert_int_eq(btf__resolve_size(got, members[1].type), 8);
}
END_TEST

START_TEST(another_form_of_a_struct_is_the_same_struct)
{
	CLEANUP(btf_freep) struct btf *from = kernel(), *got = NULL;

	ck_assert_int_eq(extract(from, "other___before_6_1", &got), 0);
	ck_assert(has(got, "other", BTF_KIND_STRUCT));
	ck_assert_uint_eq(btf__type_cnt(got), 3);
}
END_TEST

START_TEST(what_the_kernel_does_not_have_is_not_there)
{
	CLEANUP(btf_freep) struct btf *from = kernel(), *got = NULL;

	/* A word, and no struct. */
	ck_assert_int_eq(extract(from, "word", &got), 0);
	ck_assert_uint_eq(btf__type_cnt(got), 1);
}
END_TEST

START_TEST(a_type_is_numbered_by_its_name_and_kind)
{
	CLEANUP(btf_freep) struct btf *from = kernel(), *structs = btf__new_empty();
	CLEANUP(closep) int fd = -1, extracted = memfd_create("extracted", MFD_CLOEXEC);
	struct kernel_type types[] = {
		{.name = "word", .kind = BTF_KIND_TYPEDEF},
		{.name = "outer", .kind = BTF_KIND_TYPEDEF},
		{.name = "made", .kind = BTF_KIND_FUNC},
		{.name = "mad", .kind = BTF_KIND_FUNC},
	};
	struct kernel_types_wanted wanted = {
		.structs = structs, .types = types, .n_types = ARRAY_SIZE(types)};
	int proto = btf__add_func_proto(from, 0), made;
	const void *bytes;
	char path[32];
	uint32_t n;

	made = btf__add_func(from, "made", BTF_FUNC_STATIC, proto);
	bytes = btf__raw_data(from, &n);
	fd = file_of(bytes, n, path);
	ck_assert_int_eq(kernel_types_extract(path, &wanted, extracted), 0);
	ck_assert_int_eq(types[0].id, btf__find_by_name_kind(from, "word", BTF_KIND_TYPEDEF));
	ck_assert_uint_eq(types[1].id, 0);
	ck_assert_int_eq(types[2].id, made);
	ck_assert_uint_eq(types[3].id, 0);
}
END_TEST

START_TEST(this_kernel_has_tasks)
{
	CLEANUP(btf_freep) struct btf *structs = btf__new_empty(), *got = NULL;
	CLEANUP(closep) int fd = memfd_create("extracted", MFD_CLOEXEC);
	struct kernel_types_wanted wanted = {.structs = structs};
	char path[32];

	if (access(KERNEL_TYPES_PATH, R_OK) < 0)
		return;
	btf__add_struct(structs, "task_struct", 8);
	ck_assert_int_eq(kernel_types_extract(KERNEL_TYPES_PATH, &wanted, fd), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	got = btf__parse(path, NULL);
	ck_assert_ptr_nonnull(got);
	ck_assert(
		has(got, "task_struct", BTF_KIND_STRUCT) && has(got, "list_head", BTF_KIND_STRUCT));
	ck_assert_uint_lt(btf__type_cnt(got), 10000);
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	CLEANUP(btf_freep) struct btf *from = kernel(), *structs = btf__new_empty();
	CLEANUP(closep) int extracted = memfd_create("extracted", MFD_CLOEXEC);
	struct kernel_types_wanted wanted = {.structs = structs};
	char path[32], copy[4096];
	const void *bytes;
	uint32_t n;
	int fd, r;

	bytes = btf__raw_data(from, &n);
	ck_assert_uint_lt(n, sizeof(copy));
	btf__add_struct(structs, "outer", 8);
	for (uint32_t i = 0; i < n; i++) {
		/* Cut there, and with another byte there. */
		fd = file_of(bytes, i, path);
		ck_assert_int_eq(kernel_types_extract(path, &wanted, extracted), -EBADMSG);
		close(fd);
		memcpy(copy, bytes, n);
		copy[i] ^= 0x55;
		fd = file_of(copy, n, path);
		r = kernel_types_extract(path, &wanted, extracted);
		ck_assert(!r || r == -EBADMSG);
		close(fd);
	}
	ck_assert_int_eq(kernel_types_extract("/nowhere", &wanted, extracted), -ENOENT);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_struct_comes_with_what_lies_in_it,
		another_form_of_a_struct_is_the_same_struct,
		what_the_kernel_does_not_have_is_not_there,
		a_type_is_numbered_by_its_name_and_kind,
		this_kernel_has_tasks,
		what_makes_no_sense_is_refused,
	};

	return check_main("capture/kernel-types", tests, ARRAY_SIZE(tests));
}
