/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Tables are compiled once per file; mappings are read again when they are asked to be. */

#include "tests/unwind/child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bpf/host.h"
#include "daemon/worker/elf-file.h"
#include "daemon/worker/unwind-table.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "tests/worker/find-file.h"

#define OBJECTS_MAX 256
#define MAPPINGS_MAX 1024

struct object {
	char path[512];
	struct unwind_table table;
	bool has_table;
};

struct mapping {
	uint64_t start, end, offset;
	struct object *object;
};

static struct object objects[OBJECTS_MAX];
static size_t n_objects;
static struct mapping mappings[MAPPINGS_MAX];
static size_t n_mappings;
pid_t child;

long host_read_user(void *to, __u32 size, const void *address)
{
	struct iovec local = {to, size}, remote = {(void *)address, size};

	return process_vm_readv(child, &local, 1, &remote, 1, 0) == (ssize_t)size ? 0 : -EFAULT;
}

static struct object *object_find(const char *path)
{
	CLEANUP(elf_file_closep) struct elf_file *file = NULL;
	struct object *object;
	int fd;

	for (size_t i = 0; i < n_objects; i++)
		if (!strcmp(objects[i].path, path))
			return &objects[i];
	if (n_objects == OBJECTS_MAX)
		return NULL;
	object = &objects[n_objects++];
	snprintf(object->path, sizeof(object->path), "%s", path);
	fd = path[0] == '/' ? open(path, O_RDONLY | O_CLOEXEC) : find_file("vdso");
	object->has_table = fd >= 0 && elf_file_open(fd, &file) == 0 &&
		unwind_table_compile(file, NULL, &object->table) == 0;
	return object;
}

void child_read_mappings(void)
{
	CLEANUP(fclosep) FILE *file = NULL;
	char path[64], line[1024];

	snprintf(path, sizeof(path), "/proc/%d/maps", child);
	file = fopen(path, "re");
	n_mappings = 0;
	while (file && n_mappings < MAPPINGS_MAX && fgets(line, sizeof(line), file)) {
		struct mapping mapping = {};
		char name[600] = "", mode[8];

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %*s %*s %599s",
			    &mapping.start, &mapping.end, mode, &mapping.offset, name) < 4 ||
			!strchr(mode, 'x'))
			continue;
		if (name[0] == '/' || !strcmp(name, "[vdso]"))
			mapping.object = object_find(name);
		mappings[n_mappings++] = mapping;
	}
}

static const struct mapping *mapping_find(uint64_t address)
{
	for (size_t i = 0; i < n_mappings; i++)
		if (address >= mappings[i].start && address < mappings[i].end)
			return &mappings[i];
	return NULL;
}

static struct abi_row row_find(const struct unwind_table *table, uint64_t offset)
{
	size_t low = 0, high = table->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->rows[middle].pc <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? table->rows[low - 1] : (struct abi_row){};
}

const char *child_file_at(uint64_t address)
{
	const struct mapping *mapping = mapping_find(address);

	return mapping && mapping->object ? text_base_name(mapping->object->path) : "";
}

/* A row of a realigned frame's end: see unwind_rbp(). */
static bool is_beyond_rule(const struct user_regs_struct *regs, struct abi_row row)
{
	return ABI_ROW_RBP(row.kinds) == ABI_RBP_RBP &&
		ABI_ROW_CFA(row.kinds) != ABI_CFA_RBP_DEREF &&
		(regs->rbp < regs->rsp || regs->rbp >= regs->r10);
}

void child_walk(const struct user_regs_struct *regs, struct walk *walk)
{
	struct unwind unwind = {
		.is_exact = 1,
		.registers = {regs->rax, regs->rdx, regs->rcx, regs->rbx, regs->rsi, regs->rdi,
			regs->rbp, regs->rsp, regs->r8, regs->r9, regs->r10, regs->r11, regs->r12,
			regs->r13, regs->r14, regs->r15},
	};

	unwind_begin(&unwind, regs->rip);
	walk->n = 0;
	walk->is_beyond_rule = false;
	walk->stop = ABI_STOP_DEPTH;
	while (walk->n < CHILD_FRAMES_MAX) {
		uint64_t at = unwind.pc - !unwind.is_exact;
		const struct mapping *mapping = mapping_find(at);
		struct abi_row row;
		int stop;

		if (!mapping || !mapping->object || !mapping->object->has_table) {
			walk->stop = mapping ? ABI_STOP_NO_TABLE : ABI_STOP_NO_MAPPING;
			return;
		}
		walk->pcs[walk->n++] = unwind.pc;
		row = row_find(&mapping->object->table, at - mapping->start + mapping->offset);
		if (walk->n == 1)
			walk->is_beyond_rule = is_beyond_rule(regs, row);
		stop = unwind_by_row(&unwind, row);
		if (stop) {
			walk->stop = stop - 1;
			return;
		}
	}
}

void child_print_walk(const char *name, const struct walk *walk)
{
	fprintf(stderr, "%s (stop %d):\n", name, walk->stop);
	for (size_t i = 0; i < walk->n; i++) {
		const struct mapping *mapping = mapping_find(walk->pcs[i]);

		fprintf(stderr, "  %" PRIx64 " %s+%" PRIx64 "\n", walk->pcs[i],
			mapping && mapping->object ? text_base_name(mapping->object->path) : "?",
			mapping ? walk->pcs[i] - mapping->start + mapping->offset : 0);
	}
}

bool child_attach(char **arguments)
{
	long options = 0;

	if (!strcmp(arguments[0], "-p")) {
		child = arguments[1] ? atoi(arguments[1]) : 0;
	} else {
		options = PTRACE_O_EXITKILL;
		child = fork();
		if (!child) {
			execvp(arguments[0], arguments);
			_exit(127);
		}
		usleep(300000);
	}
	return child > 0 && ptrace(PTRACE_SEIZE, child, 0, options) == 0;
}
