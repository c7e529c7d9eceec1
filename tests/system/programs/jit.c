/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Makes code while it runs, and tells of it as run-times do. Two functions: jit_outer calls back into
 * this program's c_leaf; jit_loop works by itself. Both keep a frame pointer, unless it is said otherwise.
 *
 * It begins once standard input has a byte or an end.
 *
 * usage: jit MODE SECONDS
 *   map    writes /tmp/perf-PID.map at once      none   tells nothing
 *   late   writes it just before it ends         grow   tells of jit_loop only half-way
 *   reuse  jit_loop is jit_second from half-way on, at the same address
 *   memfd  like map; the code lies in a memfd
 *   bare   like map; jit_outer keeps no frame pointer, and its caller has another use for rbp
 *   dump   a jitdump file instead; jit_even and jit_odd share an address in turn, 50 ms each
 */

#include <elf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"

typedef void code(void);

static unsigned char *memory;
static FILE *map, *dump;

void c_leaf(void);
void c_calls_outer(code *outer);
void c_calls_loop(code *loop);

__attribute__((noinline)) void c_leaf(void)
{
	work_a_little();
	__asm__ volatile("");
}

__attribute__((noinline)) void c_calls_outer(code *outer)
{
	outer();
	__asm__ volatile("");
}

/* What lies in rbp is an address on the stack, and no frame. */
void c_calls_bare(code *outer);
__asm__(".text\n.globl c_calls_bare\n.type c_calls_bare, @function\nc_calls_bare:\n.cfi_startproc\n"
	"push %rbp\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset rbp, 0\nlea 24(%rsp), %rbp\n"
	"call *%rdi\npop %rbp\n.cfi_adjust_cfa_offset -8\n.cfi_restore rbp\nret\n.cfi_endproc\n"
	".size c_calls_bare, . - c_calls_bare");

__attribute__((noinline)) void c_calls_loop(code *loop)
{
	loop();
	__asm__ volatile("" ::"i"(2));
}

/* push %rbp; mov %rsp,%rbp; movabs $c_leaf,%rax; call *%rax; pop %rbp; ret */
static const unsigned char outer_bytes[] = {
	0x55, 0x48, 0x89, 0xe5, 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xd0, 0x5d, 0xc3};
/* sub $8,%rsp; movabs $c_leaf,%rax; call *%rax; add $8,%rsp; ret */
static const unsigned char bare_bytes[] = {0x48, 0x83, 0xec, 0x08, 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0,
	0, 0xff, 0xd0, 0x48, 0x83, 0xc4, 0x08, 0xc3};
/* push %rbp; mov %rsp,%rbp; mov $20000,%ecx; 1: dec %ecx; jnz 1b; pop %rbp; ret */
static const unsigned char loop_bytes[] = {
	0x55, 0x48, 0x89, 0xe5, 0xb9, 0x20, 0x4e, 0, 0, 0xff, 0xc9, 0x75, 0xfc, 0x5d, 0xc3};

static code *outer_make(bool is_bare)
{
	void (*leaf)(void) = c_leaf;

	memcpy(memory, is_bare ? bare_bytes : outer_bytes,
		is_bare ? sizeof(bare_bytes) : sizeof(outer_bytes));
	memcpy(memory + 6, &leaf, sizeof(leaf));
	return (code *)memory;
}

static code *loop_make(void)
{
	memcpy(memory + 256, loop_bytes, sizeof(loop_bytes));
	return (code *)(memory + 256);
}

static void map_line(code *at, size_t size, const char *name)
{
	if (!map) {
		char path[64];

		snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
		map = fopen(path, "w");
		if (!map)
			exit(1);
	}
	fprintf(map, "%lx %zx %s\n", (unsigned long)at, size, name);
	fflush(map);
}

