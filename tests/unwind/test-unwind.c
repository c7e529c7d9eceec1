/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The unwinder of the kernel side, compiled as plain C, on real stacks: a running program is stopped
 * at random moments, its stack is walked with the tables that the worker compiles, and libdwfl walks
 * the same stack. Frame by frame they must agree, up to where libdwfl gives up; and where it reaches
 * the outermost frame, so must we.
 *
 * usage: test-unwind N COMMAND [ARG...]
 *        test-unwind N -p PID
 */

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/host.h"
#include "daemon/worker/elf-file.h"
#include "daemon/worker/unwind-table.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"
#include "tests/worker/find-file.h"

#define FRAMES_MAX 512
#define OBJECTS_MAX 256
#define MAPPINGS_MAX 1024
#define DIFFERENCES_SHOWN 3
#define REWRITTEN_ONE_IN 50

struct object {
	char path[512];
	struct unwind_table table;
	bool has_table;
};

struct mapping {
	uint64_t start, end, offset;
	struct object *object;
};

struct walk {
	uint64_t pcs[FRAMES_MAX];
	size_t n;
	int stop; /* enum abi_stop, or -1: libdwfl's error */
};

static struct object objects[OBJECTS_MAX];
static size_t n_objects;
static struct mapping mappings[MAPPINGS_MAX];
static size_t n_mappings;
static pid_t child;

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

static void mappings_read(void)
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

static void walk_ours(const struct user_regs_struct *regs, struct walk *walk)
{
	struct unwind unwind = {
		.is_exact = 1,
		.registers = {regs->rax, regs->rdx, regs->rcx, regs->rbx, regs->rsi, regs->rdi,
			regs->rbp, regs->rsp, regs->r8, regs->r9, regs->r10, regs->r11, regs->r12,
			regs->r13, regs->r14, regs->r15},
	};

	unwind_begin(&unwind, regs->rip);
	walk->n = 0;
	walk->stop = ABI_STOP_DEPTH;
	while (walk->n < FRAMES_MAX) {
		uint64_t at = unwind.pc - !unwind.is_exact;
		const struct mapping *mapping = mapping_find(at);
		int stop;

		if (!mapping || !mapping->object || !mapping->object->has_table) {
			walk->stop = mapping ? ABI_STOP_NO_TABLE : ABI_STOP_NO_MAPPING;
			return;
		}
		walk->pcs[walk->n++] = unwind.pc;
		stop = unwind_by_row(&unwind,
			row_find(&mapping->object->table, at - mapping->start + mapping->offset));
		if (stop) {
			walk->stop = stop - 1;
			return;
		}
	}
}

static int on_frame(Dwfl_Frame *frame, void *userdata)
{
	struct walk *walk = userdata;
	Dwarf_Addr pc;
	bool is_activation;

	if (walk->n == FRAMES_MAX || !dwfl_frame_pc(frame, &pc, &is_activation))
		return DWARF_CB_ABORT;
	walk->pcs[walk->n++] = pc;
	return DWARF_CB_OK;
}

/* libdwfl's walk of the stopped child; its modules are reported anew since libraries come and go. */
static void walk_dwfl(Dwfl *dwfl, struct walk *walk)
{
	walk->n = 0;
	dwfl_report_begin(dwfl);
	dwfl_linux_proc_report(dwfl, child);
	dwfl_report_end(dwfl, NULL, NULL);
	walk->stop = dwfl_getthread_frames(dwfl, child, on_frame, walk) == 0 ? ABI_STOP_END : -1;
}

static void print_walk(const char *name, const struct walk *walk)
{
	fprintf(stderr, "%s (stop %d):\n", name, walk->stop);
	for (size_t i = 0; i < walk->n; i++) {
		const struct mapping *mapping = mapping_find(walk->pcs[i]);

		fprintf(stderr, "  %" PRIx64 " %s+%" PRIx64 "\n", walk->pcs[i],
			mapping && mapping->object ? text_base_name(mapping->object->path) : "?",
			mapping ? walk->pcs[i] - mapping->start + mapping->offset : 0);
	}
}

/* The same frames, as far as both went; and as far as libdwfl, where it reached the outermost. */
static bool agrees(const struct walk *ours, const struct walk *dwfl)
{
	size_t n = ours->n < dwfl->n ? ours->n : dwfl->n;

	if (memcmp(ours->pcs, dwfl->pcs, n * sizeof(*ours->pcs)) != 0)
		return false;
	if (dwfl->stop != ABI_STOP_END)
		return true;
	return ours->stop == ABI_STOP_END && ours->n == dwfl->n;
}

