/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Goes on for ever; see shapes.h. */

#include "shapes.h"

#include <alloca.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>

#define ALTERNATE_STACK_BYTES (1 << 20)

volatile unsigned unknown = 1;
static volatile sig_atomic_t signal_depth;

/* What the compiler must take for read and written. */
static void escape(void *memory)
{
	__asm__ volatile("" : : "r"(memory) : "memory");
}

SHAPE static unsigned work(unsigned seed)
{
	for (unsigned i = 0; i < 20; i++)
		seed = seed * 1664525u + 1013904223u + unknown;
	return seed;
}

SHAPE static unsigned shape_plain(unsigned depth, unsigned seed)
{
	return next(depth - 1, seed) + 1;
}

SHAPE static unsigned shape_alloca(unsigned depth, unsigned seed)
{
	char *memory = alloca(seed % 300 + 1);
	unsigned result;

	memory[0] = (char)seed;
	escape(memory);
	result = next(depth - 1, seed);
	return result + (unsigned)memory[0];
}

SHAPE static unsigned shape_vla(unsigned depth, unsigned seed)
{
	unsigned values[seed % 30 + 1], result = seed;

	for (unsigned round = 0; round < 2; round++) {
		char more[result % 50 + 1];

		escape(values);
		escape(more);
		result += next(depth / 2, result);
	}
	return result;
}

SHAPE static unsigned shape_aligned(unsigned depth, unsigned seed)
{
	char buffer[100] __attribute__((aligned(64)));
	unsigned result;

	escape(buffer);
	result = next(depth - 1, seed);
	escape(buffer);
	return result;
}

struct on_stack {
	unsigned values[8];
};

/* An argument on the stack of a frame that is realigned: it is found by a register of its own. */
SHAPE static unsigned shape_aligned_far(unsigned depth, unsigned seed, struct on_stack argument)
{
	char buffer[64] __attribute__((aligned(64)));
	char *memory = alloca(seed % 100 + 1);
	unsigned result;

	escape(buffer);
	escape(memory);
	result = next(depth - 1, seed + argument.values[0]);
	escape(buffer);
	return result + argument.values[1] + argument.values[7];
}

SHAPE static unsigned shape_argument(unsigned depth, unsigned seed)
{
	unsigned n = unknown;
	struct on_stack argument = {{n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7}};

	return shape_aligned_far(depth, seed, argument) + 1;
}

typedef double vector __attribute__((vector_size(32)));

__attribute__((target("avx2"))) SHAPE static unsigned shape_vector(unsigned depth, unsigned seed)
{
	vector a = {seed, 1, 2, 3}, b = {4, seed, 6, 7};
	unsigned result;

	escape(&a);
	result = next(depth - 1, seed);
	escape(&a);
	a = a * b + b;
	return result + (unsigned)a[0];
}

SHAPE static unsigned shape_registers(unsigned depth, unsigned seed)
{
	unsigned a = unknown, b = a + unknown, c = b ^ unknown, d = c + unknown, e = d * unknown;
	unsigned f = next(depth / 2, seed);

	for (unsigned i = 0; i < 3; i++) {
		a += b ^ work(f);
		c -= d + a;
		e ^= f * c;
		b = e + d;
	}
	return next(depth - 1, seed) + a + b + c + d + e + f;
}

/* One way out that needs no frame: what is saved is saved late (shrink wrapping). */
SHAPE static unsigned shape_late(unsigned depth, unsigned seed)
{
	unsigned a;

	if (seed % 4 == 0)
		return seed;
	a = next(depth - 1, seed);
	return a + next(depth / 2, a) + seed;
}

SHAPE static unsigned shape_tail(unsigned depth, unsigned seed)
{
	return next(depth - 1, seed * 3 + 1);
}

SHAPE static unsigned shape_large(unsigned depth, unsigned seed)
{
	char buffer[20000];

	buffer[seed % sizeof(buffer)] = 1;
	escape(buffer);
	return next(depth - 1, seed) + (unsigned)buffer[0];
}

SHAPE static unsigned recursion(unsigned n, unsigned depth, unsigned seed)
{
	if (!n)
		return next(depth - 1, seed);
	return recursion(n - 1, depth, seed + n) ^ seed;
}

SHAPE static unsigned shape_deep(unsigned depth, unsigned seed)
{
	return recursion(seed % 64 == 0 ? 200 : seed % 20, depth, seed) + 1;
}

struct callback {
	unsigned depth, seed, result;
};

static int by_value(const void *a, const void *b, void *state)
{
	struct callback *callback = state;

	callback->result += next(callback->depth, callback->seed++);
	callback->depth = 0;
	return *(const int *)a - *(const int *)b;
}

SHAPE static unsigned shape_qsort(unsigned depth, unsigned seed)
{
	struct callback callback = {depth - 1, seed, 0};
	int values[] = {3, 1, 4, 1, 5, 9, 2, (int)(seed % 10)};

	qsort_r(values, sizeof(values) / sizeof(*values), sizeof(*values), by_value, &callback);
	return callback.result + (unsigned)values[0];
}

static int is_key(const void *key, const void *element)
{
	struct callback *callback = (struct callback *)key;

	callback->result += next(callback->depth, callback->seed++);
	callback->depth = 0;
	return (int)(callback->seed % 8) - *(const int *)element;
}