static void dump_open(void)
{
	struct {
		uint32_t magic, version, size, machine, padding, pid;
		uint64_t timestamp, flags;
	} header = {
		0x4a695444, 1, sizeof(header), EM_X86_64, 0, (uint32_t)getpid(), clock_now_ns(), 0};
	char path[64];

	snprintf(path, sizeof(path), "/tmp/jit-%d.dump", getpid());
	dump = fopen(path, "w+");
	if (!dump || fwrite(&header, sizeof(header), 1, dump) != 1 || fflush(dump))
		exit(1);
	/* By this mapping a profiler finds the file. */
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fileno(dump), 0) == MAP_FAILED)
		exit(1);
}

static void dump_lines(code *at)
{
	static const char file[] = "source.jit";
	struct {
		uint32_t id, size;
		uint64_t timestamp, address, n;
		uint64_t entry;
		uint32_t line, discriminator;
	} record = {2, sizeof(record) + sizeof(file), clock_now_ns(), (uint64_t)at, 1, (uint64_t)at,
		7, 0};

	fwrite(&record, sizeof(record), 1, dump);
	fwrite(file, sizeof(file), 1, dump);
}

static void dump_load(code *at, size_t size, const char *name)
{
	struct {
		uint32_t id, size;
		uint64_t timestamp;
		uint32_t pid, tid;
		uint64_t vma, address, code_size, index;
	} record = {0, (uint32_t)(sizeof(record) + strlen(name) + 1 + size), clock_now_ns(),
		(uint32_t)getpid(), (uint32_t)getpid(), (uint64_t)at, (uint64_t)at, size, 1};

	dump_lines(at);
	fwrite(&record, sizeof(record), 1, dump);
	fwrite(name, strlen(name) + 1, 1, dump);
	fwrite((const void *)at, size, 1, dump);
	fflush(dump);
}

static void (*calls_outer)(code *outer) = c_calls_outer;

static void work(code *outer, code *loop, double seconds)
{
	uint64_t until = clock_deadline_ns(seconds);

	while (clock_now_ns() < until) {
		if (outer)
			calls_outer(outer);
		c_calls_loop(loop);
	}
}

static int dump_run(double seconds)
{
	code *outer = outer_make(false), *loop = loop_make();

	dump_open();
	dump_load(outer, sizeof(outer_bytes), "jit_outer");
	for (int i = 0; i < seconds / 0.05; i++) {
		dump_load(loop, sizeof(loop_bytes), i % 2 ? "jit_odd" : "jit_even");
		work(NULL, loop, 0.05);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[1] : "";
	double seconds = argc > 2 ? atof(argv[2]) : 0;
	code *outer, *loop;
	char go;
	int fd;

	if (read(STDIN_FILENO, &go, 1) < 0)
		return 1;
	fd = !strcmp(mode, "memfd") ? memfd_create("code", 0) : -1;
	if (fd >= 0 && ftruncate(fd, 4096) < 0)
		return 1;
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd, 0);
	if (memory == MAP_FAILED || !seconds)
		return 2;
	if (!strcmp(mode, "dump"))
		return dump_run(seconds);
	outer = outer_make(!strcmp(mode, "bare"));
	loop = loop_make();
	if (!strcmp(mode, "bare"))
		calls_outer = c_calls_bare;
	if (!strcmp(mode, "memfd") || !strcmp(mode, "bare"))
		mode = "map";
	if (!strcmp(mode, "map") || !strcmp(mode, "grow") || !strcmp(mode, "reuse"))
		map_line(outer, sizeof(outer_bytes), "jit_outer");
	if (!strcmp(mode, "map") || !strcmp(mode, "reuse"))
		map_line(loop, sizeof(loop_bytes), "jit_loop");
	work(outer, loop, seconds / 2);
	if (!strcmp(mode, "grow"))
		map_line(loop, sizeof(loop_bytes), "jit_loop");
	if (!strcmp(mode, "reuse"))
		map_line(loop, sizeof(loop_bytes), "jit_second");
	work(outer, loop, seconds / 2);
	if (!strcmp(mode, "late")) {
		map_line(outer, sizeof(outer_bytes), "jit_outer");
		map_line(loop, sizeof(loop_bytes), "jit_loop");
	}
	return 0;
}
