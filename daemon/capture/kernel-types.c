/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * For each struct of ours libbpf looks through all of the kernel's types by their names, more than a
 * hundred thousand: that is a good part of the time that perfd takes to start. Here they are gone through
 * once, and libbpf is given the few hundred that can matter. Relocations follow no pointer: where one is
 * followed, the type behind it is a struct of ours again. What our programs are attached to is numbered
 * on the way, for which libbpf would read all of it anew.
 * Invariant: a type's new number is the place in `taken` where it stands, counted from 1, and what
 * lies in it is taken too once `taken` has been gone through.
 */

#include "daemon/capture/kernel-types.h"

#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/array.h"
#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"
#include "proto/base/hash.h"

#define FILE_BYTES_MAX (64u << 20)
#define NAMES 256 /* slots for names of ours: a power of two, several times what there are */

struct names {
	const char *names[NAMES]; /* where their hash says, or behind; NULL: free */
	size_t lengths[NAMES];
	size_t n;
};

struct types {
	const char *bytes; /* of the file, mapped or read */
	size_t n_bytes;
	bool is_mapped;
	const char *strings;
	uint32_t n_string_bytes;
	const char *first, *end; /* of the types */
	uint32_t *offsets; /* by number, from `first`; 0 is void */
	size_t n, n_allocated;
	uint32_t *numbers; /* new ones; 0: not taken */
	uint32_t *taken;
	size_t n_taken, n_taken_allocated;
};

static void types_done(struct types *types)
{
	if (types->is_mapped)
		munmap((void *)types->bytes, types->n_bytes);
	else
		free((void *)types->bytes);
	free(types->offsets);
	free(types->numbers);
	free(types->taken);
}

/* "inode" of "inode___before_6_6" */
static size_t essential_length(const char *name)
{
	const char *flavour = strstr(name, "___");

	return flavour && flavour != name ? (size_t)(flavour - name) : strlen(name);
}

/* Where the name is, or would be. */
static size_t name_slot(const struct names *names, const char *name, size_t length)
{
	size_t slot = hash_bytes(name, length) & (NAMES - 1);

	while (names->names[slot] &&
		(names->lengths[slot] != length || memcmp(names->names[slot], name, length) != 0))
		slot = (slot + 1) & (NAMES - 1);
	return slot;
}

static int names_fill(struct names *names, const struct btf *wanted)
{
	for (uint32_t i = 1; i < btf__type_cnt(wanted); i++) {
		const struct btf_type *type = btf__type_by_id(wanted, i);
		const char *name = btf__name_by_offset(wanted, type->name_off);
		size_t slot;

		if (!btf_is_composite(type) || !*name)
			continue;
		slot = name_slot(names, name, essential_length(name));
		if (!names->names[slot] && ++names->n > NAMES / 2)
			return -E2BIG;
		names->names[slot] = name;
		names->lengths[slot] = essential_length(name);
	}
	return 0;
}

/* Kernels before 6.16 do not let it be mapped. */
static int types_open(struct types *types, const char *path)
{
	CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat stat;
	ssize_t n;
	char *bytes;

	if (fd < 0 || fstat(fd, &stat) < 0)
		return -errno;
	if (stat.st_size <= 0 || stat.st_size > FILE_BYTES_MAX)
		return -EBADMSG;
	types->n_bytes = (size_t)stat.st_size;
	bytes = mmap(NULL, types->n_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	types->is_mapped = bytes != MAP_FAILED;
	if (!types->is_mapped)
		bytes = malloc(types->n_bytes);
	if (!bytes)
		return -ENOMEM;
	types->bytes = bytes;
	for (size_t at = 0; !types->is_mapped && at < types->n_bytes; at += (size_t)n) {
		n = read(fd, bytes + at, types->n_bytes - at);
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
	}
	return 0;
}

static int header_read(struct types *types)
{
	struct btf_header header;
	uint64_t start;

	if (types->n_bytes < sizeof(header))
		return -EBADMSG;
	memcpy(&header, types->bytes, sizeof(header));
	start = header.hdr_len;
	if (header.magic != BTF_MAGIC || header.version != BTF_VERSION || start % 4 ||
		header.type_off % 4 || header.type_len % 4 ||
		start + header.type_off + header.type_len > types->n_bytes ||
		start + header.str_off + header.str_len > types->n_bytes || !header.str_len)
		return -EBADMSG;
	types->first = types->bytes + start + header.type_off;
	types->end = types->first + header.type_len;
	types->strings = types->bytes + start + header.str_off;
	types->n_string_bytes = header.str_len;
	return types->strings[header.str_len - 1] ? -EBADMSG : 0;
}

/* Bytes of what stands behind a type's head; negative: there is no such kind. */
static int64_t tail_bytes(const struct btf_type *type)
{
	uint32_t n = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return n * (int64_t)sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return n * (int64_t)sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return n * (int64_t)sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return n * (int64_t)sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return n * (int64_t)sizeof(struct btf_var_secinfo);
	case BTF_KIND_UNKN:
		return -1;
	default:
		return BTF_INFO_KIND(type->info) <= BTF_KIND_ENUM64 ? 0 : -1;
	}
}