SHAPE static unsigned shape_bsearch(unsigned depth, unsigned seed)
{
	static const int values[] = {0, 1, 2, 3, 4, 5, 6, 7};
	struct callback callback = {depth - 1, seed, 0};

	return (bsearch(&callback, values, 8, sizeof(*values), is_key) != NULL) + callback.result;
}

static void on_signal(int number)
{
	unknown = 1 + next((unsigned)signal_depth, (unsigned)number) % 2;
}

SHAPE static unsigned shape_signal(unsigned depth, unsigned seed)
{
	if (seed % 4)
		return next(depth - 1, seed) + 1;
	signal_depth = (sig_atomic_t)depth / 2;
	raise(seed % 8 ? SIGUSR1 : SIGUSR2);
	return next(depth / 2, seed);
}

/* A fault at the first byte for which a rule holds: the rule of the byte before would be wrong. */
void fault(void);
__asm__("fault:\n"
	"	.cfi_startproc\n"
	"	push %rax\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	ud2\n"
	"	pop %rax\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	ret\n"
	"	.cfi_endproc\n");

/* As a stub of the procedure linkage table, with the rule that linkers give it: by the address, a
 * word is pushed or not. Faults on both sides. */
void stub(void);
__asm__("	.p2align 4\n"
	"stub:\n"
	"	.cfi_startproc\n"
	"	.cfi_escape 0x0f,0x0b,0x77,8,0x80,0,0x3f,0x1a,0x3b,0x2a,0x33,0x24,0x22\n"
	"	ud2\n"
	"	.byte 0x0f,0x1f,0x40,0\n" /* no operation, in four */
	"	.byte 0x68,0,0,0,0\n" /* push $0, in five bytes */
	"	ud2\n"
	"	lea 8(%rsp),%rsp\n"
	"	ret\n"
	"	.cfi_endproc\n");

/* Assembler that keeps the caller's stack in a register which nobody saves: innermost for a while, then
 * below a signal. */
unsigned in_register(unsigned n);
__asm__("in_register:\n"
	"	.cfi_startproc\n"
	"	mov %rsp,%r9\n"
	"	.cfi_def_cfa_register %r9\n"
	"	sub $200,%rsp\n"
	"	and $-64,%rsp\n"
	"	mov %edi,%eax\n"
	"1:	imul $1664525,%eax\n"
	"	dec %edi\n"
	"	jnz 1b\n"
	"	ud2\n"
	"	mov %r9,%rsp\n"
	"	.cfi_def_cfa_register %rsp\n"
	"	ret\n"
	"	.cfi_endproc\n");

static void on_fault(int number, siginfo_t *info, void *context)
{
	(void)info;
	on_signal(number);
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2; /* behind ud2 */
}

SHAPE static unsigned shape_fault(unsigned depth, unsigned seed)
{
	if (seed % 4)
		return next(depth - 1, seed) + 1;
	signal_depth = (sig_atomic_t)depth / 2;
	if (seed & 8)
		fault();
	else if (seed & 16)
		stub();
	else
		seed += in_register(2000);
	return seed + 1;
}

SHAPE static void jumper(jmp_buf *to, unsigned depth, unsigned seed)
{
	next(depth - 1, seed);
	longjmp(*to, 1);
}

SHAPE static unsigned shape_jump(unsigned depth, unsigned seed)
{
	jmp_buf here;

	if (!setjmp(here))
		jumper(&here, depth, seed);
	return next(depth / 2, seed + 1);
}

SHAPE static unsigned shape_clock(unsigned depth, unsigned seed)
{
	struct timespec now;

	for (unsigned i = 0; i < 5; i++)
		clock_gettime(CLOCK_MONOTONIC, &now);
	return next(depth - 1, seed) + (unsigned)now.tv_nsec;
}

/* Short functions of libc, through the procedure linkage table. */
SHAPE static unsigned shape_plt(unsigned depth, unsigned seed)
{
	for (unsigned i = 0; i < 60; i++)
		seed += (unsigned)rand_r(&seed);
	return next(depth - 1, seed);
}

unsigned next(unsigned depth, unsigned seed)
{
	static unsigned (*const shapes[])(unsigned depth, unsigned seed) = {
		shape_plain,
		shape_alloca,
		shape_vla,
		shape_aligned,
		shape_argument,
		shape_registers,
		shape_late,
		shape_tail,
		shape_large,
		shape_deep,
		shape_qsort,
		shape_bsearch,
		shape_signal,
		shape_fault,
		shape_jump,
		shape_clock,
		shape_plt,
		shape_throw,
		shape_rethrow,
		shape_vector,
	};
	unsigned n = sizeof(shapes) / sizeof(*shapes);

	seed = work(seed);
	if (!depth)
		return seed;
	if (!__builtin_cpu_supports("avx2"))
		n--;
	return shapes[(seed >> 8) % n](depth, seed);
}

static void handle(int number, int flags)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_NODEFER | flags};

	if (flags & SA_SIGINFO)
		action.sa_sigaction = on_fault;
	sigaction(number, &action, NULL);
}

int main(void)
{
	stack_t stack = {.ss_sp = malloc(ALTERNATE_STACK_BYTES), .ss_size = ALTERNATE_STACK_BYTES};

	if (!stack.ss_sp)
		return 1;
	sigaltstack(&stack, NULL);
	handle(SIGUSR1, 0);
	handle(SIGUSR2, SA_ONSTACK);
	handle(SIGILL, SA_SIGINFO);
	for (unsigned seed = 1;; seed++)
		next(seed % 24, seed);
}