/*
 * libgcc's unwinder of exceptions, when it has found the handler, writes the handler's registers over
 * those that it saved when it was entered, and then leaves by a jump through a register. Stopped in
 * there, nothing tells the caller's rbp: sooner or later both walks go astray. Ours must not take
 * that for complete.
 */
static bool is_rewritten(const struct walk *ours, const struct walk *dwfl)
{
	const struct mapping *mapping = ours->n ? mapping_find(ours->pcs[0]) : NULL;

	return mapping && mapping->object && ours->stop != ABI_STOP_END && dwfl->n >= ours->n &&
		!memcmp(ours->pcs, dwfl->pcs, ours->n * sizeof(*ours->pcs)) &&
		text_starts_with(text_base_name(mapping->object->path), "libgcc_s.so");
}

/*
 * Stops the child after a random time; what signals come to it meanwhile are passed on. False: it
 * has ended.
 */
static bool child_stop(struct user_regs_struct *regs)
{
	uint64_t end_ns = time_now_ns(CLOCK_MONOTONIC) + (uint64_t)((0.5 + drand48() * 4) * 1e6);
	bool is_asked = false;

	for (;;) {
		int status;
		pid_t pid;

		if (!is_asked && time_now_ns(CLOCK_MONOTONIC) >= end_ns) {
			if (ptrace(PTRACE_INTERRUPT, child, 0, 0) < 0)
				return false;
			is_asked = true;
		}
		pid = waitpid(child, &status, __WALL | (is_asked ? 0 : WNOHANG));
		if (pid == 0) {
			usleep(20);
			continue;
		}
		if (pid != child || !WIFSTOPPED(status))
			return false;
		if (is_asked && status >> 16 == PTRACE_EVENT_STOP)
			return ptrace(PTRACE_GETREGS, child, 0, regs) == 0;
		ptrace(PTRACE_CONT, child, 0,
			status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status));
	}
}

struct counts {
	size_t n_stacks, n_frames, n_complete, n_dwfl_complete, n_wrong, n_rewritten;
};

static void compare(Dwfl *dwfl, const struct user_regs_struct *regs, struct counts *counts)
{
	static struct walk ours, theirs;

	mappings_read();
	walk_ours(regs, &ours);
	walk_dwfl(dwfl, &theirs);
	counts->n_stacks++;
	counts->n_frames += ours.n;
	counts->n_complete += ours.stop == ABI_STOP_END;
	counts->n_dwfl_complete += theirs.stop == ABI_STOP_END;
	if (agrees(&ours, &theirs))
		return;
	if (is_rewritten(&ours, &theirs)) {
		counts->n_rewritten++;
		return;
	}
	if (counts->n_wrong++ >= DIFFERENCES_SHOWN)
		return;
	print_walk("ours", &ours);
	print_walk("libdwfl", &theirs);
}

/* The program to look at: one that runs, or a new one that ends with us. */
static bool child_attach(char **arguments)
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

int main(int argc, char **argv)
{
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_linux_proc_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
	};
	size_t wanted = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
	struct counts counts = {};
	struct user_regs_struct regs;
	Dwfl *dwfl = dwfl_begin(&callbacks);

	if (!wanted)
		return 2;
	if (!child_attach(argv + 2)) {
		fprintf(stderr, "cannot attach to %s\n", argv[2]);
		return 1;
	}
	if (dwfl_linux_proc_report(dwfl, child) != 0 || dwfl_report_end(dwfl, NULL, NULL) != 0 ||
		dwfl_linux_proc_attach(dwfl, child, true) < 0) {
		fprintf(stderr, "cannot attach: %s\n", dwfl_errmsg(-1));
		return 1;
	}
	while (counts.n_stacks < wanted && child_stop(&regs)) {
		compare(dwfl, &regs, &counts);
		ptrace(PTRACE_CONT, child, 0, 0);
	}
	printf("%zu stacks, %zu frames, %zu complete (libdwfl: %zu), %zu rewritten, %zu differ\n",
		counts.n_stacks, counts.n_frames, counts.n_complete, counts.n_dwfl_complete,
		counts.n_rewritten, counts.n_wrong);
	dwfl_end(dwfl);
	return counts.n_wrong || counts.n_rewritten * REWRITTEN_ONE_IN > wanted ||
		counts.n_stacks < wanted;
}