static const char *string_at(const struct types *types, uint32_t offset)
{
	return types->strings + (offset < types->n_string_bytes ? offset : 0);
}

static int type_take(struct types *types, uint32_t number)
{
	if (number >= types->n)
		return -EBADMSG;
	if (!number || types->numbers[number])
		return 0;
	if (array_reserve(&types->taken, &types->n_taken_allocated, types->n_taken + 1,
		    sizeof(*types->taken)) < 0)
		return -ENOMEM;
	types->taken[types->n_taken++] = number;
	types->numbers[number] = (uint32_t)types->n_taken;
	return 0;
}

/* Finds where each type begins. */
static int types_index(struct types *types)
{
	/* A type has 12 bytes at least. */
	size_t most = (size_t)(types->end - types->first) / sizeof(struct btf_type) + 1;

	types->offsets = malloc(most * sizeof(*types->offsets));
	types->numbers = calloc(most, sizeof(*types->numbers));
	if (!types->offsets || !types->numbers)
		return -ENOMEM;
	types->offsets[types->n++] = 0;
	for (const char *at = types->first; at < types->end;) {
		const struct btf_type *type = (const struct btf_type *)at;
		int64_t tail;

		if (types->end - at < (ptrdiff_t)sizeof(*type))
			return -EBADMSG;
		tail = tail_bytes(type);
		if (tail < 0 || types->end - at < (ptrdiff_t)sizeof(*type) + tail)
			return -EBADMSG;
		types->offsets[types->n++] = (uint32_t)(at - types->first);
		at += (int64_t)sizeof(*type) + tail;
	}
	return 0;
}

static const struct btf_type *type_at(const struct types *types, uint32_t number)
{
	return (const struct btf_type *)(types->first + types->offsets[number]);
}

static void type_number(
	const struct types *types, const struct kernel_types_wanted *wanted, uint32_t i)
{
	const struct btf_type *type = type_at(types, i);
	const char *name = string_at(types, type->name_off);

	for (size_t k = 0; k < wanted->n_types; k++) {
		struct kernel_type *asked = &wanted->types[k];

		if (!asked->id && asked->kind == BTF_INFO_KIND(type->info) &&
			!strcmp(asked->name, name))
			asked->id = i;
	}
}

static int types_choose(
	struct types *types, const struct names *names, const struct kernel_types_wanted *wanted)
{
	for (uint32_t i = 1; i < types->n; i++) {
		const struct btf_type *type = type_at(types, i);
		uint32_t kind = BTF_INFO_KIND(type->info);
		const char *name;
		int r;

		if (kind == BTF_KIND_FUNC || kind == BTF_KIND_TYPEDEF)
			type_number(types, wanted, i);
		if (kind != BTF_KIND_STRUCT && kind != BTF_KIND_UNION)
			continue;
		name = string_at(types, type->name_off);
		if (!*name || !names->names[name_slot(names, name, essential_length(name))])
			continue;
		r = type_take(types, i);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What of its own has a type in its head, beside pointers? */
static bool has_type(uint32_t kind)
{
	return kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_VOLATILE || kind == BTF_KIND_CONST ||
		kind == BTF_KIND_RESTRICT || kind == BTF_KIND_TYPE_TAG;
}

/* Can it lie in a struct, and has nothing in it? */
static bool is_leaf(uint32_t kind)
{
	return kind == BTF_KIND_INT || kind == BTF_KIND_PTR || kind == BTF_KIND_ENUM ||
		kind == BTF_KIND_ENUM64 || kind == BTF_KIND_FLOAT;
}

/* Takes what lies in it. */
static int type_follow(struct types *types, const struct btf_type *type)
{
	const struct btf_member *members = (const struct btf_member *)(type + 1);
	const struct btf_array *array = (const struct btf_array *)(type + 1);
	uint32_t kind = BTF_INFO_KIND(type->info), n = BTF_INFO_VLEN(type->info);
	int r = 0;

	if (kind == BTF_KIND_ARRAY) {
		r = type_take(types, array->type);
		return r ? r : type_take(types, array->index_type);
	}
	if (has_type(kind))
		return type_take(types, type->type);
	if (kind != BTF_KIND_STRUCT && kind != BTF_KIND_UNION)
		return is_leaf(kind) ? 0 : -EBADMSG;
	for (uint32_t i = 0; i < n && !r; i++)
		r = type_take(types, members[i].type);
	return r;
}

static uint32_t string_add(const struct types *types, struct buffer *strings, uint32_t offset)
{
	const char *text = string_at(types, offset);
	uint32_t place = (uint32_t)strings->size;

	if (!*text)
		return 0;
	buffer_append(strings, text, strlen(text) + 1);
	return place;
}

/* With its own numbers. Enumerators are left out: nobody asks for one. */
static void type_write(const struct types *types, const struct btf_type *type, struct buffer *out,
	struct buffer *strings)
{
	uint32_t kind = BTF_INFO_KIND(type->info), n = BTF_INFO_VLEN(type->info);
	struct btf_type head = *type;

	head.name_off = string_add(types, strings, type->name_off);
	if (kind == BTF_KIND_PTR)
		head.type = 0;
	else if (has_type(kind))
		head.type = types->numbers[type->type];
	else if (kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64)
		head.info &= ~0xffffu;
	buffer_append(out, &head, sizeof(head));
	if (kind == BTF_KIND_INT)
		buffer_append(out, type + 1, 4);
	if (kind == BTF_KIND_ARRAY) {
		struct btf_array array = *(const struct btf_array *)(type + 1);

		array.type = types->numbers[array.type];
		array.index_type = types->numbers[array.index_type];
		buffer_append(out, &array, sizeof(array));
	}
	for (uint32_t i = 0; (kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION) && i < n; i++) {
		struct btf_member member = ((const struct btf_member *)(type + 1))[i];

		member.name_off = string_add(types, strings, member.name_off);
		member.type = types->numbers[member.type];
		buffer_append(out, &member, sizeof(member));
	}
}

static int file_write(const struct buffer *types, const struct buffer *strings, int fd)
{
	struct btf_header header = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof(header),
		.type_len = (uint32_t)types->size,
		.str_off = (uint32_t)types->size,
		.str_len = (uint32_t)strings->size,
	};

	if (write(fd, &header, sizeof(header)) != (ssize_t)sizeof(header) ||
		write(fd, types->data, types->size) != (ssize_t)types->size ||
		write(fd, strings->data, strings->size) != (ssize_t)strings->size)
		return -EIO;
	return 0;
}

int kernel_types_extract(const char *path, const struct kernel_types_wanted *wanted, int fd)
{
	CLEANUP(types_done) struct types types = {};
	CLEANUP(buffer_done) struct buffer out = {}, strings = {};
	struct names names = {};
	int r = names_fill(&names, wanted->structs);

	if (!r)
		r = types_open(&types, path);
	if (!r)
		r = header_read(&types);
	if (!r)
		r = types_index(&types);
	if (!r)
		r = types_choose(&types, &names, wanted);
	for (size_t i = 0; i < types.n_taken && !r; i++)
		r = type_follow(&types, type_at(&types, types.taken[i]));
	if (r < 0)
		return r;
	buffer_append_char(&strings, '\0');
	for (size_t i = 0; i < types.n_taken; i++)
		type_write(&types, type_at(&types, types.taken[i]), &out, &strings);
	if (buffer_error(&out) || buffer_error(&strings))
		return -ENOMEM;
	return file_write(&out, &strings, fd);
}
